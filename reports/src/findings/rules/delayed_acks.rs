//! Nagle's algorithm on one side, delayed acknowledgements on the other: whoever writes a question or an answer in pieces waits
//! 40 ms for it.

use std::ops::Range;

use crate::findings::cause::{Cause, at, time};
use crate::findings::joined::{Felt, Joined};
use crate::findings::{CpuRow, Culprit};
use crate::run::{TraceCause, TraceEndKind, TraceFrame, TracePolls, TraceWait, WaitPlace};

use super::goroutine_waits;
use super::latency_pinned::{CONSTANT, ONE_EACH, SLUG};
use super::poll_blocked::{is_for_a_thread, is_lock};

/// Linux delays acknowledgements by 40 ms at least (TCP_DELACK_MIN, include/net/tcp.h).
const DELAYED_ACK_S: Range<f64> = 0.038..0.050;
/// So many of them an operation may wait for: one for each question that it asks.
const MOST_QUESTIONS: u32 = 3;
/// Go's words for a wait for the network (`runtime.waitReasonIOWait`).
pub(super) const AT_NETWORK: &str = "IO wait";
/// Calls that wait for bytes from one.
pub(in crate::findings) const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];

/// Whether a thread of the program waits about as long for each operation, in a sleep or a lock, or a goroutine for anything else
/// than the network.
fn a_thread_waits(joined: &Joined<'_>, mode: f64) -> bool {
    let Some((threads, operations)) = joined.threads.zip(joined.kernel_operations()) else { return false };
    let asleep = threads.places.iter().filter(|place| place.within.contains("nanosleep"));
    let goroutines = threads.waited.iter().filter(|place| place.within != AT_NETWORK);
    let places = asleep.chain(goroutines).filter(|place| place.waits > 0);
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    places
        .map(|place| (place.waits as f64, place.total_s / place.waits as f64))
        .any(|(waits, each)| waits >= ONE_EACH * operations && (0.5 * mode..1.1 * mode).contains(&each))
}

/// Whether threads wait about as long for each operation to be told by another one.
fn threads_wait_for_each_other(joined: &Joined<'_>, mode: f64) -> bool {
    let Some((rows, Some(operations))) = joined.kept() else { return false };
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    rows.iter()
        .filter(|row| row.doing == TraceEndKind::Blocked && is_for_a_thread(row) && !is_lock(row))
        .map(|row| (row.polls as f64, row.total_s / row.polls.max(1) as f64))
        .any(|(waits, each)| waits >= ONE_EACH * operations && (0.5 * mode..1.1 * mode).contains(&each))
}

/// How long one acknowledgement is delayed, and how many times an operation waits for one, where that is what it takes.
fn delayed(takes_s: f64) -> Option<(f64, u32)> {
    (1..=MOST_QUESTIONS).map(|times| (takes_s / f64::from(times), times)).find(|(one, _)| DELAYED_ACK_S.contains(one))
}

/// What operations take by their acknowledgements, and what part of their latency that is. Acknowledgements are delayed between
/// those who ask again soon (`tcp_event_data_sent`, net/ipv4/tcp_output.c): where most of those that come by the clock come
/// later than that, one client that asks again at once waits for each, and of the others the late ones do.
fn taken(felt: &Felt) -> Option<(f64, f64)> {
    let of_mean = |part_s: f64| (part_s / felt.mean_s.max(1e-9)).min(1.0);
    let asks_soon = |felt: &Felt| felt.p99_s >= DELAYED_ACK_S.start && delayed(felt.alone_s).is_some();
    match delayed(felt.base_s) {
        Some(_) => Some((felt.base_s, of_mean(felt.base_s))),
        None => asks_soon(felt).then(|| (felt.alone_s, of_mean(felt.excess_s))),
    }
}

/// Who writes within the functions that wait for an answer; who waits for it where nobody is seen to. What began the task or the
/// thread is around other work, too.
fn asks<'f>(joined: &Joined<'f>, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    let writer = joined.cpu.and_then(|cpu| cpu.writer_within(&own[..own.len().saturating_sub(1).max(1)]));
    writer.and_then(|row| row.path.first()).or_else(|| own.first())
}

