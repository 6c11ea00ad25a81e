//! Stalls of every class, planted and caught. A planted stall lasts until it has been seen: nothing here depends on how
//! fast the machine is.

#![cfg(all(tokio_unstable, target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use probe::runtime::{Flavor, Settings, build_recorded};
use probe::stalls::{Caught, Class, Options, Stall, Watchdog};
use probe::tasks::Recorder;
use tokio::runtime::Runtime;

/// Longer than any machine takes.
const DEADLINE: Duration = Duration::from_secs(100);

/// What a planted stall lasts at least, several times the threshold.
const LONG: Duration = Duration::from_millis(60);

/// What the watchdog has told so far, and the runtime that it watches.
struct Bench {
    runtime: Runtime,
    recorder: Recorder,
    watchdog: Watchdog,
    told: Told,
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Stall>>>);

impl Told {
    fn any(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }

    fn over(&self) -> Vec<Stall> {
        self.0.lock().unwrap().iter().filter(|stall| stall.ended).cloned().collect()
    }
}

fn bench(settings: Settings) -> Bench {
    let (runtime, recorder) = build_recorded(&settings).unwrap();
    let recorder = recorder.unwrap();
    recorder.start();
    let told = Told::default();
    let tell = told.clone();
    let on_stall: probe::stalls::OnStall = Box::new(move |stall| tell.0.lock().unwrap().push(stall.clone()));
    let watchdog = Watchdog::start(&recorder, Options { on_stall: Some(on_stall), ..Options::default() }).unwrap();
    Bench { runtime, recorder, watchdog, told }
}

fn workers(number: usize) -> Settings {
    Settings { worker_threads: Some(number), ..Settings::default() }
}

impl Bench {
    /// Runs one planted stall to its end; the line of its spawn, and what was caught.
    fn plant(self, planted: impl FnOnce(&Told) + Send + 'static) -> (Stall, Caught) {
        let told = self.told.clone();
        let task = self.runtime.spawn(async move { planted(&told) });
        let line = line!() - 1;
        self.runtime.block_on(task).unwrap();
        wait(|| self.told.over().len() == 1);
        let stall = self.told.over().remove(0);
        assert_eq!((stall.site.line, stall.site.file.as_str(), stall.number), (line, file!(), 1));
        let summary = self.watchdog.summary();
        assert_eq!(summary.count, u64::from(stall.class != Class::BlockInPlace));
        if summary.count == 1 {
            assert_eq!(summary.last, Some(stall.briefly()));
            assert_eq!(summary.longest, Duration::from_secs_f64(stall.duration_s));
        }
        let caught = self.stop();
        assert_eq!((caught.seen, caught.counted), (1, 1), "{caught:#?}");
        assert_eq!(caught.stalls, std::slice::from_ref(&stall));
        (stall, caught)
    }

    fn stop(self) -> Caught {
        // A task is joined a moment before its last poll ends.
        drop(self.runtime);
        let caught = self.watchdog.stop().unwrap();
        drop(self.recorder);
        caught
    }
}

fn wait(mut done: impl FnMut() -> bool) {
    let patience = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < patience, "it never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn cpu_time() -> Duration {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    Duration::from(time)
}

#[inline(never)]
fn burns(enough: impl Fn() -> bool) -> u64 {
    let begin = cpu_time();
    let mut sum = 0_u64;
    while !enough() || cpu_time() - begin < LONG {
        for number in 0..10_000_u64 {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
        }
    }
    sum
}

