//! Polls begin and end, and with the last of a task the task.

use std::collections::BTreeMap;

use super::Tracker;
use crate::tasks::blame::History;
use crate::tasks::case::SpanKind;
use crate::tasks::event::{Event, KindId, Kinds, TaskId};
use crate::tasks::figures::LongPoll;
use crate::tasks::task::State;
use crate::tasks::thread::{Open, Polled, Thread};

/// Ended tasks that are kept one by one; those that waited longest for a worker.
const MOST_ENDED: usize = 200;
/// Delays below this are not asked for what ran instead.
const NOTABLE_DELAY_NS: u64 = 100_000;
/// Polls from here on are kept one by one, so that somebody can ask what they spent their time on.
const NOTABLE_POLL_NS: u64 = 500_000;
/// Such polls of one stretch.
const MOST_POLLS: usize = 20_000;

impl Tracker {
    pub(super) fn polling(&mut self, event: &Event, kind: Option<KindId>, stack_pointer: u64) {
        let now = event.time_ns;
        if self.ended_at.contains(&event.address) {
            self.born(event.address);
        }
        let Some(task) = self.met(event.address) else { return };
        let known = task.kind.is_some();
        task.kind = task.kind.or(kind);
        let (id, kind) = (task.id, task.kind);
        let mut delay = None;
        match task.state {
            State::Ready { since_ns, by } => {
                let length_ns = now.saturating_sub(since_ns);
                task.delay_ns += length_ns;
                task.worst_delay_ns = task.worst_delay_ns.max(length_ns);
                task.remember(since_ns, now, SpanKind::Ready { by, tid: Some(event.tid) });
                delay = Some((since_ns, length_ns));
            }
            State::Idle { since_ns } => {
                task.remember(since_ns, now, SpanKind::Idle { sites: task.all_sites(), by: None });
            }
            // Somebody polls it already: whoever asks now is refused. Or the end of that poll was lost.
            State::Running { tid, .. } if tid != event.tid => return,
            State::Running { .. } | State::Unknown => {}
        }
        task.state = State::Running { since_ns: now, tid: event.tid, woken: None };
        task.poll_begins();
        if !known {
            self.named(id, kind);
        }
        if self.what_is(kind) == Kinds::Task {
            match delay {
                Some((since_ns, length_ns)) => {
                    self.sums.kinds.entry(kind).or_default().delay(length_ns);
                    self.delayed(id, kind, since_ns, now, event.tid, length_ns);
                }
                None => self.sums.kinds.entry(kind).or_default().unexplained += 1,
            }
        }
        let open = Open { task: id, kind, from_ns: now, stack_pointer };
        let gone = self.threads.entry(event.tid).or_default().begin(open);
        self.refused(gone.iter().filter(|gone| **gone != id), event.tid);
    }

    /// What was counted of a task before its type was known moves to its type.
    fn named(&mut self, id: TaskId, kind: Option<KindId>) {
        let Some(task) = self.tasks.get(&id).filter(|_| kind.is_some()) else { return };
        let (wakes, idle_ns, spawned_at) = (task.wakes, task.idle_ns, task.spawned_at);
        let unnamed = self.sums.kinds.entry(None).or_default();
        unnamed.wakes = unnamed.wakes.saturating_sub(wakes);
        unnamed.idle_ns = unnamed.idle_ns.saturating_sub(idle_ns);
        let figures = self.sums.kinds.entry(kind).or_default();
        figures.wakes += wakes;
        figures.idle_ns += idle_ns;
        figures.spawned += u64::from(task.counted);
        figures.spawned_at = spawned_at.or(figures.spawned_at);
    }

    fn delayed(&mut self, id: TaskId, kind: Option<KindId>, since_ns: u64, now: u64, tid: u32, length_ns: u64) {
        if length_ns >= NOTABLE_DELAY_NS {
            let mut seen: BTreeMap<Option<KindId>, u64> = BTreeMap::new();
            for polled in self.beside(tid, id, since_ns, now) {
                *seen.entry(polled.kind).or_default() += polled.to_ns - polled.from_ns;
            }
            for (other, total_ns) in seen {
                let figures = self.sums.instead.entry((kind, other)).or_default();
                figures.count += 1;
                figures.total_ns += total_ns;
            }
        }
        if self.sums.delays.entry(kind).or_default().wants(length_ns) {
            let case = self.case(id, kind, since_ns, now, Some(tid));
            self.sums.delays.entry(kind).or_default().keep(case);
        }
    }

