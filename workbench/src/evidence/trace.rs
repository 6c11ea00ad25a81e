//! What tasks did, seen from outside: numbers of a recording as rows of a run, with names in place of numbers.

mod cases;
mod names;

use flamegraphs::capture::tasks::{Holder, PollShare, TaskTrace};
use flamegraphs::tasks::{Kinds, Outcome, WakerKind, Who};
use reports::run::writer::RunWriter;
use reports::run::{
    Blame, EvidenceKind, ProfileSummary, Trace, TraceHead, TraceHolder, TraceInstead, TraceKind, TracePolls,
    TraceSaturated, TraceSite, TraceTask, TraceWait, TraceWaker,
};

use names::Names;
pub(super) use names::plain;
pub(crate) use names::{frame, within_project};

/// Who recorded.
pub const SOURCE: &str = "uprobes on tokio's own functions, from outside";
/// Tasks that are kept one by one.
const MOST_TASKS: usize = 400;
/// Rows of the other tables.
const MOST_ROWS: usize = 200;
/// Waits for something within the program that the network ends after so long are those of clients that gave up, seconds.
const GIVEN_UP_S: f64 = 1.0;
/// Cases of a variant that `run.json` holds.
const MOST_BLAME: usize = 5;

/// Writes `trace.jsonl` of a variant.
///
/// # Errors
/// A recording without a single poll, or a file that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, recorded: &TaskTrace) -> anyhow::Result<()> {
    let trace = rows(recorded);
    anyhow::ensure!(
        trace.kinds.iter().any(|kind| kind.polls > 0 || kind.in_poll > 0),
        "not one task was polled while the process was traced ({} hits): tokio is in it, but what it did ran outside of \
         tokio's tasks, or its workers stood still all the while",
        recorded.hits
    );
    writer.trace(variant, &trace)?;
    Ok(())
}

/// The rows of a recording.
pub fn rows(recorded: &TaskTrace) -> Trace {
    let names = Names::new(recorded);
    let outcome = &recorded.outcome;
    let tasks = outcome.tasks.iter().filter(|task| names.what(task.kind) != Kinds::Worker);
    let tasks = tasks.take(MOST_TASKS).map(|task| TraceTask {
        id: task.id.0,
        address: format!("{:#x}", task.address),
        kind: names.of(task.kind),
        spawned_by: task.spawned_by.map(|who| names.who(who)),
        ended: task.ended,
        polls: task.polls,
        wakes: task.wakes,
        busy_s: seconds(task.busy_ns),
        longest_poll_s: seconds(task.longest_poll_ns),
        schedule_latency_s: seconds(task.delay_ns),
        worst_schedule_latency_s: seconds(task.worst_delay_ns),
        idle_s: seconds(task.idle_ns),
        idle_now_s: task.idle_now_ns.map(seconds),
        waits_at: names.site(&task.waits_at, None),
        wakers_held: task.held,
        spans: names.spans(&task.spans),
    });
    let since = |from: Option<u64>| from.map_or(0.0, |from| seconds(from.saturating_sub(recorded.began_ns)));
    let saturated = outcome.before.as_ref().map(|before| TraceSaturated {
        wall_s: since(recorded.cut_ns),
        kinds: kinds(before, &names),
        waits: waits(before, &names),
        instead: instead(before, &names),
        cases: cases::of(before, &names),
        polls: polls(&recorded.polls_before, &names),
    });
    Trace {
        head: TraceHead {
            source: SOURCE.to_owned(),
            program: recorded.path.clone(),
            wall_s: seconds(recorded.ended_ns.saturating_sub(recorded.began_ns)),
            since_s: since(recorded.cut_ns),
            hits: recorded.hits,
            lost: recorded.lost,
            stackable: recorded.stackable,
            placed: recorded.placed,
            lacks: recorded.lacks.clone(),
        },
        kinds: kinds(outcome, &names),
        tasks: tasks.collect(),
        waits: waits(outcome, &names),
        wakers: wakers(outcome, &names),
        instead: instead(outcome, &names),
        cases: cases::of(outcome, &names),
        polls: polls(&recorded.polls, &names),
        saturated: saturated.map(Box::new),
    }
}

fn kinds(outcome: &Outcome, names: &Names<'_>) -> Vec<TraceKind> {
    let tasks = outcome.kinds.iter().filter(|(kind, _)| names.what(*kind) != Kinds::Worker);
    let mut kinds: Vec<TraceKind> = tasks.map(|(kind, figures)| names.kind(*kind, figures)).collect();
    kinds.sort_by(|a, b| (a.blocking.cmp(&b.blocking)).then(b.busy_s.total_cmp(&a.busy_s)));
    kinds
}

/// A share as a row.
pub(super) fn share_row(kind: String, share: &PollShare) -> TracePolls {
    let holder = |holder: &Holder| TraceHolder {
        doing: cases::doing(holder.doing),
        site: names::plain(&holder.site),
        total_s: seconds(holder.total_ns),
    };
    TracePolls {
        kind,
        blocking: false,
        doing: cases::doing(share.doing),
        site: share.site.as_ref().map(names::plain),
        polls: share.polls,
        total_s: seconds(share.total_ns),
        longest_s: seconds(share.longest_ns),
        holders: share.holders.iter().map(holder).collect(),
    }
}