#[inline(never)]
fn dozes(told: &Told) {
    let begin = Instant::now();
    while !told.any() || begin.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[inline(never)]
fn wants(lock: &Mutex<u64>) -> u64 {
    *lock.lock().unwrap()
}

/// The functions of a stack, leaf first.
fn names(stall: &Stall) -> Vec<&str> {
    stall.stack.iter().flat_map(|frame| &frame.symbols).map(|symbol| symbol.name.as_str()).collect()
}

/// It has a whole stack, and the blame is with `function` of this file.
fn blames(stall: &Stall, function: &str) {
    assert!(stall.no_stack.is_none() && stall.rooted, "{stall:#?}");
    let culprit = stall.culprit.as_ref().unwrap();
    assert!(culprit.function.contains(function), "{culprit:?} of {:#?}", names(stall));
    assert!(culprit.file.ends_with("tests/stalls.rs") && culprit.line > 0, "{culprit:?}");
}

/// The parts of its time make up the whole.
fn adds_up(stall: &Stall) {
    let parts = stall.cpu_s + stall.blocked_s + stall.waiting_s;
    assert!((parts - stall.duration_s).abs() < 1e-6, "{stall:#?}");
    assert!(stall.looks > 0 && stall.duration_s >= 0.01 && stall.stack_at_s.unwrap() >= 0.01);
}

#[test]
fn computing_is_on_cpu() {
    let (stall, caught) = bench(workers(2)).plant(|told| {
        burns(|| told.any());
    });
    assert_eq!(stall.class, Class::OnCpu, "{stall:#?}");
    assert!(stall.cpu_s >= 0.05);
    blames(&stall, "burns");
    adds_up(&stall);
    assert_eq!(caught.no_stacks, None);
}

#[test]
fn sleeping_is_blocked_in_a_named_call() {
    let (stall, _) = bench(workers(2)).plant(dozes);
    assert_eq!(stall.class, Class::Blocked, "{stall:#?}");
    assert!(stall.syscall.as_ref().unwrap().ends_with("nanosleep"), "{stall:#?}");
    assert!(names(&stall)[0].contains("nanosleep"), "the leaf is kept: {:#?}", names(&stall));
    blames(&stall, "dozes");
    adds_up(&stall);
}

#[test]
fn a_held_mutex_is_a_lock() {
    let lock = Arc::new(Mutex::new(7));
    let held = lock.lock().unwrap();
    let bench = bench(workers(2));
    let (told, wanted) = (bench.told.clone(), Arc::clone(&lock));
    let stall = std::thread::scope(|scope| {
        let planted = scope.spawn(move || {
            bench.plant(move |_| {
                wants(&wanted);
            })
        });
        let begin = Instant::now();
        wait(|| told.any() && begin.elapsed() > LONG);
        drop(held);
        planted.join().unwrap().0
    });
    assert_eq!(stall.class, Class::Lock, "{stall:#?}");
    assert_eq!(stall.syscall.as_deref(), Some("futex"));
    blames(&stall, "wants");
    adds_up(&stall);
}

#[test]
fn block_in_place_is_legal() {
    let (stall, _) = bench(workers(2)).plant(|told| tokio::task::block_in_place(|| dozes(told)));
    assert_eq!(stall.class, Class::BlockInPlace, "{:#?}", names(&stall));
    blames(&stall, "dozes");
    adds_up(&stall);
}

/// Puts the calling thread where it hardly ever runs: on one CPU with a thread that never rests, and below it.
fn starve(rival: &Arc<AtomicU64>) -> std::thread::JoinHandle<()> {
    let mut cpus = nix::sched::CpuSet::new();
    let allowed = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    let cpu = (0..nix::sched::CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap()).unwrap();
    cpus.set(cpu).unwrap();
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &cpus).unwrap();
    let running = Arc::clone(rival);
    let thread = std::thread::spawn(move || {
        // On the same CPU: affinity is inherited.
        running.store(1, SeqCst);
        while running.load(Relaxed) == 1 {
            std::hint::spin_loop();
        }
    });
    while rival.load(SeqCst) == 0 {
        std::thread::yield_now();
    }
    let lowest = libc::sched_param { sched_priority: 0 };
    // SAFETY: changes how this very thread is scheduled.
    assert_eq!(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const lowest) }, 0);
    thread
}

#[inline(never)]
fn starves() {
    let begin = cpu_time();
    // Two milliseconds: nowhere near a stall.
    while cpu_time() - begin < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

#[test]
fn a_thread_without_a_cpu_is_descheduled() {
    let patience = Instant::now() + DEADLINE;
    loop {
        let bench = bench(workers(1));
        let rival = Arc::new(AtomicU64::new(0));
        let rivals = Arc::clone(&rival);
        let thread = bench.runtime.block_on(async { tokio::spawn(async move { starve(&rivals) }).await.unwrap() });
        let task = bench.runtime.spawn(async { starves() });
        let line = line!() - 1;
        bench.runtime.block_on(task).unwrap();
        rival.store(2, SeqCst);
        thread.join().unwrap();
        let caught = bench.stop();
        let stall = caught.stalls.iter().find(|stall| stall.site.line == line && stall.class == Class::Descheduled);
        if let Some(stall) = stall {
            assert!(stall.waiting_s > stall.cpu_s + stall.blocked_s, "{stall:#?}");
            assert!(stall.cpu_s + stall.blocked_s < 0.01);
            adds_up(&Stall { stack_at_s: Some(stall.stack_at_s.unwrap_or(1.0)), ..stall.clone() });
            return;
        }
        assert!(Instant::now() < patience, "never descheduled: {caught:#?}");
    }
}

#[test]
fn a_stall_that_never_ends_is_told_while_it_lasts() {
    let bench = bench(Settings { flavor: Some(Flavor::CurrentThread), ..Settings::default() });
    let leave = Arc::new(AtomicBool::new(false));
    let left = Arc::clone(&leave);
    let runtime = bench.runtime;
    let stuck = std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::spawn(async move {
                burns(|| left.load(Relaxed));
            })
            .await
            .unwrap();
        });
    });
    wait(|| bench.watchdog.summary().count == 1);
    let first = bench.watchdog.summary().longest;
    wait(|| bench.watchdog.summary().longest > first);
    assert!(bench.told.over().is_empty());
    let caught = bench.watchdog.stop().unwrap();
    leave.store(true, Relaxed);
    stuck.join().unwrap();
    assert_eq!((caught.seen, caught.counted, caught.stalls.len()), (1, 1, 1));
    assert!(!caught.stalls[0].ended);
    blames(&caught.stalls[0], "burns");
}

