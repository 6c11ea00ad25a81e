//! Processes that nobody drove: what stands in for operations, and what is said of them.

use super::*;
use crate::run::{ThreadsRecord, TraceSpan, TraceTask};

fn attached(trace: &Trace) -> Joined<'_> {
    Joined { attached: true, trace: Some(trace), cpus: 2.0, command: "4711".into(), ..Joined::default() }
}

fn first(joined: &Joined<'_>) -> Option<(String, String)> {
    let finding = explain(std::slice::from_ref(joined)).findings.into_iter().next()?;
    Some((finding.rule, finding.culprit.map(|at| at.function).unwrap_or_default()))
}

fn span(cause: TraceCause, own: &[(&str, u32)], length_s: f64, by: &str) -> TraceSpan {
    TraceSpan {
        step: TraceStep::Waited,
        length_s,
        by: Some(by.into()),
        site: Some(site(cause, own)),
        ..TraceSpan::default()
    }
}

/// A connection that is silent for so long until its other side closes it.
fn silent(length_s: f64) -> TraceTask {
    let spans = vec![
        span(TraceCause::Timer, &[("app::note", 53), ("app::buy", 35), (SERVER, 9)], 0.002, "timer, worker (7)"),
        span(TraceCause::Socket, &[(SERVER, 9)], length_s, "network, worker (7)"),
    ];
    TraceTask { kind: SERVER.into(), ended: true, spans, ..TraceTask::default() }
}

#[test]
fn clients_that_give_up_after_the_same_time_were_never_answered() {
    let mut trace = trace();
    let stuck = site(TraceCause::Notify, &[("app::listen", 59), ("app::buy", 35), (SERVER, 9)]);
    trace.waits.push(wait(SERVER, stuck, 900, 20.0, 2.99));
    trace.tasks = vec![silent(2.998), silent(3.001), silent(0.2)];
    assert_eq!(first(&attached(&trace)), Some(("never-answered".into(), "app::listen".into())));
    // Who closes connections when it likes got what it wanted.
    trace.tasks = vec![silent(2.998), silent(1.4), silent(5.1)];
    assert_eq!(first(&attached(&trace)), None);
}

#[test]
fn whom_nobody_can_wake_is_never_answered() {
    let mut trace = trace();
    let waits_at = Some(site(TraceCause::Channel, &[("app::confirm", 40), (SERVER, 9)]));
    let task = |held| TraceTask {
        kind: SERVER.into(),
        idle_now_s: Some(4.0),
        waits_at: waits_at.clone(),
        wakers_held: held,
        ..TraceTask::default()
    };
    trace.tasks = vec![task(Some(0)), task(Some(0))];
    assert_eq!(first(&attached(&trace)), Some(("never-answered".into(), "app::confirm".into())));
    trace.tasks = vec![task(Some(1)), task(None)];
    assert_eq!(first(&attached(&trace)), None);
}

#[test]
fn delays_are_held_against_what_keeps_operations_from_going_on() {
    // 5 ms of every operation are a wait for another machine; 90 polls of 12 ms make others late.
    let mut trace = trace();
    trace.waits.push(wait(SERVER, site(TraceCause::Channel, &[("app::ask", 24), (SERVER, 9)]), 1000, 5.0, 0.01));
    trace.kinds[0].schedule_latency_s = 1.7;
    let index =
        TracePolls { kind: "app::index".into(), ..in_poll(TraceEndKind::Cpu, "", &[("app::index", 30)], 120, 1.6) };
    trace.polls = vec![index];
    let found = explain(&[attached(&trace)]);
    assert_eq!(found.findings.first().map(|finding| finding.rule.as_str()), Some("long-poll-cpu"));
    let said = found.unused.iter().find(|one| one.evidence == "latency" && one.rules.is_empty());
    assert!(
        said.is_some_and(|one| one.because.starts_with("nobody measured it: operations are what tasks")),
        "{found:?}"
    );
    // The same beside operations that take ten times as long is a small part of them.
    trace.waits[1].total_s = 50.0;
    assert_eq!(first(&attached(&trace)), None);
}

