//! Who takes what is asked of it in rounds: it takes nothing new before all of a round is done, so that whatever comes meanwhile
//! waits for the slowest of those that came before. Throughput rises with the clients, since a round is of many.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceKind, TraceWait};

use super::in_turn::MOST_BUSY;
use super::latency_pinned::belongs_to_operations;
use super::ready_not_polled::SLUG;
use super::throughput_pinned::is_for_others;

/// Part of the excess latency that the wait for it must be.
const LEAST: f64 = 0.4;
/// Part of its time in which it takes nothing.
const AWAY: f64 = 0.8;
/// Part of what operations wait on average that it must have been away at once.
const AS_LONG: f64 = 0.5;

pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    // Who takes a while for a group, as a group commit does, lets nobody wait for much longer than that.
    let felt = joined.felt.as_ref().filter(|felt| felt.excess_s >= felt.base_s.max(0.001))?;
    if joined.is_pinned() || joined.busy().is_some_and(|busy| busy >= MOST_BUSY) {
        return None;
    }
    let (wait, server) = only_server(joined)?;
    let each_s = wait.total_s / operations;
    let share = joined.part((each_s - felt.base_s).max(0.0));
    let takes = |wait: &&TraceWait| {
        let cause = wait.site.as_ref().map(|site| site.cause);
        matches!(cause, Some(TraceCause::Channel | TraceCause::Notify))
    };
    let its = || trace.waits.iter().filter(|wait| wait.kind == server.name);
    let away = 1.0 - its().filter(takes).map(|wait| wait.total_s).sum::<f64>() / joined.traced_s().max(1e-9);
    let round = its().filter(|wait| !takes(wait)).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let site = round.site.as_ref().filter(|site| site.cause != TraceCause::Timer)?;
    let long = round.longest_s >= AS_LONG * each_s && round.total_s >= AS_LONG * away * joined.traced_s();
    // It takes what it works off somewhere: otherwise nobody knows that it takes nothing meanwhile.
    let is_asked = its().any(|wait| takes(&wait));
    if share < LEAST || away < AWAY || !long || !is_asked {
        return None;
    }
    let culprit = guilty::serving(joined, &site.own).map(at).or_else(|| innermost(site))?;
    Some(Cause {
        rule: SLUG,
        title: format!("{} takes nothing new before it is done with what it took", culprit.function),
        share,
        evidence: vec![
            format!(
                "operations wait {} for it on average, where one alone takes {} in all",
                time(each_s),
                time(felt.base_s)
            ),
            format!(
                "it waits at {} for {} of the time, up to {} at once, and takes nothing meanwhile",
                innermost(site).unwrap_or_default().sentence(),
                percent(away),
                time(round.longest_s)
            ),
            joined.ladder().map_or_else(
                || "throughput rises with the clients: it takes many at once".to_owned(),
                |ladder| format!("{ladder}: it takes many at once"),
            ),
        ],
        refuted_by: "operations would wait as long if it took the next while it waits for those that it has".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 4,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// Where everybody waits for others, the longest in all, and the one task that has them go on.
pub(super) fn only_server<'a>(joined: &Joined<'a>) -> Option<(&'a TraceWait, &'a TraceKind)> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let everybody = |count: u64| 2.0 * count as f64 >= operations;
    let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind) && is_for_others(wait));
    let wait = waits.filter(|wait| everybody(wait.count)).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let woken_by = |kind: &str| {
        trace.wakers.iter().any(|waker| waker.kind == wait.kind && waker.by == kind && everybody(waker.count))
    };
    let alone = |kind: &str| kind != wait.kind && joined.is_one(kind) && !belongs_to_operations(joined, kind);
    let server = trace.kinds.iter().find(|kind| woken_by(&kind.name) && alone(&kind.name))?;
    Some((wait, server))
}
