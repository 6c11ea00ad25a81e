//! Threads that stood off their CPU for the whole of a recording, by place.

use std::collections::BTreeMap;

use super::sites::{self, Site};
use crate::capture::parking::{is_parked, mark};
use crate::capture::recording::{Recording, Stands};
use crate::capture::symbols::Place;

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

fn pool(recording: &Recording, one: &Stands) -> String {
    let thread = recording.threads.get(one.thread as usize);
    thread.map(|thread| crate::names::thread_name(&thread.name)).unwrap_or_default()
}

/// What stacks have in common that stand at one place: the call, and every function of the program with its line.
type Key<'s> = (&'s str, Vec<(&'s str, &'s str, u32)>);

fn key(site: &Site) -> Key<'_> {
    let frames = site.own.iter().map(|frame| (frame.function.as_str(), frame.file.as_str(), frame.line));
    (&site.call, frames.collect())
}
