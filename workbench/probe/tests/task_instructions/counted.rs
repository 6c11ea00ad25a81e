//! One runtime on one thread under cachegrind.

use std::future::poll_fn;
use std::hint::black_box;
use std::process::Command;
use std::task::Poll;

use probe::tasks::{Latency, Recorder, install_with};
use tokio::runtime::{Builder, Runtime};

/// Names what a process started by this one is to do: `mode load operations`.
const WORK: &str = "PROBE_WORK";

/// Mode; most instructions that a poll takes beyond one without hooks; most that a task takes with its one poll.
const MODES: [(&str, f64, f64); 5] = [
    ("empty", 35.0, 75.0),
    ("resting", 75.0, 190.0),
    ("untracked", 160.0, 270.0),
    ("first_poll", 170.0, 300.0),
    // Two looks at the kernel's clock among them, of a hundred instructions each.
    ("every_poll", 450.0, 600.0),
];

/// Does what the environment asks for; false where it asks for nothing.
pub(crate) fn work() -> bool {
    let Ok(asked) = std::env::var(WORK) else { return false };
    let words: Vec<&str> = asked.split(' ').collect();
    let [mode, load, operations] = words[..] else { panic!("{asked}") };
    let operations = operations.parse().unwrap();
    let (runtime, recorder) = runtime(mode);
    match load {
        "clock" => println!("{}", recorder.unwrap().clock()),
        "poll" => {
            let task = runtime.spawn(async move {
                for _ in 0..operations {
                    again().await;
                }
            });
            runtime.block_on(task).unwrap();
        }
        "task" => {
            // In batches, polled by whoever waits for the last of them: one poll a task, and few of anything else.
            const BATCH: u64 = 50;
            for _ in 0..operations / BATCH {
                runtime.block_on(async {
                    let tasks: Vec<_> = (0..BATCH).map(|number| tokio::spawn(async move { number })).collect();
                    for task in tasks {
                        black_box(task.await.unwrap());
                    }
                });
            }
        }
        _ => panic!("{asked}"),
    }
    true
}

/// Pending once, and ready to go on.
async fn again() {
    let mut before = false;
    poll_fn(|context| {
        if std::mem::replace(&mut before, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn runtime(mode: &str) -> (Runtime, Option<Recorder>) {
    let mut builder = Builder::new_current_thread();
    let mut install = |latency| Some(install_with(&mut builder, latency).unwrap());
    let recorder = match mode {
        "bare" => None,
        "empty" => {
            builder.on_task_spawn(|_| {}).on_task_terminate(|_| {});
            builder.on_before_task_poll(|_| {}).on_after_task_poll(|_| {});
            None
        }
        "resting" | "first_poll" => install(Latency::FirstPoll),
        "untracked" => install(Latency::Untracked),
        "every_poll" => install(Latency::EveryPoll),
        _ => panic!("{mode}"),
    };
    if let Some(recorder) = recorder.as_ref().filter(|_| mode != "resting") {
        recorder.start();
    }
    (builder.build().unwrap(), recorder)
}

/// What a process under cachegrind prints, and its instructions.
fn counted(mode: &str, load: &str, operations: u64) -> (String, f64) {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .env(WORK, format!("{mode} {load} {operations}"))
        // Decay follows the clock: what jemalloc gives back to the kernel would differ from run to run.
        .env("_RJEM_MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find_map(|line| line.split_once("I refs:").or_else(|| line.split_once("I   refs:")));
    let digits: String = line.unwrap().1.chars().filter(char::is_ascii_digit).collect();
    (String::from_utf8_lossy(&output.stdout).trim().to_owned(), digits.parse().unwrap())
}

/// Instructions of one operation: what many take beyond few.
fn per_operation(mode: &str, load: &str) -> f64 {
    const FEW: u64 = 2_000;
    const MANY: u64 = 22_000;
    (counted(mode, load, MANY).1 - counted(mode, load, FEW).1) / (MANY - FEW) as f64
}

pub(crate) fn hooks_cost_what_they_may() {
    use super::TEST;
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED {TEST}: valgrind is not installed");
        return;
    }
    if cfg!(debug_assertions) {
        println!(
            "SKIPPED {TEST}: this build is not optimised; `cargo test --release -p probe --test task_instructions`"
        );
        return;
    }
    let (clock, _) = counted("untracked", "clock", 0);
    if clock != "time-stamp counter" {
        println!("SKIPPED {TEST}: what the {clock} takes is not the hooks' own");
        return;
    }
    let mut broken = Vec::new();
    for (load, what) in [("poll", "a poll"), ("task", "a task of one poll, from spawn to end")] {
        let bare = per_operation("bare", load);
        println!("{what}: {bare:.0} instructions without hooks");
        for (mode, of_poll, of_task) in MODES {
            let most = if load == "poll" { of_poll } else { of_task };
            let more = per_operation(mode, load) - bare;
            println!("  {mode:<10} {more:>5.0} more (at most {most:.0}), ratio {:.3}", (bare + more) / bare);
            if more > most {
                broken.push(format!("{what}, {mode}: {more:.0} more instructions than without hooks"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    println!("test {TEST} ... ok");
}
