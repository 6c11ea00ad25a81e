//! Who has much in flight and waits for something else meanwhile: what is ready of it is not polled until that is over, and nothing new
//! is taken (`select! { done = in_flight.next() => audit(done).await }`).

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceFrame, TraceWait};

use super::ready_not_polled::SLUG;
use super::rounds::only_server;

/// Part of the excess latency that it must explain.
const LEAST: f64 = 0.3;
/// Waits for what is in flight, for each operation, from which it has much.
const IN_FLIGHT: f64 = 0.1;
/// Such other waits for each operation: where each has one, it is what the operation is for.
const NOW_AND_THEN: f64 = 0.5;
/// The shortest of them that somebody feels, seconds.
const SHORTEST_S: f64 = 0.003;
/// What is ready is not polled, and goes on then only to what it waits for next, which may fall into another such wait.
const TWICE: f64 = 2.0;

pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let felt = joined.felt.as_ref().filter(|felt| felt.excess_s > 0.0)?;
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let each = |count: u64| count as f64 / operations;
    let (asked, server) = only_server(joined)?;
    let its = || trace.waits.iter().filter(|wait| wait.kind == server.name);
    // It waits at one place for what is asked and for what it has in flight, of which nobody says what it is.
    let round = its().find_map(|wait| {
        let stands = own_of(wait, TraceCause::Other)?.first()?;
        let takes = |other: &TraceWait| {
            let own = own_of(other, TraceCause::Channel).or_else(|| own_of(other, TraceCause::Notify));
            own.is_some_and(|own| own.first().is_some_and(|first| guilty::same(first, stands)))
        };
        (each(wait.count) >= IN_FLIGHT && its().any(takes)).then_some(stands)
    })?;
    // And below it for something else.
    let away = its().filter_map(|wait| {
        let site = wait.site.as_ref().filter(|site| !matches!(site.cause, TraceCause::Channel | TraceCause::Other))?;
        let waits = site.own.iter().find(|frame| guilty::same(frame, round))?;
        let long = wait.longest_s >= SHORTEST_S.max(felt.base_s.min(asked.longest_s / TWICE));
        (each(wait.count) < NOW_AND_THEN && long).then_some((waits, wait))
    });
    let (waits, away) = away.max_by(|(_, a), (_, b)| a.total_s.total_cmp(&b.total_s))?;
    // Who comes at any time comes into one that lasts so long in so much of the time, and waits for half of it.
    let part = away.total_s / joined.traced_s().max(1e-9);
    let share = joined.part(TWICE * part * away.longest_s / 2.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} polls nothing that it has in flight while it waits for something else", waits.function),
        share,
        evidence: vec![
            format!(
                "it waits at {} for up to {} now and then, {} of the time in all; what it has in flight, and what is asked meanwhile, waits for \
                 the end of that",
                at(waits).sentence(),
                time(away.longest_s),
                percent(part)
            ),
            format!("otherwise it waits at {} for what is asked and for what it has in flight at once", at(round).sentence()),
        ],
        refuted_by: "with that on a task of its own operations would wait as long".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(at(waits)),
        foremost: false,
    })
}

/// The functions of the program in which something is waited for, where that is why.
fn own_of(wait: &TraceWait, cause: TraceCause) -> Option<&[TraceFrame]> {
    wait.site.as_ref().filter(|site| site.cause == cause).map(|site| site.own.as_slice())
}
