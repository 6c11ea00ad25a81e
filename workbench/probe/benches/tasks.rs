//! What recording tasks costs: spawn, ping-pong and request-like work with hooks off and on, in pairs of random order.
//!
//! `cargo bench -p probe --bench tasks [PAIRS]` prints, for each kind of work, the median of the paired ratios with
//! their quartiles. Targets: spawn and ping-pong at most 1.3, request-like work at most 1.05.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "a bench reports there")]

use std::hint::black_box;
use std::time::Instant;

use probe::runtime::{Settings, build, build_recorded};
use probe::tasks::Recorder;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

const PAIRS: usize = 25;

/// Does so many operations.
type Work = fn(&Runtime, u64);

const WORKS: [(&str, u64, Work); 3] =
    [("spawn and join", 40_000, spawn_and_join), ("ping-pong", 40_000, ping_pong), ("request-like", 4_000, requests)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to see that it starts.
    let pairs = match arguments.iter().any(|argument| argument == "--bench") {
        true => arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(PAIRS),
        false => 1,
    };
    let mut order = Order(0x2545_f491_4f6c_dd1d);
    for (name, operations, work) in WORKS {
        let mut ratios = Vec::new();
        let mut bare = Vec::new();
        for _ in 0..pairs {
            let recorded_first = order.coin();
            let (one, other) = (measure(recorded_first, operations, work), measure(!recorded_first, operations, work));
            let (off, on) = if recorded_first { (other, one) } else { (one, other) };
            ratios.push(on / off);
            bare.push(off);
        }
        let [low, middle, high] = quartiles(&mut ratios);
        let [_, nanoseconds, _] = quartiles(&mut bare);
        println!(
            "{name:<16} {nanoseconds:>9.0} ns/op bare   {middle:.3} × recorded   [{low:.3}, {high:.3}]   {pairs} pairs"
        );
    }
}

/// Nanoseconds an operation.
fn measure(recorded: bool, operations: u64, work: Work) -> f64 {
    let settings = Settings { worker_threads: Some(2), ..Settings::default() };
    let (runtime, _recorder): (Runtime, Option<Recorder>) = if recorded {
        let (runtime, recorder) = build_recorded(&settings).unwrap();
        let recorder = recorder.unwrap();
        recorder.start();
        (runtime, Some(recorder))
    } else {
        (build(&settings).unwrap(), None)
    };
    work(&runtime, operations / 10);
    let began = Instant::now();
    work(&runtime, operations);
    began.elapsed().as_nanos() as f64 / operations as f64
}

fn spawn_and_join(runtime: &Runtime, operations: u64) {
    let driver = runtime.spawn(async move {
        for number in 0..operations {
            black_box(tokio::spawn(async move { number }).await.unwrap());
        }
    });
    runtime.block_on(driver).unwrap();
}

fn ping_pong(runtime: &Runtime, operations: u64) {
    let (ping, mut pinged) = mpsc::channel::<u64>(1);
    let (pong, mut ponged) = mpsc::channel::<u64>(1);
    runtime.spawn(async move {
        while let Some(ball) = pinged.recv().await {
            if pong.send(ball).await.is_err() {
                return;
            }
        }
    });
    let player = runtime.spawn(async move {
        for ball in 0..operations {
            ping.send(ball).await.unwrap();
            black_box(ponged.recv().await.unwrap());
        }
    });
    runtime.block_on(player).unwrap();
}

/// Handlers that each parse, compute over and answer some kilobytes: about as long as a small HTTP request.
fn requests(runtime: &Runtime, operations: u64) {
    const HANDLERS: u64 = 16;
    let clients: Vec<_> = (0..HANDLERS)
        .map(|_| {
            let (send, mut receive) = mpsc::channel::<(u64, oneshot::Sender<usize>)>(4);
            runtime.spawn(async move {
                while let Some((seed, answer)) = receive.recv().await {
                    let _ = answer.send(handle(seed));
                }
            });
            runtime.spawn(async move {
                for seed in 0..operations / HANDLERS {
                    let (answer, answered) = oneshot::channel();
                    send.send((seed, answer)).await.unwrap();
                    black_box(answered.await.unwrap());
                }
            })
        })
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
}

fn handle(seed: u64) -> usize {
    let fields: Vec<String> = (0..40).map(|field| format!("{}={}", seed ^ field, field * seed)).collect();
    let mut body = fields.join("&");
    for _ in 0..4 {
        let sum = body.bytes().fold(seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        body.push_str(&sum.to_string());
    }
    black_box(body).len()
}

/// Which of a pair comes first (xorshift64).
struct Order(u64);

impl Order {
    fn coin(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 63 == 1
    }
}

fn quartiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
