//! Tasks seen from outside as data: what every renderer shows.

use std::collections::BTreeMap;

use super::tasks::{Cell, Row, shortened};
use super::{number, text};
use crate::run::{Trace, TraceCase, TraceCause, TraceKind, TraceSite, TraceSpan, TraceStep, TraceWhat};

/// How to read the tables, one sentence.
pub(crate) const HOW: &str = "Each row is a type of task, the busiest first, as uprobes on tokio's own functions saw it: nothing of ours was in \
    the program. While a poll lasts its worker runs nothing else; worst wait is the time from being woken to being polled.";

/// How to read the chains, one sentence.
pub(crate) const BLAME_HOW: &str = "Each line begins with a task that waited long and goes back, from whoever kept it waiting to what kept that one, to \
    the processor, the network, a timer, a lock or nobody.";

/// How to read a task's own timeline, one sentence.
pub(crate) const TIMELINE_HOW: &str = "Time goes from left to right: full bars are polls of the task, pale ones the time it was ready and its \
    worker did something else, thin lines waits; the row below is what its worker polled meanwhile.";

/// Rows of a table of waits.
const MOST_WAITS: usize = 24;
/// Types whose wakers are told.
const MOST_WOKEN: usize = 12;
/// Below so many wakes a poll nothing is said of them.
const NOTABLE_WAKES: f64 = 1.5;

/// Everything of one variant but its pictures.
pub(crate) struct Shown {
    /// What was recorded, and how much it cost.
    pub(crate) source: String,
    /// What cannot be relied on.
    pub(crate) doubts: Vec<String>,
    /// Types of tasks, columns of [`HEADS`].
    pub(crate) kinds: Vec<Row>,
    /// What the table has no column for.
    pub(crate) notes: Vec<String>,
    /// Where tasks wait, columns of [`WAIT_HEADS`].
    pub(crate) waits: Vec<WaitRow>,
    /// Who wakes whom, a sentence a type.
    pub(crate) wakers: Vec<String>,
    /// The worst delays and waits.
    pub(crate) blame: Vec<BlameRow>,
}

/// Names of the figures of a type of tasks: those of [`super::tasks::HEADS`], but that nobody sees allocations from outside,
/// and that waits are told as their sum.
pub(crate) const HEADS: [&str; 10] =
    ["alive", "spawned", "finished", "polls", "busy", "longest", "> 1 ms", "> 10 ms", "worst wait", "total wait"];

/// Names of the figures of a wait.
pub(crate) const WAIT_HEADS: [&str; 4] = ["for", "waits", "waited", "longest"];

/// Waits of one type at one place.
pub(crate) struct WaitRow {
    /// The type.
    pub(crate) kind: String,
    /// The place; harmless.
    pub(crate) place: String,
    pub(crate) cells: Vec<Cell>,
}

/// One case.
pub(crate) struct BlameRow {
    pub(crate) length: String,
    pub(crate) what: &'static str,
    pub(crate) kind: String,
    pub(crate) sentence: String,
}

/// What a trace shows.
pub(crate) fn shown(trace: &Trace, overhead: Option<f64>) -> Shown {
    Shown {
        source: source(trace, overhead),
        doubts: trace.head.doubts().iter().map(|doubt| text::sentence(doubt)).collect(),
        kinds: trace.kinds.iter().map(row).collect(),
        notes: notes(trace),
        waits: waits(trace),
        wakers: wakers(trace),
        blame: trace.cases.iter().map(blame).collect(),
    }
}

fn source(trace: &Trace, overhead: Option<f64>) -> String {
    let head = &trace.head;
    let mut told = format!(
        "Source: {} ({}): {} hits in {}, {} a second",
        text::name(&head.source),
        text::name(&head.program),
        number::count(head.hits as f64),
        number::seconds(head.wall_s),
        number::count(head.hits_per_s().round()),
    );
    if let Some(overhead) = overhead {
        told.push_str(&format!("; CPU per operation was {} that of the trials without", number::ratio(overhead)));
    }
    if head.stackable > 0 {
        let share = head.placed as f64 / head.stackable as f64;
        told.push_str(&format!("; the place of {} of the wakes and waits is known", number::percent(share)));
    }
    told.push('.');
    told
}

fn row(kind: &TraceKind) -> Row {
    let cell = |text: String| Cell { text, bad: false };
    let count = |count: u64| cell(number::count(count as f64));
    let known = |known: Cell| if kind.blocking { cell(number::ABSENT.into()) } else { known };
    Row {
        place: text::name(&kind.name),
        blocking: kind.blocking,
        cells: vec![
            count(kind.alive),
            known(count(kind.spawned)),
            count(kind.finished),
            count(kind.polls),
            cell(number::seconds(kind.busy_s)),
            Cell { bad: !kind.blocking && kind.longest_poll_s > 0.010, text: number::seconds(kind.longest_poll_s) },
            count(kind.long_polls),
            Cell { bad: !kind.blocking && kind.stalls > 0, ..count(kind.stalls) },
            known(cell(number::seconds(kind.worst_schedule_latency_s))),
            known(cell(number::seconds(kind.schedule_latency_s))),
        ],
    }
}

