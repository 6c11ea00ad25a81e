//! How late the load driver is, and what it reads of a healthy server, paired in one run with what else one would use.
//!
//! `cargo bench -p workbench --bench driver`. Pacing: how late a schedule of constant gaps is met, by our driver and by
//! `std::thread::sleep`. Our driver has the priority that it takes in every run (as root nice −10 and a short slice), which
//! also helps it beside wrk and oha, who take none. HTTP: the highest rate of a closed loop of 32 connections, ours and wrk's, in turns against one
//! server; and the median latency that each reads. wrk and oha are asked where they are installed, and named where not.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench panics, and prints its figures")]

mod peers;
mod server;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use scenarios::spec::{Arrivals, Request};
use workbench::load::network::{Endpoint, drive_closed, drive_open};
use workbench::load::{
    Clock, ClosedSpec, DriverPriority, MonotonicClock, OpenSpec, Operation, Pacer, Pacing, Placement, Schedule, Shape,
};

/// Rounds of each pair.
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 32;
/// Length of a measurement.
const SPAN: Duration = Duration::from_secs(2);
/// Operations a second of the open loop.
const RATE: f64 = 2000.0;

fn main() {
    // What cargo hands to benches.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    for rate in [1_000.0, 10_000.0, 100_000.0] {
        pacing(rate);
    }
    let server = server::start();
    closed(server);
    open(server);
}

/// A way of waiting until a moment, nanoseconds of the monotonic clock.
type Wait = fn(u64);

/// Ways of waiting, by name: as the driver of a trial does, with the priority that it gets; the same without; and what
/// everybody else does.
const WAYS: [(&str, bool, Wait); 3] = [
    ("the driver", true, by_the_pacer),
    ("its pacer alone", false, by_the_pacer),
    ("thread::sleep", false, by_sleeping),
];

fn by_the_pacer(due_ns: u64) {
    let pacer = Pacer::new(&MonotonicClock, Pacing::Sleep);
    while pacer.wait_until(due_ns) < due_ns {}
}

fn by_sleeping(due_ns: u64) {
    std::thread::sleep(Duration::from_nanos(due_ns.saturating_sub(MonotonicClock.now_ns())));
}

/// Lag of each way of waiting, µs: medians over rounds of its percentiles, and of the ratios within rounds to the last way.
/// A thread each, since priority and timer slack stay with a thread; the order turns from round to round.
fn pacing(rate: f64) {
    let mut rounds: Vec<[[f64; 2]; WAYS.len()]> = Vec::new();
    for round in 0..ROUNDS {
        let mut lags_of = [[0.0; 2]; WAYS.len()];
        for turn in 0..WAYS.len() {
            let at = (round + turn) % WAYS.len();
            let (_, prior, wait) = WAYS[at];
            let measured = std::thread::spawn(move || {
                let _obtained = prior.then(DriverPriority::obtain);
                lags(rate, wait)
            });
            lags_of[at] = measured.join().unwrap();
        }
        rounds.push(lags_of);
    }
    for (at, (name, ..)) in WAYS.iter().enumerate() {
        let lag = [0, 1].map(|percentile| median(rounds.iter().map(|round| round[at][percentile]).collect()));
        let ratio = [0, 1].map(|percentile| {
            median(rounds.iter().map(|round| round[at][percentile] / round[WAYS.len() - 1][percentile]).collect())
        });
        println!(
            "pacing {rate:>7}/s by {name:<15}: lag p50/p99 {:>5.0}/{:>6.0} µs, {:.2} and {:.2} of thread::sleep's",
            lag[0], lag[1], ratio[0], ratio[1]
        );
    }
}

