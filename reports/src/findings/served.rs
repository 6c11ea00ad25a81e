//! Operations of a process that nobody drove, as its own tasks or threads show them: whoever serves a connection waits for the network
//! between two operations, and what it does from one such wait to the next is an operation seen from within. What its clients
//! waited for before the program heard of them is not in it.

use super::CpuTable;
use crate::run::{
    ThreadsRecord, Trace, TraceCause, TraceEndKind, TraceKind, TracePolls, TraceSite, TraceWait, TraceWaker,
};

/// What tasks or threads that serve connections did.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Served {
    /// Who, in words.
    pub(super) who: String,
    /// Operations: waits for the next one, or tasks that were spawned for one each.
    pub(super) operations: u64,
    /// Mean time from the request's arrival at the task to its next wait for one, seconds.
    pub(super) mean_s: f64,
    /// Of it, ready and not polled, or waiting for a lock: no part of what an operation takes alone.
    pub(super) hindered_s: f64,
}

/// Operations from which their number says something.
const FEWEST: u64 = 10;
/// Part of the recording beyond which nothing is one operation: what was told from what is not known then.
const LONGEST: f64 = 0.25;

/// The operations of a recording; `None` where no task waits for the network. Of several types that serve, the one whose
/// operations take longest in all: an operation contains those of others that it asks within the same program. A task that
/// waits for other machines with the same waker as for its client shows no bound between operations; then there is `None`, too.
pub(super) fn of(trace: &Trace) -> Option<Served> {
    let found: Vec<(Served, bool, f64)> =
        trace.kinds.iter().filter(|kind| !kind.blocking).filter_map(|kind| of_kind(trace, kind)).collect();
    // Connections that a library keeps to other machines have nothing of the program's own in them.
    let most = found.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(a.2.total_cmp(&b.2)));
    let longest_s = LONGEST * (trace.head.wall_s - trace.head.since_s);
    most.map(|(served, ..)| served).filter(|served| served.operations >= FEWEST && served.mean_s <= longest_s)
}

/// What a type served, whether it runs code of the program's own, and the time of all its operations.
fn of_kind(trace: &Trace, kind: &TraceKind) -> Option<(Served, bool, f64)> {
    let here = || trace.waits.iter().filter(|wait| wait.kind == kind.name);
    let (operations, beyond) = match between(here()) {
        Some(between) => {
            let beyond: f64 = here().filter(|wait| !wait.is_at(between)).map(|wait| wait.total_s).sum();
            (here().filter(|wait| wait.is_at(between)).map(|wait| wait.count).sum::<u64>(), beyond)
        }
        // Always beside something else: how long those waits were is not told apart from that.
        None => (woken_by_network(trace, &kind.name), 0.0),
    };
    let operations = operations.max(if operations > 0 { kind.spawned } else { 0 });
    if operations == 0 {
        return None;
    }
    let all_s = kind.busy_s + kind.schedule_latency_s + beyond;
    let is_own = |site: &Option<TraceSite>| site.as_ref().is_some_and(|site| !site.own.is_empty());
    let own = here().any(|wait| is_own(&wait.site))
        || trace.polls.iter().any(|row| row.kind == kind.name && is_own(&row.site));
    #[allow(clippy::cast_precision_loss, reason = "operations of one recording")]
    let each = |seconds: f64| seconds / operations as f64;
    let at_lock = |wait: &&TraceWait| wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Lock);
    let locked: f64 = here().filter(at_lock).map(|wait| wait.total_s).sum();
    let served = Served {
        who: format!("tasks of {}", kind.name),
        operations,
        mean_s: each(all_s),
        hindered_s: each(kind.schedule_latency_s + locked),
    };
    Some((served, own, all_s))
}

/// Where tasks wait for the next operation: at a socket, in the outermost of their functions that do; of several there, at
/// the most frequent.
fn between<'a>(waits: impl Iterator<Item = &'a TraceWait>) -> Option<&'a TraceSite> {
    let at_sockets = waits.filter_map(|wait| {
        let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Socket)?;
        Some((site, wait.count))
    });
    let depth = |site: &TraceSite| std::cmp::Reverse(site.own.len());
    at_sockets.max_by(|(a, m), (b, n)| depth(a).cmp(&depth(b)).then(m.cmp(n))).map(|(site, _)| site)
}

/// Calls in which a thread waits for bytes of a socket, and for nothing else.
const RECEIVES: &[&str] = &["recvfrom", "recvmsg"];

