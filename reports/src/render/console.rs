//! A recording of tokio-console as data: the columns and sentences that every renderer shows.

use super::number;
use super::tasks::{Cell, shortened};
use super::text;
use crate::console::{ResourceGroup, TaskSite, View, Waiter};
use crate::run::{ProfileSummary, RunSummary};

/// Kind of its evidence.
pub(crate) const KIND: &str = "console";

/// How to read the table of tasks, one sentence.
pub(crate) const TASKS_HOW: &str = "Each row is a place that spawned tasks, the busiest first, as tokio-console saw them: waiting is normal, \
    long polls and many self-wakes are not; being watched costs a multiple of the work, so that times compare with each other \
    but not with the measured trials.";

/// How to read the table of resources, one sentence.
pub(crate) const RESOURCES_HOW: &str = "Each row is a place that made mutexes, semaphores, channels or timers, what tasks waited for longest \
    first, with those who waited below it: time is summed over tasks, who holds the resource is not known to the protocol, and \
    timers come last because whoever waits for one means to.";

/// Rows shown of a table; the JSON has them all.
const ROWS: usize = 40;
/// Waiters shown of a resource.
const WAITERS: usize = 5;

/// Names of a site's figures.
pub(crate) const TASK_HEADS: [&str; 14] = [
    "seen",
    "finished",
    "idle",
    "for up to",
    "ready",
    "in poll",
    "polls",
    "busy",
    "poll p50",
    "poll p99",
    "longest",
    "scheduled",
    "wait p99",
    "self-wakes",
];

/// Names of a resource's figures.
pub(crate) const RESOURCE_HEADS: [&str; 6] = ["tasks", "waits", "waited", "longest", "waiting", "for up to"];

/// A row under a heading of its own.
pub(crate) struct Row {
    /// What it is about; harmless.
    pub(crate) title: String,
    /// What stands softly beside it; harmless.
    pub(crate) note: String,
    /// Belongs to the row above.
    pub(crate) below: bool,
    /// Cells in the order of the heads.
    pub(crate) cells: Vec<Cell>,
}

/// A table, and what is said of what it leaves out.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) rest: String,
}

/// What stands above the tables of a variant.
pub(crate) struct Words {
    /// Whether the recording can be relied on.
    pub(crate) agreement: String,
    /// It can.
    pub(crate) trusted: bool,
    /// Where it ended early, and the like.
    pub(crate) doubts: Vec<String>,
    /// Place and sentence.
    pub(crate) observations: Vec<(String, String)>,
    /// Of which moment everything is.
    pub(crate) moment: String,
}

/// Variants whose recording was asked for, with it or the reason why there is none.
pub(crate) fn gathered(summary: &RunSummary) -> impl Iterator<Item = &ProfileSummary> {
    summary.profiles.iter().filter(|profile| profile.kind == KIND)
}

/// The words of a view, harmless.
pub(crate) fn words(view: &View) -> Words {
    let moment = if view.at_s < view.length_s {
        format!("{} into a recording of {}", number::seconds(view.at_s), number::seconds(view.length_s))
    } else {
        format!("at the end of a recording of {}", number::seconds(view.length_s))
    };
    let observed = |one: &crate::console::Observation| (shortened(&one.place), text::sentence(&one.says));
    Words {
        agreement: text::sentence(&view.agreement.sentence()),
        trusted: view.agreement.trusted(),
        doubts: view.doubts.iter().map(|doubt| text::sentence(doubt)).collect(),
        observations: view.observations.iter().map(observed).collect(),
        moment: format!("{} tasks and {} polls in {} updates, {moment}", view.tasks, view.polls, view.updates),
    }
}

/// Tasks by site.
pub(crate) fn tasks(view: &View) -> Table {
    table(view.sites.len(), view.sites.iter().take(ROWS).map(site).collect(), "sites")
}

/// Resources and their waiters.
pub(crate) fn resources(view: &View) -> Table {
    table(view.resources.len(), view.resources.iter().take(ROWS).flat_map(resource).collect(), "places")
}

fn table(all: usize, rows: Vec<Row>, noun: &str) -> Table {
    let rest = if all > ROWS { format!("{} more {noun}: `--json` has them.", all - ROWS) } else { String::new() };
    Table { rows, rest }
}

