//! Round trips of an operation that are made one after the other.

use std::cmp::Reverse;

use crate::findings::cause::{Answer, Cause, at, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, guilty};
use crate::run::{TraceCause, TraceFrame, TraceSite, TraceWait, WaitCause, WaitPlace};

use super::delayed_acks::{AT_NETWORK, READS};
use super::goroutine_waits;
use super::latency_pinned::{each_phase, is_set};
use super::repeated_work::{LEAST, SLUG};

/// Waits of an operation in one place from which they are round trips that could be one: a few are how protocols work.
pub(super) const ROUND_TRIPS: f64 = 5.0;
/// What an operation takes from which its round trips count, seconds: however many, below it nobody waits for them.
const TRIPS_S: f64 = 0.000_5;

/// A place is no part of operations where threads stand longer than that many times what these take: they wait for the next one.
const LONGER: f64 = 3.0;
/// Waits for each operation of a place in which threads wait for the next one.
const NEXT_EACH: f64 = 0.5;

/// Operations wait so often in one place, for such a share of what they take; with the command to run next, and what proves it.
fn one_after_the_other(
    culprit: Culprit,
    times: f64,
    share: f64,
    told: String,
    (next, proof): (String, &'static str),
) -> Cause {
    Cause {
        rule: SLUG,
        title: format!("each operation waits {times:.0} times, one after the other, in {}", culprit.function),
        share,
        evidence: vec![told, format!("together {} of the latency", percent(share))],
        refuted_by: "asked at once, or in one question, they would take as long".into(),
        next,
        proof,
        depth: 4,
        culprit: Some(culprit),
        foremost: false,
    }
}

/// Each operation of a program of threads asks again and again in one place, and waits for every answer.
pub(super) fn of_threads(joined: &Joined<'_>) -> Option<Cause> {
    if joined.trace.is_some() {
        return None;
    }
    let (threads, operations) = joined.threads.zip(joined.kernel_operations())?;
    let usual = joined.usual_s()?.max(1e-9);
    if joined.felt.as_ref().is_some_and(|felt| felt.p50_s.max(felt.base_s) < TRIPS_S) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let count = |place: &WaitPlace| place.waits as f64 / operations;
    let reads = |place: &&WaitPlace| {
        place.cause == WaitCause::Blocked && READS.contains(&place.within.as_str()) && place.own.len() > 1
    };
    let all: Vec<&WaitPlace> = threads.places.iter().filter(reads).collect();
    // Where a connection waits for the next operation: the nearest to what began its thread. Whoever is asked within the same
    // program waits so, too.
    let mut for_next: Vec<&WaitPlace> = all.iter().copied().filter(|place| count(place) >= NEXT_EACH).collect();
    for_next.sort_by_key(|place| (place.own.len(), Reverse(place.waits)));
    let asks = |place: &WaitPlace, between: &WaitPlace| {
        let each_s = place.total_s / operations;
        let within = place.thread == between.thread && guilty::common(&between.own, &place.own).is_some();
        let long = each_s >= LEAST * usual && each_s <= LONGER * usual;
        place.own != between.own && within && count(place) >= ROUND_TRIPS && long
    };
    let (between, place) = for_next.into_iter().find_map(|between| {
        let asks = all.iter().filter(|place| asks(place, between));
        Some((between, *asks.max_by(|a, b| a.total_s.total_cmp(&b.total_s))?))
    })?;
    // Each question is written: an answer that comes in parts is read without.
    joined.cpu.and_then(|cpu| cpu.writer_within(inside(&place.own, &between.own)))?;
    let culprit = guilty::questioning(joined, &place.thread, inside(&place.own, &between.own))
        .or_else(|| place.own.first())
        .map(at)?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (times, each) = (count(place), place.total_s / place.waits.max(1) as f64);
    let share = (place.total_s / operations / usual).min(1.0);
    let told = format!(
        "threads waited {} times in `{}` at {}, {} each, for {operations:.0} operations",
        place.waits,
        place.within,
        place.own.first().map(|frame| at(frame).sentence()).unwrap_or_default(),
        time(each)
    );
    Some(one_after_the_other(culprit, times, share, told, (joined.again("cpu,wait"), "wait")))
}

/// Waits of a goroutine for one answer where a library works with goroutines of its own: they tell that the question was written, that
/// there is an answer, and where nobody kept a connection that it is there.
const WAKES: f64 = 3.0;

/// The same of a program of Go whose goroutines were traced: a library waits for the answers.
pub(super) fn of_goroutines(joined: &Joined<'_>) -> Option<Cause> {
    let (threads, operations) = goroutine_waits::told(joined)?;
    let usual = joined.usual_s()?.max(1e-9);
    if joined.felt.as_ref().is_some_and(|felt| felt.p50_s.max(felt.base_s) < TRIPS_S) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let count = |place: &WaitPlace| place.waits as f64 / operations;
    let asks = |place: &&WaitPlace| {
        let asks = place.called_back && !place.asks.is_empty();
        let least = if place.within == AT_NETWORK { ROUND_TRIPS } else { WAKES * ROUND_TRIPS };
        asks && count(place) >= least && place.total_s / operations >= LEAST * usual
    };
    let place = threads.waited.iter().filter(asks).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let culprit = guilty::repeating(joined, &place.thread, &place.own).or_else(|| place.own.first()).map(at)?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (times, each) = (count(place), place.total_s / place.waits.max(1) as f64);
    let share = (place.total_s / operations / usual).min(1.0);
    let told = format!(
        "goroutines of operations waited {} times in `{}` at {}, {} each, for {operations:.0} operations",
        place.waits,
        place.asks,
        place.own.first().map(|frame| at(frame).sentence()).unwrap_or_default(),
        time(each)
    );
    Some(one_after_the_other(culprit, times, share, told, (joined.again("cpu,wait"), "wait")))
}

/// The part of a stack that is deeper than what it shares with another one.
fn inside<'f>(own: &'f [TraceFrame], other: &[TraceFrame]) -> &'f [TraceFrame] {
    let shared = own.iter().position(|frame| other.iter().any(|one| guilty::same(one, frame)));
    &own[..shared.unwrap_or(own.len())]
}

