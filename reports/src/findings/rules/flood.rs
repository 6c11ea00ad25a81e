//! A flood of short tasks: somebody spawns many at once, and whatever becomes ready meanwhile is polled after them, as long as no
//! single poll is.

use crate::findings::cause::{Cause, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::run::TraceKind;

use super::ready_not_polled::{SHORT_S, SLUG};

/// Tasks from which they are many.
const MANY: u64 = 100;
/// How many of them are ready before one is polled, on average: workers that share them take a few at a time.
const AT_ONCE: f64 = 30.0;
/// Polls of each from which it is no piece of work that is done at one go.
const POLLS: u64 = 2;

pub(super) fn of(joined: &Joined<'_>) -> Vec<Cause> {
    let Some((trace, operations)) = joined.trace.zip(joined.traced_operations()) else { return Vec::new() };
    let slowed = joined.slowed_by_tracing();
    let floods = trace.kinds.iter().filter_map(|kind| {
        let before = ready_before(kind).filter(|_| !is_of_operations(joined, kind))?;
        // An operation waits for its own task, and for the slowest of those that it spawned.
        let waited = trace.instead.iter().filter(|row| row.instead == kind.name && row.kind != kind.name);
        let (mut itself, mut spawned) = (0.0, 0.0_f64);
        for row in waited {
            if joined.serves(&row.kind) {
                itself += row.total_s;
            } else if joined.kind(&row.kind).is_some_and(|kind| is_of_operations(joined, kind)) {
                spawned = spawned.max(row.total_s);
            }
        }
        let share = joined.part((itself + spawned) / operations / slowed);
        let culprit = kind.spawned_at.as_ref().and_then(innermost)?;
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let polls = kind.polls as f64;
        (share >= LEAST_SHARE).then(|| Cause {
            rule: SLUG,
            title: format!("{} spawns so many tasks at once that others that are ready wait behind them", culprit.function),
            share,
            evidence: vec![
                format!(
                    "{} tasks of {} came from there, polled for {} each, after {} behind about {before:.0} others like them",
                    kind.spawned,
                    kind.name,
                    time(kind.busy_s / polls / slowed),
                    time(kind.schedule_latency_s / polls),
                ),
                format!(
                    "while what operations wait for was ready its worker polled them for {} in all: {} of the excess latency",
                    time(itself + spawned),
                    percent(share)
                ),
            ],
            refuted_by: "with no more of them at a time than there are workers the others would be polled as late".into(),
            next: joined.again("trace"),
            proof: "trace",
            depth: 3,
            culprit: Some(culprit),
            // What runs then is what was spawned so.
            foremost: true,
        })
    });
    floods.collect()
}

/// How many of a type are ready before one of them is polled, where they come in such numbers.
#[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
fn ready_before(kind: &TraceKind) -> Option<f64> {
    let each = kind.busy_s / kind.polls.max(1) as f64;
    let is_piece = !kind.blocking && kind.spawned >= MANY && kind.polls <= POLLS * kind.spawned && each <= SHORT_S;
    let before = kind.schedule_latency_s / kind.busy_s.max(1e-9);
    (is_piece && before >= AT_ONCE).then_some(before)
}

/// Whether operations spawn them: from there a task that serves them is gone through.
fn is_of_operations(joined: &Joined<'_>, kind: &TraceKind) -> bool {
    let spawned = kind.spawned_at.iter().flat_map(|site| &site.own);
    joined.serves(&kind.name) || spawned.into_iter().any(|frame| joined.serves(&frame.function))
}
