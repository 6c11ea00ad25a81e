//! The blame chain: from a delay or a wait back to what kept everybody.
//!
//! A task that was ready was kept by whoever had its worker. A task that waited was kept by whoever woke it in the end,
//! and that one by what it did meanwhile itself. So each link asks of one task: what did you do for most of this time?

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Span, SpanKind};
use super::event::{KindId, StackId, TaskId, Who};
use super::thread::Polled;

/// Links after which a chain is cut.
const MOST_LINKS: usize = 8;
/// Tasks after which it is: a link stands for all that waited in the same queue.
const MOST_TASKS: usize = 1024;

/// What a task did for most of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It was ready, and its worker did something else.
    Ready {
        /// The worker's thread, where it got one.
        tid: Option<u32>,
    },
    /// It was polled.
    Polled {
        /// The worker's thread.
        tid: u32,
        /// Polls of its type within the window.
        polls: u64,
        /// Their time within the window, nanoseconds.
        busy_ns: u64,
    },
    /// Something may have come for it, and nobody asked: the thread that told it in the end polled others before.
    Unheard {
        /// That thread.
        tid: u32,
        /// Where it told it: the network or a timer.
        stack: Option<StackId>,
    },
    /// It waited.
    Waited {
        /// Where.
        sites: Vec<StackId>,
    },
}

/// One task and its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Which.
    pub task: TaskId,
    /// Its type.
    pub kind: Option<KindId>,
    /// What it did.
    pub step: Step,
    /// Where it woke the one before it, where that was recorded.
    pub woke: Option<StackId>,
    /// Tasks that were woken one by the other before it and had waited at the same place: the queue it stood in.
    pub queue: u64,
    /// From when, nanoseconds.
    pub from_ns: u64,
    /// Until when.
    pub to_ns: u64,
}

/// What a chain ends at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last task was polled all the while: the processor, or a call that blocks, on that thread.
    Polled {
        /// The worker's thread.
        tid: u32,
    },
    /// No task was polled on the worker that took it in the end: it slept, or the kernel did not run it.
    IdleWorker {
        /// The worker's thread, where it got one.
        tid: Option<u32>,
    },
    /// Somebody outside of all tasks woke it: a timer, a socket, another thread.
    Outside {
        /// Its thread.
        tid: u32,
        /// Where.
        stack: Option<StackId>,
    },
    /// It waits still.
    Nobody,
    /// What the last task did is not known: it was before the recording, or too long ago.
    Unseen,
    /// The tasks wait for each other, or too many are in the chain.
    Cut,
}

/// From the one who waited to what it waited for in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The first is the one who waited.
    pub links: Vec<Link>,
    /// The end.
    pub end: End,
}

/// What a chain is made from.
pub(super) trait History {
    /// Type and spans of a task up to now, oldest first; empty where nothing is remembered.
    fn of(&self, task: TaskId) -> (Option<KindId>, Vec<Span>);
    /// Polls of other tasks on a thread within a window.
    fn beside(&self, tid: u32, task: TaskId, from_ns: u64, to_ns: u64) -> Vec<Polled>;
}

/// The chain of what `task` did between `from_ns` and `to_ns`.
pub(super) fn explain(history: &impl History, task: TaskId, from_ns: u64, to_ns: u64) -> Chain {
    let mut links: Vec<Link> = Vec::new();
    let (mut task, mut from_ns, mut to_ns) = (task, from_ns, to_ns);
    let mut woke = None;
    let mut met = BTreeSet::new();
    loop {
        if links.len() == MOST_LINKS || met.len() == MOST_TASKS || !met.insert(task) {
            return Chain { links, end: End::Cut };
        }
        let (kind, spans) = history.of(task);
        let Some(most) = dominant(&spans, from_ns, to_ns) else { return Chain { links, end: End::Unseen } };
        (from_ns, to_ns) = (from_ns.max(most.from_ns), to_ns.min(most.to_ns));
        let link = |step| Link { task, kind, step, woke, queue: 0, from_ns, to_ns };
        match &most.kind {
            SpanKind::Poll { tid } => {
                links.push(link(Step::Polled { tid: *tid, polls: 1, busy_ns: to_ns - from_ns }));
                return Chain { links, end: End::Polled { tid: *tid } };
            }
            SpanKind::Ready { tid, .. } => {
                links.push(link(Step::Ready { tid: *tid }));
                let beside = tid.map(|tid| history.beside(tid, task, from_ns, to_ns)).unwrap_or_default();
                let Some((tid, blocker)) = tid.zip(blocker(&beside, to_ns - from_ns)) else {
                    return Chain { links, end: End::IdleWorker { tid: *tid } };
                };
                let (longest, polls, busy_ns) = blocker;
                let step = Step::Polled { tid, polls, busy_ns };
                let (task, kind, from_ns, to_ns) = (longest.task, longest.kind, longest.from_ns, longest.to_ns);
                links.push(Link { task, kind, step, woke: None, queue: 0, from_ns, to_ns });
                return Chain { links, end: End::Polled { tid } };
            }
            SpanKind::Idle { sites, by } => {
                let same = |last: &Link| matches!(&last.step, Step::Waited { sites: theirs } if theirs == sites);
                match links.last_mut().filter(|last| !sites.is_empty() && same(last)) {
                    Some(last) => last.queue += 1,
                    None => links.push(link(Step::Waited { sites: sites.clone() })),
                }
                match by {
                    None => return Chain { links, end: End::Nobody },
                    Some(Who::Outside { tid, stack }) => {
                        return Chain { links, end: End::Outside { tid: *tid, stack: *stack } };
                    }
                    Some(Who::Task { task: waker, stack, .. }) => (task, woke) = (*waker, *stack),
                }
            }
        }
    }
}

