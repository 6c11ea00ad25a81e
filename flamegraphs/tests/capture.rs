//! Sampling from outside against what the subject itself knows of its CPU time. The subject is this very file, started
//! again; where the machine refuses perf events the tests say so and check nothing.

#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test panics, and says what it skips")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use flamegraphs::capture::{CaptureError, Limits, Options, Recorder, Recording};
use flamegraphs::profile::Profile;

/// CPU nanoseconds of the calling thread, by the kernel's own account.
fn thread_cpu_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

#[inline(never)]
fn spin(rounds: u64) -> u64 {
    (0..rounds).fold(1, |sum, round| black_box(sum ^ round.wrapping_mul(0x9e37_79b9)))
}

/// Burns so many units, and says how much CPU that took.
macro_rules! burner {
    ($name:ident, $units:expr) => {
        #[inline(never)]
        fn $name(unit_ns: u64) -> u64 {
            let began = thread_cpu_ns();
            let end = began + $units * unit_ns;
            while thread_cpu_ns() < end {
                black_box(spin(2_000));
            }
            black_box(thread_cpu_ns() - began)
        }
    };
}

burner!(work_three, 3);
burner!(work_two, 2);
burner!(work_one, 1);

/// One thread's share: rounds of 3 : 2 : 1, what they took by name.
fn burn(rounds: u64) -> BTreeMap<&'static str, u64> {
    let mut truth = BTreeMap::new();
    for _ in 0..rounds {
        *truth.entry("work_three").or_default() += work_three(1_000_000);
        *truth.entry("work_two").or_default() += work_two(1_000_000);
        *truth.entry("work_one").or_default() += work_one(1_000_000);
    }
    truth
}

/// Not a test: what the subject does when it is started. Waits for a line, works in two threads, prints the truth,
/// waits for the end of its input.
#[test]
#[ignore = "the subject of the other tests"]
fn subject() {
    let Ok(rounds) = std::env::var("CAPTURE_SUBJECT_ROUNDS").unwrap_or_default().parse::<u64>() else { return };
    let mut line = String::new();
    println!("\nready");
    std::io::stdin().read_line(&mut line).unwrap();
    let threads: Vec<_> = [("busy-a", 2 * rounds), ("busy-b", rounds)]
        .into_iter()
        .map(|(name, rounds)| {
            std::thread::Builder::new()
                .name(name.into())
                .spawn(move || (name, thread_cpu_ns(), burn(rounds), thread_cpu_ns()))
                .unwrap()
        })
        .collect();
    for thread in threads {
        let (name, before, functions, after) = thread.join().unwrap();
        for (function, took) in functions {
            println!("truth {name} {function} {took}");
        }
        println!("truth {name} all {}", after - before);
    }
    println!("end");
    std::io::stdin().read_line(&mut line).unwrap();
}

fn start(rounds: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "subject", "--ignored", "--nocapture"])
        .env("CAPTURE_SUBJECT_ROUNDS", rounds.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

type Truth = BTreeMap<(String, String), f64>;

/// Lets the subject work, and hands over what it knows of itself.
fn work(child: &mut Child, output: &mut impl BufRead) -> Truth {
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let mut truth = Truth::new();
    for line in output.lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["truth", thread, function, took] => {
                truth.insert((thread.into(), function.into()), took.parse().unwrap());
            }
            ["end"] => return truth,
            _ => {}
        }
    }
    panic!("the subject ended early");
}

fn wait_ready(output: &mut impl BufRead) {
    assert!(output.lines().any(|line| line.unwrap() == "ready"));
}

/// Records the subject at work; `None`, with a word on standard error, where perf events are refused.
fn record(rounds: u64, attach: bool) -> Option<(Recording, Truth)> {
    let (mut child, mut recorder) = if attach {
        (start(rounds), None)
    } else {
        match Recorder::launch(&Options::default(), move || start(rounds)) {
            Ok((child, recorder)) => (child, Some(recorder)),
            Err(error) => return skip(&error),
        }
    };
    let mut output = BufReader::new(child.stdout.take().unwrap());
    wait_ready(&mut output);
    if attach {
        match Recorder::attach(child.id(), &Options::default()) {
            Ok(attached) => recorder = Some(attached),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return skip(&error);
            }
        }
    }
    let mut recorder = recorder.unwrap();
    recorder.start(&[child.id()]).unwrap();
    let truth = work(&mut child, &mut output);
    let recording = recorder.stop().unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    Some((recording, truth))
}

