//! Operations wait for an answer behind a question that somebody else asks in the same place now and then, and that takes far longer:
//! what answers takes one after the other, as a connection does that all share (head-of-line blocking).

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceWait};

use super::throughput_pinned::is_for_others;
use super::waiting_on_owner::SLUG;

/// Part of the excess latency that it must explain.
const LEAST: f64 = 0.3;
/// Such questions from which they are no accident, and for each operation at most.
const FEWEST: u64 = 3;
const SELDOM: f64 = 0.1;
/// How many times what an operation waits there on average one of them must take, and in the longest wait of an operation.
const FAR_LONGER: f64 = 4.0;
const AS_LONG: f64 = 0.8;
/// Each of them takes that long: who waits behind others does so now and then. The mean, in the longest.
const ALWAYS: f64 = 0.8;

#[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let mean_s = |wait: &TraceWait| wait.total_s / wait.count.max(1) as f64;
    let asks = |wait: &&TraceWait| {
        let long = wait.count >= FEWEST && mean_s(wait) >= ALWAYS * wait.longest_s;
        let seldom = (wait.count as f64) < SELDOM * operations;
        !joined.serves(&wait.kind) && is_for_others(wait) && long && seldom
    };
    let behind = |ahead: &TraceWait, wait: &TraceWait| {
        let first = |wait: &TraceWait| wait.site.as_ref().and_then(|site| site.own.first()).cloned();
        let here = first(ahead).zip(first(wait)).is_some_and(|(a, b)| a == b);
        let same_cause = ahead.site.as_ref().map(|site| site.cause) == wait.site.as_ref().map(|site| site.cause);
        let everybody = 2.0 * wait.count as f64 >= operations;
        let as_long = wait.longest_s >= AS_LONG * mean_s(ahead) && mean_s(ahead) >= FAR_LONGER * mean_s(wait);
        joined.serves(&wait.kind) && here && same_cause && everybody && as_long
    };
    let found = trace.waits.iter().filter(asks).filter_map(|ahead| {
        let others = trace.waits.iter().find(|wait| behind(ahead, wait))?;
        let own = &ahead.site.as_ref().filter(|site| site.cause == TraceCause::Channel)?.own;
        let theirs = &others.site.as_ref()?.own;
        // The innermost function that operations do not go through: it asks for more than they do.
        let asks = own.iter().find(|frame| !theirs.iter().any(|other| guilty::same(frame, other)))?;
        Some((ahead, others, asks))
    });
    let (ahead, others, asks) = found.max_by(|(a, ..), (b, ..)| a.total_s.total_cmp(&b.total_s))?;
    // Who comes at any time waits for half of one that lasts.
    let part = ahead.total_s / joined.traced_s().max(1e-9);
    let share = joined.part(part * mean_s(ahead) / 2.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("operations wait behind what {} asks, which takes {}", asks.function, time(mean_s(ahead))),
        share,
        evidence: vec![
            format!(
                "tasks of {} waited {} times for an answer there, {} each, {} of the time in all; operations wait in the same place, {} on \
                 average and {} at most",
                ahead.kind,
                ahead.count,
                time(mean_s(ahead)),
                percent(part),
                time(mean_s(others)),
                time(others.longest_s)
            ),
            "each of these takes as long, and of operations those alone that come meanwhile: they are answered one after the other".into(),
        ],
        refuted_by: "with a connection, or a queue, of its own operations would wait as long".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(at(asks)),
        foremost: false,
    })
}
