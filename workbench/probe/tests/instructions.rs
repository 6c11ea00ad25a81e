//! What each layer of the selectable allocator costs, in instructions: exact where wall time is noise. Needs valgrind
//! and an optimised build, and says so where it has not:
//!
//! ```text
//! cargo test --release -p probe --test instructions
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::Command;

use probe::allocator::layers::{Chosen, Counted};
use probe::allocator::{ENV, Kind, Selectable};

#[global_allocator]
static GLOBAL: Selectable = Selectable;

const TEST: &str = "layers_cost_what_they_may";

/// Names what a process started by this one is to do: `layer load operations`.
const WORK: &str = "PROBE_WORK";

const LAYERS: [&str; 4] = ["direct", "chosen", "counted", "selectable"];
const LOADS: [&str; 3] = ["tight", "mixed", "grow"];

/// Instead of the usual harness: its threads' instructions would be counted, too.
fn main() {
    if let Ok(asked) = std::env::var(WORK) {
        return work(&asked);
    }
    let list = std::env::args().any(|argument| argument == "--list");
    let mut filters = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    let wanted = filters.peek().is_none() || filters.any(|filter| TEST.contains(&filter));
    match (wanted, list) {
        (false, _) => {}
        (true, true) => println!("{TEST}: test"),
        (true, false) => layers_cost_what_they_may(),
    }
}

/// Runs under valgrind.
fn work(asked: &str) {
    let words: Vec<&str> = asked.split(' ').collect();
    let [layer, load, operations] = words[..] else { panic!("{asked}") };
    let operations = operations.parse().unwrap();
    match (layer, probe::allocator::kind()) {
        ("direct", Kind::Jemalloc) => perform(&tikv_jemallocator::Jemalloc, load, operations),
        ("direct", Kind::Mimalloc) => perform(&mimalloc::MiMalloc, load, operations),
        ("direct", Kind::System) => perform(&System, load, operations),
        ("chosen", _) => perform(&Chosen, load, operations),
        ("counted", _) => perform(&Counted, load, operations),
        ("selectable", _) => perform(&Selectable, load, operations),
        _ => panic!("{asked}"),
    }
}

fn perform<A: GlobalAlloc>(allocator: &A, load: &str, operations: usize) {
    let shim = Shim(allocator);
    match load {
        "tight" => (0..operations).for_each(|_| tight(&shim)),
        "mixed" => mixed(&shim, operations),
        "grow" => (0..operations).for_each(|_| grow(&shim)),
        _ => panic!("{load}"),
    }
}

/// How programs reach a global allocator: through functions of the compiler's that are not inlined and know no layout.
struct Shim<'a, A>(&'a A);

impl<A: GlobalAlloc> Shim<'_, A> {
    #[inline(never)]
    unsafe fn alloc(&self, size: usize, align: usize) -> *mut u8 {
        // SAFETY: callers pass a valid layout of some size.
        unsafe { self.0.alloc(Layout::from_size_align_unchecked(size, align)) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, size: usize, align: usize) {
        // SAFETY: callers pass a live block with its layout.
        unsafe { self.0.dealloc(block, Layout::from_size_align_unchecked(size, align)) }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, size: usize, align: usize, new_size: usize) -> *mut u8 {
        // SAFETY: callers pass a live block with its layout, and some size.
        unsafe { self.0.realloc(block, Layout::from_size_align_unchecked(size, align), new_size) }
    }
}

/// A small block, given back at once.
#[inline(never)]
fn tight<A: GlobalAlloc>(shim: &Shim<'_, A>) {
    // SAFETY: the layout is valid; freed once, with its layout.
    unsafe { shim.dealloc(black_box(shim.alloc(64, 8)), 64, 8) };
}

