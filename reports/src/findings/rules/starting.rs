//! Threads, processes or tasks that are started for every operation in numbers, and end with it: a pool keeps threads, and many
//! small pieces of work are one task's.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, guilty};
use crate::run::{TraceCause, TraceEndKind, TraceKind, TracePolls, TraceWait, WaitCause, WaitPlace};

use super::repeated_work::SLUG;

/// Threads for each operation from which they are started again and again: a server may well start one for each connection.
const THREADS: f64 = 2.0;
/// What starting, first running and ending one takes, seconds: clone(2), its stack mapped and given back, and two switches.
const EACH_S: f64 = 0.000_05;
/// Tasks for each operation from which they are many, and what spawning, queueing and ending one takes, seconds. One that works
/// for longer than this many times that is worth it.
const TASKS: f64 = 50.0;
const TASK_S: f64 = 0.000_002;
const WORTH: f64 = 5.0;
/// The same of a job of the blocking pool: two threads wake each other for it, 5 µs each time at least.
const JOB_S: f64 = 0.000_01;
/// System calls that start a thread or a process.
const STARTS: &[&str] = &["clone3", "clone", "vfork", "fork"];

/// Many of them for each operation.
pub(super) fn again(joined: &Joined<'_>) -> Option<Cause> {
    processes(joined).or_else(|| threads(joined)).or_else(|| tasks(joined))
}

/// Processes for each operation from which they are started again and again.
const PROCESSES: f64 = 0.9;

/// Whoever starts a process waits in that call until the other one has its program (CLONE_VFORK, clone(2)), which nobody does who
/// starts a thread.
fn processes(joined: &Joined<'_>) -> Option<Cause> {
    let (rows, operations) = joined.kept()?;
    let operations = operations.filter(|_| joined.trace.is_none())?;
    let threads = joined.threads?;
    let blocked = || rows.iter().filter(|row| row.doing == TraceEndKind::Blocked);
    let starts = |row: &&TracePolls| {
        row.site.as_ref().is_some_and(|site| STARTS.contains(&site.call.as_str()) && !site.own.is_empty())
    };
    let row = blocked().filter(starts).max_by_key(|row| row.polls)?;
    let own = row.site.as_ref()?.own.as_slice();
    // Short waits are in no row.
    let here = |place: &&WaitPlace| {
        let starts = place.cause == WaitCause::Blocked && STARTS.contains(&place.within.as_str());
        starts && place.own.first().is_some_and(|frame| guilty::same(frame, &own[0]))
    };
    let started = threads.places.iter().filter(here).map(|place| place.waits).sum::<u64>();
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let each = started as f64 / joined.kernel_operations()?;
    // With all that is waited for there: what it writes, and its end.
    let there = blocked().filter_map(|row| Some((row.site.as_ref()?.own.first()?, row.total_s)));
    let waited_s = there.filter(|(frame, _)| guilty::same(frame, &own[0])).map(|(_, total_s)| total_s).sum::<f64>();
    let share = (waited_s / operations / joined.mean_s()?.max(1e-9)).min(1.0);
    let culprit = guilty::asking(joined, &row.kind, own).map(at)?;
    (each >= PROCESSES && share >= LEAST_SHARE).then(|| Cause {
        rule: SLUG,
        title: match each < 1.5 {
            true => format!("{} starts a process for each operation", culprit.function),
            false => format!("{} starts {each:.0} processes for each operation", culprit.function),
        },
        share,
        evidence: vec![
            format!("{started} processes were started there, {each:.1} for each operation"),
            format!(
                "to start them and wait for what they tell takes {} of each, {} of the mean latency",
                time(waited_s / operations),
                percent(share)
            ),
        ],
        refuted_by: "with what they tell kept, or asked of a library, the latency would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 6,
        foremost: false,
        culprit: Some(culprit),
    })
}

fn tasks(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    // Of jobs of the blocking pool it is their end that is seen.
    let count = |kind: &&TraceKind| kind.spawned.max(if kind.blocking { kind.finished } else { 0 });
    let kind = trace.kinds.iter().max_by_key(count)?;
    let (count, start_s) = (count(&kind), if kind.blocking { JOB_S } else { TASK_S });
    #[allow(clippy::cast_precision_loss, reason = "tasks of one recording")]
    let (spawned, polls) = (count as f64, kind.polls.max(1) as f64);
    let (each, work_s) = (spawned / operations, kind.busy_s / polls);
    let share = (each * start_s / joined.mean_s()?.max(1e-9)).min(1.0);
    let waits_for_jobs =
        || trace.waits.iter().filter(|wait| kind.blocking && joined.serves(&wait.kind) && is_for_a_job(wait));
    let waits = waits_for_jobs().max_by_key(|wait| wait.count).and_then(|wait| wait.site.as_ref());
    let culprit = kind.spawned_at.as_ref().or(waits).and_then(innermost)?;
    if each < TASKS || work_s > WORTH * start_s || share < LEAST_SHARE {
        return None;
    }
    let what = if kind.blocking { "jobs of the blocking pool" } else { "tasks" };
    Some(Cause {
        rule: SLUG,
        title: format!("{} spawns {each:.0} {what} for each operation, of {} each", culprit.function, time(work_s)),
        share,
        evidence: vec![
            format!("{count} {what} of {} were spawned in {operations:.0} operations", kind.name),
            format!("to spawn, queue and end one takes about {}, its own work {}", time(start_s), time(work_s)),
        ],
        refuted_by: "with a few tasks that each do many pieces, CPU per operation would stay".into(),
        next: joined.again("cpu,trace"),
        proof: "trace",
        depth: 6,
        foremost: false,
        culprit: Some(culprit),
    })
}

/// Whether a task waits there for a job of the blocking pool.
fn is_for_a_job(wait: &TraceWait) -> bool {
    let cause = wait.site.as_ref().map(|site| site.cause);
    matches!(cause, Some(TraceCause::Join | TraceCause::BlockingPool))
}

/// Who spends most CPU in calls that start threads or processes.
pub(super) fn starter<'a>(joined: &Joined<'a>) -> Option<&'a CpuRow> {
    let starting_s = |row: &CpuRow| STARTS.iter().filter_map(|call| row.calls.get(*call)).sum::<f64>();
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| !row.function.is_empty());
    rows.max_by(|a, b| starting_s(a).total_cmp(&starting_s(b))).filter(|row| starting_s(row) > 0.0)
}

fn threads(joined: &Joined<'_>) -> Option<Cause> {
    let (threads, operations) = joined.threads.zip(joined.kernel_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "threads of one recording")]
    let each = threads.head.threads as f64 / operations;
    let share = (each * EACH_S / joined.mean_s()?.max(1e-9)).min(1.0);
    if each < THREADS || share < LEAST_SHARE {
        return None;
    }
    let culprit = starter(joined).map(|row| guilty::repeating(joined, "", &row.path).map_or_else(|| row.place(), at));
    let who = culprit.as_ref().map_or("something", |culprit| culprit.function.as_str());
    Some(Cause {
        rule: SLUG,
        title: format!("{who} starts {each:.0} threads for each operation"),
        share,
        evidence: vec![
            format!("{} threads were seen for {operations:.0} operations", threads.head.threads),
            format!(
                "to start one, switch to it and end it takes about {}: {} of the mean latency",
                time(EACH_S),
                percent(share)
            ),
        ],
        refuted_by: "with threads that are kept, and given one piece of work after the other, the latency would stay"
            .into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 6,
        foremost: false,
        culprit,
    })
}
