//! What is conspicuous in a recording. The rules of tokio-console's warnings (its `warnings.rs`), with what they lack.

use std::collections::BTreeMap;

use serde::Serialize;

use super::resources::ResourceGroup;
use super::sites::{TaskSite, seconds};
use super::state::{Doing, Kind, State, doing};
use crate::run::console::TaskStats;

/// Part of its wake-ups by itself from which a task is conspicuous (`SelfWakePercent` of tokio-console).
const SELF_WAKES: f64 = 0.5;
/// Wake-ups below which their share says nothing.
const FEW_WAKES: u64 = 20;
/// Seconds in one poll from which a task counts as never yielding (`NeverYielded` of tokio-console).
const NEVER_YIELDS_S: f64 = 1.0;
/// Seconds that somebody waits for a permit, with none to be had and none given to anybody else, from which a semaphore
/// counts as starved.
const STARVED_S: f64 = 1.0;
/// A lock that somebody waits for during this part of the recording is contended, however many wait at a time.
const CONTENDED: f64 = 0.5;
/// Part of the time waited in which no holder ran, from which a lock counts as held across an await.
const HELD_IDLE: f64 = 0.5;
/// Idle tasks at one site that are many.
const MANY_IDLE: u64 = 20;
/// Seconds without a poll from which a task counts as idle for that.
const LONG_IDLE_S: f64 = 1.0;

/// What was observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observation {
    /// By which rule.
    pub rule: Rule,
    /// Tasks concerned.
    pub tasks: u64,
    /// Where they were spawned, or where the resource was made.
    pub place: String,
    /// One sentence.
    pub says: String,
}

/// Rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Idle, and nobody holds its waker.
    LostWaker,
    /// In one poll for a second or more.
    NeverYields,
    /// Waits for a permit while there is none.
    StarvedSemaphore,
    /// Somebody waits for it most of the time, and only one at a time can have it.
    ContendedResource,
    /// More tasks ask for its permits than are served.
    GrowingQueue,
    /// Wakes itself more often than others do.
    SelfWakes,
    /// Many tasks of one site wait.
    ManyIdle,
}

/// Everything conspicuous, the gravest rule first.
pub(super) fn observations(state: &State<'_>, sites: &[TaskSite], groups: &[ResourceGroup]) -> Vec<Observation> {
    let mut all = tasks(state);
    all.extend(groups.iter().filter(|group| !group.is_timer()).filter_map(|group| resource(state, group)));
    all.extend(sites.iter().filter_map(many_idle));
    all.sort_by(|a, b| a.rule.cmp(&b.rule).then(b.tasks.cmp(&a.tasks)).then_with(|| a.place.cmp(&b.place)));
    all
}

/// Rules about single tasks, told by site.
fn tasks(state: &State<'_>) -> Vec<Observation> {
    let mut found: BTreeMap<(Rule, String), (u64, f64)> = BTreeMap::new();
    for seen in state.tasks.values() {
        let (Some(task), Some(stats)) = (seen.thing, seen.stats) else { continue };
        let kind = state.kind(task);
        let mut say = |rule: Rule, size: f64| {
            let (tasks, most) = found.entry((rule, state.recording.place(task.place.as_ref()))).or_default();
            *tasks += 1;
            *most = most.max(size);
        };
        // A second observation: at least one update since in which it had not changed.
        let again = state.updates > seen.changed;
        if kind == Kind::Task
            && again
            && let Some(idle_s) = lost_waker(stats, state.now_ns)
        {
            say(Rule::LostWaker, idle_s);
        }
        if kind != Kind::Blocking
            && let Doing::InPoll(since) = doing(stats)
            && seconds(state.now_ns - since) >= NEVER_YIELDS_S
        {
            say(Rule::NeverYields, seconds(state.now_ns - since));
        }
        if kind == Kind::Task && stats.wakes >= FEW_WAKES {
            let share = stats.self_wakes as f64 / stats.wakes as f64;
            if share > SELF_WAKES {
                say(Rule::SelfWakes, share);
            }
        }
    }
    found.into_iter().map(|((rule, place), (tasks, size))| sentence(rule, place, tasks, size)).collect()
}

/// For how long a task has been idle with nobody to wake it.
fn lost_waker(stats: &TaskStats, now_ns: i64) -> Option<f64> {
    match doing(stats) {
        Doing::Idle(since) if stats.clones == stats.drops => Some(seconds(now_ns - since)),
        _ => None,
    }
}

