//! One thing that came wakes everybody who waits for it: all but one find nothing and wait again.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceEndKind, TraceFrame, TraceKind, TracePolls};

use super::repeated_work;

/// Wakes of tasks for an operation.
const WAKES: f64 = 25.0;
/// Wakes of one task for an operation beyond which it is not one of a herd, but goes on with a step of its own each time.
const PER_PEER: f64 = 2.0;

/// Wakes of many tasks of which one finds something.
pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let kind = trace.kinds.iter().find(|kind| {
        let (polls, wakes) = (kind.polls as f64 / operations, kind.wakes as f64 / operations);
        !kind.blocking && polls.min(wakes) >= WAKES && peers(joined, kind) * PER_PEER >= polls.min(wakes)
    })?;
    let waits = trace.waits.iter().filter(|wait| wait.kind == kind.name);
    let site = waits.max_by_key(|wait| wait.count).and_then(|wait| wait.site.as_ref())?;
    // Who waits for the network goes on with its own work each time, a timer fires however many operations there are, and who
    // yields wakes itself.
    if matches!(site.cause, TraceCause::Socket | TraceCause::Timer | TraceCause::Yield) {
        return None;
    }
    // Everybody who listens to a broadcast gets what was sent.
    if site.cause == TraceCause::Channel && site.resource.contains("broadcast") {
        return None;
    }
    // Whoever tells those who wait each for its own tells those whom it means.
    let its_own =
        |frame: &TraceFrame| joined.loops.is_some_and(|loops| loops.waits_for_its_own(&frame.file, frame.line));
    if site.own.first().is_some_and(its_own) {
        return None;
    }
    let culprit = site.own.first().map(at).or_else(|| innermost(site))?;
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let count = kind.polls as f64 / operations;
    Some(Cause {
        rule: repeated_work::SLUG,
        title: format!(
            "each operation wakes {count:.0} tasks of {}, which wait again at once in {}",
            kind.name, culprit.function
        ),
        share: (kind.busy_s / operations / joined.mean_s().unwrap_or(1.0).max(1e-9)).clamp(0.3, 1.0),
        evidence: vec![
            format!("{} polls of {} for {operations:.0} operations", kind.polls, kind.name),
            format!("they took {} of CPU in all", time(kind.busy_s)),
        ],
        refuted_by: "with one wake for one item CPU per operation would stay".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// The same of threads: where so many are woken that their records find no room, each stands for several.
const WAKES_OF_THREADS: f64 = 10.0;
/// Part of the CPU that goes into waiting again, from which that is what the program does.
const FOR_NOTHING: f64 = 0.4;

/// The same of threads that wait for a condition, by the source of who tells all of them.
pub(super) fn of_threads(joined: &Joined<'_>) -> Option<Cause> {
    let (loops, cpu) = (joined.loops?, joined.cpu.filter(|_| joined.trace.is_none())?);
    let (rows, operations) = joined.kept()?;
    let operations = operations?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let often = |row: &TracePolls| row.polls as f64 / operations;
    let waits = rows.iter().filter(|row| row.doing == TraceEndKind::Blocked && often(row) >= WAKES_OF_THREADS);
    let (row, first) = waits.filter_map(|row| Some((row, row.own().first()?))).max_by_key(|(row, _)| row.polls)?;
    let &(file, function, line) = loops.tell_all(&first.file, first.line).first()?;
    let again = cpu.rows.iter().filter(|one| one.function == first.function && one.file == first.file);
    let part = again.map(|one| one.total_s).sum::<f64>() / cpu.total_s.max(1e-9);
    if part < FOR_NOTHING {
        return None;
    }
    let culprit = loops.culprit(&first.function, (file, function, line));
    Some(Cause {
        rule: repeated_work::SLUG,
        title: format!("{} wakes all who wait in {}, where one would do", culprit.function, at(first).function),
        share: part.min(1.0),
        evidence: vec![
            format!(
                "threads of {} waited again {} times at {}, {:.0} times for each operation",
                row.kind,
                row.polls,
                at(first).sentence(),
                often(row)
            ),
            format!("{} of the CPU goes into that", percent(part)),
            format!("all are told in {}, as its source says", culprit.sentence()),
        ],
        refuted_by: "with one wake for one item CPU per operation would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 6,
        culprit: Some(culprit),
        // That threads crowd each other out follows from it.
        foremost: true,
    })
}

/// Tasks of a type that wait for the same at once: those of the operations that are under way, of a type that serves them.
#[allow(clippy::cast_precision_loss, reason = "tasks of one recording")]
fn peers(joined: &Joined<'_>, kind: &TraceKind) -> f64 {
    let alive = kind.alive as f64;
    let in_flight = joined.traced.map(|(_, mean_s)| joined.rate * mean_s);
    if joined.serves(&kind.name) { in_flight.map_or(alive, |count| count.min(alive)) } else { alive }
}