fn notes(trace: &Trace) -> Vec<String> {
    let mut notes = Vec::new();
    for kind in trace.kinds.iter().filter(|kind| kind.forgotten > 0) {
        notes.push(format!(
            "{} tasks of {} are idle and nobody holds a waker of them: nothing will ever wake them.",
            number::count(kind.forgotten as f64),
            text::name(&kind.name)
        ));
    }
    for kind in trace.kinds.iter().filter(|kind| kind.polls >= 100 && !kind.blocking) {
        let wakes = kind.wakes as f64 / kind.polls as f64;
        if wakes >= NOTABLE_WAKES {
            let name = text::name(&kind.name);
            notes.push(format!(
                "{name} is woken {wakes:.1} times for each poll: the other wakes find it ready already."
            ));
        }
    }
    for instead in trace.instead.iter().take(3).filter(|instead| instead.total_s >= 0.001) {
        notes.push(format!(
            "While tasks of {} were ready, their workers polled {} for {} in {} delays.",
            text::name(&instead.kind),
            text::name(&instead.instead),
            number::seconds(instead.total_s),
            number::count(instead.count as f64)
        ));
    }
    notes
}

/// What somebody waits for, in a word.
pub(crate) fn cause(cause: TraceCause) -> &'static str {
    match cause {
        TraceCause::Timer => "timer",
        TraceCause::Socket => "network",
        TraceCause::Lock => "lock",
        TraceCause::Channel => "message",
        TraceCause::Notify => "notification",
        TraceCause::Join => "end of a task",
        TraceCause::BlockingPool => "blocking pool",
        TraceCause::Process => "process",
        TraceCause::Yield => "its turn",
        TraceCause::Other => "unknown",
    }
}

/// `shop::pay (src/pay.rs:7)`.
pub(crate) fn place(site: &TraceSite) -> String {
    let place = site.place();
    if place.is_empty() {
        return text::name(if site.resource.is_empty() { "[no line known]" } else { &site.resource });
    }
    let short = shortened(&place);
    if site.function.is_empty() || place == site.function {
        short
    } else {
        format!("{} ({short})", text::name(&site.function))
    }
}

fn waits(trace: &Trace) -> Vec<WaitRow> {
    let known = trace.waits.iter().filter(|wait| wait.site.is_some());
    known
        .take(MOST_WAITS)
        .map(|wait| {
            let site = wait.site.clone().unwrap_or_default();
            let cell = |text: String| Cell { text, bad: false };
            let lock = site.cause == TraceCause::Lock && wait.longest_s > 0.010;
            WaitRow {
                kind: text::name(&wait.kind),
                place: place(&site),
                cells: vec![
                    Cell { text: cause(site.cause).into(), bad: lock },
                    cell(number::count(wait.count as f64)),
                    cell(number::seconds(wait.total_s)),
                    Cell { bad: lock, text: number::seconds(wait.longest_s) },
                ],
            }
        })
        .collect()
}

fn wakers(trace: &Trace) -> Vec<String> {
    let mut by_kind: BTreeMap<&str, Vec<(String, u64)>> = BTreeMap::new();
    for waker in &trace.wakers {
        let by = match waker.cause {
            Some(TraceCause::Other) | None => text::name(&waker.by),
            Some(known) => cause(known).to_owned(),
        };
        let all = by_kind.entry(&waker.kind).or_default();
        match all.iter_mut().find(|(name, _)| *name == by) {
            Some((_, count)) => *count += waker.count,
            None => all.push((by, waker.count)),
        }
    }
    let mut sentences: Vec<(u64, String)> = by_kind
        .into_iter()
        .map(|(kind, mut all)| {
            let total: u64 = all.iter().map(|(_, count)| count).sum();
            all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let each = all
                .iter()
                .take(4)
                .map(|(by, count)| format!("{} {}", by, number::percent(*count as f64 / total.max(1) as f64)));
            let who = each.collect::<Vec<_>>().join(", ");
            (total, format!("{} ({} wakes): {who}", text::name(kind), number::count(total as f64)))
        })
        .collect();
    sentences.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    sentences.truncate(MOST_WOKEN);
    sentences.into_iter().map(|(_, sentence)| sentence).collect()
}

fn blame(case: &TraceCase) -> BlameRow {
    BlameRow {
        length: number::seconds(case.length_s),
        what: match case.what {
            TraceWhat::Delay => "ready, not polled",
            TraceWhat::Wait => "waiting",
            TraceWhat::Unheard => "told late",
        },
        kind: text::name(&case.kind),
        sentence: text::sentence(&case.sentence()),
    }
}

/// One stretch in words: `idle for a lock at src/a.rs:7, woken by task 3 (app::b)`.
pub(crate) fn span(span: &TraceSpan) -> String {
    let by = span.by.as_deref().map(text::name);
    match span.step {
        TraceStep::Polled => format!("polled{}", by.map(|by| format!(" by {by}")).unwrap_or_default()),
        TraceStep::Unheard => format!("told late{}", by.map(|by| format!(", by {by}")).unwrap_or_default()),
        TraceStep::Ready => format!("ready{}", by.map(|by| format!(", for {by}")).unwrap_or_default()),
        TraceStep::Waited => {
            let site = span.site.as_ref().map(|site| match site.cause {
                TraceCause::Other => format!(" at {}", place(site)),
                known => format!(" for {} at {}", cause(known), place(site)),
            });
            let by = by.map_or_else(String::new, |by| format!(", woken by {by}"));
            format!("waits{}{by}", site.unwrap_or_default())
        }
    }
}
