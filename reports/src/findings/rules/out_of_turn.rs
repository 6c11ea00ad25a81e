//! Operations that are done and wait for those before them: somebody puts aside what is ready before its turn.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::run::{TraceEndKind, TraceFrame, TracePolls};

use super::ready_not_polled::SLUG;
use super::throughput_pinned::is_for_others;

/// Who tells those that wait, and puts aside what is ready; what they are; and that wait, seconds for each operation.
struct Parked {
    by: TraceFrame,
    who: String,
    each_s: f64,
}

/// A function that puts aside what is ready before its turn, of those in a stack.
fn parks(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<TraceFrame> {
    let loops = joined.loops?;
    own.iter().find_map(|frame| Some(TraceFrame { line: loops.parks(frame)?, ..frame.clone() }))
}

/// Threads and goroutines that wait to be told by such a function.
fn of_threads(joined: &Joined<'_>) -> Option<Parked> {
    let (rows, operations) = joined.kept()?;
    let operations = operations.filter(|_| joined.trace.is_none())?;
    let told = |row: &TracePolls| {
        let waits = row.doing == TraceEndKind::Blocked && row.site.as_ref().is_some_and(|site| !site.own.is_empty());
        // Who puts aside waits for work itself.
        let itself = row.site.as_ref().is_some_and(|site| parks(joined, &site.own).is_some());
        let by = row.holders.iter().find_map(|holder| parks(joined, &holder.site.own)).filter(|_| waits && !itself)?;
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let one_each = row.polls as f64 >= 0.5 * operations;
        one_each.then(|| Parked { by, who: row.kind.clone(), each_s: row.total_s / operations })
    };
    rows.iter().filter_map(told).max_by(|a, b| a.each_s.total_cmp(&b.each_s))
}

/// The same of tasks.
fn of_tasks(joined: &Joined<'_>) -> Option<Parked> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind) && is_for_others(wait));
    let told = waits.filter_map(|wait| {
        let site = wait.site.as_ref()?;
        let links = trace.cases.iter().filter(|case| case.waited_at(site)).flat_map(|case| case.links.iter().skip(1));
        let mut stacks = links.flat_map(|link| link.woke.iter().chain(&link.site));
        let by = stacks.find_map(|site| parks(joined, &site.own))?;
        Some(Parked { by, who: format!("tasks of {}", wait.kind), each_s: wait.total_s / operations })
    });
    told.max_by(|a, b| a.each_s.total_cmp(&b.each_s))
}

/// That operations wait for their turn.
pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let felt = joined.felt.as_ref().filter(|felt| felt.excess_s >= 0.5 * felt.base_s)?;
    let Parked { by, who, each_s } = of_threads(joined).or_else(|| of_tasks(joined))?;
    let share = joined.part((each_s - felt.base_s).max(0.0));
    (share >= LEAST_SHARE).then(|| Cause {
        rule: SLUG,
        title: format!("{} puts aside what is ready until all that was asked before is, and operations wait", by.name()),
        share,
        evidence: vec![
            format!("{who} waited {} for each operation to be told by it; alone an operation takes {}", time(each_s), time(felt.base_s)),
            "it takes out only what is next by its number, as its source says: one that takes long holds all that were asked after it"
                .to_owned(),
            format!("{} of the excess latency", percent(share)),
        ],
        refuted_by: "with each told as soon as it is ready operations would wait as long".into(),
        next: joined.again("wait,trace"),
        proof: if joined.trace.is_some() { "trace" } else { "wait" },
        depth: 5,
        culprit: Some(at(&by)),
        foremost: false,
    })
}
