//! A stall of a few per cent of a run, planted in a program that is otherwise busy elsewhere: it is lost in the whole
//! profile, and is everything in the windows that the program itself names. The subject is this very file, started again;
//! where the machine refuses perf events the test says so and checks nothing.

#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test panics")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use flamegraphs::capture::{CaptureError, Options, Recorder};
use flamegraphs::moments::Piece;

fn clock_ns(id: rustix::time::ClockId) -> u64 {
    let now = rustix::time::clock_gettime(id);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

fn monotonic_ns() -> u64 {
    clock_ns(rustix::time::ClockId::Monotonic)
}

/// Burns CPU of the calling thread, however long the machine takes to give it.
macro_rules! burner {
    ($name:ident) => {
        #[inline(never)]
        fn $name(cpu_ms: u64) {
            let thread = || clock_ns(rustix::time::ClockId::ThreadCPUTime);
            let end = thread() + cpu_ms * 1_000_000;
            while thread() < end {
                for round in 0..2_000_u64 {
                    black_box(round.wrapping_mul(0x9e37_79b9));
                }
            }
        }
    };
}

burner!(usual_work);
burner!(planted_stall);

/// Not a test: what the subject does when it is started.
#[test]
#[ignore = "the subject of the other test"]
fn subject() {
    if std::env::var_os("STALL_SUBJECT").is_none() {
        return;
    }
    let mut line = String::new();
    println!("\nready");
    std::io::stdin().read_line(&mut line).unwrap();
    for round in 0..40 {
        usual_work(20);
        if round % 10 == 5 {
            let began = monotonic_ns();
            planted_stall(8);
            println!("stall {began} {}", monotonic_ns());
        }
    }
    println!("end");
    std::io::stdin().read_line(&mut line).unwrap();
}

fn start() -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "subject", "--ignored", "--nocapture"])
        .env("STALL_SUBJECT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_planted_stall_is_what_its_windows_hold() {
    let launched = Recorder::launch(&Options::default(), start);
    let (mut child, mut recorder) = match launched {
        Ok(launched) => launched,
        Err(error) => {
            assert!(matches!(error, CaptureError::Refused { .. } | CaptureError::Buffers { .. }), "{error}");
            eprintln!("SKIPPED: {error}");
            return;
        }
    };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    recorder.start(&[child.id()]).unwrap();
    let begin = monotonic_ns();
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let mut stalls = Vec::new();
    for line in lines.by_ref() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["stall", from, to] => {
                stalls.push(Piece { from_ns: from.parse().unwrap(), to_ns: to.parse().unwrap() });
            }
            ["end"] => break,
            _ => {}
        }
    }
    let end = monotonic_ns();
    let recording = recorder.stop().unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(stalls.len(), 4);
    if recording.lost > 0 {
        eprintln!("skipped: {} records found no room in the buffers, so nothing can be counted", recording.lost);
        return;
    }
    let edges = std::iter::once(begin).chain(stalls.iter().flat_map(|stall| [stall.from_ns, stall.to_ns])).chain([end]);
    let edges: Vec<u64> = edges.collect();
    let rest: Vec<Piece> = edges.chunks(2).map(|pair| Piece { from_ns: pair[0], to_ns: pair[1] }).collect();
    let timed = recording.timed(&[]).unwrap();
    assert_eq!(timed.moments().len() as u64, recording.samples());
    let parts = timed.parts([&stalls, &rest]);
    let sum = |counts: &[u64]| counts.iter().sum::<u64>();
    let [within, outside] = [sum(&parts.samples[0]), sum(&parts.samples[1])];
    let of = |name: &str| {
        let seen = parts.functions.iter().find(|seen| seen.function.ends_with(name));
        seen.map_or([0, 0], |seen| [sum(&seen.anywhere[0]), sum(&seen.anywhere[1])])
    };
    let [stalled, elsewhere] = of("planted_stall");
    // A sample or two at each edge, and what the clock itself takes, may fall on the other side.
    assert!(within > 10 && stalled * 10 >= within * 8, "{stalled} of {within} samples within the windows");
    assert!(elsewhere <= 2 * stalls.len() as u64, "{elsewhere} of {outside} samples in the rest");
    assert!((stalled as f64) < 0.15 * (within + outside) as f64, "it is little of the whole");
    let [usual_within, usual] = of("usual_work");
    assert!(
        usual * 10 >= outside * 8 && usual_within <= 2 * stalls.len() as u64,
        "{usual} of {outside}, {usual_within}"
    );
    // The difference names it, and nothing else of ours.
    let difference = timed.difference(&stalls, &rest, &[]);
    let stacks = flamegraphs::names::fold_excess(&difference, 2, &flamegraphs::names::Options::default()).unwrap();
    let excess = |name: &str| {
        let found = stacks.iter().filter(|(stack, _)| stack.iter().any(|frame| frame.ends_with(name)));
        found.map(|(_, value)| value).sum::<u64>()
    };
    assert!(excess("planted_stall") > 4 * excess("usual_work"), "{} {}", excess("planted_stall"), excess("usual_work"));
}
