//! What threads did while a poll lasted: computed, or blocked, and where. Tasks alone do not tell.

use std::collections::HashMap;

use super::sites::{self, Site};
use super::threads::Threads;
use crate::capture::address_space::AddressSpace;
use crate::capture::recording::{Recording, Taken};
use crate::capture::waits::Wait;
use crate::tasks::{Case, End, Outcome};

/// A thread and a window: nanoseconds of the recording's clock.
pub type Window = (u32, u64, u64);

/// What a thread did for most of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// It was on a CPU.
    Computed,
    /// It had given its CPU up.
    Blocked,
    /// Its CPU was taken from it.
    Preempted,
}

/// The same with the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// What.
    pub doing: Doing,
    /// Where it was found most often, or blocked for longest; `None` where no stack of it was taken.
    pub site: Option<Site>,
}

/// The windows that chains of an outcome end with.
pub(super) fn windows(outcome: &Outcome) -> Vec<Window> {
    let stretches = || std::iter::once(outcome).chain(outcome.before.as_deref());
    let waits = stretches().flat_map(|outcome| &outcome.waits).flat_map(|(.., figures)| &figures.longest);
    let delays = stretches().flat_map(|outcome| outcome.delays.iter().chain(&outcome.unheard));
    let mut all: Vec<Window> = delays.chain(waits).filter_map(window).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The window that the chain of a case ends with, where that is on a thread.
pub fn window(case: &Case) -> Option<Window> {
    let last = case.chain.links.last()?;
    match case.chain.end {
        End::Polled { tid } | End::IdleWorker { tid: Some(tid) } | End::Outside { tid, .. } => {
            Some((tid, last.from_ns, last.to_ns))
        }
        _ => None,
    }
}

/// What the threads did in the windows; those of which nothing is known are left out.
pub(super) fn of(
    windows: &[Window],
    recording: &Recording,
    threads: &Threads,
    spaces: &HashMap<u32, AddressSpace>,
) -> HashMap<Window, Spent> {
    let mut found: Vec<(Window, Doing, Option<u32>)> = Vec::new();
    for window in windows {
        let Some(thread) = threads.numbered(window.0) else { continue };
        if let Some((doing, stack)) = within(*window, threads.taken(thread), threads.away(thread)) {
            found.push((*window, doing, stack));
        }
    }
    // Only the stacks that are asked for get names.
    let stacks: Vec<u32> = found.iter().filter_map(|(.., stack)| *stack).collect();
    let addresses: Vec<_> = stacks.iter().filter_map(|at| recording.stacks.get(*at as usize)).cloned().collect();
    let mut named = sites::of(&addresses, spaces).into_iter();
    found
        .into_iter()
        .map(|(window, doing, stack)| (window, Spent { doing, site: stack.and_then(|_| named.next()) }))
        .collect()
}

/// What a thread did within a window, and the stack that says where. Times off the CPU are whole; samples are few.
fn within((_, from, to): Window, taken: &[Taken], away: &[Wait]) -> Option<(Doing, Option<u32>)> {
    let overlap = |wait: &Wait| wait.to_ns.min(to).saturating_sub(wait.from_ns.max(from));
    let first = away.partition_point(|wait| wait.to_ns <= from);
    let inside: Vec<&Wait> = away[first..].iter().take_while(|wait| wait.from_ns < to).collect();
    let sum = |preempted: bool| -> u64 {
        inside.iter().filter(|wait| wait.preempted == preempted).map(|wait| overlap(wait)).sum()
    };
    let (blocked, preempted) = (sum(false), sum(true));
    let computed = (to - from).saturating_sub(blocked + preempted);
    let longest = |preempted: bool| {
        let of = inside.iter().filter(|wait| wait.preempted == preempted).max_by_key(|wait| overlap(wait));
        of.and_then(|wait| wait.stack)
    };
    if blocked > computed.max(preempted) {
        return Some((Doing::Blocked, longest(false)));
    }
    let begin = taken.partition_point(|one| one.time_ns < from);
    let end = taken.partition_point(|one| one.time_ns < to);
    let samples = taken.get(begin..end).unwrap_or_default();
    let mut counts: HashMap<u32, usize> = HashMap::new();
    samples.iter().for_each(|one| *counts.entry(one.stack).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(stack, count)| (*count, std::cmp::Reverse(*stack)));
    let stack = most.map(|(stack, _)| stack);
    if preempted > computed {
        return Some((Doing::Preempted, stack));
    }
    // Neither seen on a CPU nor leaving one: nothing is known of this thread.
    (stack.is_some() || !inside.is_empty()).then_some((Doing::Computed, stack))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(from_ns: u64, to_ns: u64, preempted: bool, stack: u32) -> Wait {
        Wait { thread: 0, from_ns, to_ns, stack: Some(stack), preempted }
    }

    #[test]
    fn what_a_thread_did_for_most_of_a_window_is_told_with_its_stack() {
        let sample = |time_ns, stack| Taken { time_ns, thread: 0, stack };
        let taken = [sample(5, 9), sample(110, 1), sample(120, 2), sample(130, 2), sample(500, 9)];
        let told = |away: &[Wait]| within((1, 100, 200), &taken, away);
        assert_eq!(told(&[]), Some((Doing::Computed, Some(2))));
        assert_eq!(told(&[wait(0, 110, false, 7), wait(120, 190, false, 8)]), Some((Doing::Blocked, Some(8))));
        assert_eq!(told(&[wait(110, 195, true, 7)]), Some((Doing::Preempted, Some(2))));
        assert_eq!(told(&[wait(110, 120, false, 7)]), Some((Doing::Computed, Some(2))));
        assert_eq!(within((1, 200, 300), &[], &[]), None, "nothing is known");
    }
}
