//! A connection for every question where one could stay open.

use crate::findings::cause::{Cause, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceWait};

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
