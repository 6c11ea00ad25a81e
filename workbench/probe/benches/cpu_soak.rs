//! Whether the sampler survives what crashes other profilers: panics, threads that come and go, allocation, deep stacks,
//! mappings that appear and vanish, all at 999 Hz, profile after profile.
//!
//! `cargo bench -p probe --bench cpu_soak -- --minutes 10` does that in a process of its own and says how it ended, how
//! much it sampled, and what was missing. The exit status is 1 after a crash.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "a bench reports there")]

#[path = "../tests/work/mod.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod work;

use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use probe::cpu::{Backend, CpuProfile, Profiler};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

/// Names the process that is soaked.
const SOAKED: &str = "--soaked";
/// Seconds of one profile.
const PROFILE_S: f64 = 30.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after =
        |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)?.parse().ok());
    if let Some(seconds) = after(SOAKED) {
        soak(seconds);
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` only wants to see that it starts.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let seconds = if measured { 60.0 * after("--minutes").unwrap_or(10.0) } else { 1.0 };
    let mut soaked = Command::new(std::env::current_exe().unwrap());
    let status = soaked.args([SOAKED, &seconds.to_string()]).status().unwrap();
    println!("{seconds:.0} s: the process ended with {status}");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a thread does again and again.
type Work<'a> = Box<dyn Fn() + Send + Sync + 'a>;

/// Profile after profile over threads that do their worst.
fn soak(seconds: f64) {
    let over = AtomicBool::new(false);
    let (panics, spawned) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let works: [(&str, Work<'_>); 6] = [
            ("panicking-a", Box::new(|| panic_once(&panics))),
            ("panicking-b", Box::new(|| panic_once(&panics))),
            ("spawning", Box::new(|| spawn_some(&spawned))),
            ("allocating", Box::new(allocate)),
            ("deep", Box::new(|| work::deep_panic(2_000, &burn_a_little))),
            ("mapping", Box::new(map_and_unmap)),
        ];
        for (name, work) in works {
            let over = &over;
            let body = move || {
                while !over.load(Relaxed) {
                    work();
                }
            };
            std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, body).unwrap();
        }
        let (begin, mut totals) = (Instant::now(), Totals::default());
        loop {
            let left = seconds - begin.elapsed().as_secs_f64();
            if left <= 0.0 {
                break;
            }
            let profiler = Profiler::start(Backend::Sampler, None).unwrap();
            std::thread::sleep(Duration::from_secs_f64(left.min(PROFILE_S)));
            totals.add(&profiler.stop().unwrap());
        }
        over.store(true, Relaxed);
        totals.print(panics.load(Relaxed), spawned.load(Relaxed));
    });
}

fn burn_a_little() {
    black_box(work::burn(0.002));
}

fn panic_once(panics: &AtomicU64) {
    let caught = catch_unwind(|| work::deep_panic(30, &|| resume_unwind(Box::new(7_u8))));
    assert!(caught.is_err());
    panics.fetch_add(1, Relaxed);
}

/// Threads that end at once, after a while, or by a panic.
fn spawn_some(spawned: &AtomicU64) {
    let threads: Vec<_> = [0.0, 0.0005, 0.03, 0.0]
        .into_iter()
        .enumerate()
        .map(|(number, seconds)| {
            std::thread::spawn(move || {
                black_box(work::burn(seconds));
                if number == 3 {
                    resume_unwind(Box::new(()));
                }
            })
        })
        .collect();
    spawned.fetch_add(threads.len() as u64, Relaxed);
    for thread in threads {
        let _ = thread.join();
    }
}

fn allocate() {
    let kept: Vec<Vec<u64>> = (1..200).map(|size| vec![size as u64; black_box(size * 7)]).collect();
    black_box(kept.iter().map(|v| format!("{:?}", v.first())).collect::<Vec<_>>());
}

/// Mappings that vanish next to stacks.
fn map_and_unmap() {
    const SIZE: usize = 1 << 20;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping of our own, written within its size, unmapped once.
    unsafe {
        let map = libc::mmap(std::ptr::null_mut(), SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(map, libc::MAP_FAILED);
        for page in (0..SIZE).step_by(4096) {
            map.cast::<u8>().add(page).write(1);
        }
        libc::munmap(map, SIZE);
    }
}

#[derive(Default)]
struct Totals {
    profiles: u32,
    samples: u64,
    signals: u64,
    lost: u64,
    rootless: u64,
    unwatched: u64,
    threads: usize,
    sampled_s: f64,
    kernel_s: f64,
    own_s: f64,
}

impl Totals {
    fn add(&mut self, profile: &CpuProfile) {
        self.profiles += 1;
        self.samples += profile.total();
        self.signals += profile.signals;
        self.lost += profile.lost;
        self.rootless += profile.rootless;
        self.unwatched += profile.unwatched;
        self.threads += profile.threads.len();
        self.sampled_s += profile.sampled_cpu_s();
        self.kernel_s += profile.kernel_cpu_s;
        self.own_s += profile.own_cpu_s;
    }

    #[expect(clippy::cast_precision_loss, reason = "shares of counts")]
    fn print(&self, panics: u64, spawned: u64) {
        let percent = |part: f64, whole: f64| 100.0 * part / whole.max(f64::MIN_POSITIVE);
        println!(
            "{} profiles, {} threads watched, {panics} panics, {spawned} threads spawned",
            self.profiles, self.threads
        );
        println!(
            "{} samples from {} signals, {} lost, {} threads unwatched",
            self.samples, self.signals, self.lost, self.unwatched
        );
        println!(
            "coverage {:.1} % of {:.1} s of CPU; {:.2} % of samples without root; the sampler's thread used {:.2} %",
            percent(self.sampled_s, self.kernel_s),
            self.kernel_s,
            percent(self.rootless as f64, self.samples as f64),
            percent(self.own_s, self.kernel_s)
        );
    }
}
