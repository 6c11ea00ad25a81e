//! Threads that wait for an event, once for each operation, and are never told, and tasks that ask someone who does not answer:
//! only the end of their timeout lets them go on.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceEndKind, TraceFrame, TracePolls, TraceWait};

use super::delayed_acks::READS;
use super::latency_pinned::{self, by_timeout};

/// Part of the latency that it must be.
const LEAST: f64 = 0.4;
/// Waits for each operation: every one waits once.
const EVERY: std::ops::Range<f64> = 0.8..1.2;
/// Waits from which their length is a constant, and the longest in their mean: a timeout of threads is late by little.
const FEWEST: u64 = 20;
const CONSTANT: f64 = 1.15;
/// Shorter waits may as well be what the work takes, seconds.
const SHORTEST_S: f64 = 0.002;
/// Part of the time for which somebody may be seen at work that it waits for.
const AT_WORK: f64 = 0.3;

/// Part of the operations that must have run into their timeout: what is asked may be down now and then.
const OFTEN: f64 = 0.05;

/// Some operations ask over the network and get no answer before their timeout: then they go on without, or ask another.
pub(super) fn by_upstream(joined: &Joined<'_>, wait: &TraceWait, mean: f64) -> Option<Cause> {
    let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Timer && site.beside_others)?;
    let culprit = innermost(site).filter(|_| joined.serves(&wait.kind) && !site.own.is_empty())?;
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (count, length) = (wait.count as f64, wait.total_s / wait.count.max(1) as f64);
    let constant = wait.count >= FEWEST && wait.longest_s <= latency_pinned::CONSTANT * length && length >= SHORTEST_S;
    let part = count / operations;
    // Where all of them do, what they wait for need not be the network's.
    let some = (OFTEN..EVERY.start).contains(&part);
    let asks = |other: &&TraceWait| {
        let through = |own: &[TraceFrame]| own.len() > site.own.len() && own.ends_with(&site.own);
        let there = other.site.as_ref().filter(|one| one.cause == TraceCause::Socket);
        other.kind == wait.kind && there.is_some_and(|one| through(&one.own))
    };
    let asked = trace.waits.iter().filter(asks).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let share = (wait.total_s / operations / mean.max(1e-9)).min(1.0);
    (constant && some && share >= LEAST).then(|| {
        let title = format!(
            "{} waits {} for an answer that does not come, in {} of the operations",
            culprit.function,
            time(length),
            percent(part)
        );
        let asked = asked.site.as_ref().and_then(innermost).map(|at| at.sentence()).unwrap_or_default();
        let evidence = vec![
            format!(
                "{} waits there were ended by nothing but their timeout of {} while it asked over the network in {asked}",
                wait.count,
                time(length)
            ),
            format!("that is {} of the mean latency of {}", percent(share), time(mean)),
            "who does not answer is asked again by the next operation".into(),
        ];
        by_timeout(joined, culprit, share, title, evidence)
    })
}

/// The place, where there is one.
pub(super) fn by_threads(joined: &Joined<'_>, mean: f64) -> Option<Cause> {
    let (rows, operations) = joined.kept()?;
    let operations = operations?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (each, often) =
        (|row: &TracePolls| row.total_s / row.polls.max(1) as f64, |row: &TracePolls| row.polls as f64 / operations);
    let is_told = |row: &&TracePolls| row.site.as_ref().is_some_and(|site| site.cause == TraceCause::Notify);
    let is_constant = |row: &&TracePolls| {
        let length = each(row);
        row.polls >= FEWEST && length >= SHORTEST_S && row.longest_s <= CONSTANT * length && EVERY.contains(&often(row))
    };
    // Another thread that sleeps or asks others for as long, for each operation, is what it waits for; so it is where all of them
    // queue for one that takes a part of that for each.
    let queue = if joined.is_pinned() { f64::from(joined.concurrency.max(1)) } else { 1.0 };
    let others_wait = |row: &TracePolls| {
        let alike = |other: &&TracePolls| {
            let length = each(other) / each(row);
            other.kind != row.kind
                && !is_told(other)
                && (0.5 / queue..1.1).contains(&length)
                && often(other) >= EVERY.start
        };
        rows.iter().filter(|other| other.doing == TraceEndKind::Blocked).any(|other| alike(&other))
    };
    let at_work = |row: &TracePolls| {
        row.holders.iter().filter(|one| one.doing == TraceEndKind::Cpu).map(|one| one.total_s).sum::<f64>()
    };
    let blocked = rows.iter().filter(|row| row.doing == TraceEndKind::Blocked).filter(is_told).filter(is_constant);
    let row = blocked
        .filter(|row| !others_wait(row) && at_work(row) < AT_WORK * row.total_s)
        .max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let culprit = row.site.as_ref()?.own.first().map(at)?;
    let share = (row.total_s / operations / mean.max(1e-9)).min(1.0);
    (share >= LEAST).then(|| {
        let title = format!("{} waits {} for what never comes before it goes on", culprit.function, time(each(row)));
        let evidence = vec![
            format!(
                "{} waits of {} threads there lasted {} each and {} at most: a timeout, and nobody ended it before",
                row.polls,
                row.kind,
                time(each(row)),
                time(row.longest_s)
            ),
            format!("that is {} of the mean latency of {}", percent(share), time(mean)),
            "who does what they wait for tells somebody else, or before they wait".into(),
        ];
        by_timeout(joined, culprit, share, title, evidence)
    })
}