/// What long polls spent their time on; types that a person would call the same are one.
fn polls(shares: &[PollShare], names: &Names<'_>) -> Vec<TracePolls> {
    let mut rows: Vec<TracePolls> = Vec::new();
    for share in shares {
        let blocking = names.what(share.kind) == Kinds::Blocking;
        let row = TracePolls { blocking, ..share_row(names.of(share.kind), share) };
        let same = |other: &&mut TracePolls| {
            let place = |row: &TracePolls| {
                row.site.as_ref().map(|site| (site.call.clone(), site.own.first().map(|frame| frame.function.clone())))
            };
            other.kind == row.kind && other.doing == row.doing && place(other) == place(&row)
        };
        match rows.iter_mut().find(same) {
            Some(known) => {
                known.polls += row.polls;
                known.total_s += row.total_s;
                known.longest_s = known.longest_s.max(row.longest_s);
            }
            None => rows.push(row),
        }
    }
    rows.truncate(MOST_ROWS);
    rows
}

fn seconds(nanoseconds: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
    let seconds = nanoseconds as f64 / 1e9;
    seconds
}

/// Places that look alike to a person are one row, whatever their stacks.
fn waits(outcome: &Outcome, names: &Names<'_>) -> Vec<TraceWait> {
    let mut rows: Vec<TraceWait> = Vec::new();
    for (kind, sites, figures) in &outcome.waits {
        // One of them stands for all: they were ended by the same.
        let longest_s = figures.longest.first().map_or(0.0, |case| seconds(case.length_ns()));
        let mut site = match figures.longest.first().and_then(cases::idle) {
            // Only the network ended it, as when a client gives up: what was awaited last never came.
            Some((all, Some(Who::Outside { .. }))) if longest_s >= GIVEN_UP_S && names.awaits_others(all) => {
                names.site(all, None)
            }
            Some((all, by)) => names.site(all, by),
            None => names.site(sites, None),
        };
        if let Some(site) = &mut site {
            site.beside_others = names.is_mixed(sites, site);
        }
        let kind = names.of(*kind);
        match rows.iter_mut().find(|row| row.kind == kind && alike(row.site.as_ref(), site.as_ref())) {
            Some(row) => {
                row.count += figures.count;
                row.total_s += seconds(figures.total_ns);
                row.longest_s = row.longest_s.max(longest_s);
            }
            None => {
                rows.push(TraceWait { kind, site, count: figures.count, total_s: seconds(figures.total_ns), longest_s })
            }
        }
    }
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    rows.truncate(MOST_ROWS);
    rows
}

fn alike(one: Option<&TraceSite>, other: Option<&TraceSite>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.looks_like(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn wakers(outcome: &Outcome, names: &Names<'_>) -> Vec<TraceWaker> {
    let mut rows: Vec<TraceWaker> = Vec::new();
    for (kind, waker, count) in &outcome.wakers {
        let (by, cause) = match waker {
            WakerKind::Itself => ("itself".to_owned(), None),
            WakerKind::Kind(kind) => (names.of(*kind), None),
            WakerKind::Outside(tid, stack) => (names.pool(*tid), stack.map(|stack| names.cause(stack))),
        };
        let kind = names.of(*kind);
        match rows.iter_mut().find(|row| row.kind == kind && row.by == by && row.cause == cause) {
            Some(row) => row.count += count,
            None => rows.push(TraceWaker { kind, by, cause, count: *count }),
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows.truncate(MOST_ROWS);
    rows
}

fn instead(outcome: &Outcome, names: &Names<'_>) -> Vec<TraceInstead> {
    let row = |(kind, other, figures): &(_, _, flamegraphs::tasks::DelayFigures)| TraceInstead {
        kind: names.of(*kind),
        instead: names.of(*other),
        count: figures.count,
        total_s: seconds(figures.total_ns),
    };
    let mut rows: Vec<TraceInstead> = outcome.instead.iter().map(row).collect();
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    rows.truncate(MOST_ROWS);
    rows
}

/// The summary's entry for a variant that was to be traced. `trace` is what its file says.
pub(crate) fn summary(
    folder: &str,
    variant: &str,
    trace: Option<&Trace>,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let there = trace.filter(|_| missing.is_none());
    let source = there.map_or(SOURCE.to_owned(), |trace| {
        let head = &trace.head;
        let lost = if head.lost > 0 { format!(", {} records lost", head.lost) } else { String::new() };
        format!("{SOURCE}; {:.0} hits/s{lost}", head.hits_per_s())
    });
    ProfileSummary {
        variant: variant.to_owned(),
        kind: EvidenceKind::Trace.name().to_owned(),
        path: there.map(|_| format!("{folder}/trace.jsonl")).unwrap_or_default(),
        svg: String::new(),
        samples: there.map_or(0, |trace| trace.kinds.iter().map(|kind| kind.polls).sum()),
        coverage: None,
        source,
        overhead: overhead.filter(|_| there.is_some()),
        missing: missing.or_else(|| trace.is_none().then(|| format!("{folder}/trace.jsonl is not there"))),
        peak: None,
        stalls: None,
        ..ProfileSummary::default()
    }
}

/// The worst cases of a variant for `run.json`.
pub(crate) fn blame(variant: &str, trace: &Trace) -> Vec<Blame> {
    let mut kept = trace.cases.clone();
    kept.truncate(MOST_BLAME);
    kept.into_iter()
        .map(|mut case| {
            let sentence = case.sentence();
            (case.spans, case.beside) = (Vec::new(), Vec::new());
            Blame { variant: variant.to_owned(), sentence, case }
        })
        .collect()
}