fn skip<T>(error: &CaptureError) -> Option<T> {
    assert!(matches!(error, CaptureError::Refused { .. } | CaptureError::Buffers { .. }), "{error}");
    eprintln!("SKIPPED: {error}");
    None
}

/// Samples of a thread that have a function anywhere on their stack.
fn samples(profile: &Profile, thread: &str, function: &str) -> f64 {
    let named = |name: &str| function == "all" || name.ends_with(function);
    let within = |sample: &&flamegraphs::profile::Sample| {
        let mut lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
        sample.label("thread") == Some(thread) && lines.any(|line| named(&profile.function(line.function).name))
    };
    profile.samples().iter().filter(within).map(|sample| sample.values[0] as f64).sum()
}

/// Shares of the two threads' CPU by thread and function, sampled against true; `allowed` says by how much they may
/// differ, given the true share and the number of samples.
fn check(recording: &Recording, truth: &Truth, allowed: impl Fn(f64, f64) -> f64) {
    let profile = recording.profile(&[]).unwrap();
    let whole: f64 = truth.iter().filter(|((_, function), _)| function == "all").map(|(_, took)| took).sum();
    let all = samples(&profile, "busy-a", "all") + samples(&profile, "busy-b", "all");
    assert!(all > 100.0, "{all} samples");
    for ((thread, function), took) in truth {
        let (share, sampled) = (took / whole, samples(&profile, thread, function) / all);
        let allowed = allowed(share, all);
        assert!(
            (share - sampled).abs() <= allowed,
            "{thread} {function}: {sampled:.4} of {all} samples, {share:.4} of the CPU time; {allowed:.4} allowed"
        );
    }
    let coverage = recording.coverage();
    assert!(coverage.ratio().is_some_and(|ratio| ratio >= 0.95 || !recording.kernel), "{coverage}");
    let rootless = recording.rootless as f64 / recording.samples() as f64;
    assert!(rootless <= 0.05, "{rootless} of the stacks have no root");
}

/// Three standard errors of a share, and what one sample more or less makes.
fn three_standard_errors(share: f64, samples: f64) -> f64 {
    3.0 * (share * (1.0 - share) / samples).sqrt() + 2.0 / samples
}

#[test]
fn a_launched_process_is_sampled_by_thread_and_function() {
    let Some((recording, truth)) = record(60, false) else { return };
    check(&recording, &truth, three_standard_errors);
    // The two threads, and who waits for them: each came to a CPU and left it.
    let busy = recording.threads.iter().position(|thread| thread.name == "busy-a").unwrap();
    let of_busy = || recording.on_cpu.iter().filter(|change| change.thread as usize == busy);
    assert!(of_busy().any(|change| change.on) && of_busy().any(|change| !change.on));
    assert_eq!(recording.taken.len() as u64 + recording.excess.times.count, recording.samples());
}

#[test]
fn a_process_that_runs_already_is_sampled_too() {
    let Some((recording, truth)) = record(60, true) else { return };
    check(&recording, &truth, three_standard_errors);
}

#[test]
fn lines_and_the_build_id_are_those_of_the_program() {
    let Some((recording, _)) = record(30, false) else { return };
    let profile = recording.profile(&[]).unwrap();
    let work = profile.functions().iter().find(|function| function.name.ends_with("work_three")).unwrap();
    assert!(work.file.ends_with("tests/capture.rs"), "{work:?}");
    let program = std::env::current_exe().unwrap();
    let mapping = &profile.mappings()[0];
    assert_eq!(mapping.file, program.display().to_string());
    assert_eq!(mapping.build_id.len() % 2, 0);
    assert_eq!(flamegraphs::read::pprof(&flamegraphs::write::pprof(&profile)).unwrap().total(0), profile.total(0));
}

#[test]
fn recording_from_the_exec_on_sees_the_start_of_the_program() {
    let options = Options { from_exec: true, ..Options::default() };
    let launched = Recorder::launch(&options, || {
        Command::new("sh").args(["-c", "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done"]).spawn().unwrap()
    });
    let (mut child, recorder) = match launched {
        Ok(launched) => launched,
        Err(error) => return skip(&error).unwrap_or_default(),
    };
    child.wait().unwrap();
    let recording = recorder.stop().unwrap();
    assert!(recording.samples() > 0);
    assert!(recording.threads.iter().any(|thread| thread.name == "sh"), "{:?}", recording.threads);
    assert!(recording.threads.iter().all(|thread| thread.pid != std::process::id()));
}

