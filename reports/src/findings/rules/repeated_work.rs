//! Each operation does the same again and again: system calls, wakes, attempts, or work whose result was there before.

use crate::findings::cause::{Answer, Cause, at, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, Culprit, ENTERING, derived, guilty};
use crate::run::{TraceCause, TraceEndKind, TraceFrame, TracePolls, TraceWait};

use super::building;
use super::computing;
use super::connecting;
use super::copying;
use super::herd;
use super::latency_pinned::each_phase;
use super::round_trips;
use super::starting;

pub(in crate::findings) const SLUG: &str = "repeated-work";
/// System calls of an operation from which they are many: one answer takes three to eight.
const CALLS: f64 = 60.0;
/// What `/proc/PID/io` counts.
const READS_AND_WRITES: &str = "reads and writes";
/// System calls in which a thread waits for others, for events or for a time.
const WAITS: &[&str] =
    &["futex", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "nanosleep", "clock_nanosleep"];
/// Attempts that were given up, for each operation: one timer may as well be the time that its work takes.
const GIVEN_UP: f64 = 1.7;
/// CPU for an operation from which what is built for it counts, seconds; and the part of it that allocations must be.
pub(super) const BUILDS_S: f64 = 0.000_4;
/// From this on it is a long poll, whatever it builds, seconds.
const STALLS_S: f64 = 0.005;
pub(super) const BUILDS: f64 = 0.15;
/// CPU for each operation within one system call, at one place, from which that call is made many times: one call on a
/// socket takes 2 to 20 µs, seconds.
const CALLING_S: f64 = 0.000_25;
/// Part of the CPU that such a call must be where calls were not counted.
const CALLING: f64 = 0.5;
/// Part of the latency, or of the CPU, that it must be.
pub(super) const LEAST: f64 = 0.3;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    if joined.kernel.is_none() && joined.trace.is_none() {
        return Answer::Blind("wait");
    }
    let mut causes = Vec::new();
    causes.extend(system_calls(joined).or_else(|| uncounted_calls(joined)));
    causes.extend(herd::of(joined).or_else(|| herd::of_threads(joined)));
    causes.extend(attempts(joined));
    causes.extend(round_trips::again(joined));
    causes.extend(round_trips::of_threads(joined));
    causes.extend(round_trips::of_goroutines(joined));
    causes.extend(connecting::again(joined).or_else(|| connecting::by_a_library(joined)));
    causes.extend(connecting::of_goroutines(joined));
    causes.extend(starting::again(joined));
    causes.extend(same_work(joined));
    causes.extend(building::again(joined));
    causes.extend(copying::again(joined));
    let open = || {
        round_trips::in_a_row(joined).or_else(|| computing::of_threads(joined)).or_else(|| computing::of_tasks(joined))
    };
    if let Some(open) = causes.is_empty().then(open).flatten() {
        return open;
    }
    Answer::of(causes, || match calls(joined) {
        Some((count, what)) => format!("{count:.1} {what} for each operation"),
        None => "neither wakes nor attempts are many".into(),
    })
}

/// System calls for each operation, and which were counted.
fn calls(joined: &Joined<'_>) -> Option<(f64, &'static str)> {
    let (kernel, operations) = joined.kernel.zip(joined.kernel_operations())?;
    let last = kernel.samples.last()?;
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let per = |count: u64| count as f64 / operations;
    let (all, io) = (last.syscalls.map(per), last.io_calls.map(per));
    all.map(|all| (all, "system calls")).or(io.map(|io| (io, READS_AND_WRITES)))
}

fn system_calls(joined: &Joined<'_>) -> Option<Cause> {
    let (count, what) = calls(joined).filter(|(count, _)| *count >= CALLS)?;
    let cpu = joined.cpu?;
    // Who waits reads and writes nothing, however often.
    let is_one = |call: &str| call != "page fault" && !(what == READS_AND_WRITES && WAITS.contains(&call));
    let in_kernel = |row: &CpuRow| row.calls.iter().filter(|(call, _)| is_one(call)).map(|(_, s)| s).sum::<f64>();
    let rows = cpu.rows.iter().filter(|row| !row.function.is_empty());
    let row = rows.max_by(|a, b| in_kernel(a).total_cmp(&in_kernel(b)))?;
    let share = in_kernel(row) / cpu.total_s.max(1e-9);
    let named = row.calls.iter().filter(|(call, _)| is_one(call));
    let call = named.max_by(|a, b| a.1.total_cmp(b.1)).map(|(call, _)| call.as_str()).unwrap_or_default();
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} makes {count:.0} {what} for each operation", calls_again(joined, row).function),
        share,
        culprit: Some(calls_again(joined, row)),
        evidence: vec![
            format!("{count:.0} {what} for each operation; one answer takes three to eight"),
            format!("{} of the CPU is spent in the kernel on behalf of it, mostly in `{call}`", percent(share)),
        ],
        refuted_by: "with a buffer, or one call for all, CPU per operation would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 5,
        foremost: false,
    })
}

