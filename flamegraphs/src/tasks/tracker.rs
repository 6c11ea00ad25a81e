//! Takes events in the order of time, and keeps what they add up to. Memory follows the number of tasks alive, types,
//! stacks and threads, not the length of the recording.

mod history;
mod outcome;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use self::outcome::Outcome;
use super::blame::{History, explain};
use super::case::{Case, Longest, SpanKind};
use super::event::{Event, KindId, Kinds, StackId, TaskId, What, Who};
use super::figures::{DelayFigures, KindFigures, LongPoll, TaskFigures, WaitFigures};
use super::task::{State, Task};
use super::thread::{Open, Polled, Thread};

/// Ended tasks that are kept one by one; those that waited longest for a worker.
const MOST_ENDED: usize = 200;
/// Groups of waits that are told apart.
const MOST_GROUPS: usize = 4096;
/// Delays below this are not asked for what ran instead.
const NOTABLE_DELAY_NS: u64 = 100_000;
/// Polls from here on are kept one by one, so that somebody can ask what they spent their time on.
const NOTABLE_POLL_NS: u64 = 500_000;
/// Such polls of one stretch.
const MOST_POLLS: usize = 20_000;
/// What is built of the timeline of a case, at most.
const MOST_BESIDE: usize = 64;

/// Who woke tasks of a type; `None` in place of a stack where it was not recorded.
type Wakers = BTreeMap<(Option<KindId>, WakerKind), u64>;

/// Waits that are summed up together: type, places, and, unless a task ended them, where somebody else did.
type WaitKey = (Option<KindId>, Vec<StackId>, Option<Option<StackId>>);

/// A waker without its number: one type, or one thread and place outside of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WakerKind {
    /// Itself, within its own poll.
    Itself,
    /// Another task of that type.
    Kind(Option<KindId>),
    /// Outside of tasks.
    Outside(u32, Option<StackId>),
}

/// What adds up over a stretch of time.
#[derive(Debug, Default)]
struct Sums {
    kinds: BTreeMap<Option<KindId>, KindFigures>,
    delays: BTreeMap<Option<KindId>, Longest>,
    waits: HashMap<WaitKey, (WaitFigures, Longest)>,
    instead: BTreeMap<(Option<KindId>, Option<KindId>), DelayFigures>,
    wakers: Wakers,
    polls: Vec<LongPoll>,
}

/// Sums up events.
#[derive(Debug, Default)]
pub struct Tracker {
    kinds_of: HashMap<KindId, Kinds>,
    tasks: HashMap<TaskId, Task>,
    by_address: HashMap<u64, TaskId>,
    /// Addresses of tasks that ended: their wakers live on.
    ended_at: HashSet<u64>,
    threads: HashMap<u32, Thread>,
    sums: Sums,
    /// What was added up before the last [`Tracker::cut`].
    before: Option<Sums>,
    ended: Vec<TaskFigures>,
    next: u64,
    gaps: u64,
    events: u64,
    last_ns: u64,
}

impl Tracker {
    /// Says what a type is, before its first poll is taken. Others are tasks.
    pub fn declare(&mut self, kind: KindId, what: Kinds) {
        self.kinds_of.insert(kind, what);
    }

    fn what_is(&self, kind: Option<KindId>) -> Kinds {
        kind.and_then(|kind| self.kinds_of.get(&kind)).copied().unwrap_or_default()
    }

    /// Takes one event; never one that is older than the last.
    pub fn take(&mut self, event: &Event) {
        self.events += 1;
        self.last_ns = self.last_ns.max(event.time_ns);
        let now = event.time_ns;
        match event.what {
            What::Spawned => {
                let by = self.who(event);
                let task = self.born(event.address);
                task.born_ns = Some(now);
                task.counted = true;
                task.spawned_at = event.stack;
                task.spawned_by = Some(by);
                task.state = State::Ready { since_ns: now, by: Some(by) };
            }
            What::Woken { by_value } => self.woken(event, by_value),
            What::Cloned => {
                let current = self.threads.get(&event.tid).and_then(Thread::current).map(|open| open.task);
                if let Some(task) = self.met(event.address) {
                    task.held += 1;
                    if current == Some(task.id) {
                        task.cloned(event.stack);
                    }
                }
            }
            What::Dropped => {
                if let Some(task) = self.met(event.address) {
                    task.released();
                }
            }
            What::Polling { kind, stack_pointer } => self.polling(event, kind, stack_pointer),
            What::Pending => self.poll_ends(event),
            What::Returned { stack_pointer } => self.returned(event, stack_pointer),
            What::Complete { kind } => self.complete(event, kind),
        }
    }

    /// Something is missing here: what everybody did until now is not known any more. Counts go on.
    pub fn gap(&mut self) {
        for task in self.tasks.values_mut() {
            task.state = State::Unknown;
            // Wakers may have come and gone.
            task.born_ns = None;
        }
        self.threads.clear();
        self.gaps += 1;
    }

