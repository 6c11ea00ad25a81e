//! One delay or wait, with what the task and its worker did around it.

use super::blame::Chain;
use super::event::{KindId, StackId, TaskId, Who};

/// What a stretch of a task's life was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanKind {
    /// A worker polled it.
    Poll {
        /// The worker's thread.
        tid: u32,
    },
    /// It waited to be woken.
    Idle {
        /// Where its wakers were cloned in its last poll: what it waits for.
        sites: Vec<StackId>,
        /// Who ended it; `None` where nobody has yet.
        by: Option<Who>,
    },
    /// It was woken and waited for a worker.
    Ready {
        /// Who woke it.
        by: Option<Who>,
        /// The thread that polled it in the end; `None` where none has yet.
        tid: Option<u32>,
    },
}

/// A stretch of a task's life. Nanoseconds of the recording's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// What it was.
    pub kind: SpanKind,
}

impl Span {
    /// Its length, nanoseconds.
    pub fn length_ns(&self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }

    /// How much of it lies within a window, nanoseconds.
    pub fn within(&self, from_ns: u64, to_ns: u64) -> u64 {
        self.to_ns.min(to_ns).saturating_sub(self.from_ns.max(from_ns))
    }
}

/// A delay or a wait worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Whose.
    pub task: TaskId,
    /// Its type.
    pub kind: Option<KindId>,
    /// When it began.
    pub from_ns: u64,
    /// When it ended.
    pub to_ns: u64,
    /// Whom it was for.
    pub chain: Chain,
    /// What the task did up to its end, as far back as is remembered.
    pub spans: Vec<Span>,
    /// What else the worker polled meanwhile: task, type, from, to.
    pub beside: Vec<(TaskId, Option<KindId>, u64, u64)>,
}

impl Case {
    /// Its length, nanoseconds.
    pub fn length_ns(&self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// The longest cases of one group.
#[derive(Debug, Clone, Default)]
pub(super) struct Longest(pub(super) Vec<Case>);

/// Cases kept of one group.
const MOST: usize = 3;

impl Longest {
    /// Whether a case of that length would be kept: building one costs a walk.
    pub(super) fn wants(&self, length_ns: u64) -> bool {
        self.0.len() < MOST || self.0.last().is_some_and(|shortest| shortest.length_ns() < length_ns)
    }

    pub(super) fn keep(&mut self, case: Case) {
        let at = self.0.partition_point(|kept| kept.length_ns() >= case.length_ns());
        self.0.insert(at, case);
        self.0.truncate(MOST);
    }
}
