//! A task that waits, until a timeout, for more to come before those are answered that did: [`lingering`] is the
//! same of threads.

use crate::findings::cause::{Cause, at, time};
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceFrame, TraceSite, TraceWait};

use super::lingering;

/// Part of the latency that operations must wait to be told.
const LEAST: f64 = 0.4;
/// Waits for each operation: every one waits once.
const EVERY: std::ops::Range<f64> = 0.8..1.2;
/// Timeouts that ended such waits from which they are no accident, and the shortest that somebody feels, seconds.
const FEWEST: u64 = 20;
const SHORTEST_S: f64 = 0.003;
/// Part of the time for which the task gathers, more or less.
const GATHERS: std::ops::Range<f64> = 0.3..1.02;
/// How long is gathered for one batch, in what operations wait: they come at any time within it, and who works on a batch takes time.
const OF_WAIT: std::ops::Range<f64> = 0.3..2.0;
/// Part of the wakes of operations that the task, or those whom it spawns, must be behind.
const TELLS: f64 = 0.3;

pub(super) fn of(joined: &Joined<'_>, mean_s: f64) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let told = [TraceCause::Channel, TraceCause::Notify, TraceCause::Other];
    let for_it = |wait: &&TraceWait| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let once = EVERY.contains(&(wait.count as f64 / operations));
        let is_told = wait.site.as_ref().is_some_and(|site| told.contains(&site.cause));
        joined.serves(&wait.kind) && is_told && once && wait.total_s / operations >= LEAST * mean_s
    };
    let waits = trace.waits.iter().filter(for_it).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let each_s = waits.total_s / operations;
    let of_timer = |site: &&TraceSite| site.cause == TraceCause::Timer && site.beside_others;
    let (ends, stands) = trace.waits.iter().find_map(|ends| {
        let stands = ends.site.as_ref().filter(of_timer)?.own.first()?;
        let gathers = !joined.serves(&ends.kind)
            && ends.count >= FEWEST
            && is_in_loop(joined, stands)
            && tells(joined, &ends.kind, &waits.kind);
        (gathers && fits(joined, ends, stands, each_s)).then_some((ends, stands))
    })?;
    let told = format!(
        "tasks of {} wait there for what comes next, and {} times it was a timeout of {} at most that ended that",
        ends.kind,
        ends.count,
        time(ends.longest_s)
    );
    Some(lingering::waits_for_more(joined, at(stands), (ends.longest_s, each_s, mean_s), told))
}

fn is_in_loop(joined: &Joined<'_>, frame: &TraceFrame) -> bool {
    joined.loops.and_then(|loops| loops.around(&frame.file, frame.line)) == Some(true)
}

/// Whether a task gathers at a place for about as long as operations wait, and waits there for what comes as well.
fn fits(joined: &Joined<'_>, ends: &TraceWait, stands: &TraceFrame, each_s: f64) -> bool {
    let here = |wait: &&TraceWait| {
        let first = wait.site.as_ref().and_then(|site| site.own.first());
        wait.kind == ends.kind && first.is_some_and(|first| first == stands)
    };
    let all_s: f64 =
        joined.trace.into_iter().flat_map(|trace| &trace.waits).filter(here).map(|wait| wait.total_s).sum();
    let comes = joined.trace.into_iter().flat_map(|trace| &trace.waits).filter(here).any(|wait| {
        wait.site.as_ref().is_some_and(|site| matches!(site.cause, TraceCause::Channel | TraceCause::Notify))
    });
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let batch_s = all_s / ends.count as f64;
    comes
        && ends.longest_s >= SHORTEST_S
        && GATHERS.contains(&(all_s / joined.traced_s().max(1e-9)))
        && OF_WAIT.contains(&(batch_s / each_s))
}

/// Whether operations are woken by tasks of that type, or by those that these spawn.
fn tells(joined: &Joined<'_>, kind: &str, operations: &str) -> bool {
    let Some(trace) = joined.trace else { return false };
    // A task's type is named after the function that it runs.
    let spawned_by_it = |other: &str| {
        let spawned_at = joined.kind(other).and_then(|other| other.spawned_at.as_ref());
        spawned_at.is_some_and(|site| site.own.iter().any(|frame| frame.function == kind))
    };
    let of_operations = || trace.wakers.iter().filter(|waker| waker.kind == operations);
    let all: u64 = of_operations().map(|waker| waker.count).sum();
    let by_it: u64 =
        of_operations().filter(|waker| waker.by == kind || spawned_by_it(&waker.by)).map(|waker| waker.count).sum();
    #[allow(clippy::cast_precision_loss, reason = "wakes of one recording")]
    let part = by_it as f64 / all.max(1) as f64;
    part >= TELLS
}
