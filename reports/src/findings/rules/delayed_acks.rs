//! Nagle's algorithm on one side, delayed acknowledgements on the other: whoever writes a question or an answer in pieces waits
//! 40 ms for it.

use std::collections::BTreeMap;

use crate::findings::Culprit;
use crate::findings::cause::{Cause, at, innermost, time};
use crate::findings::guilty::same;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceEndKind, TracePolls, TraceWait};

use super::latency_pinned::{CONSTANT, ONE_EACH, SLUG};

/// Linux delays acknowledgements by 40 ms at least (TCP_DELACK_MIN, include/net/tcp.h).
const DELAYED_ACK_S: std::ops::Range<f64> = 0.038..0.050;
/// Calls that put bytes into a socket.
const WRITES: &[&str] = &["write", "writev", "sendto", "sendmsg"];
/// Calls that wait for bytes from one.
pub(super) const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];

/// Whether a thread of the program waits about as long for each operation, in a sleep or a lock.
fn a_thread_waits(joined: &Joined<'_>, mode: f64) -> bool {
    let Some((threads, operations)) = joined.threads.zip(joined.kernel_operations()) else { return false };
    let places = threads.places.iter().filter(|place| place.waits > 0 && place.within.contains("nanosleep"));
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    places
        .map(|place| (place.waits as f64, place.total_s / place.waits as f64))
        .any(|(waits, each)| waits >= ONE_EACH * operations && (0.5 * mode..1.1 * mode).contains(&each))
}

/// The function that waits for the network within each operation for most of what that takes alone.
fn waits_for_answers(joined: &Joined<'_>, mode: f64) -> Option<Culprit> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let within = |wait: &&TraceWait| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let (each, often) = (wait.total_s / wait.count.max(1) as f64, wait.count as f64 / operations);
        let at_socket = wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket && site.own.len() > 1);
        at_socket && joined.serves(&wait.kind) && often >= ONE_EACH && (0.5 * mode..1.5 * mode).contains(&each)
    };
    let wait = trace.waits.iter().filter(within).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    wait.site.as_ref().and_then(innermost)
}

/// The same of threads: who writes, within the function that waits for an answer all but always as long.
fn asks_in_pieces(joined: &Joined<'_>, mode: f64, writes: &dyn Fn(&BTreeMap<String, f64>) -> f64) -> Option<Culprit> {
    let (rows, operations) = joined.kept()?;
    let operations = operations?;
    let waits = |row: &&TracePolls| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let (each, often) = (row.total_s / row.polls.max(1) as f64, row.polls as f64 / operations);
        // Who waits for the next request waits now longer, now shorter.
        let constant = row.longest_s <= CONSTANT * each && (0.5 * mode..1.5 * mode).contains(&each);
        let within = row.site.as_ref().is_some_and(|site| READS.contains(&site.call.as_str()) && site.own.len() > 1);
        row.doing == TraceEndKind::Blocked && within && constant && often >= ONE_EACH
    };
    let wait = rows.iter().filter(waits).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let asks = wait.site.as_ref()?.own.first()?;
    let cpu = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows);
    let there = cpu.filter(|row| writes(&row.calls) > 0.0 && row.path.iter().any(|frame| same(frame, asks)));
    let writer = there.max_by(|a, b| writes(&a.calls).total_cmp(&writes(&b.calls)));
    Some(writer.and_then(|row| row.path.first()).map_or_else(|| at(asks), at))
}

/// Nagle's algorithm on this side, delayed acknowledgements on the other.
pub(super) fn of(joined: &Joined<'_>) -> Vec<Cause> {
    let Some(felt) = &joined.felt else { return Vec::new() };
    // Under load anything may take as long: what an operation takes alone is telling.
    let Some(mode) = Some(felt.base_s).filter(|mode| DELAYED_ACK_S.contains(mode)) else { return Vec::new() };
    // Tasks that wait for a time or for each other so long have another reason.
    let inside: f64 = joined.trace.map_or(0.0, |trace| {
        let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind));
        let other = |wait: &&TraceWait| wait.site.as_ref().is_some_and(|site| site.cause != TraceCause::Socket);
        waits.filter(other).map(|wait| wait.total_s).sum()
    });
    let each = joined.traced_operations().map_or(0.0, |operations| inside / operations);
    if each > 0.3 * mode || joined.busy().is_some_and(|busy| busy > 0.5) || a_thread_waits(joined, mode) {
        return Vec::new();
    }
    let writes = |calls: &BTreeMap<String, f64>| -> f64 { WRITES.iter().filter_map(|call| calls.get(*call)).sum() };
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| !row.function.is_empty());
    let writer =
        rows.max_by(|a, b| writes(&a.calls).total_cmp(&writes(&b.calls))).filter(|row| writes(&row.calls) > 0.0);
    // Who waits for an answer that long asked for it; where nobody does, the other side is the one who asked.
    let asked = waits_for_answers(joined, mode).or_else(|| asks_in_pieces(joined, mode, &writes));
    let written = writer.map(|row| Culprit { function: row.function.clone(), file: row.file.clone(), line: row.line });
    let culprit = asked.or(written);
    if culprit.is_none() {
        return Vec::new();
    }
    let place = culprit.as_ref().map(|culprit| format!(" by {}", culprit.function)).unwrap_or_default();
    vec![Cause {
        rule: SLUG,
        title: format!(
            "answers written{place} in pieces wait {} for the other side's delayed acknowledgement",
            time(mode)
        ),
        share: (mode / felt.mean_s.max(1e-9)).min(1.0),
        culprit,
        evidence: vec![
            format!("the latency has its mode at {}: Linux delays acknowledgements by 40 ms", time(mode)),
            format!(
                "the program neither computes nor waits for anything of its own for more than {} of it",
                time(each)
            ),
        ],
        refuted_by: "with TCP_NODELAY, or with head and body in one write, the mode would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "latency",
        depth: 5,
        foremost: false,
    }]
}
