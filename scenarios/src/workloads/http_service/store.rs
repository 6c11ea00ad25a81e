//! Orders in memory: sharded, and bounded so that a long run does not grow without end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::orders::StoredOrder;

/// Enough that two workers rarely meet at one lock.
const SHARDS: u64 = 16;

/// The last orders placed, by id. Ids count up from 1 and are dealt to the shards in turn.
#[derive(Debug)]
pub(super) struct OrderStore {
    shards: Vec<Mutex<BTreeMap<u64, Arc<StoredOrder>>>>,
    capacity_of_shard: usize,
    last_id: AtomicU64,
}

impl OrderStore {
    /// Keeps `capacity` orders, rounded up to whole shards of 16.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity_of_shard: capacity.div_ceil(SHARDS as usize).max(1),
            last_id: AtomicU64::new(0),
        }
    }

    /// Keeps an order and returns its id. The oldest of the shard makes room.
    pub(super) fn insert(&self, order: StoredOrder) -> u64 {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let order = Arc::new(order);
        let mut shard = self.shard(id);
        shard.insert(id, order);
        let evicted = if shard.len() > self.capacity_of_shard { shard.pop_first() } else { None };
        // Freed after the lock is gone: nobody waits for the allocator.
        drop(shard);
        drop(evicted);
        id
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<StoredOrder>> {
        self.shard(id).get(&id).cloned()
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, BTreeMap<u64, Arc<StoredOrder>>> {
        // A map operation that panicked (out of memory) aborts the process: poison means nothing here.
        self.shards[(id % SHARDS) as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        (0..SHARDS).map(|shard| self.shard(shard).len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_orders_up_to_its_capacity() {
        let store = OrderStore::new(32);
        let ids: Vec<u64> = (0..100).map(|_| store.insert(StoredOrder::default())).collect();
        assert_eq!(ids, (1..=100).collect::<Vec<_>>());
        assert_eq!(store.len(), 32);
        assert!(store.get(68).is_none());
        assert!((69..=100).all(|id| store.get(id).is_some()));
    }

    #[test]
    fn concurrent_inserts_get_ids_of_their_own_and_stay_bounded() {
        let store = OrderStore::new(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| _ = store.insert(StoredOrder::default())));
            }
        });
        assert_eq!(store.insert(StoredOrder::default()), 2001);
        assert_eq!(store.len(), 64);
    }
}
