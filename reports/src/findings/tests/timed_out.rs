//! Threads that wait for an event until their timeout, and locks in the open loop alone.

use super::*;
use crate::findings::Loops;
use crate::run::{ThreadsRecord, TraceWaker};

/// Waits of connections for what is done for them, of 60 ms each, one for each operation.
fn waits(longest_s: f64) -> TracePolls {
    let mut row = in_poll(TraceEndKind::Blocked, "futex", &[("app::quote", 57), ("app::serve", 66)], 1000, 60.0);
    row.kind = "conn".into();
    row.longest_s = longest_s;
    row.site.as_mut().expect("a place").cause = TraceCause::Notify;
    row
}

fn of(rows: Vec<TracePolls>) -> Vec<(String, String, u32)> {
    let threads = ThreadsRecord { kept_open: rows, ..ThreadsRecord::default() };
    let kernel = kernel(|_| KernelSample::default());
    let none = trace();
    found(&Joined {
        trace: None,
        threads: Some(&threads),
        kernel: Some(&kernel),
        waited: Some(1000),
        ..joined(&none, felt(0.061, 0.060))
    })
}

#[test]
fn waits_of_threads_that_all_last_their_timeout_are_pinned_by_it() {
    let pinned = [is("latency-pinned", "app::quote", 57)];
    assert_eq!(of(vec![waits(0.063)]), pinned);
    assert_eq!(of(vec![waits(0.080)]), [], "no constant");
    let half = TracePolls { polls: 500, ..waits(0.126) };
    assert_eq!(of(vec![half]), [], "every second operation");
    let mut told = waits(0.063);
    told.site.as_mut().expect("a place").cause = TraceCause::Join;
    assert_eq!(of(vec![told]), [], "no event");
    // What they wait for asks another machine, which takes as long each time.
    let mut asks = in_poll(TraceEndKind::Blocked, "recvfrom", &[("app::ask", 9)], 1000, 58.0);
    asks.kind = "backend".into();
    assert_eq!(of(vec![waits(0.063), asks.clone()]), []);
    asks.kind = "conn".into();
    assert_eq!(of(vec![waits(0.063), asks]), pinned, "a connection's own next request");
    let mut worked = waits(0.063);
    worked.holders = vec![TraceHolder {
        doing: TraceEndKind::Cpu,
        site: site(TraceCause::Other, &[("app::price", 34)]),
        total_s: 40.0,
    }];
    assert_eq!(of(vec![worked]), [], "somebody works for it all the while");
}

#[test]
fn threads_whose_answers_come_after_forty_milliseconds_ask_in_pieces() {
    let (ask, serve) = (("app::Link::ask", 71), ("app::serve", 105));
    let answer = |longest_s| {
        let row = in_poll(TraceEndKind::Blocked, "recvfrom", &[ask, serve], 900, 39.0);
        TracePolls { kind: "gate".into(), longest_s, ..row }
    };
    let head = in_poll(TraceEndKind::Blocked, "recvfrom", &[("app::read_head", 14), serve], 1000, 50.0);
    let head = TracePolls { kind: "gate".into(), longest_s: 0.16, ..head };
    let writes = |path: &[(&str, u32)], seconds| {
        let path = site(TraceCause::Other, path).own;
        let calls = [("sendto".to_owned(), seconds)].into();
        CpuRow {
            function: path[0].function.clone(),
            line: path[0].line,
            total_s: 0.3,
            calls,
            path,
            ..CpuRow::default()
        }
    };
    let rows = vec![writes(&[("app::respond", 55), serve], 0.2), writes(&[("app::Link::send", 40), ask, serve], 0.1)];
    let of = |answer: TracePolls, rows: &[CpuRow]| {
        let threads = ThreadsRecord { kept_open: vec![head.clone(), answer], ..ThreadsRecord::default() };
        let kernel = kernel(|at| KernelSample { cpu_s: Some(0.01 * at), ..KernelSample::default() });
        let cpu = CpuTable { total_s: 1.0, rows: rows.to_vec(), named: 1.0, ..CpuTable::default() };
        let none = trace();
        let joined = joined(&none, felt(0.043, 0.001));
        let (threads, cpu, kernel) = (Some(&threads), Some(&cpu), Some(&kernel));
        found(&Joined { trace: None, threads, cpu, kernel, waited: Some(1000), ..joined })
    };
    assert_eq!(of(answer(0.047), &rows), [is("latency-pinned", "app::Link::send", 40)]);
    assert_eq!(of(answer(0.047), &rows[..1]), [is("latency-pinned", "app::Link::ask", 71)], "its writing was not seen");
    assert_eq!(of(answer(0.16), &rows), [is("latency-pinned", "app::respond", 55)], "it waits now longer, now shorter");
}

