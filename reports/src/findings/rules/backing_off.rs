//! Some operations sleep before they try again: what they tried had failed, or was not there yet.

use std::ops::Range;

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::joined::Joined;
use crate::run::TraceFrame;

use super::latency_pinned::by_timeout;
use super::own_limit::{self, Sleep};

/// Part of the mean latency that these sleeps must be.
const LEAST: f64 = 0.6;
/// What they are in it at most: what is traced is slower than what was measured.
const MOST: f64 = 1.5;
/// Part of the operations from which the 99th percentile shows it, and part of a sleep that it must be.
const WITHIN_P99: f64 = 0.02;
const MOST_OF_IT: f64 = 0.7;
/// Sleeps for each operation: where each has one, it may be what the operation is for.
const SOME: Range<f64> = 0.005..0.9;
/// Sleeps from which they are no accident, and the shortest that somebody feels, seconds.
const FEWEST: u64 = 10;
const SHORTEST_S: f64 = 0.005;

/// Of tasks that serve what clients ask.
pub(super) fn of_tasks(joined: &Joined<'_>, mean_s: f64) -> Option<Cause> {
    let operations = joined.trace.and(joined.traced_operations())?;
    longest(joined, own_limit::of_tasks(joined, |kind| joined.serves(kind)), operations, mean_s)
}

/// Of threads that do.
pub(super) fn of_threads(joined: &Joined<'_>, mean_s: f64) -> Option<Cause> {
    let (rows, operations) = joined.kept()?;
    longest(joined, own_limit::of_threads(rows, own_limit::serving(rows)), operations?, mean_s)
}

/// The place where operations sleep longest in all, where that is in a loop of what each of them does: a try comes after it.
fn longest(joined: &Joined<'_>, slept: Vec<Sleep<'_>>, operations: f64, mean_s: f64) -> Option<Cause> {
    let tries_again = |own: &[TraceFrame]| {
        let around = |frame: &TraceFrame| joined.loops?.around(&frame.file, frame.line);
        // What begins a task, or a thread, goes round for each operation.
        own.len() > 1 && around(&own[0]) == Some(true)
    };
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let part = |slept: &Sleep<'_>| slept.count as f64 / operations.max(1.0);
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let each_s = |slept: &Sleep<'_>| slept.total_s / slept.count.max(1) as f64;
    let felt = |slept: &Sleep<'_>| {
        slept.count >= FEWEST && each_s(slept) >= SHORTEST_S && SOME.contains(&part(slept)) && tries_again(slept.own)
    };
    let most = slept.into_iter().filter(felt).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let share = most.total_s / operations / mean_s.max(1e-9);
    // Operations cannot take less than they sleep, in all or each: others that do sleep beside them.
    let felt = joined.felt.as_ref().is_none_or(|felt| {
        let late_s = if part(&most) >= WITHIN_P99 { felt.p99_s } else { felt.max_s };
        late_s >= MOST_OF_IT * each_s(&most)
    });
    if !(LEAST..MOST).contains(&share) || !felt {
        return None;
    }
    let share = share.min(1.0);
    let culprit = at(&most.own[0]);
    let title = format!(
        "{} sleeps {} before it tries again, {} times for a hundred operations",
        culprit.function,
        time(each_s(&most)),
        (100.0 * part(&most)).round()
    );
    let evidence = vec![
        format!("{} sleeps there, of {} on average, in a loop, as its source says", most.count, time(each_s(&most))),
        format!("that is {} of the mean latency of {}", percent(share), time(mean_s)),
    ];
    let mut cause = by_timeout(joined, culprit, share, title, evidence);
    cause.refuted_by = "tried again at once, as many operations would be as late".into();
    // Who knows what the sleep is for says more.
    cause.depth = 3;
    Some(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Felt, Loops};
    use crate::run::{ThreadsRecord, TraceEndKind, TracePolls, TraceSite};

    #[test]
    fn who_sleeps_before_it_tries_again_is_told_from_what_takes_its_time() {
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let row = |call: &str, own: &[TraceFrame], polls, total_s| TracePolls {
            doing: TraceEndKind::Blocked,
            site: Some(TraceSite { call: call.into(), own: own.to_vec(), ..TraceSite::default() }),
            polls,
            total_s,
            ..TracePolls::default()
        };
        let source = "fn ask() {\n    loop {\n        if tried() { return }\n        sleep(BACKOFF);\n    }\n}\nfn look_up() {\n    sleep(WORK);\n}\n";
        let mut loops = Loops::default();
        loops.read("a.rs", source);
        let of_late = |function: &str, line, polls, total_s, p99_s| {
            let (serve, main) = (frame("app::serve", 20), frame("app::main", 40));
            let reads = row("recvfrom", &[frame("app::read", 30), serve.clone(), main.clone()], 1000, 9.0);
            let sleeps = row("clock_nanosleep", &[frame(function, line), serve, main], polls, total_s);
            let threads = ThreadsRecord { kept_open: vec![reads, sleeps], ..ThreadsRecord::default() };
            let felt = Some(Felt { p99_s, ..Felt::default() });
            let (threads, loops) = (Some(&threads), Some(&loops));
            let joined = Joined { threads, waited: Some(1000), loops, felt, ..Joined::default() };
            of_threads(&joined, 0.008).map(|cause| cause.title)
        };
        let of = |function: &str, line, polls, total_s| of_late(function, line, polls, total_s, 0.09);
        let told = "app::ask sleeps 80.0 ms before it tries again, 8 times for a hundred operations";
        assert_eq!(of("app::ask", 4, 80, 6.4).as_deref(), Some(told));
        assert_eq!(of("app::look_up", 8, 80, 6.4), None, "it takes so long");
        assert_eq!(of("app::ask", 4, 1000, 6.4), None, "each of them does");
        assert_eq!(of("app::ask", 4, 80, 2.4), None, "a third of the latency");
        assert_eq!(of_late("app::ask", 4, 80, 6.4, 0.002), None, "no operation takes so long");
        assert_eq!(of("app::ask", 4, 400, 32.0), None, "four times as long as all operations take");
    }
}
