//! A bounded set of long-lived blocks, sharded so that workers do not meet.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::block::Block;
use super::sizes::Sizes;
use crate::workloads::splitmix::SplitMix;

/// Numbers threads in the order in which they first replace a block.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The set. Its number of blocks never changes, so a run is stationary from its first operation.
#[derive(Debug)]
pub(super) struct LongLived {
    shards: Vec<Mutex<Vec<Block>>>,
}

impl LongLived {
    /// Fills `entries.count` blocks, shared out evenly over one shard per worker.
    pub(super) fn filled(entries: &Sizes, workers: usize, seed: u64) -> Self {
        // No more shards than blocks: every shard must have one to replace.
        let workers = workers.clamp(1, entries.count.max(1));
        let mut shards: Vec<Vec<Block>> = (0..workers).map(|_| Vec::new()).collect();
        for (index, bytes) in entries.of(seed).enumerate() {
            shards[index % workers].push(Block::touched(bytes));
        }
        Self { shards: shards.into_iter().map(Mutex::new).collect() }
    }

    /// Puts `block` in the place of another of the calling thread's shard, picked by `seed`, and frees that one.
    pub(super) fn replace(&self, block: Block, seed: u64) {
        // Blocks are replaced whole, so a poisoned shard is still a shard.
        let mut shard = self.shards[thread_number() % self.shards.len()].lock().unwrap_or_else(PoisonError::into_inner);
        let last = shard.len().saturating_sub(1);
        let place = SplitMix::new(seed).within(&(0..=last));
        let old = shard.get_mut(place).map(|slot| std::mem::replace(slot, block));
        // Freed after the lock is gone, so that a slow allocator does not look like a lock.
        drop(shard);
        drop(old);
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> Vec<Vec<usize>> {
        self.shards.iter().map(|shard| shard.lock().unwrap().iter().map(Block::bytes).collect()).collect()
    }
}

fn thread_number() -> usize {
    THREAD.with(|thread| match thread.get() {
        Some(number) => number,
        None => {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            thread.set(Some(number));
            number
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_changes_blocks_but_never_their_number() {
        let set = LongLived::filled(&Sizes { count: 10, range: 100..=200 }, 3, 1);
        assert_eq!(set.sizes().iter().map(Vec::len).collect::<Vec<_>>(), [4, 3, 3]);
        for seed in 0..500 {
            set.replace(Block::touched(7), seed);
        }
        let after = set.sizes();
        assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), [4, 3, 3]);
        // One thread, one shard: all of its blocks were replaced and no other shard was touched.
        assert_eq!(after.iter().filter(|shard| shard.iter().all(|&bytes| bytes == 7)).count(), 1);
        assert_eq!(after.iter().filter(|shard| shard.contains(&7)).count(), 1);
    }

    #[test]
    fn there_are_never_more_shards_than_blocks() {
        let set = LongLived::filled(&Sizes { count: 2, range: 64..=64 }, 8, 1);
        assert_eq!(set.sizes().len(), 2);
        set.replace(Block::touched(9), 0);
        assert_eq!(set.sizes().concat().len(), 2);
    }
}
