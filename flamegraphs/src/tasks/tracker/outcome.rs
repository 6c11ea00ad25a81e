//! What a recording added up to, once it has ended.

use std::collections::{BTreeMap, HashMap};

use super::{Sums, Tracker, WakerKind};
use crate::tasks::case::{Case, Longest};
use crate::tasks::event::{KindId, StackId};
use crate::tasks::figures::{DelayFigures, KindFigures, LongPoll, TaskFigures, WaitFigures};
use crate::tasks::task::{State, Task};

/// Tasks whose last spans are kept, and of each type at least.
const MOST_SPANS: usize = 64;
const MOST_SPANS_OF_KIND: usize = 3;

/// What a recording, or a stretch of it, added up to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was added up before a [`Tracker::cut`]: sums alone, and nobody knows of it who was alive at its end. All
    /// else is of the time since, but for tasks one by one, which are of the whole.
    pub before: Option<Box<Outcome>>,
    /// By type.
    pub kinds: Vec<(Option<KindId>, KindFigures)>,
    /// The longest times from ready to polled, a few of each type, the longest first.
    pub delays: Vec<Case>,
    /// The longest times in which something may have come for a task and nobody asked, a few of each type, the longest first.
    pub unheard: Vec<Case>,
    /// Waits by type and place, the longest in total first.
    pub waits: Vec<(Option<KindId>, Vec<StackId>, WaitFigures)>,
    /// What ran instead: while tasks of the first type were ready, their worker polled the second.
    pub instead: Vec<(Option<KindId>, Option<KindId>, DelayFigures)>,
    /// Who woke tasks of a type, how often.
    pub wakers: Vec<(Option<KindId>, WakerKind, u64)>,
    /// Long polls in the order in which they ended.
    pub polls: Vec<LongPoll>,
    /// Tasks, the worst delay first: all that are alive, and of the ended those that waited longest.
    pub tasks: Vec<TaskFigures>,
    /// Events taken.
    pub events: u64,
    /// How often something was missing.
    pub gaps: u64,
}

impl Tracker {
    /// One task's figures.
    pub(super) fn figures(&self, task: &Task, ended: bool) -> TaskFigures {
        TaskFigures {
            id: task.id,
            address: task.address,
            kind: task.kind,
            spawned_by: task.spawned_by,
            ended,
            polls: task.polls,
            wakes: task.wakes,
            busy_ns: task.busy_ns,
            longest_poll_ns: task.longest_poll_ns,
            delay_ns: task.delay_ns,
            worst_delay_ns: task.worst_delay_ns,
            idle_ns: task.idle_ns,
            idle_now_ns: match task.state {
                State::Idle { since_ns } if !ended => Some(self.last_ns.saturating_sub(since_ns)),
                _ => None,
            },
            waits_at: task.all_sites(),
            spans: task.spans(self.last_ns),
            held: task.born_ns.map(|_| task.held),
        }
    }

    /// Ends the recording at `now`.
    pub fn finish(mut self, now: u64) -> Outcome {
        self.last_ns = self.last_ns.max(now);
        let mut tasks = std::mem::take(&mut self.ended);
        let mut alive: Vec<TaskFigures> = Vec::new();
        // Those that nobody polled may be of several types: the place that spawned most of them stands for all.
        let mut spawned_at: HashMap<StackId, u64> = HashMap::new();
        for task in self.tasks.values() {
            let figures = self.sums.kinds.entry(task.kind).or_default();
            figures.alive += 1;
            figures.in_poll += u64::from(matches!(task.state, State::Running { .. }));
            let idle = matches!(task.state, State::Idle { .. });
            figures.forgotten += u64::from(idle && task.born_ns.is_some() && task.held <= 0);
            if task.kind.is_none() {
                figures.spawned += u64::from(task.counted);
                task.spawned_at.into_iter().for_each(|at| *spawned_at.entry(at).or_default() += 1);
            }
        }
        if let Some(figures) = self.sums.kinds.get_mut(&None) {
            let most = spawned_at.into_iter().max_by_key(|(at, count)| (*count, *at));
            figures.spawned_at = most.filter(|(_, count)| 2 * count >= figures.spawned).map(|(at, _)| at);
        }
        alive.extend(self.tasks.values().map(|task| self.figures(task, false)));
        tasks.extend(alive);
        tasks.sort_by_key(|task| (std::cmp::Reverse(task.worst_delay_ns), task.id));
        keep_some_spans(&mut tasks);
        Outcome {
            before: self.before.map(|sums| Box::new(sums.finish())),
            tasks,
            events: self.events,
            gaps: self.gaps,
            ..self.sums.finish()
        }
    }
}

impl Sums {
    fn finish(self) -> Outcome {
        let mut waits: Vec<_> = self
            .waits
            .into_iter()
            .map(|((kind, sites, _), (figures, longest))| (kind, sites, WaitFigures { longest: longest.0, ..figures }))
            .collect();
        waits.sort_by(|a, b| b.2.total_ns.cmp(&a.2.total_ns).then_with(|| (a.0, &a.1).cmp(&(b.0, &b.1))));
        let unused = KindFigures::default();
        Outcome {
            kinds: self.kinds.into_iter().filter(|(_, figures)| *figures != unused).collect(),
            delays: longest_first(self.delays),
            unheard: longest_first(self.unheard),
            waits,
            instead: self.instead.into_iter().map(|((a, b), figures)| (a, b, figures)).collect(),
            wakers: self.wakers.into_iter().map(|((kind, waker), count)| (kind, waker, count)).collect(),
            polls: self.polls,
            ..Outcome::default()
        }
    }
}

fn longest_first(of_kinds: BTreeMap<Option<KindId>, Longest>) -> Vec<Case> {
    let mut all: Vec<Case> = of_kinds.into_values().flat_map(|longest| longest.0).collect();
    all.sort_by_key(|case| std::cmp::Reverse(case.length_ns()));
    all
}

/// Spans of all tasks would be most of the outcome.
fn keep_some_spans(tasks: &mut [TaskFigures]) {
    let mut of_kind: HashMap<Option<KindId>, usize> = HashMap::new();
    for (at, task) in tasks.iter_mut().enumerate() {
        let count = of_kind.entry(task.kind).or_default();
        *count += 1;
        if at >= MOST_SPANS && *count > MOST_SPANS_OF_KIND {
            task.spans = Vec::new();
        }
    }
}