fn site(site: &TaskSite) -> Row {
    let plain = |text: String| Cell { text, bad: false };
    let count = |count: u64| plain(number::count(count as f64));
    let seconds = |seconds: f64| plain(number::seconds(seconds));
    let spread = |spread: Option<crate::console::Spread>, value: fn(&crate::console::Spread) -> f64| {
        plain(spread.as_ref().map_or(number::ABSENT.into(), |spread| number::seconds(value(spread))))
    };
    let longest = site.poll_times.map_or(0.0, |spread| spread.max_s);
    let mut notes: Vec<String> = site.names.iter().map(|name| format!("“{}”", text::name(name))).collect();
    if !site.kind.note().is_empty() {
        notes.push(site.kind.note().to_owned());
    }
    Row {
        title: known(&site.place),
        note: notes.join(", "),
        below: false,
        cells: vec![
            count(site.seen),
            count(site.finished),
            count(site.idle),
            seconds(site.longest_idle_s),
            count(site.ready),
            count(site.in_poll),
            count(site.polls),
            seconds(site.busy_s),
            spread(site.poll_times, |spread| spread.p50_s),
            spread(site.poll_times, |spread| spread.p99_s),
            Cell { bad: longest > 0.010, ..spread(site.poll_times, |spread| spread.max_s) },
            seconds(site.scheduled_s),
            spread(site.scheduled_times, |spread| spread.p99_s),
            Cell { bad: site.wakes > 0 && site.self_wakes * 2 > site.wakes, ..count(site.self_wakes) },
        ],
    }
}

fn resource(group: &ResourceGroup) -> Vec<Row> {
    let made = if group.made == 1 { String::new() } else { format!("{} made, {} left", group.made, group.alive) };
    let state = group.attributes.iter().map(|(name, value)| format!("{} = {}", text::name(name), text::name(value)));
    let notes: Vec<String> = std::iter::once(made).filter(|made| !made.is_empty()).chain(state).collect();
    let figures = Figures {
        tasks: group.tasks,
        waits: group.waits,
        waited_s: group.waited_s,
        longest_s: group.longest_s,
        waiting: group.waiting(),
        waiting_s: group.waiting_s(),
        wanted: !group.is_lock(),
    };
    let head = Row {
        title: format!("{} {}", text::name(&group.concrete_type), known(&group.place)),
        note: notes.join(", "),
        below: false,
        cells: figures.cells(),
    };
    // Whoever waits for a timer is of no interest.
    let shown = if group.is_timer() { 0 } else { WAITERS };
    std::iter::once(head).chain(group.waiters.iter().take(shown).map(|one| waiter(one, figures.wanted))).collect()
}

fn waiter(waiter: &Waiter, wanted: bool) -> Row {
    let figures = Figures {
        tasks: waiter.tasks,
        waits: waiter.waits,
        waited_s: waiter.waited_s,
        longest_s: waiter.longest_s,
        waiting: waiter.waiting,
        waiting_s: waiter.waiting_s,
        wanted,
    };
    Row {
        title: format!("tasks of {}", known(&waiter.place)),
        note: text::name(&waiter.call),
        below: true,
        cells: figures.cells(),
    }
}

#[derive(Clone, Copy)]
struct Figures {
    tasks: u64,
    waits: u64,
    waited_s: f64,
    longest_s: f64,
    waiting: u64,
    waiting_s: f64,
    wanted: bool,
}

impl Figures {
    fn cells(self) -> Vec<Cell> {
        let plain = |text: String| Cell { text, bad: false };
        let count = |count: u64| plain(number::count(count as f64));
        vec![
            count(self.tasks),
            count(self.waits),
            plain(number::seconds(self.waited_s)),
            plain(number::seconds(self.longest_s)),
            count(self.waiting),
            Cell { bad: !self.wanted && self.waiting_s >= 1.0, ..plain(number::seconds(self.waiting_s)) },
        ]
    }
}

/// A place, or the words for one that is not known.
fn known(place: &str) -> String {
    if place.is_empty() { "somewhere unknown".to_owned() } else { shortened(place) }
}