fn sentence(rule: Rule, place: String, tasks: u64, size: f64) -> Observation {
    let (noun, verb) = if tasks == 1 { ("task", "is") } else { ("tasks", "are") };
    let says = match rule {
        Rule::LostWaker => format!(
            "{tasks} {noun} {verb} idle with no waker left, for up to {size:.1} s: nobody can ever wake {}; look for a poll that \
             returns Pending without keeping the waker",
            if tasks == 1 { "it" } else { "them" }
        ),
        Rule::NeverYields => format!(
            "{tasks} {noun} {verb} in one poll for up to {size:.1} s: the worker runs nothing else; move the work to \
             spawn_blocking, or yield in its loop"
        ),
        Rule::SelfWakes => format!(
            "{tasks} {noun} woke {} by up to {:.0} % of all wake-ups: a loop that polls instead of waiting (only wakes by \
             reference are seen: a loop of yield_now would not be)",
            if tasks == 1 { "itself" } else { "themselves" },
            size * 100.0
        ),
        Rule::StarvedSemaphore | Rule::ContendedResource | Rule::GrowingQueue | Rule::ManyIdle => String::new(),
    };
    Observation { rule, tasks, place, says }
}

/// Rules about what is waited for.
fn resource(state: &State<'_>, group: &ResourceGroup) -> Option<Observation> {
    let name = &group.concrete_type;
    let attribute = |name: &str| group.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (waiting, queue) = (group.waiting(), &group.queue);
    let holders = "who holds it is unknown: the protocol does not tell";
    let observed = |rule, says| Some(Observation { rule, tasks: group.tasks, place: group.place.clone(), says });
    // The permit of a mutex is its lock: none is left while somebody holds it.
    let nothing_moves = group.waiting_s() >= STARVED_S && queue.still_s >= STARVED_S;
    if name == "Semaphore" && attribute("permits") == Some("0") && waiting > 0 && nothing_moves {
        return observed(
            Rule::StarvedSemaphore,
            format!(
                "{name} without a permit to give: {waiting} waiting, the longest for {:.1} s (waits: {}, {:.1} s in sum); {holders}",
                group.waiting_s(),
                group.waits,
                group.waited_s
            ),
        );
    }
    let span_s = state.at_ns as f64 / 1e9;
    // The permits of a limiter are meant to be held while their holders wait for something: a queue before them that does not
    // grow is the limiter at work.
    if name == "Semaphore" && group.tasks > 1 && waiting > 0 && queue.grows() {
        return observed(
            Rule::GrowingQueue,
            format!(
                "{waiting} wait for a permit of a {name}, on average {:.1} at first and {:.1} at last: more asks for permits than \
                 they let through; a longer queue only makes everybody late, so shed, slow down, or give more permits",
                queue.early, queue.late
            ),
        );
    }
    if group.is_exclusive() && group.tasks > 1 && queue.covered_s > CONTENDED * span_s {
        let idle = queue.held_idle();
        let mechanism = if idle >= HELD_IDLE {
            format!(
                "during at least {:.0} % of that nobody who asked for it was being polled: it is held across an await; let it go \
                 before, or hold less",
                idle * 100.0
            )
        } else {
            "its holders may have run meanwhile: do less under it, or split what it guards".to_owned()
        };
        return observed(
            Rule::ContendedResource,
            format!(
                "{name} was waited for {} times by {} tasks, by at least one during {:.1} s of {span_s:.1} s, {:.3} s at the longest, \
                 {waiting} waiting at the end; {mechanism}; {holders}",
                group.waits, group.tasks, queue.covered_s, group.longest_s
            ),
        );
    }
    None
}

/// Tasks parked for good look healthy one by one; many at one site stand out.
fn many_idle(site: &TaskSite) -> Option<Observation> {
    let many = site.kind == Kind::Task && site.idle >= MANY_IDLE && site.longest_idle_s >= LONG_IDLE_S;
    many.then(|| Observation {
        rule: Rule::ManyIdle,
        tasks: site.idle,
        place: site.place.clone(),
        says: format!(
            "{} tasks of one site wait, the longest for {:.1} s: a pool, or tasks that nobody will ever wake or end",
            site.idle, site.longest_idle_s
        ),
    })
}
