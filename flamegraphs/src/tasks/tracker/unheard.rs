//! Who was told late what the network or a timer had for it: the thread that asks them polled somebody else meanwhile.

use super::Tracker;
use crate::tasks::blame::{Chain, End, Link, Step};
use crate::tasks::event::{KindId, Kinds, TaskId, Who};
use crate::tasks::thread::Polled;

/// Polls below this keep nobody for long.
const NOTABLE_NS: u64 = 1_000_000;
/// The part of a poll, one by so many, within which after its end its thread asks: it may poll others before.
const SOON: u64 = 2;

/// When it was told last that something came from outside of all polls, on a thread that polls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    tid: u32,
    at_ns: u64,
    /// When before that: since then nobody asked whom it was told.
    before_ns: u64,
}

impl Told {
    /// As if something had been told then: what came before is not known.
    pub(super) fn at(now: u64) -> Self {
        Self { at_ns: now, before_ns: now, ..Self::default() }
    }
}

impl Tracker {
    /// Takes a wake on a thread that polls, from outside of its polls. Several at a time are told by one question.
    pub(super) fn told(&mut self, now: u64, by: Who) {
        let Who::Outside { tid, .. } = by else { return };
        let Some(polled_ns) = self.threads.get(&tid).and_then(|thread| thread.last()).map(|last| last.to_ns) else {
            return;
        };
        let again = self.told.tid == tid && polled_ns <= self.told.at_ns;
        let before_ns = if again { self.told.before_ns } else { self.told.at_ns };
        self.told = Told { tid, at_ns: now, before_ns };
    }

    /// The poll for which a thread that now tells of something did not ask for long.
    fn instead_of_asking(&self, tid: u32, now: u64) -> Option<Polled> {
        let longest = self.threads.get(&tid)?.longest_since(self.told.before_ns)?;
        let length_ns = longest.to_ns - longest.from_ns;
        let soon = now.saturating_sub(longest.to_ns) <= length_ns / SOON;
        (soon && length_ns >= NOTABLE_NS && self.what_is(longest.kind) == Kinds::Task).then_some(longest)
    }

    /// Takes the end of a wait of a task that was told of something. It may have come at any time since that poll began: the case is
    /// as long as can be.
    pub(super) fn unheard(&mut self, task: TaskId, kind: Option<KindId>, since_ns: u64, now: u64, by: Who) {
        let Who::Outside { tid, stack } = by else { return };
        let longest = self.instead_of_asking(tid, now).filter(|poll| since_ns < poll.to_ns && poll.task != task);
        let Some(longest) = longest else { return };
        let from_ns = since_ns.max(longest.from_ns);
        let is_task = self.what_is(kind) == Kinds::Task;
        if !is_task || !self.sums.unheard.entry(kind).or_default().wants(now - from_ns) {
            return;
        }
        let link = |task, kind, step, from_ns, to_ns| Link { task, kind, step, woke: None, queue: 0, from_ns, to_ns };
        let busy_ns = longest.to_ns - longest.from_ns;
        let polled = Step::Polled { tid, polls: 1, busy_ns };
        let links = vec![
            link(task, kind, Step::Unheard { tid, stack }, from_ns, now),
            link(longest.task, longest.kind, polled, longest.from_ns, longest.to_ns),
        ];
        let chain = Chain { links, end: End::Polled { tid } };
        let case = self.case_of(chain, task, kind, (from_ns, now), Some(tid));
        self.sums.unheard.entry(kind).or_default().keep(case);
    }
}