#[test]
fn a_thread_and_a_connection_begun_by_closures_of_one_function_share_nothing() {
    let mut row = in_poll(
        TraceEndKind::Blocked,
        "futex",
        &[("app::search", 65), ("app::serve", 115), ("web::each", 66)],
        177,
        17.6,
    );
    let holder = |own: &[(&str, u32)], total_s| TraceHolder {
        doing: TraceEndKind::Cpu,
        site: site(TraceCause::Other, own),
        total_s,
    };
    row.holders = vec![
        holder(&[("app::build", 39), ("app::publish", 54), ("app::serve", 107)], 5.9),
        holder(&[("app::headlines", 30), ("app::publish", 53), ("app::serve", 107)], 2.8),
        holder(&[("app::publish", 55), ("app::serve", 107)], 0.9),
    ];
    assert_eq!(of(vec![row]), [is("waiting-on-owner", "app::publish", 54)]);
}

#[test]
fn who_has_a_lock_while_it_asks_another_machine_keeps_those_who_wait_for_it_in_polls() {
    let mut row = in_poll(TraceEndKind::Blocked, "futex", &[("app::record", 26), ("app::hello", 89)], 44, 3.0);
    row.site.as_mut().expect("a place").cause = TraceCause::Lock;
    let mut asks = site(TraceCause::Other, &[("app::send", 52), ("app::push_all", 62), ("app::main", 120)]);
    asks.call = "recvfrom".into();
    row.holders = vec![TraceHolder { doing: TraceEndKind::Blocked, site: asks, total_s: 2.0 }];
    let trace = Trace { polls: vec![row], ..trace() };
    assert_eq!(found(&joined(&trace, felt(0.008, 0.002))), [is("waiting-on-owner", "app::push_all", 62)]);
}

const LOOKS: &str = "\
async fn pick_up() {
    loop {
        sleep(LOOK).await;
        if done() { return; }
    }
}
async fn call() {
    sleep(UPSTREAM).await;
}
";

/// Operations that sleep once, for 50 ms, on a line; `fired` timers woke their tasks.
fn sleeps(line: u32, count: u64, fired: u64) -> Vec<(String, String, u32)> {
    let mut trace = trace();
    let place = site(TraceCause::Timer, &[("app::pick_up", line), ("app::show", 20)]);
    let mut loops = Loops::default();
    loops.read(&place.own[0].file, LOOKS);
    trace.waits.push(TraceWait { longest_s: 0.052, ..wait(SERVER, place, count, 50.0, 0.05) });
    let waker = TraceWaker { kind: SERVER.into(), by: "worker".into(), cause: Some(TraceCause::Timer), count: fired };
    trace.wakers.push(waker);
    found(&Joined { loops: Some(&loops), ..joined(&trace, felt(0.055, 0.000_3)) })
}

#[test]
fn a_single_sleep_in_a_loop_is_for_a_look_and_a_call_is_not() {
    let pinned = [is("latency-pinned", "app::pick_up", 3)];
    assert_eq!(sleeps(3, 1000, 1000), pinned);
    assert_eq!(sleeps(8, 1000, 1000), []);
    assert_eq!(sleeps(3, 2400, 2400), pinned, "again and again");
    // The task waits for its timer and something else with one waker: what ended the other waits was no timer.
    assert_eq!(sleeps(8, 2400, 1000), []);
}
