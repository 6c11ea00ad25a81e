//! Wait evidence: where threads gave their CPU up or lost it, as pprof, as a flamegraph by time, and thread by thread.

mod goroutines;
mod hanging;
mod in_turn;
mod lanes;
mod leases;
pub(crate) mod places;
mod started;
mod stretches;

use std::path::Path;

use anyhow::Context;
use flamegraphs::capture::tasks::{self, Site, Standing};
use flamegraphs::capture::{Recording, Waiting, Why};
use flamegraphs::profile::{Label, Profile, Sample};
use flamegraphs::{names, svg};
use reports::render;
use reports::run::writer::RunWriter;
use reports::run::{
    FORMAT, KernelHead, KernelRecord, ProfileSummary, ThreadsHead, ThreadsRecord, TraceEndKind, TraceHolder, TracePolls,
};

use super::kept;
use crate::subject::outside::{Dump, Goroutines, KernelFigures};

/// Raw profile, within the evidence folder of a variant.
const WAIT_PROFILE: &str = "wait.pb.gz";
/// Flamegraph of the same.
const WAIT_FLAMEGRAPH: &str = "wait.svg";

/// What was seen of a subject from outside.
#[derive(Debug)]
pub struct WaitRecord {
    /// Who was on a CPU when, and where threads left theirs; or why there is none.
    pub recording: Result<Recording, String>,
    /// What the kernel counted meanwhile.
    pub figures: KernelFigures,
    /// Start of the open-loop phase, `CLOCK_MONOTONIC` in nanoseconds; the driver knows it.
    pub open_started_ns: Option<u64>,
    /// Operations answered meanwhile; 0 where nobody counts them.
    pub operations: u64,
    /// What goroutines of a program of Go did meanwhile, or why it could not be asked; `None` of other programs.
    pub goroutines: Option<Result<Goroutines, String>>,
}

/// Writes `kernel.jsonl`, `wait.pb.gz`, `wait.svg` and `threads.jsonl` of a variant. What the kernel counted is kept also
/// where there is no recording.
///
/// # Errors
/// A recording without waits, or files that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, record: &WaitRecord) -> anyhow::Result<()> {
    let recording = record.recording.as_ref();
    let began_ns = recording.ok().map(Recording::began_ns);
    writer.kernel(variant, &kernel(record, began_ns))?;
    let recording = recording.map_err(|because| anyhow::anyhow!("{because}"))?;
    let mut waiting = recording.waiting(&[Label::text("variant", variant)]).context("the wait profile")?;
    let standing = standing(recording);
    anyhow::ensure!(
        !(waiting.waits.is_empty() && standing.is_empty()),
        "no thread left its CPU in {:.1} s",
        recording.wall_s
    );
    let profile = &mut waiting.profile;
    let mut source = source(recording, profile);
    source.extend(record.goroutines.as_ref().map(asked));
    kept::remember(&mut profile.meta, &source, waiting.waits.len() as u64);
    writer.evidence(variant, WAIT_PROFILE, &flamegraphs::write::pprof(profile))?;
    if let Some(picture) = picture(profile, &format!("Waits of {variant}"), recording.wall_s)? {
        writer.evidence(variant, WAIT_FLAMEGRAPH, picture.as_bytes())?;
    }
    let mut threads = threads(recording, &waiting, record.open_started_ns, source);
    threads.standing = standing;
    threads.stayed = stayed(recording, &waiting);
    for lane in &mut threads.threads {
        lane.run_queue_s = record.figures.run_queue_s.get(&lane.tid).copied();
    }
    if let Some(Ok(told)) = &record.goroutines {
        let dumps = &told.moments(recording);
        let program = waiting.profile.mappings().first().map(|mapping| mapping.file.clone()).unwrap_or_default();
        let (owners, starts) = (goroutines::owners(dumps, &program), told.starts());
        let seen = goroutines::seen(dumps, &owners);
        // Who serves is told by all dumps: under full load it never waits.
        let servers = in_turn::servers(&seen);
        threads.kept.extend(goroutines::rows(&seen, dumps.len()));
        threads.kept.extend(leases::rows(&seen));
        threads.kept.extend(in_turn::rows(&seen, &servers));
        let open = since(dumps, record.open_started_ns.unwrap_or(0));
        if record.open_started_ns.is_some() {
            let before = dumps.len() - open.len();
            let seen = &seen[seen.partition_point(|one| one.dump < before)..];
            threads.kept_open.extend(goroutines::rows(seen, open.len()));
            threads.kept_open.extend(leases::rows(seen));
            threads.kept_open.extend(in_turn::rows(seen, &servers));
        }
        threads.started = started::rows(open, &owners, &starts);
        threads.begun = started::by_asking(&owners, &starts);
        threads.hanging = hanging::rows(&seen, dumps);
        if let Goroutines::Traced(trace) = told {
            let places = stretches::Places::of(trace, &program, record.open_started_ns.unwrap_or(0));
            (threads.waited, threads.ticks) = (places.rows(), places.ticks());
        }
    }
    writer.threads(variant, &threads)?;
    Ok(())
}

