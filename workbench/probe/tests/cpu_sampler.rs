//! Our sampler against what threads say of themselves: shares, stacks, comings and goings.
//!
//! Shares are compared with each thread's own CPU clock, within standard errors of the number of signals: overruns give
//! a signal its weight, not more certainty.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod work;

use std::collections::BTreeMap;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};

use probe::cpu::{Backend, CpuProfile, ProfileError, Profiler, Sample};
use probe::usage::thread_cpu_s;

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

/// One profile at a time in a process; the tests of this file are threads of one.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start() -> Profiler {
    Profiler::start(Backend::Sampler, None).unwrap()
}

fn named(sample: &Sample, profile: &CpuProfile, function: &str) -> bool {
    profile.frames(sample).flat_map(|frame| &frame.symbols).any(|symbol| symbol.name.ends_with(function))
}

fn count(profile: &CpuProfile, of: impl Fn(&Sample) -> bool) -> f64 {
    profile.samples.iter().filter(|sample| of(sample)).map(|sample| sample.count as f64).sum()
}

/// Four standard errors of a share `p` out of so many signals, and half a percentage point for the last and first
/// period of each thread.
fn tolerance(p: f64, profile: &CpuProfile, threads: &[&str]) -> f64 {
    let of = |sample: &Sample| threads.contains(&sample.thread.as_str());
    let positions: Vec<bool> = profile.samples.iter().map(of).collect();
    let signals = profile.moments.iter().filter(|moment| positions[moment.sample as usize]).count();
    4.0 * (p * (1.0 - p) / signals.max(1) as f64).sqrt() + 0.005
}

/// Threads of these names burn CPU until their shares are the ones given; gives the true shares and the profile.
fn profile_of_shares(shares: &[(&'static str, f64)], total_s: f64) -> (BTreeMap<&'static str, f64>, CpuProfile) {
    let together = Barrier::new(shares.len());
    let profiler = start();
    let truth: BTreeMap<_, f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .iter()
            .map(|(name, share)| {
                let together = &together;
                let burn = move || {
                    together.wait();
                    // One piece after the other, so that the threads mix in time.
                    work::burn(share * total_s);
                    thread_cpu_s().unwrap()
                };
                (*name, std::thread::Builder::new().name((*name).to_owned()).spawn_scoped(scope, burn).unwrap())
            })
            .collect();
        threads.into_iter().map(|(name, thread)| (name, thread.join().unwrap())).collect()
    });
    let profile = profiler.stop().unwrap();
    let sum: f64 = truth.values().sum();
    (truth.into_iter().map(|(name, cpu)| (name, cpu / sum)).collect(), profile)
}

fn assert_shares(truth: &BTreeMap<&'static str, f64>, profile: &CpuProfile, most: Option<f64>) {
    let names: Vec<&str> = truth.keys().copied().collect();
    let all = count(profile, |sample| names.contains(&sample.thread.as_str()));
    for (name, share) in truth {
        let found = count(profile, |sample| sample.thread == *name) / all;
        let tolerance = most.unwrap_or_else(|| tolerance(*share, profile, &names));
        assert!(
            (found - share).abs() <= tolerance,
            "{name}: {found:.4} of the samples, {share:.4} of the CPU ± {tolerance:.4}"
        );
    }
}

const SHARES: [(&str, f64); 6] =
    [("hog-a", 0.36), ("hog-b", 0.24), ("calm-a", 0.1), ("calm-b", 0.1), ("calm-c", 0.1), ("calm-d", 0.1)];

#[test]
fn shares_of_threads_are_those_of_their_cpu_clocks() {
    let _alone = alone();
    let (truth, profile) = profile_of_shares(&SHARES, 3.0);
    assert_shares(&truth, &profile, None);
    assert_eq!((profile.backend, profile.hz, profile.lost, profile.unwatched), (Backend::Sampler, 999, 0, 0));
    // Signals come with the tick; what they weigh makes up for it.
    assert!(profile.total() > 2 * profile.signals || profile.signals > 2000, "{}", profile.source());
    let coverage = profile.sampled_cpu_s() / profile.kernel_cpu_s;
    assert!((0.8..1.1).contains(&coverage), "{coverage} {}", profile.source());
    assert_eq!(profile.moments.iter().map(|moment| u64::from(moment.weight)).sum::<u64>(), profile.total());
    assert!(profile.moments.iter().all(|moment| (moment.thread as usize) < profile.threads.len()));
}

#[test]
#[ignore = "takes 12 s of CPU: one percentage point at ten thousand samples"]
fn shares_are_within_one_percentage_point_at_ten_thousand_samples() {
    let _alone = alone();
    let (truth, profile) = profile_of_shares(&SHARES, 12.0);
    assert!(profile.total() >= 10_000, "{}", profile.source());
    assert_shares(&truth, &profile, Some(0.01));
}