/// The same of threads that serve a connection each. A thread that waits for events of many connections at once shows no bound
/// between operations.
pub(super) fn of_threads(threads: &ThreadsRecord, cpu: Option<&CpuTable>) -> Option<Served> {
    let rows = || threads.kept.iter().filter(|row| row.doing == TraceEndKind::Blocked);
    let receives = rows().filter(|row| row.site.as_ref().is_some_and(|site| RECEIVES.contains(&site.call.as_str())));
    let depth = |row: &TracePolls| std::cmp::Reverse(row.site.as_ref().map_or(0, |site| site.own.len()));
    let between = receives.max_by(|a, b| depth(a).cmp(&depth(b)).then(a.polls.cmp(&b.polls)))?;
    let others = || rows().filter(|row| row.kind == between.kind && row.site != between.site);
    let computed = cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| row.thread == between.kind);
    let locked = others().filter(|row| row.site.as_ref().is_some_and(|site| site.cause == TraceCause::Lock));
    let all_s = others().map(|row| row.total_s).sum::<f64>() + computed.map(|row| row.total_s).sum::<f64>();
    #[allow(clippy::cast_precision_loss, reason = "operations of one recording")]
    let each = |seconds: f64| seconds / between.polls.max(1) as f64;
    let served = Served {
        who: format!("threads `{}`", between.kind),
        operations: between.polls,
        mean_s: each(all_s),
        hindered_s: each(locked.map(|row| row.total_s).sum()),
    };
    Some(served).filter(|served| served.operations >= FEWEST && served.mean_s <= LONGEST * threads.head.wall_s)
}

fn woken_by_network(trace: &Trace, kind: &str) -> u64 {
    let by_network = |waker: &&TraceWaker| waker.kind == kind && waker.cause == Some(TraceCause::Socket);
    trace.wakers.iter().filter(by_network).map(|waker| waker.count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{TraceFrame, TraceHead};

    fn wait(kind: &str, cause: TraceCause, own: &[&str], count: u64, total_s: f64) -> TraceWait {
        let frame = |name: &&str| TraceFrame { function: (*name).into(), file: "a.rs".into(), line: 1 };
        let own: Vec<TraceFrame> = own.iter().map(frame).collect();
        let function = own.first().map(|frame| frame.function.clone()).unwrap_or_default();
        let site = TraceSite { cause, function, own, ..TraceSite::default() };
        TraceWait { kind: kind.into(), site: Some(site), count, total_s, ..TraceWait::default() }
    }

    fn kind(name: &str, busy_s: f64) -> TraceKind {
        TraceKind { name: name.into(), busy_s, polls: 100, ..TraceKind::default() }
    }

    #[test]
    fn an_operation_lasts_from_one_wait_for_a_request_to_the_next() {
        let mut trace = Trace {
            head: TraceHead { wall_s: 4.0, ..TraceHead::default() },
            kinds: vec![kind("upstream", 0.1), kind("connection", 0.5), kind("pool", 0.1)],
            waits: vec![
                wait("connection", TraceCause::Socket, &["serve"], 100, 40.0),
                wait("connection", TraceCause::Socket, &["ask", "answer", "serve"], 300, 1.0),
                wait("connection", TraceCause::Lock, &["answer", "serve"], 50, 0.5),
                wait("upstream", TraceCause::Socket, &["stand_in"], 300, 60.0),
                // A library's connection to another machine waits for what it is to ask.
                wait("pool", TraceCause::Socket, &[], 300, 5.0),
                wait("pool", TraceCause::Channel, &[], 300, 50.0),
            ],
            ..Trace::default()
        };
        let served = of(&trace).expect("a connection serves");
        assert_eq!((served.who.as_str(), served.operations), ("tasks of connection", 100));
        assert!((served.mean_s - 0.02).abs() < 1e-9 && (served.hindered_s - 0.005).abs() < 1e-9, "{served:?}");
        // Most waits for the next request are taken for others: what remains is no operation.
        trace.waits[0].count = 11;
        trace.waits[1] = wait("connection", TraceCause::Socket, &["ask", "answer", "serve"], 389, 39.0);
        assert_eq!(of(&trace), None);
    }

    #[test]
    fn a_thread_serves_from_one_wait_for_bytes_to_the_next() {
        let row = |call: &str, cause, own: &[&str], polls, total_s| {
            let wait = wait("pool", cause, own, 1, 0.0);
            let site = wait.site.map(|site| TraceSite { call: call.into(), ..site });
            let doing = TraceEndKind::Blocked;
            TracePolls { kind: "pool".into(), doing, site, polls, total_s, ..TracePolls::default() }
        };
        let mut threads = ThreadsRecord::default();
        threads.head.wall_s = 6.0;
        threads.kept = vec![
            row("recvfrom", TraceCause::Other, &["handle"], 700, 90.0),
            row("recvfrom", TraceCause::Other, &["ask", "handle"], 1400, 0.7),
            row("futex", TraceCause::Lock, &["post", "handle"], 200, 1.4),
        ];
        let served = of_threads(&threads, None).expect("a thread serves");
        assert_eq!((served.who.as_str(), served.operations), ("threads `pool`", 700));
        assert!((served.mean_s - 0.003).abs() < 1e-9 && (served.hindered_s - 0.002).abs() < 1e-9, "{served:?}");
        threads.kept[0].site = None;
        threads.kept.remove(1);
        assert_eq!(of_threads(&threads, None), None);
    }

    #[test]
    fn a_task_for_each_operation_is_one_and_who_never_waits_for_the_network_serves_nobody() {
        let head = TraceHead { wall_s: 4.0, ..TraceHead::default() };
        let mut each = Trace { head, kinds: vec![kind("connection", 0.5)], ..Trace::default() };
        assert_eq!(of(&each), None);
        each.kinds[0].spawned = 50;
        each.waits = vec![wait("connection", TraceCause::Socket, &["serve"], 20, 0.1)];
        assert_eq!(of(&each).map(|served| served.operations), Some(50));
    }
}
