//! Resources by the place that made them, and who waited on them for how long.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::queue::{Queue, Waits};
use super::sites::seconds;
use super::state::State;
use crate::run::console::{OpStats, Resource};

/// The resources of one type made at one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceGroup {
    /// `Mutex`, `Semaphore`, `Sleep`, …
    pub concrete_type: String,
    /// `Sync`, `timer`, …
    pub kind: String,
    /// `file:line:column` of its making: the protocol knows no place of waiting.
    pub place: String,
    /// Made so far.
    pub made: u64,
    /// Not dropped.
    pub alive: u64,
    /// State of the one resource alive, or of the one that was waited on longest: `permits` = `0`, …
    pub attributes: Vec<(String, String)>,
    /// Operations that waited on them, ended or not.
    pub waits: u64,
    /// Tasks that did.
    pub tasks: u64,
    /// Time that they waited, summed over tasks, seconds.
    pub waited_s: f64,
    /// The longest wait, seconds.
    pub longest_s: f64,
    /// The queue in front of the one that was waited on longest.
    pub queue: Queue,
    /// Those who waited, by the place that spawned them, the longest sum first.
    pub waiters: Vec<Waiter>,
}

/// Tasks of one site that waited on resources of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waiter {
    /// Where they were spawned; empty where the task is not known.
    pub place: String,
    /// What they called: `Mutex::lock`.
    pub call: String,
    /// Tasks.
    pub tasks: u64,
    /// Waits.
    pub waits: u64,
    /// Time waited, seconds.
    pub waited_s: f64,
    /// The longest, seconds.
    pub longest_s: f64,
    /// Waiting at that moment.
    pub waiting: u64,
    /// The longest of these, seconds.
    pub waiting_s: f64,
}

impl ResourceGroup {
    /// A timer: who waits for it wants to.
    pub fn is_timer(&self) -> bool {
        self.kind == TIMER
    }

    /// A mutex, semaphore or the like: waiting for one is waiting for other tasks. Channels wait for work.
    pub fn is_lock(&self) -> bool {
        ["Mutex", "RwLock", "Semaphore"].contains(&self.concrete_type.as_str())
    }

    /// One at a time has it (or one who writes): a semaphore may have many permits.
    pub fn is_exclusive(&self) -> bool {
        ["Mutex", "RwLock"].contains(&self.concrete_type.as_str())
    }

    /// Operations that wait at that moment.
    pub fn waiting(&self) -> u64 {
        self.waiters.iter().map(|waiter| waiter.waiting).sum()
    }

    /// The longest of these, seconds.
    pub fn waiting_s(&self) -> f64 {
        self.waiters.iter().map(|waiter| waiter.waiting_s).fold(0.0, f64::max)
    }
}

const TIMER: &str = "timer";

/// Groups while they are being added up.
#[derive(Default)]
struct Sums {
    made: u64,
    alive: u64,
    tasks: BTreeSet<u64>,
    waits: u64,
    waited_s: f64,
    longest_s: f64,
    by_resource: BTreeMap<u64, Waits>,
    waiters: BTreeMap<(String, String), (Waiter, BTreeSet<u64>)>,
}

/// Tables of all groups: what was waited on longest first, timers last.
pub(super) fn groups(state: &State<'_>) -> Vec<ResourceGroup> {
    let mut groups: BTreeMap<(String, String, String), Sums> = BTreeMap::new();
    for seen in state.resources.values() {
        let Some(resource) = seen.thing else { continue };
        // A mutex is made of a semaphore: what is part of another is shown as that other.
        if outermost(state, resource).id != resource.id {
            continue;
        }
        let sums = groups.entry(key(state, resource)).or_default();
        sums.made += 1;
        sums.alive += u64::from(seen.stats.is_none_or(|stats| stats.dropped.is_none()));
        sums.by_resource.entry(resource.id).or_default();
    }
    for seen in state.ops.values() {
        let (Some(op), Some(stats)) = (seen.thing, seen.stats) else { continue };
        // `Mutex::lock` contains the semaphore's `acquire`: one wait, not two.
        if op.parent.is_some_and(|parent| state.ops.contains_key(&parent)) {
            continue;
        }
        let resource = op.resource.and_then(|id| state.resources.get(&id)?.thing);
        let Some(resource) = resource.map(|resource| outermost(state, resource)) else { continue };
        let sums = groups.entry(key(state, resource)).or_default();
        let wait_s = wait(stats, state.now_ns);
        sums.by_resource.entry(resource.id).or_default().add(stats, state.now_ns);
        sums.add(state, stats, state.recording.text(op.source), wait_s);
    }
    let mut groups: Vec<ResourceGroup> = groups.into_iter().map(|(key, sums)| sums.group(state, key)).collect();
    groups.sort_by(|a, b| {
        a.is_timer()
            .cmp(&b.is_timer())
            .then(b.waited_s.total_cmp(&a.waited_s))
            .then_with(|| (&a.place, &a.concrete_type).cmp(&(&b.place, &b.concrete_type)))
    });
    groups
}

