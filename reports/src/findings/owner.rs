//! Who keeps a lock, a queue or a pool: from chains of tasks to the function that does.

use super::Culprit;
use super::cause::{at, innermost};
use super::guilty::{common, same, taker_of};
use super::joined::Joined;
use crate::run::{TraceCase, TraceCause, TraceEndKind, TraceLink, TraceSite, TraceStep, TraceWait};

/// What the last task of a chain did, and where.
pub(super) struct Owner<'a> {
    pub(super) link: &'a TraceLink,
    pub(super) end: TraceEndKind,
    /// Where it waited, or spent its poll.
    pub(super) site: &'a TraceSite,
}

impl Owner<'_> {
    /// What it does meanwhile, in words.
    pub(super) fn doing(&self) -> &'static str {
        match (self.link.step, self.end) {
            (TraceStep::Waited, TraceEndKind::Timer) => "it waits for a timer",
            (TraceStep::Waited, TraceEndKind::Socket) => "it waits for the network",
            (TraceStep::Waited, _) => "it waits for something else",
            (_, TraceEndKind::Blocked) => "it blocks its thread",
            (TraceStep::Polled, _) => "it computes",
            (TraceStep::Ready | TraceStep::Unheard, _) => "it waits for a worker",
        }
    }

    /// Whether it stands in a function, as far as it is seen.
    pub(super) fn stands_in(&self, function: &str) -> bool {
        self.site.own.iter().any(|frame| frame.function == function)
    }
}

/// The owner at the end of a chain; `None` where nobody is seen there.
pub(super) fn of(case: &TraceCase) -> Option<Owner<'_>> {
    let link = case.links.last().filter(|_| case.links.len() > 1)?;
    let site = match link.step {
        TraceStep::Waited => link.site.as_ref(),
        _ => case.end.site.as_ref(),
    };
    Some(Owner { link, end: case.end.kind, site: site.filter(|site| !site.own.is_empty())? })
}

/// Part of the longest wait that one which says more must last.
const AS_LONG: f64 = 0.8;

/// Chains from a wait at that place with who is at their ends, the longest first. Of those who wait behind each other all are let go at
/// once: a chain that ends among them says nothing of who came before, and comes after one that does.
pub(super) fn waited_at<'a>(
    cases: impl Iterator<Item = &'a TraceCase>,
    site: &TraceSite,
) -> Vec<(&'a TraceCase, Owner<'a>)> {
    let owned = cases.filter(|case| case.waited_at(site)).filter_map(|case| Some((case, holder(case)?)));
    let mut owned: Vec<(&TraceCase, Owner<'_>)> = owned.collect();
    owned.sort_by(|(a, _), (b, _)| b.length_s.total_cmp(&a.length_s));
    let longest_s = owned.first().map_or(0.0, |(case, _)| case.length_s);
    let ends_elsewhere = |(case, owner): &(&TraceCase, Owner<'_>)| {
        owner.site.cause != TraceCause::Lock && case.length_s >= AS_LONG * longest_s
    };
    if let Some(at) = owned.iter().position(ends_elsewhere) {
        owned[..=at].rotate_right(1);
    }
    owned
}

/// Who has the lock at which a chain begins: the first that waits for no lock itself, whomever it waits for in turn.
fn holder(case: &TraceCase) -> Option<Owner<'_>> {
    // Whom somebody woke did not wait for a timer: it was seen there before.
    let at_lock = |link: &&TraceLink| {
        let cause = link.site.as_ref().map(|site| site.cause);
        matches!(cause, Some(TraceCause::Lock | TraceCause::Timer))
    };
    let link = case.links.iter().skip(1).find(|link| !at_lock(link));
    let waits = link.filter(|link| link.step == TraceStep::Waited);
    let site = waits.and_then(|link| link.site.as_ref()).filter(|site| !site.own.is_empty());
    // What the last one of a chain waited for is how the chain ends.
    let is_last = waits.is_some_and(|link| case.links.last().is_some_and(|last| std::ptr::eq(link, last)));
    let Some((link, site)) = waits.zip(site).filter(|_| !is_last) else { return of(case) };
    let end = if site.cause == TraceCause::Socket { TraceEndKind::Socket } else { TraceEndKind::Unknown };
    Some(Owner { link, end, site })
}

/// The function that keeps what `waiter` waits for while it stands at `owner`: the one in which it let it go, or took it, where
/// that is seen; otherwise the innermost.
pub(super) fn keeper(joined: &Joined<'_>, waiter: &TraceSite, by: &Owner<'_>) -> Option<Culprit> {
    let (kind, owner) = (by.link.kind.as_str(), by.site);
    // Who has one and waits at the same line for one more, until a timeout, asks for it again: whoever calls that does.
    if let ([here, calls, _, ..], Some(waits)) = (owner.own.as_slice(), waiter.own.first())
        && here == waits
        && owner.cause == TraceCause::Timer
    {
        return Some(at(calls));
    }
    // Who wakes the next one lets go: it went on from where it stood to there within one function, which had it all the while.
    let let_go = by.link.woke.iter().flat_map(|woke| &woke.own);
    if let Some(frame) = let_go.into_iter().find_map(|frame| owner.own.iter().find(|one| same(one, frame))) {
        return Some(at(frame));
    }
    // It has, by its source, what is called as what the other waits for.
    if let Some(frame) = taker_of(joined, &waiter.own, &owner.own) {
        return Some(at(frame));
    }
    // Where tasks of the owner's own type wait for a lock is where they take it.
    let all = joined
        .trace
        .into_iter()
        .flat_map(|trace| trace.waits.iter().chain(trace.saturated.iter().flat_map(|phase| &phase.waits)));
    let taken = all.filter(|wait: &&TraceWait| wait.kind == kind).filter_map(|wait| wait.site.as_ref());
    let at_locks = taken.filter(|site| site.cause == TraceCause::Lock);
    at_locks
        .filter_map(|site| common(&site.own, &owner.own).map(at))
        .next()
        .or_else(|| common(&waiter.own, &owner.own).map(at))
        .or_else(|| match owner.own.as_slice() {
            // It was never seen to wait for it: neither the call it stands in nor the task's own loop is likely.
            [_, middle, _, ..] => Some(at(middle)),
            _ => innermost(owner),
        })
}

/// The outermost function of a task: its loop.
pub(super) fn root(site: &TraceSite) -> Option<Culprit> {
    site.own.last().map(at).or_else(|| innermost(site))
}