/// Those that were asked for at a moment or later, `CLOCK_MONOTONIC` in nanoseconds.
fn since(dumps: &[Dump], at_ns: u64) -> &[Dump] {
    &dumps[dumps.partition_point(|dump| dump.at_ns < at_ns)..]
}

/// How often a program of Go told its goroutines, or why it did not: the end of a sentence.
pub(crate) fn asked(goroutines: &Result<Goroutines, String>) -> String {
    match goroutines {
        Ok(Goroutines::Asked(dumps)) => format!("; goroutines were asked for {} times", dumps.len()),
        Ok(Goroutines::Traced(trace)) => {
            let lost = if trace.lost > 0 { format!(", {} records lost", trace.lost) } else { String::new() };
            format!("; goroutines were traced by uprobes in Go's runtime, {} of them{lost}", trace.lives.len())
        }
        Err(because) => format!("; goroutines were not asked for: {because}"),
    }
}

/// Threads over time and their longest waits.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds and counts of one recording")]
fn threads(recording: &Recording, waiting: &Waiting, open_ns: Option<u64>, source: String) -> ThreadsRecord {
    let began = recording.began_ns();
    let head = ThreadsHead {
        format: FORMAT,
        wall_s: recording.wall_s,
        slice_s: recording.wall_s / lanes::SLICES as f64,
        open_at_s: open_ns.map(|at| at.saturating_sub(began) as f64 * 1e-9),
        source,
        standing_refused: recording.standing_refused.clone(),
        no_stacks: (!recording.kernel).then(|| without_stacks().to_owned()),
        threads: recording.threads.len() as u64,
        waits: waiting.waits.len() as u64,
        explained: waiting.waits.iter().filter(|wait| wait.stack.is_some()).count() as u64,
        lost: recording.lost,
        not_kept: recording.excess.changes.count,
    };
    ThreadsRecord {
        head,
        threads: lanes::lanes(recording, waiting),
        places: places::places(recording, waiting),
        longest: places::longest(recording, waiting, began),
        kept: kept_by(recording, waiting, 0),
        kept_open: open_ns.map(|open| kept_by(recording, waiting, open)).unwrap_or_default(),
        standing: Vec::new(),
        stayed: Vec::new(),
        started: Vec::new(),
        begun: Vec::new(),
        hanging: Vec::new(),
        waited: Vec::new(),
        ticks: Vec::new(),
    }
}

/// Rows of waits with their holders that are kept.
const MOST_KEPT: usize = 24;

/// Waits after a moment by place, with those who kept them.
fn kept_by(recording: &Recording, waiting: &Waiting, after_ns: u64) -> Vec<TracePolls> {
    let shares = tasks::kept(recording, waiting, after_ns);
    shares.into_iter().take(MOST_KEPT).map(|(pool, share)| super::trace::share_row(pool, &share)).collect()
}

/// Rows of threads that stood still that are kept.
const MOST_STANDING: usize = 64;

/// Threads that never moved, by place.
fn standing(recording: &Recording) -> Vec<TracePolls> {
    let all = tasks::standing(recording).into_iter();
    all.take(MOST_STANDING).map(|one| stands(one, recording.wall_s)).collect()
}

/// How long threads that came to a place must have been nowhere else until the end, nanoseconds.
const STAYED_NS: u64 = 1_000_000_000;

/// Threads that came to a place and did not leave it, by place.
fn stayed(recording: &Recording, waiting: &Waiting) -> Vec<TracePolls> {
    let all = tasks::stayed(recording, waiting, STAYED_NS).into_iter();
    all.take(MOST_STANDING).map(|one| stands(one, std::time::Duration::from_nanos(STAYED_NS).as_secs_f64())).collect()
}

