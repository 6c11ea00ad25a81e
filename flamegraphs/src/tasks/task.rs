//! One task's state, and what it did lately.

use std::collections::VecDeque;

use super::case::{Span, SpanKind};
use super::event::{KindId, StackId, TaskId, Who};

/// Spans of a task that are remembered.
const REMEMBERED: usize = 64;
/// Sites of earlier polls that are kept.
const MOST_EARLIER: usize = 6;
/// Sites of one poll that are kept: branches of a `select!`.
const MOST_SITES: usize = 4;

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Met within the recording: what it did before is not known.
    Unknown,
    Idle {
        since_ns: u64,
    },
    Ready {
        since_ns: u64,
        by: Option<Who>,
    },
    Running {
        since_ns: u64,
        tid: u32,
        woken: Option<Who>,
    },
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) address: u64,
    pub(super) kind: Option<KindId>,
    pub(super) spawned_by: Option<Who>,
    /// When it was spawned; `None` where that, or anything since, was not seen.
    pub(super) born_ns: Option<u64>,
    /// Its spawn was seen.
    pub(super) counted: bool,
    /// Where.
    pub(super) spawned_at: Option<StackId>,
    pub(super) state: State,
    /// Wakers cloned less wakers used up or dropped, since it was met.
    pub(super) held: i64,
    /// Where wakers were cloned in the poll that lasts or was last; carried on over polls that clone none, because a
    /// resource that keeps an equal waker does not clone it again.
    sites: Vec<StackId>,
    /// Those of earlier polls, the latest last: some resources keep a waker for long, a socket for all its life.
    earlier: Vec<StackId>,
    /// The poll that lasts cloned none yet.
    stale: bool,
    pub(super) polls: u64,
    pub(super) wakes: u64,
    pub(super) busy_ns: u64,
    pub(super) longest_poll_ns: u64,
    pub(super) delay_ns: u64,
    pub(super) worst_delay_ns: u64,
    pub(super) idle_ns: u64,
    recent: VecDeque<Span>,
}

impl Task {
    pub(super) fn new(id: TaskId, address: u64) -> Self {
        Self {
            id,
            address,
            kind: None,
            spawned_by: None,
            born_ns: None,
            counted: false,
            spawned_at: None,
            state: State::Unknown,
            held: 0,
            sites: Vec::new(),
            earlier: Vec::new(),
            stale: true,
            polls: 0,
            wakes: 0,
            busy_ns: 0,
            longest_poll_ns: 0,
            delay_ns: 0,
            worst_delay_ns: 0,
            idle_ns: 0,
            recent: VecDeque::new(),
        }
    }

    pub(super) fn remember(&mut self, from_ns: u64, to_ns: u64, kind: SpanKind) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(Span { from_ns, to_ns, kind });
    }

    /// Clones from now on are of a new poll.
    pub(super) fn poll_begins(&mut self) {
        self.stale = true;
    }

    pub(super) fn cloned(&mut self, stack: Option<StackId>) {
        if std::mem::take(&mut self.stale) {
            let sites = std::mem::take(&mut self.sites);
            self.earlier.retain(|earlier| !sites.contains(earlier));
            self.earlier.extend(sites);
            let over = self.earlier.len().saturating_sub(MOST_EARLIER);
            self.earlier.drain(..over);
        }
        if let Some(stack) = stack.filter(|stack| !self.sites.contains(stack)) {
            if self.sites.len() == MOST_SITES {
                self.sites.remove(0);
            }
            self.sites.push(stack);
        }
    }

    /// A waker is gone; with the last one, so is what the task waited for.
    pub(super) fn released(&mut self) {
        self.held -= 1;
    }

    /// Where it may wait, the likeliest last.
    pub(super) fn all_sites(&self) -> Vec<StackId> {
        let earlier = self.earlier.iter().filter(|earlier| !self.sites.contains(earlier));
        earlier.chain(&self.sites).copied().collect()
    }

    /// Where its last wakers were cloned.
    pub(super) fn sites(&self) -> &[StackId] {
        &self.sites
    }

    /// Everything remembered and what lasts, up to `now`, oldest first.
    pub(super) fn spans(&self, now: u64) -> Vec<Span> {
        let mut spans: Vec<Span> = self.recent.iter().cloned().collect();
        let lasting = match self.state {
            State::Unknown => None,
            State::Idle { since_ns } => Some((since_ns, SpanKind::Idle { sites: self.all_sites(), by: None })),
            State::Ready { since_ns, by } => Some((since_ns, SpanKind::Ready { by, tid: None })),
            State::Running { since_ns, tid, .. } => Some((since_ns, SpanKind::Poll { tid })),
        };
        spans.extend(lasting.map(|(from_ns, kind)| Span { from_ns, to_ns: now.max(from_ns), kind }));
        spans
    }
}