/// The span that fills most of a window.
fn dominant(spans: &[Span], from_ns: u64, to_ns: u64) -> Option<&Span> {
    let inside = spans.iter().filter(|span| span.within(from_ns, to_ns) > 0);
    inside.max_by_key(|span| span.within(from_ns, to_ns))
}

/// Who had a worker for most of a window: the longest poll of the type that had it longest, that type's polls and their
/// time; `None` where the worker polled others for less than half of it.
fn blocker(beside: &[Polled], window_ns: u64) -> Option<(Polled, u64, u64)> {
    let length = |polled: &Polled| polled.to_ns - polled.from_ns;
    if beside.iter().map(length).sum::<u64>() < window_ns / 2 {
        return None;
    }
    let mut types: BTreeMap<Option<KindId>, (u64, u64)> = BTreeMap::new();
    for polled in beside {
        let sum = types.entry(polled.kind).or_default();
        *sum = (sum.0 + 1, sum.1 + length(polled));
    }
    let (kind, (polls, busy_ns)) = types.into_iter().max_by_key(|(_, (_, busy_ns))| *busy_ns)?;
    let longest = beside.iter().filter(|polled| polled.kind == kind).max_by_key(|polled| length(polled))?;
    Some((*longest, polls, busy_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty tasks in the queue of a lock, each let go by the next; the last had it and slept.
    struct Queue;

    impl History for Queue {
        fn of(&self, task: TaskId) -> (Option<KindId>, Vec<Span>) {
            let (site, by) = match task.0 {
                20 => (7, Who::Outside { tid: 9, stack: None }),
                task => (3, Who::Task { task: TaskId(task + 1), kind: None, stack: Some(StackId(task as u32)) }),
            };
            let kind = SpanKind::Idle { sites: vec![StackId(site)], by: Some(by) };
            (None, vec![Span { from_ns: 0, to_ns: 1000 - task.0, kind }])
        }

        fn beside(&self, _: u32, _: TaskId, _: u64, _: u64) -> Vec<Polled> {
            Vec::new()
        }
    }

    #[test]
    fn a_queue_is_one_link_however_long() {
        let chain = explain(&Queue, TaskId(1), 0, 999);
        let links: Vec<(u64, u64)> = chain.links.iter().map(|link| (link.task.0, link.queue)).collect();
        assert_eq!(links, [(1, 18), (20, 0)]);
        assert_eq!(chain.links[1].woke, Some(StackId(19)), "where it let go: it woke the last of the queue there");
        assert_eq!(chain.end, End::Outside { tid: 9, stack: None });
    }

    #[test]
    fn tasks_that_wait_for_each_other_end_the_walk() {
        struct Circle;
        impl History for Circle {
            fn of(&self, task: TaskId) -> (Option<KindId>, Vec<Span>) {
                let by = Some(Who::Task { task: TaskId(3 - task.0), kind: None, stack: None });
                (None, vec![Span { from_ns: 0, to_ns: 100, kind: SpanKind::Idle { sites: vec![StackId(1)], by } }])
            }

            fn beside(&self, _: u32, _: TaskId, _: u64, _: u64) -> Vec<Polled> {
                Vec::new()
            }
        }
        assert_eq!(explain(&Circle, TaskId(1), 0, 100).end, End::Cut);
    }
}
