//! What a chain of blame asks of the past.

use super::Tracker;
use crate::tasks::blame::History;
use crate::tasks::case::Span;
use crate::tasks::event::{KindId, Kinds, TaskId};
use crate::tasks::thread::Polled;

impl History for Tracker {
    fn of(&self, task: TaskId) -> (Option<KindId>, Vec<Span>) {
        match self.tasks.get(&task) {
            Some(found) => (found.kind, found.spans(self.last_ns)),
            None => (None, Vec::new()),
        }
    }

    fn beside(&self, tid: u32, task: TaskId, from_ns: u64, to_ns: u64) -> Vec<Polled> {
        let polls = self.threads.get(&tid).map(|thread| thread.others(task, from_ns, to_ns)).unwrap_or_default();
        polls.into_iter().filter(|polled| self.what_is(polled.kind) == Kinds::Task).collect()
    }
}