/// The function in whose loop the calls of a row are made.
fn calls_again(joined: &Joined<'_>, row: &CpuRow) -> Culprit {
    let whose = guilty::asking(joined, "", &row.path).map(at);
    whose.unwrap_or_else(|| row.place())
}

/// The same where nobody counted them: reads and writes of sockets are in no file of the process.
fn uncounted_calls(joined: &Joined<'_>) -> Option<Cause> {
    let (cpu, per_op) = joined.cpu.zip(joined.metric("cpu_per_op"))?;
    // Waiting for events, or for each other, is how a runtime idles; a page fault is no call.
    // Calls on files, and `read` and `write` of anything, are counted where `/proc/PID/io` was read.
    let uncounted = if calls(joined).is_some() { OF_SOCKETS } else { TRANSFERS };
    let transfers = |row: &CpuRow| -> f64 { uncounted.iter().filter_map(|call| row.calls.get(*call)).sum() };
    let rows = cpu.rows.iter().filter(|row| !row.function.is_empty());
    let row = rows.max_by(|a, b| transfers(a).total_cmp(&transfers(b))).filter(|row| transfers(row) > 0.0)?;
    let named = |(call, _): &(&String, &f64)| uncounted.contains(&call.as_str());
    let call = row.calls.iter().filter(named).max_by(|a, b| a.1.total_cmp(b.1)).map(|(call, _)| call.as_str())?;
    let seconds = transfers(row) + row.calls.get(ENTERING).copied().unwrap_or(0.0);
    let share = seconds / cpu.total_s.max(1e-9);
    (share >= CALLING && share * per_op >= CALLING_S).then(|| Cause {
        rule: SLUG,
        title: format!(
            "{} spends {} of CPU in `{call}` for each operation: many small calls",
            calls_again(joined, row).function,
            time(share * per_op)
        ),
        share,
        culprit: Some(calls_again(joined, row)),
        evidence: vec![
            format!(
                "{} of the CPU is spent in `{call}` on behalf of it, {} of {} for each operation",
                percent(share),
                time(share * per_op),
                time(per_op)
            ),
            "one such call takes 2 to 20 µs; they were not counted, because tracefs is not to be had".into(),
        ],
        refuted_by: "a few calls of megabytes would cost as much: `strace -c -p PID` counts them".into(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        depth: 5,
        foremost: false,
    })
}

/// Calls that move bytes.
const TRANSFERS: &[&str] = &[
    "read", "readv", "pread64", "preadv", "recvfrom", "recvmsg", "write", "writev", "pwrite64", "pwritev", "sendto",
    "sendmsg",
];

/// Of these, those that `/proc/PID/io` does not count (fs/read_write.c counts what goes through it).
const OF_SOCKETS: &[&str] = &["recvfrom", "recvmsg", "sendto", "sendmsg"];

/// Attempts that a timer ended.
fn attempts(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let given_up = |wait: &&TraceWait| {
        let timer = wait
            .site
            .as_ref()
            .is_some_and(|site| site.cause == TraceCause::Timer && site.beside_others && !site.own.is_empty());
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let many = wait.count as f64 >= GIVEN_UP * operations;
        // A heartbeat beside the work of a connection beats as often however many operations there are.
        let often = wait.site.as_ref().and_then(|site| each_phase(joined, &wait.kind, site));
        timer && many && often.is_none_or(|each| each >= GIVEN_UP) && joined.serves(&wait.kind)
    };
    let wait = trace.waits.iter().filter(given_up).max_by_key(|wait| wait.count)?;
    let site = wait.site.as_ref()?;
    let culprit = guilty::asking(joined, &wait.kind, &site.own).map(at).or_else(|| innermost(site))?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (count, each) = (wait.count as f64 / operations, wait.total_s / wait.count.max(1) as f64);
    let share = (wait.total_s / operations / joined.mean_s()?.max(1e-9)).min(1.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!(
            "{} gives up after {} and tries again, {count:.1} times for each operation",
            culprit.function,
            time(each)
        ),
        share,
        evidence: vec![
            format!("{} waits ended with their timeout, not with an answer, in {operations:.0} operations", wait.count),
            format!("{} of the mean latency", percent(share)),
        ],
        refuted_by: "with more patience and as many operations the other side would do as much".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// Something is built anew by every operation, too short to be a stall, in one place.
fn same_work(joined: &Joined<'_>) -> Option<Cause> {
    let work = own_work(joined)?;
    let each = work.each_s;
    // What an operation takes alone, which no neighbour changes.
    let alone = joined.felt.as_ref().map(|felt| felt.base_s).filter(|base| *base > 0.0).or(joined.mean_s())?;
    let share = (each / alone.max(1e-9)).min(1.0);
    let cpu = joined.cpu?;
    let rows = || cpu.rows.iter().filter(|row| work.functions.contains(&row.function.as_str()));
    let of_all: f64 = rows().map(|row| row.total_s).sum();
    let allocating = rows().map(|row| row.allocator_s).sum::<f64>() / of_all.max(1e-9);
    // Work without allocations may be what the operation is for; a structure that is built and dropped could have stayed, and
    // no operation is for what is derived to show values to whoever debugs.
    if !(BUILDS_S..STALLS_S).contains(&each) || work.per_op < 0.5 || allocating < BUILDS && !work.for_debugging {
        return None;
    }
    (share >= LEAST && of_all >= 0.5 * cpu.total_s).then(|| Cause {
        rule: SLUG,
        title: format!(
            "{} {} {} for every operation",
            work.culprit.function,
            if work.for_debugging { "has values formatted for debugging," } else { "computes" },
            time(each)
        ),
        share,
        culprit: Some(work.culprit.clone()),
        evidence: vec![
            format!("{:.1} polls an operation spend {} in all there", work.per_op, time(each)),
            format!(
                "{} of all CPU goes into it, {} of that into allocations",
                percent(of_all / cpu.total_s),
                percent(allocating)
            ),
        ],
        refuted_by: if work.for_debugging {
            "that text would be what operations ask for".into()
        } else {
            "its result would differ from operation to operation".into()
        },
        next: joined.again("cpu,trace"),
        proof: "cpu",
        // It says what the long poll at its place is made of.
        depth: 4,
        foremost: false,
    })
}

/// Part of what tasks that serve compute within long polls that a function must have, with all it calls, for the work to be
/// its.
const DOMINANT: f64 = 0.5;

/// What operations compute within long polls, and the innermost function that most of it lies in.
pub(super) struct Work<'a> {
    pub(super) culprit: Culprit,
    /// CPU for each operation, seconds.
    pub(super) each_s: f64,
    /// Polls for each operation.
    pub(super) per_op: f64,
    /// Functions in which it is spent: that one and what it calls.
    functions: Vec<&'a str>,
    /// It is text for whoever debugs.
    for_debugging: bool,
}

pub(super) fn own_work<'a>(joined: &Joined<'a>) -> Option<Work<'a>> {
    let operations = joined.traced_operations()?;
    let computes = |row: &&TracePolls| row.doing == TraceEndKind::Cpu && !row.blocking && joined.serves(&row.kind);
    let rows: Vec<&'a TracePolls> = joined.trace?.polls.iter().filter(computes).collect();
    let own = |row: &'a TracePolls| derived::written(joined, row.own());
    let placed: f64 = rows.iter().filter(|row| !own(row).is_empty()).map(|row| row.total_s).sum();
    // With all that it calls, by function; the deepest of those that have most of it.
    let mut sums: Vec<(&TraceFrame, f64, usize)> = Vec::new();
    for row in &rows {
        for (at, frame) in own(row).iter().enumerate() {
            let outer = own(row).len() - at;
            match sums.iter_mut().find(|(known, ..)| known.function == frame.function) {
                Some((_, sum, depth)) => (*sum, *depth) = (*sum + row.total_s, outer.max(*depth)),
                None => sums.push((frame, row.total_s, outer)),
            }
        }
    }
    let most = sums.iter().filter(|(_, sum, _)| placed > 0.0 && *sum >= DOMINANT * placed);
    let (frame, sum, _) = most.max_by_key(|(.., depth)| *depth)?;
    let inside = |row: &&&'a TracePolls| own(row).iter().any(|one| one.function == frame.function);
    let mut functions: Vec<&str> =
        rows.iter().filter(inside).filter_map(|row| Some(own(row).first()?.function.as_str())).collect();
    functions.sort_unstable();
    functions.dedup();
    // What is built in a loop is that loop's.
    let stack = rows.iter().filter(inside).max_by(|a, b| a.total_s.total_cmp(&b.total_s));
    let outward = stack.and_then(|row| {
        let at = own(row).iter().position(|one| one.function == frame.function)?;
        let looping = guilty::repeating(joined, &row.kind, &own(row)[at..])?;
        let to = own(row).iter().position(|one| one == looping)?;
        guilty::within_a_round(joined, &own(row)[..=to], &rows).or(Some(looping))
    });
    let shown = rows.iter().filter(inside).filter(|row| derived::is_for_debugging(joined, row.own()));
    let for_debugging = shown.map(|row| row.total_s).sum::<f64>() >= DOMINANT * sum;
    let culprit = at(outward.unwrap_or(frame));
    // Polls that no sample fell into did what the others did.
    let all: f64 = rows.iter().map(|row| row.total_s).sum();
    #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
    let polls = rows.iter().map(|row| row.polls).sum::<u64>() as f64;
    Some(Work {
        culprit,
        each_s: sum / placed * all / operations,
        per_op: polls / operations,
        functions,
        for_debugging,
    })
}
