//! Which tasks' histograms are asked for. Each needs a stream of its own, so that there is a limit; those that are long
//! busy come first.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use reports::run::console::{TaskKind, Update};

/// A stream gives way to a task that was busy for so many times as long.
const GIVES_WAY: u64 = 2;
/// Streams that give way in one update.
const CHANGES: usize = 8;

/// Keeps the streams.
#[derive(Debug)]
pub(super) struct Streams<Handle> {
    limit: usize,
    /// Busy nanoseconds of the tasks alive.
    alive: BTreeMap<u64, u64>,
    open: BTreeMap<u64, Handle>,
}

impl<Handle> Streams<Handle> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, alive: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Takes an update in; `open` opens the stream of a task, dropping a handle closes it.
    pub(super) fn update(&mut self, update: &Update, mut open: impl FnMut(u64) -> Handle) {
        for task in update.tasks.iter().filter(|task| task.kind == TaskKind::Spawn) {
            self.alive.entry(task.id).or_insert(0);
        }
        for stats in &update.task_stats {
            if stats.dropped.is_some() {
                self.alive.remove(&stats.id);
                self.open.remove(&stats.id);
            } else if let Entry::Occupied(mut busy) = self.alive.entry(stats.id) {
                busy.insert(stats.poll.and_then(|poll| poll.busy).unwrap_or(0));
            }
        }
        let mut wanted: Vec<(u64, u64)> =
            self.alive.iter().filter(|(id, _)| !self.open.contains_key(id)).map(|(id, busy)| (*busy, *id)).collect();
        wanted.sort_unstable_by_key(|(busy, id)| (std::cmp::Reverse(*busy), *id));
        let mut wanted = wanted.into_iter();
        while self.open.len() < self.limit {
            let Some((_, id)) = wanted.next() else { return };
            self.open.insert(id, open(id));
        }
        for (busy, id) in wanted.take(CHANGES) {
            let idlest = self.open.keys().map(|id| (self.alive.get(id).copied().unwrap_or(0), *id)).min();
            match idlest {
                Some((least, loser)) if busy > least.saturating_mul(GIVES_WAY) => {
                    self.open.remove(&loser);
                    self.open.insert(id, open(id));
                }
                _ => return,
            }
        }
    }

    /// Tasks alive without a stream.
    pub(super) fn without(&self) -> u64 {
        self.alive.keys().filter(|id| !self.open.contains_key(id)).count() as u64
    }

    /// All streams are gone: the connection broke off.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::run::console::{PollStats, Task, TaskStats};

    fn update(tasks: &[(u64, u64)]) -> Update {
        let task = |id| Task {
            id,
            metadata: None,
            kind: TaskKind::Spawn,
            fields: Vec::new(),
            parents: Vec::new(),
            place: None,
        };
        let poll = |busy| Some(PollStats { busy: Some(busy), ..PollStats::default() });
        Update {
            tasks: tasks.iter().map(|(id, _)| task(*id)).collect(),
            task_stats: tasks
                .iter()
                .map(|(id, busy)| TaskStats { id: *id, poll: poll(*busy), ..TaskStats::default() })
                .collect(),
            ..Update::default()
        }
    }

    #[test]
    fn the_busiest_are_watched_and_the_idlest_give_way() {
        let mut streams = Streams::new(2);
        streams.update(&update(&[(1, 10), (2, 500), (3, 400)]), |id| id);
        assert_eq!(streams.open.keys().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(streams.without(), 1);
        streams.update(&update(&[(1, 790)]), |id| id);
        assert!(!streams.open.contains_key(&1), "not twice as busy");
        streams.update(&update(&[(1, 900)]), |id| id);
        assert_eq!(streams.open.keys().copied().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_finished_task_frees_its_stream() {
        let mut streams = Streams::new(1);
        streams.update(&update(&[(1, 10), (2, 5)]), |id| id);
        let ended = TaskStats { id: 1, dropped: Some(1), ..TaskStats::default() };
        streams.update(&Update { task_stats: vec![ended], ..Update::default() }, |id| id);
        assert_eq!(streams.open.keys().copied().collect::<Vec<_>>(), [2]);
        assert_eq!(streams.without(), 0);
    }
}