/// The longest wait of one that writes in pieces, in their mean.
const STRETCHED: f64 = 2.0;
/// Calls that write, by which sources are searched.
const WRITES: &[&str] = &["write", "write_all", "write_u8", "write_u16", "write_u32", "write_u64", "send", "flush"];

/// Whether a function writes on several of its lines, by the source.
fn writes_in_pieces(joined: &Joined<'_>, frame: &TraceFrame) -> bool {
    joined.loops.is_some_and(|loops| loops.lines_of_calls(&frame.file, frame.name(), WRITES).len() >= 2)
}

/// Of functions that wait so long in all for answers: the one that waits longest of those that write what they ask in pieces, by the
/// source; of all where none is seen to. Who reads what others write in pieces waits as long for the second piece.
fn likeliest<'f>(joined: &Joined<'_>, waits: impl Iterator<Item = (f64, &'f TraceFrame)>) -> Option<Culprit> {
    let rank = |(total_s, frame): &(f64, &TraceFrame)| (writes_in_pieces(joined, frame), *total_s);
    let most = waits.max_by(|a, b| {
        let ((a_writes, a_s), (b_writes, b_s)) = (rank(a), rank(b));
        a_writes.cmp(&b_writes).then(a_s.total_cmp(&b_s))
    });
    most.map(|(_, frame)| at(frame))
}

/// The function that waits for the network within each operation for most of what that takes alone.
fn waits_for_answers<'f>(joined: &Joined<'f>, as_long: &Range<f64>) -> Option<Culprit> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let within = |wait: &&TraceWait| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let (each, often) = (wait.total_s / wait.count.max(1) as f64, wait.count as f64 / operations);
        let at_socket = wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket && site.own.len() > 1);
        at_socket && joined.serves(&wait.kind) && often >= ONE_EACH && as_long.contains(&each)
    };
    let asked = |wait: &'f TraceWait| Some((wait.total_s, asks(joined, &wait.site.as_ref()?.own)?));
    likeliest(joined, trace.waits.iter().filter(within).filter_map(asked))
}

/// The same of threads: who writes, within the functions that wait for an answer all but always as long.
fn asks_in_pieces<'f>(joined: &Joined<'f>, as_long: &Range<f64>) -> Option<Culprit> {
    let (rows, operations) = joined.kept()?;
    let operations = operations?;
    let waits = |row: &&TracePolls| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let (each, often) = (row.total_s / row.polls.max(1) as f64, row.polls as f64 / operations);
        // Who waits for the next request waits now longer, now shorter; on a busy machine anybody does.
        let pieces = || asks(joined, row.own()).is_some_and(|frame| writes_in_pieces(joined, frame));
        let constant = row.longest_s <= CONSTANT * each || row.longest_s <= STRETCHED * each && pieces();
        let constant = constant && as_long.contains(&each);
        let within = row.site.as_ref().is_some_and(|site| READS.contains(&site.call.as_str()) && site.own.len() > 1);
        row.doing == TraceEndKind::Blocked && within && constant && often >= ONE_EACH
    };
    let asked = |row: &'f TracePolls| Some((row.total_s, asks(joined, &row.site.as_ref()?.own)?));
    likeliest(joined, rows.iter().filter(waits).filter_map(asked))
}

/// The same of goroutines.
fn goroutines_ask(joined: &Joined<'_>, as_long: &Range<f64>) -> Option<Culprit> {
    let (threads, operations) = goroutine_waits::told(joined)?;
    let waits = |place: &&WaitPlace| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let (each, often) = (place.total_s / place.waits.max(1) as f64, place.waits as f64 / operations);
        let asked = place.called_back && place.within == AT_NETWORK && place.own.len() > 1;
        asked && often >= ONE_EACH && as_long.contains(&each)
    };
    let place = threads.waited.iter().filter(waits).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    asks(joined, &place.own).map(at)
}