/// Each operation waits for the network, or for a time in a function that is called for it, again and again in one place, a set
/// number of times: questions that are asked one after the other.
pub(super) fn again(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let mean = joined.usual_s()?.max(1e-9);
    // Connections that wait for the next request where they waited for an answer last show more than operations wait.
    let usual = joined.felt.as_ref().map(|felt| felt.p50_s.max(felt.base_s));
    if usual.is_some_and(|usual| usual < TRIPS_S) {
        return None;
    }
    let asks = |wait: &&TraceWait| {
        let Some(site) = wait.site.as_ref().filter(|site| !site.beside_others && !site.own.is_empty()) else {
            return false;
        };
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let count = wait.count as f64 / operations;
        let set = match site.cause {
            TraceCause::Socket => true,
            // Who looks again and again whether somebody else is done has another mechanism.
            TraceCause::Timer => {
                is_set(joined, &wait.kind, count, operations) && site.own.len() > 1 && is_in_a_row(joined, wait)
            }
            _ => false,
        };
        let often = each_phase(joined, &wait.kind, site).unwrap_or(count) >= ROUND_TRIPS;
        let set = set && !is_asked_there(joined, wait);
        set && often && count >= ROUND_TRIPS && wait.total_s / operations >= LEAST * mean && joined.serves(&wait.kind)
    };
    let wait = trace.waits.iter().filter(asks).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let site = wait.site.as_ref()?;
    let asking = guilty::questioning(joined, &wait.kind, &site.own).filter(|_| site.cause == TraceCause::Socket);
    let asking = asking.or_else(|| guilty::asking(joined, &wait.kind, &site.own));
    let culprit = asking.map(at).or_else(|| innermost(site))?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (count, each) = (wait.count as f64 / operations, wait.total_s / wait.count.max(1) as f64);
    let share = (wait.total_s / operations / mean).min(1.0);
    let told = format!("{} waits of {} each for {operations:.0} operations", wait.count, time(each));
    Some(one_after_the_other(culprit, count, share, told, (joined.again("trace"), "trace")))
}

/// Whether a task waits there, and nowhere else for the network, to be asked the next question: it is an upstream within the
/// same program, and whoever asks it waits for it elsewhere.
fn is_asked_there(joined: &Joined<'_>, wait: &TraceWait) -> bool {
    let Some(site) = wait.site.as_ref().filter(|site| site.cause == TraceCause::Socket && site.own.len() == 1) else {
        return false;
    };
    let alike = joined.trace.into_iter().flat_map(|trace| &trace.waits).filter(|one| one.kind == wait.kind);
    let sockets = alike.filter_map(|one| one.site.as_ref()).filter(|one| one.cause == TraceCause::Socket);
    sockets.into_iter().all(|one| one.looks_like(site))
}

/// The same where the task waits for a time between steps of its own: it may as well pace what it sends in parts. Nothing
/// outside of the source tells which.
pub(super) fn in_a_row(joined: &Joined<'_>) -> Option<Answer> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let mean = joined.usual_s()?.max(1e-9);
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let each_operation = |wait: &TraceWait| (wait.count as f64 / operations, wait.total_s / operations / mean);
    let in_a_row = |wait: &&TraceWait| {
        let own_step =
            |site: &&TraceSite| site.cause == TraceCause::Timer && !site.beside_others && site.own.len() == 1;
        let Some(site) = wait.site.as_ref().filter(own_step) else { return false };
        let (count, share) = each_operation(wait);
        let often = each_phase(joined, &wait.kind, site).unwrap_or(count) >= ROUND_TRIPS;
        let set = is_set(joined, &wait.kind, count, operations);
        set && often && count >= ROUND_TRIPS && share >= LEAST && joined.serves(&wait.kind) && is_in_a_row(joined, wait)
    };
    let wait = trace.waits.iter().filter(in_a_row).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let culprit = wait.site.as_ref().and_then(innermost)?;
    let place = culprit.sentence();
    let (count, share) = each_operation(wait);
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let length = wait.total_s / wait.count.max(1) as f64;
    Some(Answer::Open {
        place: Some(culprit),
        sentence: format!(
            "each operation waits {count:.0} times in a row in {place}, {} each: {} of its latency. Where the answer leaves in \
             parts between them that is what it is for; where no wait needs the one before, awaiting them together takes as \
             long as one",
            time(length),
            percent(share.min(1.0))
        ),
        experiment: format!("workbench show {} --tasks", joined.run),
    })
}

/// Whether a task waits there again and again for what it was asked once.
fn is_in_a_row(joined: &Joined<'_>, wait: &TraceWait) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let count = wait.count as f64;
    joined.asked(&wait.kind).is_some_and(|asked| count >= ROUND_TRIPS * asked)
}
