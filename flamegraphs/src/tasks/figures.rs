//! What adds up over a recording. Nanoseconds and counts.

use super::case::{Case, Span};
use super::event::{KindId, StackId, TaskId, Who};

/// Polls longer than this keep others waiting; the probe counts the same.
pub(super) const LONG_POLL_NS: u64 = 1_000_000;
/// Polls longer than this are stalls; the probe counts the same.
pub(super) const STALL_NS: u64 = 10_000_000;

/// All tasks of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindFigures {
    /// Tasks whose spawn was seen.
    pub spawned: u64,
    /// Tasks that ended.
    pub finished: u64,
    /// Tasks met and not ended: those that did nothing all the while are not among them.
    pub alive: u64,
    /// Of these, spawned within the recording, idle at its end, and nobody holds a waker: nothing will wake them.
    pub forgotten: u64,
    /// Polls that ended.
    pub polls: u64,
    /// Polls that lasted when the recording ended.
    pub in_poll: u64,
    /// Wakes, those of tasks that were ready already included.
    pub wakes: u64,
    /// Time within polls.
    pub busy_ns: u64,
    /// The longest poll.
    pub longest_poll_ns: u64,
    /// Polls over 1 ms.
    pub long_polls: u64,
    /// Polls over 10 ms.
    pub stalls: u64,
    /// From ready to polled, summed.
    pub delay_ns: u64,
    /// How often that was measured.
    pub delays: u64,
    /// The longest.
    pub worst_delay_ns: u64,
    /// Polls that nobody was seen to wake for.
    pub unexplained: u64,
    /// Time idle, of waits that ended.
    pub idle_ns: u64,
    /// Where the latest of them was spawned, where that was recorded.
    pub spawned_at: Option<StackId>,
}

impl KindFigures {
    pub(super) fn poll(&mut self, length_ns: u64) {
        self.polls += 1;
        self.busy_ns += length_ns;
        self.longest_poll_ns = self.longest_poll_ns.max(length_ns);
        self.long_polls += u64::from(length_ns > LONG_POLL_NS);
        self.stalls += u64::from(length_ns > STALL_NS);
    }

    pub(super) fn delay(&mut self, length_ns: u64) {
        self.delays += 1;
        self.delay_ns += length_ns;
        self.worst_delay_ns = self.worst_delay_ns.max(length_ns);
    }
}

/// Waits of one type of task at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitFigures {
    /// How many ended.
    pub count: u64,
    /// Their length, summed.
    pub total_ns: u64,
    /// The longest few.
    pub longest: Vec<Case>,
}

/// What ran instead while tasks of a type were ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DelayFigures {
    /// Delays that it had a part in.
    pub count: u64,
    /// Its time within them.
    pub total_ns: u64,
}

/// A poll, or a job of the blocking pool, that took long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongPoll {
    /// Type of its task.
    pub kind: Option<KindId>,
    /// The thread.
    pub tid: u32,
    /// Its beginning.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
}

/// One task at the end of a recording, or at its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFigures {
    /// Which.
    pub id: TaskId,
    /// Its address: what a debugger would call it.
    pub address: u64,
    /// Its type.
    pub kind: Option<KindId>,
    /// Who spawned it; `None` where that was before the recording.
    pub spawned_by: Option<Who>,
    /// Its end was seen.
    pub ended: bool,
    /// Polls that ended.
    pub polls: u64,
    /// Wakes.
    pub wakes: u64,
    /// Time within polls.
    pub busy_ns: u64,
    /// The longest.
    pub longest_poll_ns: u64,
    /// From ready to polled, summed.
    pub delay_ns: u64,
    /// The longest.
    pub worst_delay_ns: u64,
    /// Time idle, of waits that ended.
    pub idle_ns: u64,
    /// Idle since so long at the end of the recording.
    pub idle_now_ns: Option<u64>,
    /// Where.
    pub waits_at: Vec<StackId>,
    /// What it did last, for the worst of all tasks and some of each type; empty for others.
    pub spans: Vec<Span>,
    /// Wakers of it that somebody holds; `None` for tasks from before the recording.
    pub held: Option<i64>,
}