    /// A new task at an address.
    fn born(&mut self, address: u64) -> &mut Task {
        self.ended_at.remove(&address);
        if let Some(gone) = self.by_address.remove(&address) {
            self.tasks.remove(&gone);
        }
        self.next += 1;
        let id = TaskId(self.next);
        self.by_address.insert(address, id);
        self.tasks.entry(id).or_insert_with(|| Task::new(id, address))
    }

    /// The task at an address, met now where it was not before; `None` where it has ended.
    fn met(&mut self, address: u64) -> Option<&mut Task> {
        if self.ended_at.contains(&address) {
            return None;
        }
        match self.by_address.get(&address) {
            Some(id) => self.tasks.get_mut(id),
            None => Some(self.born(address)),
        }
    }

    /// Who does something on that thread now.
    fn who(&self, event: &Event) -> Who {
        let current = self.threads.get(&event.tid).and_then(Thread::current);
        match current.filter(|open| self.what_is(open.kind) != Kinds::Worker) {
            Some(open) => Who::Task { task: open.task, kind: open.kind, stack: event.stack },
            None => Who::Outside { tid: event.tid, stack: event.stack },
        }
    }

    fn woken(&mut self, event: &Event, by_value: bool) {
        let by = self.who(event);
        let now = event.time_ns;
        let Some(task) = self.met(event.address) else { return };
        task.wakes += 1;
        if by_value {
            task.released();
        }
        let (id, kind) = (task.id, task.kind);
        let waited = match task.state {
            State::Idle { since_ns } => {
                task.idle_ns += now.saturating_sub(since_ns);
                let idle = SpanKind::Idle { sites: task.all_sites(), by: Some(by) };
                task.remember(since_ns, now, idle);
                task.state = State::Ready { since_ns: now, by: Some(by) };
                Some((since_ns, task.sites().to_vec()))
            }
            State::Unknown => {
                task.state = State::Ready { since_ns: now, by: Some(by) };
                None
            }
            State::Running { since_ns, tid, woken: None } => {
                task.state = State::Running { since_ns, tid, woken: Some(by) };
                None
            }
            State::Running { .. } | State::Ready { .. } => None,
        };
        self.sums.kinds.entry(kind).or_default().wakes += 1;
        let waker = match by {
            Who::Task { task, .. } if task == id => WakerKind::Itself,
            Who::Task { kind, .. } => WakerKind::Kind(kind),
            Who::Outside { tid, stack } => WakerKind::Outside(tid, stack),
        };
        *self.sums.wakers.entry((kind, waker)).or_default() += 1;
        if let Some((since_ns, sites)) = waited {
            let ended_by = match by {
                Who::Task { .. } => None,
                Who::Outside { stack, .. } => Some(stack),
            };
            self.waited(id, (kind, sites, ended_by), since_ns, now);
        }
    }

    fn waited(&mut self, id: TaskId, mut key: WaitKey, since_ns: u64, now: u64) {
        let kind = key.0;
        let length_ns = now.saturating_sub(since_ns);
        self.sums.kinds.entry(kind).or_default().idle_ns += length_ns;
        if self.sums.waits.len() >= MOST_GROUPS && !self.sums.waits.contains_key(&key) {
            key.1.clear();
        }
        let (figures, longest) = self.sums.waits.entry(key.clone()).or_default();
        figures.count += 1;
        figures.total_ns += length_ns;
        if longest.wants(length_ns) {
            let case = self.case(id, kind, since_ns, now, None);
            if let Some((_, longest)) = self.sums.waits.get_mut(&key) {
                longest.keep(case);
            }
        }
    }

    fn polling(&mut self, event: &Event, kind: Option<KindId>, stack_pointer: u64) {
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

    fn case(&self, task: TaskId, kind: Option<KindId>, from_ns: u64, to_ns: u64, tid: Option<u32>) -> Case {
        let chain = explain(self, task, from_ns, to_ns);
        let spans = self.tasks.get(&task).map(|task| task.spans(to_ns)).unwrap_or_default();
        let mut beside = tid.map(|tid| self.beside(tid, task, from_ns, to_ns)).unwrap_or_default();
        beside.sort_by_key(|polled| std::cmp::Reverse(polled.to_ns - polled.from_ns));
        beside.truncate(MOST_BESIDE);
        beside.sort_by_key(|polled| polled.from_ns);
        let beside = beside.into_iter().map(|p| (p.task, p.kind, p.from_ns, p.to_ns)).collect();
        Case { task, kind, from_ns, to_ns, chain, spans, beside }
    }

    fn poll_ends(&mut self, event: &Event) {
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
    fn returned(&mut self, event: &Event, stack_pointer: u64) {
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

    /// Ends a stretch: what added up until now is kept apart from what will. Tasks go on as they are.
    pub fn cut(&mut self) {
        let sums = std::mem::take(&mut self.sums);
        self.before.get_or_insert(sums);
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

    fn complete(&mut self, event: &Event, kind: Option<KindId>) {
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
