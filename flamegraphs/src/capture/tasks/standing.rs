//! Threads that stood off their CPU for the whole of a recording, by place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::sites::{self, Site};
use crate::capture::parking::{is_parked, mark};
use crate::capture::recording::{Recording, Stands, Waiting};
use crate::capture::symbols::Place;
use crate::capture::waits::{Wait, Why};

/// The last wait of a thread that stays where it is is not over by so much before the end, nanoseconds.
const END_NS: u64 = 200_000_000;
/// Waits of one thread that are looked at.
const MOST_TAIL: usize = 20_000;

/// Threads of one name that stand at one place.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Their name, without a number.
    pub pool: String,
    /// Where.
    pub site: Site,
    /// How many.
    pub threads: u64,
    /// Where others stand that seem to hold the lock which these wait for, each place with the number of its threads.
    pub held_by: Vec<(Site, u64)>,
}

/// All of them, the most first; who waits for work of its runtime is left out.
pub fn standing(recording: &Recording) -> Vec<Standing> {
    let stacks: Vec<u32> = recording.standing.iter().map(|one| one.stack).collect();
    let named = recording.named(&stacks);
    let ends_parked = |places: &Vec<Place>| is_parked(places.iter().map(|place| mark(&place.function)));
    let parked: Vec<bool> = named.iter().map(ends_parked).collect();
    let sites = sites::of_named(recording, named);
    let mut groups: BTreeMap<(String, Key<'_>), Vec<usize>> = BTreeMap::new();
    for (at, one) in recording.standing.iter().enumerate().filter(|(at, _)| !parked[*at]) {
        groups.entry((pool(recording, one), key(&sites[at]))).or_default().push(at);
    }
    let group = |((pool, _), all): ((String, Key<'_>), Vec<usize>)| {
        let mut holders: Vec<usize> = all.iter().flat_map(|at| recording.standing[*at].held_by.clone()).collect();
        holders.sort_unstable();
        holders.dedup();
        let mut places: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
        holders.into_iter().for_each(|at| places.entry(key(&sites[at])).or_default().push(at));
        let held_by = places.into_values().map(|all| (sites[all[0]].clone(), all.len() as u64)).collect();
        Standing { pool, site: sites[all[0]].clone(), threads: all.len() as u64, held_by }
    };
    let mut found: Vec<Standing> = groups.into_iter().map(group).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.threads));
    found
}

/// Threads that came to a place while they were recorded and were nowhere else until the end, for `least_ns` at least, by place: they
/// may be woken there again and again, to find that nothing is there for them.
pub fn stayed(recording: &Recording, waiting: &Waiting, least_ns: u64) -> Vec<Standing> {
    let mut by_thread: BTreeMap<u32, Vec<&Wait>> = BTreeMap::new();
    for wait in waiting.waits.iter().filter(|wait| waiting.why(wait) != Why::Preempted) {
        by_thread.entry(wait.thread).or_default().push(wait);
    }
    let ended = |waits: &Vec<&Wait>| waits.last().is_some_and(|last| last.to_ns + END_NS >= recording.ended_ns);
    by_thread.retain(|_, waits| ended(waits));
    let tail = |waits: &[&Wait]| waits.len().saturating_sub(MOST_TAIL);
    let wanted: BTreeSet<u32> =
        by_thread.values().flat_map(|waits| &waits[tail(waits)..]).filter_map(|wait| wait.stack).collect();
    let wanted: Vec<u32> = wanted.into_iter().collect();
    let sites = sites::of_recording(recording, &wanted);
    let at: HashMap<u32, usize> = wanted.into_iter().zip(0..).collect();
    let mut groups: BTreeMap<(String, Key<'_>), (usize, u64)> = BTreeMap::new();
    for (thread, waits) in &by_thread {
        let place = |wait: &Wait| wait.stack.and_then(|stack| at.get(&stack).copied());
        let Some(last) = waits.last().filter(|last| waiting.why(last) == Why::Blocked).and_then(|last| place(last))
        else {
            continue;
        };
        // Where a stack is not known it is not known to be elsewhere; within one line a thread may wait for a lock, too.
        let here = |wait: &Wait| place(wait).is_none_or(|at| key(&sites[at]).1 == key(&sites[last]).1);
        if is_settled(&waits[tail(waits)..], here, recording.ended_ns, least_ns) {
            groups.entry((thread_pool(recording, *thread), key(&sites[last]))).or_insert((last, 0)).1 += 1;
        }
    }
    let group = |((pool, _), (at, threads)): ((String, Key<'_>), (usize, u64))| Standing {
        pool,
        site: sites[at].clone(),
        threads,
        held_by: Vec::new(),
    };
    let mut found: Vec<Standing> = groups.into_iter().map(group).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.threads));
    found
}

/// Whether a thread with these waits came to a place and was nowhere else from then on, for as long at least, nanoseconds. Who was
/// there from the beginning may wait for work.
fn is_settled(waits: &[&Wait], is_here: impl Fn(&Wait) -> bool, ended_ns: u64, least_ns: u64) -> bool {
    let count = waits.iter().rev().take_while(|wait| is_here(wait)).count();
    let since_ns = waits.get(waits.len() - count).map_or(ended_ns, |first| first.from_ns);
    count > 0 && count < waits.len() && ended_ns.saturating_sub(since_ns) >= least_ns
}

fn pool(recording: &Recording, one: &Stands) -> String {
    thread_pool(recording, one.thread)
}

fn thread_pool(recording: &Recording, thread: u32) -> String {
    let thread = recording.threads.get(thread as usize);
    thread.map(|thread| crate::names::thread_name(&thread.name)).unwrap_or_default()
}

/// What stacks have in common that stand at one place: the call, and every function of the program with its line.
type Key<'s> = (&'s str, Vec<(&'s str, &'s str, u32)>);

fn key(site: &Site) -> Key<'_> {
    let frames = site.own.iter().map(|frame| (frame.function.as_str(), frame.file.as_str(), frame.line));
    (&site.call, frames.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_woken_where_it_waits_and_waits_on_is_settled() {
        let of = |stacks: &[u32], least_ns| {
            let wait = |(at, stack): (u64, &u32)| Wait {
                thread: 0,
                from_ns: at * 100,
                to_ns: at * 100 + 90,
                stack: Some(*stack),
                preempted: false,
            };
            let all: Vec<Wait> = (0..).zip(stacks).map(wait).collect();
            let all: Vec<&Wait> = all.iter().collect();
            is_settled(&all, |wait| wait.stack == Some(7), stacks.len() as u64 * 100, least_ns)
        };
        assert!(of(&[1, 7, 7, 7], 300));
        assert!(!of(&[1, 7, 7, 7], 301), "not for long");
        assert!(!of(&[1, 7, 1, 7], 200), "it was elsewhere between");
        assert!(!of(&[7, 7, 7, 7], 100), "from the beginning");
        assert!(!of(&[1, 7, 7, 1], 100), "it went on");
        assert!(!of(&[], 0));
    }
}
