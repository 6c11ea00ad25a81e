//! What a thread polls, and did lately.

use std::collections::VecDeque;

use super::event::{KindId, TaskId};

/// Polls of a thread that are remembered.
const REMEMBERED: usize = 128;

/// A poll that has not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) task: TaskId,
    pub(super) kind: Option<KindId>,
    pub(super) from_ns: u64,
    /// Where the thread's stack ended when it began.
    pub(super) stack_pointer: u64,
}

/// A poll that ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polled {
    pub(super) task: TaskId,
    pub(super) kind: Option<KindId>,
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
}

#[derive(Debug, Default)]
pub(super) struct Thread {
    /// Innermost last: a task may run others itself.
    open: Vec<Open>,
    recent: VecDeque<Polled>,
}

impl Thread {
    /// Begins a poll. Those whose frame must be gone by now never came to be, or their end was lost: they are told.
    pub(super) fn begin(&mut self, open: Open) -> Vec<TaskId> {
        let within =
            self.open.iter().rposition(|outer| outer.stack_pointer > open.stack_pointer).map_or(0, |at| at + 1);
        let gone = self.open.drain(within..).map(|open| open.task).collect();
        self.open.push(open);
        gone
    }

    /// Ends a poll; `None` where it began before the recording. Polls that lie above it never came to be: somebody else
    /// had those tasks.
    pub(super) fn end(&mut self, task: TaskId, now: u64) -> Option<(Polled, Vec<TaskId>)> {
        let at = self.open.iter().rposition(|open| open.task == task)?;
        let failed = self.open.drain(at + 1..).map(|open| open.task).collect();
        let open = self.open.pop()?;
        let polled = Polled { task, kind: open.kind, from_ns: open.from_ns, to_ns: now };
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(polled);
        Some((polled, failed))
    }

    /// The innermost poll.
    pub(super) fn current(&self) -> Option<&Open> {
        self.open.last()
    }

    /// The poll that ended last.
    pub(super) fn last(&self) -> Option<&Polled> {
        self.recent.back()
    }

    /// The longest of those that began since a moment and have ended.
    pub(super) fn longest_since(&self, since_ns: u64) -> Option<Polled> {
        let since = self.recent.iter().filter(|polled| polled.from_ns >= since_ns);
        since.max_by_key(|polled| polled.to_ns - polled.from_ns).copied()
    }

    /// Polls of other tasks within a window, each cut to it; the one that lasts is among them.
    pub(super) fn others(&self, task: TaskId, from_ns: u64, to_ns: u64) -> Vec<Polled> {
        let lasting =
            self.open.iter().map(|open| Polled { task: open.task, kind: open.kind, from_ns: open.from_ns, to_ns });
        let all = self.recent.iter().copied().chain(lasting);
        let cut = all.map(|p| Polled { from_ns: p.from_ns.max(from_ns), to_ns: p.to_ns.min(to_ns), ..p });
        cut.filter(|p| p.task != task && p.from_ns < p.to_ns).collect()
    }
}