/// One clerk takes one operation at a time, `idle_s` of 10 s without any.
fn clerk(idle_s: f64, waited_s: f64, works: u64) -> Trace {
    let mut trace = trace();
    let receipt = site(TraceCause::Channel, &[("app::pay", 27), (SERVER, 9)]);
    let bank = site(TraceCause::Timer, &[("app::ask_bank", 31), ("app::clerk", 37)]);
    let queue = site(TraceCause::Channel, &[("app::clerk", 36)]);
    trace.kinds.push(TraceKind { name: "app::clerk".into(), alive: 1, polls: 2000, ..TraceKind::default() });
    trace.waits.push(wait(SERVER, receipt.clone(), 1000, waited_s, 0.1));
    trace.waits.push(wait("app::clerk", bank.clone(), works, 10.0 - idle_s, 0.01));
    trace.waits.push(wait("app::clerk", queue, works, idle_s, 0.01));
    let link = |kind: &str, at| TraceLink {
        kind: kind.into(),
        step: TraceStep::Waited,
        site: Some(at),
        ..TraceLink::default()
    };
    trace.cases.push(TraceCase {
        what: TraceWhat::Wait,
        kind: SERVER.into(),
        length_s: 0.1,
        links: vec![link(SERVER, receipt), link("app::clerk", bank)],
        end: TraceEnd { kind: TraceEndKind::Timer, ..TraceEnd::default() },
        ..TraceCase::default()
    });
    trace
}

#[test]
fn who_serves_everybody_in_turn_is_named_when_its_time_is_used_up() {
    let pinned = |trace: &Trace| {
        let said = explain(&[attached(trace)]);
        let found = said.findings.iter().find(|one| one.rule == "throughput-pinned");
        let open = said.undecided.iter().any(|one| one.rules == ["throughput-pinned"]);
        (found.and_then(|one| one.culprit.as_ref()).map(|at| at.function.clone()), open)
    };
    assert_eq!(pinned(&clerk(0.5, 30.0, 1000)), (Some("app::clerk".into()), false));
    // Half used, and nobody queues: there is a bound, and nobody is late for it.
    assert_eq!(pinned(&clerk(4.0, 6.5, 1000)), (None, true));
    assert_eq!(pinned(&clerk(8.0, 2.2, 1000)), (None, false));
    // Who takes many at once serves nobody in turn.
    assert_eq!(pinned(&clerk(0.5, 30.0, 150)), (None, false));
}

#[test]
fn a_lock_of_threads_is_held_against_operations_or_else_against_time() {
    let row = |call: &str, cause, own: &[(&str, u32)], polls, total_s| TracePolls {
        kind: "pool".into(),
        site: Some(TraceSite { call: call.into(), ..site(cause, own) }),
        ..in_poll(TraceEndKind::Blocked, call, own, polls, total_s)
    };
    let keeper = TraceHolder {
        doing: TraceEndKind::Blocked,
        site: TraceSite {
            call: "clock_nanosleep".into(),
            ..site(TraceCause::Other, &[("app::audit", 9), ("app::handle", 19)])
        },
        total_s: 0.8,
    };
    let lock = |total_s| TracePolls {
        holders: vec![keeper.clone()],
        ..row("futex", TraceCause::Lock, &[("app::post", 12), ("app::handle", 18)], 240, total_s)
    };
    let mut threads = ThreadsRecord::default();
    threads.head.wall_s = 6.0;
    threads.kept = vec![row("recvfrom", TraceCause::Other, &[("app::handle", 16)], 720, 92.0), lock(0.83)];
    let kernel = KernelRecord { head: KernelHead { wall_s: 6.0, ..KernelHead::default() }, ..KernelRecord::default() };
    let of = |threads: &ThreadsRecord| {
        let joined =
            Joined { attached: true, threads: Some(threads), kernel: Some(&kernel), cpus: 2.0, ..Joined::default() };
        first(&joined)
    };
    let audit = Some(("waiting-on-owner".to_owned(), "app::audit".to_owned()));
    assert_eq!(of(&threads), audit);
    threads.kept = vec![row("recvfrom", TraceCause::Other, &[("app::handle", 16)], 720, 92.0), lock(0.05)];
    assert_eq!(of(&threads), None);
    // Threads that wait for events of all connections: one of them waits at any moment, or hardly one.
    threads.kept = vec![lock(6.0)];
    assert_eq!(of(&threads), audit);
    threads.kept = vec![lock(0.83)];
    assert_eq!(of(&threads), None);
}