    pub(super) fn poll_ends(&mut self, event: &Event) {
        let now = event.time_ns;
        let Some(task) = self.met(event.address) else { return };
        // Only after a loss: the end of a poll that is another thread's by now.
        if matches!(task.state, State::Running { tid, .. } if tid != event.tid) {
            return;
        }
        let id = task.id;
        let ended = self.threads.get_mut(&event.tid).and_then(|thread| thread.end(id, now));
        if let Some((polled, failed)) = &ended {
            self.polled(id, polled);
            self.refused(failed.iter(), event.tid);
        }
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let woken = match task.state {
            State::Running { woken, .. } => woken,
            _ => None,
        };
        task.state = match woken {
            Some(by) => State::Ready { since_ns: now, by: Some(by) },
            None => State::Idle { since_ns: now },
        };
    }

    /// The innermost poll of a thread ends, if it began below `stack_pointer`: one that ended with its task is gone already.
    pub(super) fn returned(&mut self, event: &Event, stack_pointer: u64) {
        let open = self.threads.get(&event.tid).and_then(Thread::current);
        let open = open.filter(|open| open.stack_pointer < stack_pointer).map(|open| open.task);
        if let Some(task) = open.and_then(|task| self.tasks.get(&task)) {
            self.poll_ends(&Event { address: task.address, ..*event });
        }
    }

    fn polled(&mut self, id: TaskId, polled: &Polled) {
        let length_ns = polled.to_ns.saturating_sub(polled.from_ns);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let State::Running { tid, since_ns, .. } = task.state else { return };
        if since_ns != polled.from_ns {
            return;
        }
        task.polls += 1;
        task.busy_ns += length_ns;
        task.longest_poll_ns = task.longest_poll_ns.max(length_ns);
        task.remember(polled.from_ns, polled.to_ns, SpanKind::Poll { tid });
        let kind = task.kind;
        self.sums.kinds.entry(kind).or_default().poll(length_ns);
        if length_ns >= NOTABLE_POLL_NS && self.sums.polls.len() < MOST_POLLS && self.what_is(kind) != Kinds::Worker {
            self.sums.polls.push(LongPoll { kind, tid, from_ns: polled.from_ns, to_ns: polled.to_ns });
        }
    }

    /// Tasks that a thread tried to poll and was not let.
    fn refused<'a>(&mut self, tasks: impl Iterator<Item = &'a TaskId>, by: u32) {
        for id in tasks {
            let Some(task) = self.tasks.get_mut(id) else { continue };
            if let State::Running { tid, .. } = task.state
                && tid == by
            {
                task.state = State::Unknown;
            }
        }
    }

    pub(super) fn complete(&mut self, event: &Event, kind: Option<KindId>) {
        let Some(task) = self.met(event.address) else { return };
        let (id, known) = (task.id, task.kind.is_some());
        task.kind = task.kind.or(kind);
        if !known {
            self.named(id, kind);
        }
        let ended = self.threads.get_mut(&event.tid).and_then(|thread| thread.end(id, event.time_ns));
        if let Some((polled, failed)) = &ended {
            self.polled(id, polled);
            self.refused(failed.iter(), event.tid);
        }
        self.by_address.remove(&event.address);
        self.ended_at.insert(event.address);
        let Some(task) = self.tasks.remove(&id) else { return };
        let figures = self.sums.kinds.entry(task.kind).or_default();
        figures.finished += 1;
        if task.kind.is_none() {
            figures.spawned += u64::from(task.counted);
        }
        let figures = self.figures(&task, true);
        let wants = self.ended.len() < MOST_ENDED
            || self.ended.last().is_some_and(|last| last.worst_delay_ns < figures.worst_delay_ns);
        if wants && self.what_is(figures.kind) != Kinds::Worker {
            let at = self.ended.partition_point(|kept| kept.worst_delay_ns >= figures.worst_delay_ns);
            self.ended.insert(at, figures);
            self.ended.truncate(MOST_ENDED);
        }
    }
}