impl Sums {
    fn add(&mut self, state: &State<'_>, stats: &OpStats, call: &str, wait_s: f64) {
        self.waits += 1;
        self.waited_s += wait_s;
        self.longest_s = self.longest_s.max(wait_s);
        self.tasks.extend(stats.task);
        let task = stats.task.and_then(|id| state.tasks.get(&id)?.thing);
        let place = task.map(|task| state.recording.place(task.place.as_ref())).unwrap_or_default();
        let (waiter, tasks) = self.waiters.entry((place.clone(), call.to_owned())).or_insert_with(|| {
            let waiter = Waiter {
                place,
                call: call.to_owned(),
                tasks: 0,
                waits: 0,
                waited_s: 0.0,
                longest_s: 0.0,
                waiting: 0,
                waiting_s: 0.0,
            };
            (waiter, BTreeSet::new())
        });
        tasks.extend(stats.task);
        waiter.waits += 1;
        waiter.waited_s += wait_s;
        waiter.longest_s = waiter.longest_s.max(wait_s);
        if stats.dropped.is_none() {
            waiter.waiting += 1;
            waiter.waiting_s = waiter.waiting_s.max(wait_s);
        }
    }

    fn group(mut self, state: &State<'_>, (concrete_type, kind, place): (String, String, String)) -> ResourceGroup {
        let waited: Vec<(u64, f64)> = self.by_resource.iter().map(|(id, waits)| (*id, waits.waited_s())).collect();
        let waited_on = waited.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(id, _)| *id);
        let shown = waited_on.filter(|_| self.made == 1 || self.waited_s > 0.0);
        let waits = waited_on.and_then(|id| self.by_resource.remove(&id)).unwrap_or_default();
        let mut waiters: Vec<Waiter> =
            self.waiters.into_values().map(|(waiter, tasks)| Waiter { tasks: tasks.len() as u64, ..waiter }).collect();
        waiters.sort_by(|a, b| {
            b.waited_s.total_cmp(&a.waited_s).then_with(|| (&a.place, &a.call).cmp(&(&b.place, &b.call)))
        });
        ResourceGroup {
            concrete_type,
            kind,
            place,
            made: self.made,
            alive: self.alive,
            attributes: shown.map(|id| attributes(state, id)).unwrap_or_default(),
            waits: self.waits,
            tasks: self.tasks.len() as u64,
            waited_s: self.waited_s,
            longest_s: self.longest_s,
            queue: waits.queue(state),
            waiters,
        }
    }
}

/// How long an operation has waited: since it was made, until it was dropped.
fn wait(stats: &OpStats, now_ns: i64) -> f64 {
    stats.created.map_or(0.0, |created| seconds(stats.dropped.unwrap_or(now_ns) - created))
}

/// The resource that this one is part of, or itself.
fn outermost<'r>(state: &State<'r>, resource: &'r Resource) -> &'r Resource {
    let mut outer = resource;
    // A hostile recording could make parents go round.
    for _ in 0..8 {
        let parent = outer.parent.filter(|_| outer.internal).and_then(|id| state.resources.get(&id)?.thing);
        match parent {
            Some(parent) => outer = parent,
            None => break,
        }
    }
    outer
}

fn key(state: &State<'_>, resource: &Resource) -> (String, String, String) {
    let kind = match (resource.kind, resource.known_kind) {
        (Some(number), _) => state.recording.text(number).to_owned(),
        (None, Some(0)) => TIMER.to_owned(),
        (None, _) => String::new(),
    };
    (state.recording.text(resource.concrete_type).to_owned(), kind, state.recording.place(resource.place.as_ref()))
}

/// State of a resource and, where it has none of its own, of its parts.
fn attributes(state: &State<'_>, id: u64) -> Vec<(String, String)> {
    let own = of(state, id);
    if !own.is_empty() {
        return own;
    }
    let part =
        state.resources.values().find_map(|seen| seen.thing.filter(|part| part.internal && part.parent == Some(id)));
    part.map(|part| of(state, part.id)).unwrap_or_default()
}

fn of(state: &State<'_>, id: u64) -> Vec<(String, String)> {
    let Some(seen) = state.resources.get(&id) else { return Vec::new() };
    let metadata = seen.thing.and_then(|resource| resource.metadata);
    let mut all: Vec<(String, String)> = seen
        .stats
        .into_iter()
        .flat_map(|stats| &stats.attributes)
        .filter_map(|attribute| {
            let field = attribute.field.as_ref()?;
            let value = state.value(field.value?)?;
            let unit = attribute.unit.map(|number| state.recording.text(number)).unwrap_or_default();
            Some((state.name(field, metadata)?.to_owned(), format!("{value}{unit}")))
        })
        .collect();
    // The server's order is that of a hash map.
    all.sort();
    all
}