/// Threads of one place that stood there for as long each, at least.
#[allow(clippy::cast_precision_loss, reason = "threads of one process")]
fn stands(one: Standing, each_s: f64) -> TracePolls {
    let holder = |(site, threads): &(Site, u64)| TraceHolder {
        doing: TraceEndKind::Blocked,
        site: super::trace::plain(site),
        total_s: *threads as f64 * each_s,
    };
    TracePolls {
        kind: one.pool,
        doing: TraceEndKind::Blocked,
        site: Some(super::trace::plain(&one.site)),
        polls: one.threads,
        total_s: one.threads as f64 * each_s,
        longest_s: each_s,
        holders: one.held_by.iter().map(holder).collect(),
        ..TracePolls::default()
    }
}

/// What the kernel counted, on its own axis of time; `began_ns` is when the recording of waits began.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
fn kernel(record: &WaitRecord, began_ns: Option<u64>) -> KernelRecord {
    let figures = &record.figures;
    let since = |at: u64, from: u64| at.saturating_sub(from) as f64 * 1e-9;
    let head = KernelHead {
        format: FORMAT,
        hz: figures.hz,
        due: figures.due,
        wall_s: figures.wall_s,
        cost: if figures.wall_s > 0.0 { figures.cpu_s / figures.wall_s } else { 0.0 },
        began_at_s: began_ns.map_or(0.0, |began| since(figures.began_ns, began)),
        open_at_s: record.open_started_ns.map(|at| since(at, figures.began_ns)),
        operations: record.operations,
        missing: figures.missing.clone(),
        receive_timeouts_s: figures.receive_timeouts_us.iter().map(|us| *us as f64 * 1e-6).collect(),
        syscalls: std::collections::BTreeMap::new(),
    };
    KernelRecord { head, samples: figures.samples.clone() }
}

/// Who recorded, and how much of it is explained.
fn source(recording: &Recording, profile: &Profile) -> String {
    let known = |sample: &&Sample| !sample.stack.is_empty();
    let sum = |samples: &mut dyn Iterator<Item = &Sample>| samples.map(|one| one.values[0]).sum::<i64>();
    let (all, explained) = (sum(&mut profile.samples().iter()), sum(&mut profile.samples().iter().filter(known)));
    let mut source = "perf switch records from outside".to_owned();
    if recording.kernel {
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let share = 100.0 * explained as f64 / all.max(1) as f64;
        source.push_str(&format!("; {share:.1} % of the waits have a stack"));
    } else {
        source.push_str(&format!("; {}", without_stacks()));
    }
    if recording.lost > 0 {
        source.push_str(&format!("; {} records were lost", recording.lost));
    }
    for reached in recording.limits_reached() {
        source.push_str(&format!("; {reached}"));
    }
    source
}

/// Why waits have no stacks where the kernel's side is hidden.
pub fn without_stacks() -> &'static str {
    "where threads wait is seen only by root or with CAP_PERFMON"
}

/// The flamegraph of blocked and preempted time; idle time is left out where there is other. `None` without any.
///
/// # Errors
/// A profile that is no wait profile.
pub fn picture(profile: &Profile, title: &str, wall_s: f64) -> anyhow::Result<Option<String>> {
    let is = |sample: &Sample, why: Why| sample.label("why") == Some(why.name());
    let idle_s: f64 = seconds(profile.samples().iter().filter(|sample| is(sample, Why::Parked)));
    let mut stacks = names::fold_by(profile, 1, &names::Options::default(), |sample| {
        let leaf = if is(sample, Why::Preempted) { "[runnable, without a CPU]" } else { "" };
        (!is(sample, Why::Parked)).then_some(leaf)
    })?;
    let mut subtitle = format!("time off the CPU over {wall_s:.1} s, all threads, by where they left it");
    if stacks.is_empty() {
        stacks = names::fold(profile, 1, &names::Options::default())?;
    } else if idle_s > 0.0 {
        subtitle.push_str(&format!("; {idle_s:.1} s of workers without work are not drawn"));
    }
    if stacks.is_empty() {
        return Ok(None);
    }
    let options =
        svg::Options { title: title.to_owned(), subtitle, unit: "nanoseconds".to_owned(), ..svg::Options::default() };
    Ok(Some(svg::render(&stacks, &options)?))
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
fn seconds<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    samples.map(|sample| sample.values[1] as f64 * 1e-9).sum()
}

/// What `run.json` says of a variant's wait evidence, read back from the file itself.
pub(crate) fn summary(
    run: &Path,
    folder: &str,
    variant: &str,
    kernel: Option<&KernelRecord>,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let files = kept::Files { kind: "wait", profile: WAIT_PROFILE, flamegraph: WAIT_FLAMEGRAPH };
    let summary = kept::summary(&files, run, folder, variant, missing, overhead);
    ProfileSummary { figures: kernel.map(render::kernel_metrics).unwrap_or_default(), ..summary }
}
