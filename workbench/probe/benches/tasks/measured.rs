//! What recording tasks costs: three kinds of work, with nothing, with hooks that rest, recorded without waits, with first
//! waits (the default) and with every wait. And what the heap sampler costs that the endpoints keep running.
//!
//! `cargo bench -p probe --bench tasks [ROUNDS]` prints ratios to the bare runtime. A round measures every mode once, in
//! random order, so that each ratio is of two measurements of the same seconds; shown are the medians over rounds with
//! intervals of 95 %, of the clock on the wall and of CPU time (which other work on the machine disturbs less). Targets:
//! spawn and ping-pong at most 1.3, request-like work at most 1.05, for the default.
//!
//! What the compiler's flags and tokio's features cost is told by `builds`, next to this.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use probe::heap::{DEFAULT_RATE, Profiler};
use probe::tasks::{Latency, Recorder, install_with};
use tokio::runtime::{Builder, Runtime};

use crate::ratios::{Cost, Order, line, measure, median};
use crate::works::WORKS;

const ROUNDS: usize = 25;

/// What is installed into a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bare,
    LatencyAlone,
    EmptyHooks,
    Resting,
    Untracked,
    FirstPoll,
    EveryPoll,
    HeapSampled,
}

const MODES: [(Mode, &str); 7] = [
    (Mode::LatencyAlone, "tokio's schedule latency, no hooks"),
    (Mode::EmptyHooks, "hooks that do nothing"),
    (Mode::Resting, "hooks, not recording"),
    (Mode::Untracked, "recorded, no waits"),
    (Mode::FirstPoll, "recorded (default: first waits)"),
    (Mode::EveryPoll, "recorded, every wait"),
    (Mode::HeapSampled, "heap sampler at 512 KiB, no hooks"),
];

pub(crate) fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to see that it starts.
    let rounds = match arguments.iter().any(|argument| argument == "--bench") {
        true => arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS),
        false => 1,
    };
    let mut order = Order(0x2545_f491_4f6c_dd1d);
    println!("{rounds} rounds; medians and intervals of 95 %; ratios to the bare runtime of the same round");
    println!(
        "clock of poll times: {}",
        install_with(&mut Builder::new_current_thread(), Latency::Untracked).unwrap().clock()
    );
    for (name, operations, work) in WORKS {
        let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); MODES.len() + 1];
        for _ in 0..rounds {
            let mut modes: Vec<usize> = (0..costs.len()).collect();
            order.shuffle(&mut modes);
            for at in modes {
                let mode = at.checked_sub(1).map_or(Mode::Bare, |at| MODES[at].0);
                // Ends after the runtime: whoever frees a sampled block pays for it, even when sampling is over.
                let _sampler = (mode == Mode::HeapSampled).then(|| Profiler::start(DEFAULT_RATE).unwrap());
                let (runtime, _recorder) = runtime(mode);
                costs[at].push(measure(&runtime, operations, work));
            }
        }
        let [_, wall, _] = median(costs[0].iter().map(|cost| cost.wall).collect());
        let [_, cpu, _] = median(costs[0].iter().map(|cost| cost.cpu).collect());
        println!("{name}: {wall:.0} ns an operation bare, {cpu:.0} ns of CPU");
        for ((_, mode), costs_of_mode) in MODES.iter().zip(&costs[1..]) {
            let pairs = || costs_of_mode.iter().zip(&costs[0]);
            println!(
                "{}",
                line(
                    mode,
                    pairs().map(|(on, off)| on.wall / off.wall).collect(),
                    pairs().map(|(on, off)| on.cpu / off.cpu).collect()
                )
            );
        }
    }
}

fn runtime(mode: Mode) -> (Runtime, Option<Recorder>) {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    let latency = match mode {
        Mode::Bare | Mode::HeapSampled => None,
        Mode::LatencyAlone => {
            builder.track_task_schedule_latency();
            None
        }
        Mode::EmptyHooks => {
            builder.on_task_spawn(|_| {}).on_task_terminate(|_| {});
            builder.on_before_task_poll(|_| {}).on_after_task_poll(|_| {});
            None
        }
        Mode::Untracked => Some(Latency::Untracked),
        Mode::Resting | Mode::FirstPoll => Some(Latency::FirstPoll),
        Mode::EveryPoll => Some(Latency::EveryPoll),
    };
    let recorder = latency.map(|latency| install_with(&mut builder, latency).unwrap());
    if let Some(recorder) = recorder.as_ref().filter(|_| mode != Mode::Resting) {
        recorder.start();
    }
    (builder.build().unwrap(), recorder)
}
