//! Takes events in the order of time, and keeps what they add up to. Memory follows the number of tasks alive, types,
//! stacks and threads, not the length of the recording.

mod history;
mod outcome;
mod polls;
mod unheard;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use self::outcome::Outcome;
use self::unheard::Told;
use super::blame::{Chain, History, explain};
use super::case::{Case, Longest, SpanKind};
use super::event::{Event, KindId, Kinds, StackId, TaskId, What, Who};
use super::figures::{DelayFigures, KindFigures, LongPoll, TaskFigures, WaitFigures};
use super::task::{State, Task};
use super::thread::Thread;
/// Groups of waits that are told apart.
const MOST_GROUPS: usize = 4096;
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
    unheard: BTreeMap<Option<KindId>, Longest>,
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
    told: Told,
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
        self.told = Told::at(self.last_ns);
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
        self.told(now, by);
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
            self.unheard(id, kind, since_ns, now, by);
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

    fn case(&self, task: TaskId, kind: Option<KindId>, from_ns: u64, to_ns: u64, tid: Option<u32>) -> Case {
        self.case_of(explain(self, task, from_ns, to_ns), task, kind, (from_ns, to_ns), tid)
    }

    /// The same with a chain that is known.
    fn case_of(
        &self,
        chain: Chain,
        task: TaskId,
        kind: Option<KindId>,
        (from_ns, to_ns): (u64, u64),
        tid: Option<u32>,
    ) -> Case {
        let spans = self.tasks.get(&task).map(|task| task.spans(to_ns)).unwrap_or_default();
        let mut beside = tid.map(|tid| self.beside(tid, task, from_ns, to_ns)).unwrap_or_default();
        beside.sort_by_key(|polled| std::cmp::Reverse(polled.to_ns - polled.from_ns));
        beside.truncate(MOST_BESIDE);
        beside.sort_by_key(|polled| polled.from_ns);
        let beside = beside.into_iter().map(|p| (p.task, p.kind, p.from_ns, p.to_ns)).collect();
        Case { task, kind, from_ns, to_ns, chain, spans, beside }
    }

    /// Ends a stretch: what added up until now is kept apart from what will. Tasks go on as they are.
    pub fn cut(&mut self) {
        let sums = std::mem::take(&mut self.sums);
        self.before.get_or_insert(sums);
    }
}