/// Nagle's algorithm on this side, delayed acknowledgements on the other.
pub(super) fn of(joined: &Joined<'_>) -> Vec<Cause> {
    let Some(felt) = &joined.felt else { return Vec::new() };
    // Under load anything may take as long: what an operation takes alone is telling.
    let Some((takes_s, share)) = taken(felt) else { return Vec::new() };
    let Some((mode, times)) = delayed(takes_s) else { return Vec::new() };
    // Tasks that wait for a time or for each other so long have another reason.
    let inside: f64 = joined.trace.map_or(0.0, |trace| {
        let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind));
        let other = |wait: &&TraceWait| wait.site.as_ref().is_some_and(|site| site.cause != TraceCause::Socket);
        waits.filter(other).map(|wait| wait.total_s).sum()
    });
    let each = joined.traced_operations().map_or(0.0, |operations| inside / operations);
    if each > 0.3 * share * felt.mean_s || joined.busy().is_some_and(|busy| busy > 0.5) || a_thread_waits(joined, mode)
    {
        return Vec::new();
    }
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| !row.function.is_empty());
    let writer = rows.max_by(|a, b| a.writing_s().total_cmp(&b.writing_s())).filter(|row| row.writing_s() > 0.0);
    // Who waits for an answer that long asked for it; where nobody does, the other side is the one who asked.
    // Several times that long may be anything: then somebody must be seen to wait just that long for each answer.
    let as_long = if times == 1 { 0.5 * mode..1.5 * mode } else { DELAYED_ACK_S };
    let asked = waits_for_answers(joined, &as_long)
        .or_else(|| asks_in_pieces(joined, &as_long))
        .or_else(|| goroutines_ask(joined, &as_long));
    // Where nobody asks somebody else, who waits for another thread so long is late by that.
    if asked.is_none() && joined.trace.is_none() && threads_wait_for_each_other(joined, mode) {
        return Vec::new();
    }
    let written = writer.filter(|_| times == 1).map(CpuRow::place);
    let culprit = asked.or(written);
    if culprit.is_none() {
        return Vec::new();
    }
    let place = culprit.as_ref().map(|culprit| format!(" by {}", culprit.function)).unwrap_or_default();
    vec![Cause {
        rule: SLUG,
        title: format!(
            "what is written{place} in pieces waits {} for the other side's delayed acknowledgement",
            if times == 1 { time(mode) } else { format!("{times} times {}", time(mode)) }
        ),
        share,
        culprit,
        evidence: vec![
            match takes_s > felt.base_s {
                true => format!(
                    "one client that asks again at once is answered after {}, half of those that come by the clock after {}: \
                     Linux delays acknowledgements by 40 ms between those who ask again soon",
                    time(takes_s),
                    time(felt.p50_s)
                ),
                false => {
                    format!("the latency has its mode at {}: Linux delays acknowledgements by 40 ms", time(takes_s))
                }
            },
            match each > 0.0 {
                true => format!(
                    "the program neither computes nor waits for anything of its own for more than {} of it",
                    time(each)
                ),
                false => "the program neither computes nor waits for anything of its own meanwhile".to_owned(),
            },
        ],
        refuted_by: "with TCP_NODELAY, or with head and body in one write, the mode would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "latency",
        depth: 5,
        foremost: false,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Loops;

    #[test]
    fn who_writes_in_pieces_is_told_from_who_reads_them() {
        let source = "fn serve(mut conn: Conn) {\n    conn.read_exact(&mut head);\n    conn.read_exact(&mut body);\n    conn.write_all(&reply);\n}\nfn ask(mut conn: Conn) {\n    conn.write_all(&head);\n    conn.write_all(&body);\n    conn.read_exact(&mut reply);\n}\n";
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let (serve, ask) = (frame("app::serve", 3), frame("app::ask", 9));
        let of = |source: &str| {
            let mut loops = Loops::default();
            loops.read("a.rs", source);
            let joined = Joined { loops: Some(&loops), ..Joined::default() };
            likeliest(&joined, [(5.0, &serve), (4.9, &ask)].into_iter()).map(|culprit| culprit.function)
        };
        assert_eq!(of(source).as_deref(), Some("app::ask"));
        assert_eq!(
            of(&source.replace("    conn.write_all(&head);\n", "")).as_deref(),
            Some("app::serve"),
            "who waits longest"
        );
    }
}
