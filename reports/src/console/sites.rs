//! Tasks by the place that spawned them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::{Merged, Spread};
use super::state::{Doing, Kind, State, doing};

/// The tasks of one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskSite {
    /// `file:line:column`; empty where it is not known.
    pub place: String,
    /// What was spawned there.
    pub kind: Kind,
    /// Names that they were given.
    pub names: Vec<String>,
    /// Seen so far.
    pub seen: u64,
    /// Finished by then.
    pub finished: u64,
    /// In a poll at that moment, as far as the process had said.
    pub in_poll: u64,
    /// Ready, not polled yet.
    pub ready: u64,
    /// Waiting.
    pub idle: u64,
    /// How long the most patient of these has waited, seconds.
    pub longest_idle_s: f64,
    /// Polls, less the one that dropping a finished task counts as (design 04, pitfall 4).
    pub polls: u64,
    /// Time within polls that ended, seconds.
    pub busy_s: f64,
    /// Time between wake-up and poll, seconds.
    pub scheduled_s: f64,
    /// Wake-ups.
    pub wakes: u64,
    /// Wake-ups by reference from within the task's own poll.
    pub self_wakes: u64,
    /// Size of the largest future, bytes; 0 where it is not known.
    pub future_bytes: u64,
    /// How long polls took, of the tasks whose histograms were recorded.
    pub poll_times: Option<Spread>,
    /// How long wake-ups waited for their poll, likewise.
    pub scheduled_times: Option<Spread>,
}

/// Histograms of a site while they are being added up.
#[derive(Default)]
struct Times {
    polls: Merged,
    scheduled: Merged,
}

/// Tables of all sites, the busiest first.
pub(super) fn sites(state: &State<'_>) -> Vec<TaskSite> {
    let mut sites: BTreeMap<(String, Kind), (TaskSite, Times)> = BTreeMap::new();
    for (id, seen) in &state.tasks {
        let (place, kind) = match seen.thing {
            Some(task) => (state.recording.place(task.place.as_ref()), state.kind(task)),
            None => (String::new(), Kind::Task),
        };
        let (site, times) =
            sites.entry((place.clone(), kind)).or_insert_with(|| (TaskSite::empty(place, kind), Times::default()));
        site.seen += 1;
        if let Some(task) = seen.thing {
            let field = |name: &str| state.field(&task.fields, task.metadata, name);
            if let Some(name) = field("task.name").filter(|name| !name.is_empty())
                && !site.names.contains(&name)
                && site.names.len() < NAMES
            {
                site.names.push(name);
            }
            let bytes = field("size.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
            site.future_bytes = site.future_bytes.max(bytes);
        }
        if let Some(stats) = seen.stats {
            site.add(stats, state.now_ns);
        }
        if let Some(details) = state.details.get(id) {
            details.polls.iter().for_each(|durations| times.polls.add(durations));
            details.scheduled.iter().for_each(|durations| times.scheduled.add(durations));
        }
    }
    let mut sites: Vec<TaskSite> = sites
        .into_values()
        .map(|(mut site, times)| {
            site.poll_times = times.polls.spread();
            site.scheduled_times = times.scheduled.spread();
            site
        })
        .collect();
    sites.sort_by(|a, b| b.busy_s.total_cmp(&a.busy_s).then_with(|| a.place.cmp(&b.place)));
    sites
}

/// Names kept of a site.
const NAMES: usize = 3;

impl TaskSite {
    fn empty(place: String, kind: Kind) -> Self {
        Self {
            place,
            kind,
            names: Vec::new(),
            seen: 0,
            finished: 0,
            in_poll: 0,
            ready: 0,
            idle: 0,
            longest_idle_s: 0.0,
            polls: 0,
            busy_s: 0.0,
            scheduled_s: 0.0,
            wakes: 0,
            self_wakes: 0,
            future_bytes: 0,
            poll_times: None,
            scheduled_times: None,
        }
    }

    fn add(&mut self, stats: &crate::run::console::TaskStats, now_ns: i64) {
        let poll = stats.poll.unwrap_or_default();
        let finished = stats.dropped.is_some();
        self.polls += poll.polls.saturating_sub(u64::from(finished));
        self.busy_s += poll.busy.unwrap_or(0) as f64 / 1e9;
        self.scheduled_s += stats.scheduled.unwrap_or(0) as f64 / 1e9;
        self.wakes += stats.wakes;
        self.self_wakes += stats.self_wakes;
        match doing(stats) {
            Doing::Finished => self.finished += 1,
            Doing::InPoll(_) => self.in_poll += 1,
            Doing::Ready => self.ready += 1,
            Doing::Idle(since) => {
                self.idle += 1;
                self.longest_idle_s = self.longest_idle_s.max(seconds(now_ns - since));
            }
        }
    }
}

/// A span of nanoseconds as seconds, never less than none.
pub(super) fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds.max(0) as f64 / 1e9
}