/// 50th and 99th percentile of how late each arrival was met, µs.
fn lags(rate: f64, wait: Wait) -> [f64; 2] {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few ten thousand")]
    let count = (rate * 0.5) as usize;
    let schedule = Schedule::new(Arrivals::Constant, rate, count, &[1.0], 1);
    let began_ns = MonotonicClock.now_ns() + 1_000_000;
    let mut late: Vec<u64> = Vec::with_capacity(count);
    for offset in &schedule.offsets_ns {
        let due_ns = began_ns + offset;
        if MonotonicClock.now_ns() < due_ns {
            wait(due_ns);
        }
        late.push(MonotonicClock.now_ns().saturating_sub(due_ns));
    }
    late.sort_unstable();
    [late.len() / 2, late.len() * 99 / 100].map(|at| late[at] as f64 / 1e3)
}

fn operations() -> Vec<Operation> {
    let request = Request {
        method: "GET".into(),
        path: "/".into(),
        headers: Vec::new(),
        body: None,
        expect_status: 200,
        expect_body: None,
    };
    vec![Operation { name: "get".into(), measured: true, weight: 1.0, rate: None, request: Some(request), line: None }]
}

/// The highest rate, in turns with wrk.
fn closed(port: u16) {
    let go = AtomicBool::new(false);
    let spec = |seed| ClosedSpec {
        operations: operations(),
        concurrency: CONNECTIONS,
        duration: SPAN,
        timeout: Duration::from_secs(5),
        seed,
        placement: Placement::Shared,
    };
    let (mut rates, mut medians) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u64 {
        // Who is first in one round is last in the next.
        let first = (round % 2 == 1).then(|| peers::wrk(port, CONNECTIONS, SPAN)).flatten();
        let outcome = drive_closed(&Endpoint::loopback(port), &spec(round), &go).unwrap();
        let ours = outcome.answered() as f64 / outcome.elapsed_s;
        let latency_us = outcome.operations[0].latency.value_at_quantile(0.5) as f64 / 1e3;
        let Some(wrk) = first.or_else(|| peers::wrk(port, CONNECTIONS, SPAN)) else {
            println!("closed loop: {ours:.0}/s, p50 {latency_us:.0} µs; wrk is not installed");
            return;
        };
        println!(
            "  round {round}: ours {ours:.0}/s, p50 {latency_us:.0} µs; wrk {:.0}/s, p50 {:.0} µs",
            wrk.rate, wrk.p50_us
        );
        rates.push(ours / wrk.rate);
        medians.push(latency_us / wrk.p50_us);
    }
    println!(
        "closed loop, {CONNECTIONS} connections: ours ÷ wrk: rate {:.2}, p50 {:.2}",
        median(rates),
        median(medians)
    );
}

/// What an open loop reads of the same server, in turns with oha.
fn open(port: u16) {
    let go = AtomicBool::new(false);
    let mut ratios = Vec::new();
    for round in 0..ROUNDS as u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
        let count = (RATE * SPAN.as_secs_f64()) as usize;
        let spec = OpenSpec {
            operations: operations(),
            arrivals: Arrivals::Constant,
            shape: Shape::default(),
            rate: RATE,
            count,
            concurrency: CONNECTIONS,
            max_in_flight: 10_000,
            timeout: Duration::from_secs(5),
            seed: round,
            placement: Placement::Shared,
            each: false,
        };
        let first = (round % 2 == 1).then(|| peers::oha(port, CONNECTIONS, RATE, SPAN)).flatten();
        let outcome = drive_open(&Endpoint::loopback(port), &spec, &go).unwrap();
        let at = |quantile| outcome.measured_latency().value_at_quantile(quantile) as f64 / 1e3;
        let lag = outcome.driver.lag.value_at_quantile(0.99) as f64 / 1e3;
        println!("  open loop at {RATE}/s: p50/p99 {:.0}/{:.0} µs, own lag p99 {lag:.0} µs", at(0.5), at(0.99));
        match first.or_else(|| peers::oha(port, CONNECTIONS, RATE, SPAN)) {
            Some(p50_us) => ratios.push(at(0.5) / p50_us),
            None => return println!("oha is not installed: its reading is left out"),
        }
    }
    println!("open loop at {RATE}/s: p50 ours ÷ oha {:.2}", median(ratios));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