#[test]
fn functions_three_two_one_are_seen_three_two_one_with_their_callers() {
    let _alone = alone();
    let profiler = start();
    let thread = std::thread::Builder::new().name("three-two-one".into()).spawn(|| work::three_two_one(1.5)).unwrap();
    let truth = thread.join().unwrap();
    let profile = profiler.stop().unwrap();
    let own = |sample: &Sample| sample.thread == "three-two-one";
    let all = count(&profile, own);
    let sum: f64 = truth.iter().sum();
    for (function, cpu) in ["work_three", "work_two", "work_one"].into_iter().zip(truth) {
        let (found, share) = (count(&profile, |s| own(s) && named(s, &profile, function)) / all, cpu / sum);
        let tolerance = tolerance(share, &profile, &["three-two-one"]);
        assert!((found - share).abs() <= tolerance, "{function}: {found:.4}, truth {share:.4} ± {tolerance:.4}");
    }
    // The leaf has no frame of its own: a walk of frame pointers alone would lose its caller every time.
    let in_leaf = |s: &Sample| {
        own(s) && profile.frames(s).next().is_some_and(|f| f.symbols.iter().any(|s| s.name.contains("frameless")))
    };
    let leaves = count(&profile, in_leaf);
    let callers = count(&profile, |s| {
        in_leaf(s) && ["work_three", "work_two", "work_one"].iter().any(|caller| named(s, &profile, caller))
    });
    assert!(leaves > 0.5 * all, "the leaf is where the time goes: {leaves} of {all}");
    assert!(callers >= 0.99 * leaves, "{callers} of {leaves} leaves have their caller");
    let rooted = count(&profile, |s| own(s) && named(s, &profile, "thread_start"));
    assert!(rooted >= 0.98 * all, "{rooted} of {all} reach the thread's first function");
    assert!((profile.rootless as f64) < 0.05 * profile.total() as f64, "{}", profile.source());
}

#[test]
fn threads_that_panic_come_and_go_are_survived_and_seen() {
    let _alone = alone();
    let profiler = start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..2 {
            let over = &over;
            std::thread::Builder::new()
                .name(format!("panicking-{number}"))
                .spawn_scoped(scope, move || {
                    let begin = thread_cpu_s().unwrap();
                    while thread_cpu_s().unwrap() - begin < 0.5 {
                        let caught = catch_unwind(|| work::deep_panic(30, &|| resume_unwind(Box::new(7_u8))));
                        assert_eq!(*caught.unwrap_err().downcast::<u8>().unwrap(), 7);
                    }
                    over.store(true, Ordering::Relaxed);
                })
                .unwrap();
        }
        let mut spawned = 0;
        while !over.load(Ordering::Relaxed) || spawned < 200 {
            std::thread::spawn(|| work::burn(0.0005)).join().unwrap();
            spawned += 1;
        }
    });
    // A thread that stays for a while after the rush is seen like any other.
    std::thread::Builder::new().name("late-comer".into()).spawn(|| work::burn(0.3)).unwrap().join().unwrap();
    let profile = profiler.stop().unwrap();
    assert!(count(&profile, |sample| sample.thread.starts_with("panicking")) > 0.0);
    assert!(count(&profile, |sample| sample.thread == "late-comer") > 0.0, "{}", profile.source());
    assert_eq!(profile.lost, 0);
}

#[test]
fn one_profile_at_a_time_and_everything_is_given_back() {
    let _alone = alone();
    let disposition = || {
        // SAFETY: reads into a structure for which zeroes are valid.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGPROF, std::ptr::null(), &raw mut action);
            action.sa_sigaction
        }
    };
    let timers = || std::fs::read_to_string("/proc/self/timers").map(|text| text.matches("ID:").count());
    let (before, timers_before) = (disposition(), timers().ok());
    for ended in [false, true] {
        let profiler = start();
        assert_ne!(disposition(), before);
        for backend in Backend::ALL {
            assert!(matches!(Profiler::start(backend, None), Err(ProfileError::AlreadyRunning)));
        }
        work::burn(0.05);
        if ended {
            assert!(profiler.stop().unwrap().total() > 0);
        } else {
            drop(profiler);
        }
        assert_eq!(disposition(), before, "the signal is as it was");
        assert_eq!(timers().ok(), timers_before, "no timer is left");
        let watchers = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = watchers.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        assert_eq!(names.filter(|name| name.trim() == "cpu-sampler").count(), 0);
    }
    // Nothing that was pending ends the process afterwards.
    work::burn(0.05);
}

#[test]
fn a_profiler_of_somebody_else_is_not_disturbed() {
    let _alone = alone();
    extern "C" fn theirs(_: i32) {}
    // SAFETY: a handler that does nothing, put in place and taken away.
    let before = unsafe { libc::signal(libc::SIGPROF, theirs as extern "C" fn(i32) as libc::sighandler_t) };
    let refused = Profiler::start(Backend::Sampler, None);
    assert!(
        matches!(&refused, Err(ProfileError::Unavailable(reason)) if reason.to_string().contains("SIGPROF")),
        "{refused:?}"
    );
    let refused = Profiler::start_or_fall_back(Backend::Sampler, None);
    assert!(matches!(&refused, Err(ProfileError::Unavailable(_))), "pprof would take the signal: {refused:?}");
    // SAFETY: what was there before; what it answers is who was there meanwhile.
    let meanwhile = unsafe { libc::signal(libc::SIGPROF, before) };
    assert_eq!(meanwhile, theirs as extern "C" fn(i32) as libc::sighandler_t, "their handler is still theirs");
    drop(start());
}