/// A read that waits until nothing more came for so long takes that, and what the kernel's ticks and the others add to it, seconds.
const LATE_S: f64 = 0.008;
/// Reads of an operation there: some wait for what comes before.
const READS_EACH: std::ops::Range<f64> = 0.9..2.5;

/// Each operation of a program of threads reads from somebody until the timeout of that socket ends it: whatever came, came before.
pub(super) fn by_reads(joined: &Joined<'_>, mean: f64) -> Option<Cause> {
    let timeouts = &joined.kernel?.head.receive_timeouts_s;
    let (rows, operations) = joined.kept()?;
    let operations = operations?;
    let timeout_of = |row: &TracePolls| {
        let each = row.total_s / operations;
        let as_long = |timeout: &f64| (*timeout..1.2 * timeout + LATE_S).contains(&each);
        timeouts.iter().copied().filter(|timeout| *timeout >= 2.0 * LATE_S).find(as_long)
    };
    let reads = |row: &&TracePolls| {
        let within = row.site.as_ref().is_some_and(|site| READS.contains(&site.call.as_str()) && site.own.len() > 1);
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let often = READS_EACH.contains(&(row.polls as f64 / operations));
        row.doing == TraceEndKind::Blocked && within && often && timeout_of(row).is_some()
    };
    let row = rows.iter().filter(reads).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let (timeout, culprit) = (timeout_of(row)?, row.site.as_ref()?.own.first().map(at)?);
    let each = row.total_s / operations;
    let share = (each / mean.max(1e-9)).min(1.0);
    // Who waits for longer than an operation takes waits for the next one.
    (share >= LEAST && each <= 1.15 * mean && row.longest_s <= 1.5 * timeout + LATE_S).then(|| {
        let title = format!("{} reads until nothing more came for {}", culprit.function, time(timeout));
        let evidence = vec![
            format!("each operation waits {} in reads there, {} at most", time(each), time(row.longest_s)),
            format!(
                "sockets of the program have a timeout of {} for reads: it ends them, and no byte does",
                time(timeout)
            ),
            format!("that is {} of the mean latency of {}", percent(share), time(mean)),
        ];
        by_timeout(joined, culprit, share, title, evidence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{KernelHead, KernelRecord, ThreadsRecord, TraceSite};

    #[test]
    fn who_reads_until_the_timeout_of_its_socket_is_told_from_who_waits_for_an_answer() {
        let of = |timeouts: &[f64], polls, each_s: f64, longest_s| {
            let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
            let own = vec![frame("app::collect", 67), frame("app::lane", 139)];
            let site = TraceSite { call: "recvfrom".into(), own, ..TraceSite::default() };
            let row = TracePolls {
                doing: TraceEndKind::Blocked,
                site: Some(site),
                polls,
                total_s: 600.0 * each_s,
                longest_s,
                ..TracePolls::default()
            };
            let head = KernelHead { receive_timeouts_s: timeouts.to_vec(), operations: 600, ..KernelHead::default() };
            let kernel = KernelRecord { head, ..KernelRecord::default() };
            let threads = ThreadsRecord { kept_open: vec![row], ..ThreadsRecord::default() };
            let joined =
                Joined { kernel: Some(&kernel), threads: Some(&threads), waited: Some(600), ..Joined::default() };
            by_reads(&joined, 0.027).map(|cause| cause.title)
        };
        let found = of(&[0.024, 5.0], 669, 0.0263, 0.032).expect("it ends them");
        assert_eq!(found, "app::collect reads until nothing more came for 24.0 ms");
        assert_eq!(of(&[5.0], 669, 0.0263, 0.032), None, "the other side takes that long");
        assert_eq!(of(&[0.024], 669, 0.012, 0.024), None, "some of them end so");
        assert_eq!(of(&[0.024], 6000, 0.0263, 0.032), None, "many short ones");
        assert_eq!(of(&[0.024], 669, 0.0263, 0.236), None, "others wait for the next question");
        assert_eq!(of(&[0.1], 600, 0.1, 0.1), None, "it looks about now and then while it waits for the next one");
        assert_eq!(of(&[0.002], 669, 0.009, 0.01), None, "too short to be told from an answer");
    }
}