/// A block of 16 B to 4 KiB replaces another one.
#[inline(never)]
fn mixed<A: GlobalAlloc>(shim: &Shim<'_, A>, operations: usize) {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut live = [(std::ptr::null_mut::<u8>(), 0); 256];
    for _ in 0..operations {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let size = 16 << (random % 9);
        // SAFETY: the layout is valid.
        let new = unsafe { black_box(shim.alloc(size, 8)) };
        let (old, old_size) = std::mem::replace(&mut live[(random >> 32) as usize % 256], (new, size));
        if !old.is_null() {
            // SAFETY: it was allocated with this layout, and is freed once.
            unsafe { shim.dealloc(old, old_size, 8) };
        }
    }
}

/// A block doubles from 64 B to 4 KiB.
#[inline(never)]
fn grow<A: GlobalAlloc>(shim: &Shim<'_, A>) {
    let mut size = 64;
    // SAFETY: layouts are valid; resized and freed with the layout it has.
    unsafe {
        let mut block = shim.alloc(size, 8);
        while size < 4096 {
            block = black_box(shim.realloc(block, size, 8, 2 * size));
            size *= 2;
        }
        shim.dealloc(block, size, 8);
    }
}

/// Instructions of a whole process.
fn instructions(kind: Kind, layer: &str, load: &str, operations: usize) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .env(WORK, format!("{layer} {load} {operations}"))
        .env(ENV, kind.name())
        // Decay follows the clock: what jemalloc gives back to the kernel would differ from run to run.
        .env("_RJEM_MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find_map(|line| line.split_once("I refs:").or_else(|| line.split_once("I   refs:")));
    let digits: String = line.unwrap().1.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// Instructions of one operation of each layer under each load: what a process needs beyond one that does nothing.
fn per_operation(kind: Kind) -> [[f64; LAYERS.len()]; LOADS.len()] {
    const OPERATIONS: usize = 20_000;
    let idle = instructions(kind, LAYERS[0], LOADS[0], 0);
    LOADS.map(|load| LAYERS.map(|layer| (instructions(kind, layer, load, OPERATIONS) - idle) / OPERATIONS as f64))
}

/// Most that a layer may cost, and what it is compared with. The choice alone is the selector without counters; what the
/// sampler adds while it is off is compared with selector and counters, which are there without it.
const CHOICE_OF_JEMALLOC: f64 = 1.15;
const CHOICE_OF_ANOTHER: f64 = 1.25;
const CHOICE_AND_COUNTERS: f64 = 1.45;
const SAMPLER_OFF: f64 = 1.04;

fn layers_cost_what_they_may() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED {TEST}: valgrind is not installed");
        return;
    }
    if cfg!(debug_assertions) {
        println!("SKIPPED {TEST}: this build is not optimised; `cargo test --release -p probe --test instructions`");
        return;
    }
    let mut broken = Vec::new();
    println!("instructions per operation");
    let kinds = std::thread::scope(|scope| {
        Kind::ALL.map(|kind| (kind, scope.spawn(move || per_operation(kind)))).map(|(k, thread)| (k, thread.join()))
    });
    for (kind, loads) in kinds {
        for (load, [direct, chosen, counted, selectable]) in LOADS.into_iter().zip(loads.unwrap()) {
            let ratios = [chosen / direct, counted / direct, selectable / counted];
            println!(
                "{kind} {load}: direct {direct:.1}, chosen {chosen:.1} ({:.3}), counted {counted:.1} ({:.3} of direct), \
                 with the sampler off {selectable:.1} ({:.3} of counted)",
                ratios[0], ratios[1], ratios[2]
            );
            let choice = if kind == Kind::Jemalloc { CHOICE_OF_JEMALLOC } else { CHOICE_OF_ANOTHER };
            for (ratio, most, what) in [
                (ratios[0], choice, "choice alone"),
                (ratios[1], CHOICE_AND_COUNTERS, "choice and counters"),
                (ratios[2], SAMPLER_OFF, "the sampler while off"),
            ] {
                if ratio > most {
                    broken.push(format!("{kind} {load}: {what} costs {ratio:.3}×, more than {most}×"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    println!("test {TEST} ... ok");
}
