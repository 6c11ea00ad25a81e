//! What tasks did, seen from outside: numbers of a recording as rows of a run, with names in place of numbers.

mod cases;
mod names;

use flamegraphs::capture::tasks::TaskTrace;
use flamegraphs::tasks::{Kinds, WakerKind};
use reports::run::writer::RunWriter;
use reports::run::{
    Blame, EvidenceKind, ProfileSummary, Trace, TraceHead, TraceInstead, TraceKind, TraceTask, TraceWait, TraceWaker,
};

use names::Names;

/// Who recorded.
pub const SOURCE: &str = "uprobes on tokio's own functions, from outside";
/// Tasks that are kept one by one.
const MOST_TASKS: usize = 400;
/// Rows of the other tables.
const MOST_ROWS: usize = 200;
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
        "not one task was polled while the process was traced ({} hits)",
        recorded.hits
    );
    writer.trace(variant, &trace)?;
    Ok(())
}

/// The rows of a recording.
pub fn rows(recorded: &TaskTrace) -> Trace {
    let names = Names::new(recorded);
    let outcome = &recorded.outcome;
    let is_task = |kind: &Option<_>| names.what(*kind) != Kinds::Worker;
    let mut kinds: Vec<TraceKind> = outcome
        .kinds
        .iter()
        .filter(|(kind, _)| is_task(kind))
        .map(|(kind, figures)| names.kind(*kind, figures))
        .collect();
    kinds.sort_by(|a, b| (a.blocking.cmp(&b.blocking)).then(b.busy_s.total_cmp(&a.busy_s)));
    let tasks = outcome.tasks.iter().filter(|task| is_task(&task.kind)).take(MOST_TASKS).map(|task| TraceTask {
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
    Trace {
        head: TraceHead {
            source: SOURCE.to_owned(),
            program: recorded.path.clone(),
            wall_s: seconds(recorded.ended_ns.saturating_sub(recorded.began_ns)),
            hits: recorded.hits,
            lost: recorded.lost,
            stackable: recorded.stackable,
            placed: recorded.placed,
            lacks: recorded.lacks.clone(),
        },
        kinds,
        tasks: tasks.collect(),
        waits: waits(recorded, &names),
        wakers: wakers(recorded, &names),
        instead: instead(recorded, &names),
        cases: cases::of(recorded, &names),
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
    let seconds = nanoseconds as f64 / 1e9;
    seconds
}

/// Places that look alike to a person are one row, whatever their stacks.
fn waits(recorded: &TaskTrace, names: &Names<'_>) -> Vec<TraceWait> {
    let mut rows: Vec<TraceWait> = Vec::new();
    for (kind, sites, figures) in &recorded.outcome.waits {
        // One of them stands for all: they were ended by the same.
        let site = match figures.longest.first().and_then(cases::idle) {
            Some((sites, by)) => names.site(sites, by),
            None => names.site(sites, None),
        };
        let kind = names.of(*kind);
        let longest_s = figures.longest.first().map_or(0.0, |case| seconds(case.length_ns()));
        match rows.iter_mut().find(|row| row.kind == kind && row.site == site) {
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

fn wakers(recorded: &TaskTrace, names: &Names<'_>) -> Vec<TraceWaker> {
    let mut rows: Vec<TraceWaker> = Vec::new();
    for (kind, waker, count) in &recorded.outcome.wakers {
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

fn instead(recorded: &TaskTrace, names: &Names<'_>) -> Vec<TraceInstead> {
    let row = |(kind, other, figures): &(_, _, flamegraphs::tasks::DelayFigures)| TraceInstead {
        kind: names.of(*kind),
        instead: names.of(*other),
        count: figures.count,
        total_s: seconds(figures.total_ns),
    };
    let mut rows: Vec<TraceInstead> = recorded.outcome.instead.iter().map(row).collect();
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