#[test]
fn many_stalls_at_once_keep_their_own_stacks() {
    const THREADS: usize = 4;
    let bench = bench(workers(THREADS));
    let met = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..THREADS)
        .map(|number| {
            let (met, told) = (Arc::clone(&met), bench.told.clone());
            bench.runtime.spawn(async move {
                met.fetch_add(1, SeqCst);
                let enough = || met.load(SeqCst) == THREADS as u64 && told.0.lock().unwrap().len() >= THREADS;
                if number % 2 == 0 {
                    burns(enough);
                } else {
                    let begin = Instant::now();
                    while !enough() || begin.elapsed() < LONG {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        bench.runtime.block_on(task).unwrap();
    }
    let caught = bench.stop();
    assert_eq!((caught.seen, caught.counted, caught.stalls.len()), (4, 4, 4), "{caught:#?}");
    for stall in &caught.stalls {
        let burning = names(stall).iter().any(|name| name.contains("burns"));
        assert_eq!(stall.class, if burning { Class::OnCpu } else { Class::Blocked }, "{stall:#?}");
    }
    assert_eq!(caught.stalls.iter().filter(|stall| stall.class == Class::OnCpu).count(), 2);
}

#[test]
fn a_healthy_workload_has_no_stalls() {
    // Short polls only. On a machine that has no CPU to spare a poll may be descheduled all the same: it is then told
    // apart, and never laid at the door of the code.
    let bench = bench(workers(2));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            bench.runtime.spawn(async {
                for _ in 0..20 {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                    black_box((0..1000_u64).sum::<u64>());
                }
            })
        })
        .collect();
    for task in tasks {
        bench.runtime.block_on(task).unwrap();
    }
    let caught = bench.stop();
    let blamed: Vec<_> = caught.stalls.iter().filter(|stall| stall.class != Class::Descheduled).collect();
    assert!(blamed.is_empty(), "{blamed:#?}");
}

#[test]
fn names_may_wait_until_the_end() {
    let (runtime, recorder) = build_recorded(&workers(1)).unwrap();
    let recorder = recorder.unwrap();
    recorder.start();
    let watchdog = Watchdog::start(&recorder, Options::default()).unwrap();
    let seen = Arc::new(AtomicBool::new(false));
    let enough = Arc::clone(&seen);
    let task = runtime.spawn(async move {
        burns(|| enough.load(Relaxed));
    });
    wait(|| watchdog.summary().count == 1);
    seen.store(true, Relaxed);
    runtime.block_on(task).unwrap();
    // A task is joined a moment before its last poll ends.
    drop(runtime);
    let caught = watchdog.stop().unwrap();
    assert_eq!((caught.stalls.len(), caught.others.len()), (1, 0));
    assert!(caught.stalls[0].ended);
    blames(&caught.stalls[0], "burns");
}

#[test]
fn a_threshold_that_cannot_be_kept_is_refused() {
    let (_runtime, recorder) = build_recorded(&workers(1)).unwrap();
    let options = Options { threshold: Duration::from_micros(50), ..Options::default() };
    let refused = Watchdog::start(&recorder.unwrap(), options).unwrap_err();
    assert_eq!(refused.to_string(), "a stall of 50µs cannot be caught: the least is 2ms");
}

#[test]
fn whoever_is_told_may_panic_and_nothing_is_lost() {
    let (runtime, recorder) = build_recorded(&workers(1)).unwrap();
    let recorder = recorder.unwrap();
    recorder.start();
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    let on_stall: probe::stalls::OnStall = Box::new(move |_| {
        tell.store(true, Relaxed);
        panic!("planted");
    });
    let watchdog = Watchdog::start(&recorder, Options { on_stall: Some(on_stall), ..Options::default() }).unwrap();
    let task = runtime.spawn(async move {
        burns(|| told.load(Relaxed));
    });
    runtime.block_on(task).unwrap();
    let caught = watchdog.stop().unwrap();
    assert_eq!(caught.stalls.len(), 1);
    blames(&caught.stalls[0], "burns");
}