/// The bound is far below what comes: nothing that was kept before changes, and all is counted.
#[test]
fn a_recording_beyond_its_limits_counts_on_and_says_from_when() {
    let limits = Limits { times: 40, stack_bytes: 4096, ..Limits::default() };
    let options = Options { from_exec: true, limits, ..Options::default() };
    let launched = Recorder::launch(&options, || {
        Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]).spawn().unwrap()
    });
    let (mut child, recorder) = match launched {
        Ok(launched) => launched,
        Err(error) => return skip(&error).unwrap_or_default(),
    };
    child.wait().unwrap();
    let recording = recorder.stop().unwrap();
    let (samples, excess) = (recording.samples(), recording.excess);
    assert!(samples > 40, "{samples}");
    assert_eq!((recording.taken.len() as u64, excess.times.count), (40, samples - 40));
    assert_eq!(recording.threads.iter().map(|thread| thread.samples).sum::<u64>(), samples);
    assert!(excess.callers.count > 0 && excess.callers.count < samples, "{excess:?} of {samples}");
    assert!(recording.stacks.iter().map(|(_, stack)| 8 * stack.len()).sum::<usize>() <= 4096 + 512);
    // Against the first that was kept: the clock of the whole is read once the program is on its way.
    let first = recording.taken.iter().map(|taken| taken.time_ns).min().unwrap();
    assert!(excess.callers.from_ns > first && excess.callers.from_ns < recording.ended_ns, "{excess:?}");
    assert_eq!(recording.profile(&[]).unwrap().total(0), Some(samples as i64));
    let told = recording.limits_reached().join("\n");
    assert!(told.contains("innermost function alone") && told.contains("without their times"), "{told}");
}

/// Ten thousand samples and more: within one percentage point.
#[test]
#[ignore = "takes some fifteen seconds of CPU"]
fn within_a_percentage_point_of_the_truth() {
    let Some((recording, truth)) = record(700, false) else { return };
    assert!(recording.samples() >= 10_000, "{}", recording.samples());
    check(&recording, &truth, |_, _| 0.01);
}

/// Not a test: sleeps in one function and waits for a lock in another.
#[test]
#[ignore = "the subject of the test below"]
fn sleeper() {
    if std::env::var_os("CAPTURE_SLEEPER").is_none() {
        return;
    }
    let lock = std::sync::Arc::new(std::sync::Mutex::new(()));
    let held = lock.lock().unwrap();
    let waiting = std::sync::Arc::clone(&lock);
    let thread = std::thread::Builder::new().name("lock-waiter".into()).spawn(move || wait_for_lock(&waiting)).unwrap();
    let sleeper = std::thread::Builder::new().name("sleeper".into()).spawn(take_a_nap).unwrap();
    sleeper.join().unwrap();
    drop(held);
    thread.join().unwrap();
}

#[inline(never)]
fn take_a_nap() {
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        black_box(());
    }
}

#[inline(never)]
fn wait_for_lock(lock: &std::sync::Mutex<()>) {
    drop(black_box(lock.lock().unwrap()));
}

#[test]
fn waits_are_told_by_where_threads_left_their_cpu() {
    let options = Options { from_exec: true, departures: true, ..Options::default() };
    let launched = Recorder::launch(&options, || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sleeper", "--ignored"])
            .env("CAPTURE_SLEEPER", "1")
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    let (mut child, recorder) = match launched {
        Ok(launched) => launched,
        Err(error) => return skip(&error).unwrap_or_default(),
    };
    child.wait().unwrap();
    let recording = recorder.stop().unwrap();
    if recording.lost > 0 {
        eprintln!("skipped: {} records found no room in the buffers, so nothing can be counted", recording.lost);
        return;
    }
    let profile = recording.wait_profile(&[]).unwrap();
    let of = |thread: &str| {
        let mine = profile.samples().iter().filter(move |sample| sample.label("thread") == Some(thread));
        mine.map(|sample| (sample.values[0], sample.values[1])).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let (naps, napped_ns) = of("sleeper");
    let threads = &recording.threads;
    assert!(naps >= 20 && napped_ns >= 20 * 5_000_000, "{naps} waits of {napped_ns} ns; {threads:?}");
    assert!(of("lock-waiter").1 >= 5_000_000, "{:?}", of("lock-waiter"));
    if recording.kernel {
        let seen = samples(&profile, "sleeper", "take_a_nap");
        // A starved machine leaves out a stack now and then (perf throttles); the wait itself is counted all the same.
        assert!(seen >= 15.0, "{seen} of {naps}: {:?}", profile.samples());
        assert!(samples(&profile, "lock-waiter", "wait_for_lock") >= 1.0);
    }
}
