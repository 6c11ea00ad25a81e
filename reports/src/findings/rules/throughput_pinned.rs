//! Throughput that does not rise with the number of clients although CPUs are idle: one task, one thread or a few serve
//! everybody in turn.

use crate::findings::cause::{Answer, Cause, at, innermost, time};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, dealing, guilty, owner};
use crate::run::{TraceCase, TraceCause, TraceEndKind, TraceWait};

use super::latency_pinned::{belongs_to_operations, is_tick};
use super::{behind_jobs, goroutine_waits, in_turn};

pub(in crate::findings) const SLUG: &str = "throughput-pinned";
/// Part of the latency under full load that waits there must be.
const LEAST: f64 = 0.4;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    if joined.levels.len() < 2 {
        return if joined.attached { in_turn::look(joined) } else { Answer::Blind("levels") };
    }
    let pinned = joined.is_pinned();
    let Some(trace) = joined.trace else { return goroutine_waits::queue(joined) };
    let latency = f64::from(joined.concurrency) / joined.metric("capacity").unwrap_or(f64::INFINITY);
    let capacity = joined.metric("capacity").unwrap_or(0.0);
    let is_far = joined.is_far() || joined.has_room();
    // Where some operations take far longer than most, no level tells what one client gets.
    let ladder =
        joined.ladder().unwrap_or_else(|| format!("{} clients get {capacity:.0} answers a second", joined.concurrency));
    let phases = [
        trace.saturated.as_deref().map(|phase| (&phase.waits, &phase.cases, joined.traced_saturated, latency)),
        joined.traced.map(|(count, mean)| (&trace.waits, &trace.cases, count, mean)),
    ];
    // Whose short jobs wait behind those of others is served by nobody in turn: that finding stands for itself.
    let behind_others = !behind_jobs::of_pool(joined).is_empty();
    let mut causes: Vec<Cause> = Vec::new();
    for (waits, cases, operations, latency) in phases.into_iter().flatten() {
        for wait in waits.iter().filter(|wait| joined.serves(&wait.kind) && is_for_others(wait)) {
            // Everybody waits there, or it pins nothing.
            let Some(site) = wait.site.as_ref().filter(|_| 2 * wait.count >= operations) else { continue };
            if behind_others && behind_jobs::is_for_a_job(site) {
                continue;
            }
            #[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
            let each = wait.total_s / operations.max(1) as f64;
            // Of the latency under load; or, where the ladder does not show it, of what operations take beyond their own.
            let beyond = (each - joined.felt.as_ref().map_or(0.0, |felt| felt.base_s)).max(0.0);
            let queues = joined.felt.as_ref().is_some_and(|felt| felt.excess_s >= felt.base_s.max(0.001));
            let share = match (pinned, queues) {
                // Nobody waits where so much less is asked for than it can do.
                (true, false) | (false, _) if is_far => 0.0,
                (true, _) => (each / latency).min(1.0),
                // Who answers many at once, as a group commit does, makes everybody wait and nobody queue.
                (false, true) if !joined.rises() && joined.is_idle_saturated() => joined.part(beyond),
                (false, _) => 0.0,
            };
            if share < LEAST || causes.iter().any(|cause| cause.evidence.iter().any(|told| told.contains(&wait.kind))) {
                continue;
            }
            let owned: Vec<&TraceCase> = cases.iter().filter(|case| case.waited_at(site)).collect();
            let seen = owned.iter().find_map(|case| Some((*case, owner::of(case)?)));
            if seen.as_ref().is_some_and(|(_, owner)| is_tick(joined, &owner.link.kind, owner.site)) {
                continue;
            }
            // A task for each operation serves nobody in turn.
            let one_each = |kind: &str| kind != wait.kind && belongs_to_operations(joined, kind);
            if seen.as_ref().is_some_and(|(_, owner)| one_each(&owner.link.kind)) {
                continue;
            }
            // Who waits for the end of tasks that it spawned itself waits for its own work.
            let own_work = site.cause == TraceCause::Join && trace.kinds.iter().any(|kind| one_each(&kind.name));
            if seen.is_none() && own_work {
                continue;
            }
            let pool = owned.iter().find(|case| case.end.kind == TraceEndKind::BlockingPool);
            let culprit = match (&seen, pool) {
                // Another operation: it goes on in what both go through, and not by what serves its connection.
                (Some((_, owner)), _) if owner.link.kind == wait.kind => {
                    guilty::common(&site.own, &owner.site.own).map(at).or_else(|| innermost(site))
                }
                (Some((_, owner)), _) => {
                    guilty::serving(joined, &owner.site.own).map(at).or_else(|| owner::root(owner.site))
                }
                (None, Some(case)) => case.end.site.as_ref().and_then(innermost).or_else(|| innermost(site)),
                (None, None) => innermost(site),
            };
            let dealt = seen
                .as_ref()
                .and_then(|(_, owner)| dealing::dealer_of_tasks(joined, &owner.link.kind, owner.site.own.last()?));
            let (dealer, dealt) = dealt.unzip();
            // What traces is slower than what was measured: waits may add up to more than an operation took then.
            let of = if each <= latency { format!(" of {}", time(latency)) } else { String::new() };
            let mut evidence = vec![format!("each operation waits {}{of} there in tasks of {}", time(each), wait.kind)];
            evidence.extend(pinned.then(|| format!("{ladder}, and the CPUs are not busy")));
            evidence.extend(owned.first().map(|case| format!("the longest: {}", case.sentence())));
            evidence.extend(dealt);
            let place = |at: &Option<Culprit>| at.as_ref().map(|at| at.function.clone()).unwrap_or_default();
            let title = match &dealer {
                Some(_) => {
                    format!("everybody waits for one of several, to whom {} gives all there is to do", place(&dealer))
                }
                None => format!("everybody waits for {}, which serves one after the other", place(&culprit)),
            };
            let culprit = dealer.or(culprit);
            causes.push(Cause {
                rule: SLUG,
                title,
                share,
                culprit,
                evidence,
                refuted_by: "throughput would not rise if several of it worked side by side".into(),
                next: joined.again("trace"),
                proof: "levels",
                depth: 4,
                foremost: false,
            });
        }
    }
    Answer::of(causes, || match is_far {
        true => format!("{ladder}, which is {:.0} times what is asked for", capacity / joined.rate),
        false => format!("{ladder}, but nobody was seen to wait for one who serves them all"),
    })
}

/// A wait for what another task or thread does.
pub(super) fn is_for_others(wait: &TraceWait) -> bool {
    let cause = wait.site.as_ref().map(|site| site.cause);
    let others =
        [TraceCause::Channel, TraceCause::Notify, TraceCause::Join, TraceCause::BlockingPool, TraceCause::Other];
    cause.is_some_and(|cause| others.contains(&cause))
}
