//! A connection for every question where one could stay open.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceWait, WaitPlace};

use super::goroutine_waits;
use super::repeated_work::{LEAST, SLUG};
use super::round_trips::ROUND_TRIPS;

/// Each operation opens connections again and again in one place, and waits for what is asked over them.
pub(super) fn again(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let count = |wait: &TraceWait| wait.count as f64;
    let connects = |wait: &&TraceWait| {
        let opens = wait.site.as_ref().is_some_and(|site| {
            site.cause == TraceCause::Socket && site.resource.ends_with("::connect") && !site.own.is_empty()
        });
        opens && count(wait) >= ROUND_TRIPS * operations && joined.serves(&wait.kind)
    };
    let wait = trace.waits.iter().filter(connects).max_by_key(|wait| wait.count)?;
    let culprit = wait.site.as_ref().and_then(innermost)?;
    // What the function that connects waits for is what it connects for.
    let for_it = |other: &&TraceWait| {
        let within =
            other.site.as_ref().is_some_and(|site| site.own.iter().any(|frame| frame.function == culprit.function));
        within && other.kind == wait.kind
    };
    let waited: f64 = trace.waits.iter().filter(for_it).map(|other| other.total_s).sum();
    let share = (waited / operations / joined.usual_s()?.max(1e-9)).min(1.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} opens a connection {:.0} times for each operation", culprit.function, count(wait) / operations),
        share,
        evidence: vec![
            format!(
                "{} waits there for a connection to be opened, {} each, in {operations:.0} operations; those that open at \
                 once are not among them",
                wait.count,
                time(wait.total_s / count(wait))
            ),
            format!("with what is asked over them {} of the latency", percent(share)),
        ],
        refuted_by: "over a connection that stays open operations would take as long".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// Goroutines that a library starts for each operation from which it opens a connection for most of them.
const FOR_EACH: f64 = 0.5;
/// CPU for each operation within `connect` below which hardly one is opened, seconds: one takes 20 to 50 µs.
const CONNECTING_S: f64 = 0.000_005;

/// The same of a program of Go whose goroutines were traced: a library opens connections on goroutines that it starts for who asks.
pub(super) fn of_goroutines(joined: &Joined<'_>) -> Option<Cause> {
    let (waits, open) = goroutine_waits::told(joined)?;
    let (cpu, all) = joined.cpu.zip(joined.kernel_operations())?;
    let connecting: f64 = cpu.rows.iter().filter_map(|row| row.calls.get("connect")).sum();
    let each_s = connecting / cpu.total_s.max(1e-9) * joined.metric("cpu_per_op")?;
    #[allow(clippy::cast_precision_loss, reason = "goroutines of one recording")]
    let often = |count: u64| count as f64 / all;
    let begun = waits.begun.iter().filter(|begun| often(begun.count) >= FOR_EACH && each_s >= CONNECTING_S);
    let (begun, waited) = begun
        .filter_map(|begun| {
            let asks = begun.own.first()?;
            let for_it = |place: &&WaitPlace| {
                place.called_back && !place.asks.is_empty() && place.own.iter().any(|one| guilty::same(one, asks))
            };
            Some((begun, waits.waited.iter().filter(for_it).map(|place| place.total_s).sum::<f64>()))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let culprit = begun.own.first().map(at)?;
    let share = (waited / open / joined.usual_s()?.max(1e-9)).min(1.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} opens a connection for each operation", culprit.function),
        share,
        evidence: vec![
            format!(
                "{} goroutines were started for it by {}, {:.1} for each operation, and {} of CPU an operation goes into `connect`",
                begun.count,
                begun.through,
                often(begun.count),
                time(each_s)
            ),
            format!("with what is asked over them {} of the latency", percent(share)),
        ],
        refuted_by: "over a connection that stays open operations would take as long".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}
