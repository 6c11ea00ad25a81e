//! The heap sampler under each allocator, against exact counts: this binary is started again with the kind in its
//! environment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::sync::mpsc;

use harness::{Named, passes_under_each_kind};
use probe::allocator::{Counters, counters};
use probe::heap::{HeapError, Profile, Profiler, Values};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

const TESTS: &[Named] = &[
    ("estimates_are_unbiased", || passes_under_each_kind("unbiased")),
    ("what_is_freed_is_not_in_use", || passes_under_each_kind("freed")),
    ("frees_on_other_threads_are_seen", || passes_under_each_kind("freed_elsewhere")),
    ("resized_blocks_keep_contents_and_are_followed", || passes_under_each_kind("resized")),
    ("stacks_end_at_the_caller_of_the_allocator", || passes_under_each_kind("stacks")),
    ("off_changes_nothing", || passes_under_each_kind("off")),
    ("threads_hammering_add_up", || passes_under_each_kind("hammered")),
    ("the_peak_is_pictured_after_it_has_passed", || passes_under_each_kind("peak")),
    ("profiles_follow_each_other", || passes_under_each_kind("repeated")),
    ("a_running_profile_can_be_asked", || passes_under_each_kind("asked")),
];

const CHECKS: &[Named] = &[
    ("unbiased", unbiased),
    ("freed", freed),
    ("freed_elsewhere", freed_elsewhere),
    ("resized", resized),
    ("stacks", stacks),
    ("off", off),
    ("hammered", hammered),
    ("peak", peak),
    ("repeated", repeated),
    ("asked", asked),
];

fn main() {
    harness::run(TESTS, CHECKS);
}

fn profiled(rate: u64, work: impl FnOnce()) -> (Profile, Counters) {
    let profiler = Profiler::start(rate).unwrap();
    let before = counters();
    work();
    let used = counters() - before;
    let profile = profiler.stop().unwrap();
    assert_eq!((profile.rate, profile.lost_stacks, profile.untracked), (rate, 0, 0));
    (profile, used)
}

/// Fails where an estimate of bytes lies beyond six standard deviations. A block of `s` bytes is sampled with
/// probability p = 1 − e^(−s/rate) and then counts s/p bytes: its variance is s²(1 − p)/p.
fn assert_near(estimate: u64, blocks: &[(u64, usize)], rate: u64) {
    let (mut expected, mut variance, mut rounding) = (0.0, 0.0, 0.0);
    for &(count, size) in blocks {
        let (count, size) = (count as f64, size as f64);
        let chance = -(-size / rate as f64).exp_m1();
        expected += count * size;
        variance += count * size * size * (1.0 - chance) / chance;
        // Each sample counts whole bytes, always rounded the same way.
        rounding += count * chance / 2.0;
    }
    let bound = 6.0 * f64::sqrt(variance) + rounding + 1.0;
    assert!((estimate as f64 - expected).abs() <= bound, "{estimate}, not {expected}±{bound}");
}

/// And one of blocks, where each counts 1/p: variance (1 − p)/p.
fn assert_near_objects(estimate: u64, blocks: &[(u64, usize)], rate: u64) {
    let (mut expected, mut variance) = (0.0, 0.0);
    for &(count, size) in blocks {
        let chance = -(-(size as f64) / rate as f64).exp_m1();
        expected += count as f64;
        variance += count as f64 * (1.0 - chance) / chance;
    }
    let bound = 6.0 * f64::sqrt(variance) + 1.0;
    assert!((estimate as f64 - expected).abs() <= bound, "{estimate}, not {expected}±{bound}");
}

/// A thousandth of the blocks, or all of them, are samples: sizes lie around the rate.
const SIZES: [(u64, usize); 5] = [(200_000, 16), (50_000, 100), (20_000, 1000), (2000, 40_000), (100, 1 << 20)];
const RATE: u64 = 16 << 10;

fn unbiased() {
    let (profile, used) = profiled(RATE, || {
        for (count, size) in SIZES {
            for number in 0..count {
                let layout = Layout::from_size_align(size, 8).unwrap();
                // SAFETY: the size is not zero; freed at once with the same layout.
                unsafe {
                    let block = if number % 2 == 0 { alloc(layout) } else { alloc_zeroed(layout) };
                    dealloc(black_box(block), layout);
                }
            }
        }
    });
    let blocks: u64 = SIZES.iter().map(|(count, _)| count).sum();
    let bytes: u64 = SIZES.iter().map(|(count, size)| count * *size as u64).sum();
    assert_eq!((used.allocations, used.bytes_allocated), (blocks, bytes));
    let allocated = profile.allocated();
    assert_near(allocated.bytes, &SIZES, RATE);
    assert_near_objects(allocated.objects, &SIZES, RATE);
    assert_eq!(profile.in_use(), Values::default());
}

fn freed() {
    let layout = Layout::from_size_align(300, 4).unwrap();
    let mut kept: Vec<usize> = Vec::with_capacity(10_000);
    let (profile, _) = profiled(1000, || {
        for number in 0..40_000 {
            // SAFETY: the size is not zero.
            let block = unsafe { alloc(layout) };
            if number % 4 == 0 {
                kept.push(block.addr());
            } else {
                // SAFETY: allocated just above.
                unsafe { dealloc(block, layout) };
            }
        }
    });
    assert_near(profile.allocated().bytes, &[(40_000, 300)], 1000);
    assert_near(profile.in_use().bytes, &[(10_000, 300)], 1000);
    assert_near_objects(profile.in_use().objects, &[(10_000, 300)], 1000);
    // Blocks outlive the profile that sampled them; these frees count nowhere.
    let (profile, used) = profiled(1000, || {
        for block in &kept {
            // SAFETY: kept above, freed once.
            unsafe { dealloc(std::ptr::with_exposed_provenance_mut(*block), layout) };
        }
    });
    assert_eq!((used.frees, profile.sampled(), profile.in_use()), (10_000, 0, Values::default()));
}

fn freed_elsewhere() {
    let (profile, _) = profiled(2000, || {
        let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(64);
        let consumer = std::thread::spawn(move || receiver.iter().map(|block| block.len()).sum::<usize>());
        for number in 0..20_000_usize {
            sender.send(vec![1; 500 + number % 1000]).unwrap();
        }
        drop(sender);
        assert_eq!(consumer.join().unwrap(), (0..20_000).map(|number| 500 + number % 1000).sum::<usize>());
    });
    // The channel and the thread itself come and go within the profile too; std may keep a little of its own.
    assert!(profile.sampled() > 5000, "{}", profile.sampled());
    let of_the_loop = |side: fn(&probe::heap::Sample) -> Values| {
        let ours = profile.samples.iter().filter(|sample| sample.frames.iter().any(|f| named(f, "from_elem")));
        ours.map(|sample| side(sample).bytes).sum::<u64>()
    };
    let sizes: Vec<_> = (0..1000).map(|size| (20, 500 + size)).collect();
    assert_near(of_the_loop(|sample| sample.allocated), &sizes, 2000);
    assert_eq!(of_the_loop(|sample| sample.in_use), 0);
}

fn resized() {
    const STEPS: [usize; 8] = [10, 100, 5000, 4096, 100_000, 3, 8192, 1 << 20];
    const ROUNDS: u64 = 300;
    for (align, rate) in [(1, 1), (8, 700), (8192, 50), (64, 100_000)] {
        let (profile, used) = profiled(rate, || {
            for _ in 0..ROUNDS {
                let mut layout = Layout::from_size_align(STEPS[0], align).unwrap();
                // SAFETY: the size is not zero; each block is resized and freed with the layout it has.
                unsafe {
                    let mut block = alloc_zeroed(layout);
                    for (step, size) in STEPS.iter().enumerate().skip(1) {
                        block.write_bytes(step as u8, layout.size());
                        let kept = layout.size().min(*size);
                        block = realloc(block, layout, *size);
                        assert_eq!(block.addr() % align, 0);
                        let contents = std::slice::from_raw_parts(block, kept);
                        assert!(contents.iter().all(|byte| *byte == step as u8));
                        layout = Layout::from_size_align(*size, align).unwrap();
                    }
                    dealloc(block, layout);
                }
            }
        });
        assert_eq!(used.reallocations, ROUNDS * (STEPS.len() as u64 - 1));
        // Each resize is a new block of the whole size.
        assert_near(profile.allocated().bytes, &STEPS.map(|size| (ROUNDS, size)), rate);
        assert_eq!(profile.in_use(), Values::default());
        assert_eq!(used.bytes_allocated, used.bytes_freed);
    }
    // A vector that grows while the sampler stops and starts keeps every element.
    let mut numbers: Vec<u64> = Vec::new();
    for part in 0..50 {
        let profiler = (part % 2 == 0).then(|| Profiler::start(1).unwrap());
        numbers.extend(part * 1000..(part + 1) * 1000);
        if let Some(profiler) = profiler {
            assert!(profiler.stop().unwrap().in_use().objects <= 1);
        }
    }
    assert!(numbers.iter().enumerate().all(|(index, number)| index as u64 == *number));
}

fn named(frame: &probe::cpu::Frame, part: &str) -> bool {
    frame.symbols.iter().any(|symbol| symbol.name.contains(part))
}

#[inline(never)]
fn a_function_that_allocates() -> Vec<u8> {
    black_box(Vec::with_capacity(100_000))
}

#[inline(never)]
fn its_caller() -> Vec<u8> {
    let mut block = a_function_that_allocates();
    block.push(1);
    block
}

fn stacks() {
    let (profile, _) = profiled(1, || drop(black_box(its_caller())));
    assert_eq!((profile.samples.len(), profile.sampled()), (1, 1), "{profile:#?}");
    let sample = &profile.samples[0];
    assert_eq!(sample.allocated, Values { objects: 1, bytes: 100_000 });
    let position = |part: &str| sample.frames.iter().position(|frame| named(frame, part)).unwrap();
    assert!(position("a_function_that_allocates") < position("its_caller"), "{sample:#?}");
    assert!(position("its_caller") < position("main"), "{sample:#?}");
    for ours in ["probe::heap", "probe::allocator", "__rust_alloc"] {
        assert!(!sample.frames.iter().any(|frame| named(frame, ours)), "{ours}: {sample:#?}");
    }
    let leaf = sample.frames[0].address;
    assert!(profile.mappings.iter().any(|m| (m.start..m.end).contains(&leaf)), "{leaf:x}");
    let json = serde_json::to_string(&profile).unwrap();
    assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
}

fn off() {
    assert!(matches!(Profiler::start(0), Err(HeapError::Rate)));
    let profiler = Profiler::start(1).unwrap();
    assert!(matches!(Profiler::start(1), Err(HeapError::AlreadyRunning)));
    drop(profiler);
    // Nothing is sampled any more, so nothing is moved to a page: hardly any small block begins on one.
    let blocks: Vec<Box<[u8; 48]>> = (0..1000).map(|_| black_box(Box::new([1; 48]))).collect();
    let on_pages = blocks.iter().filter(|block| block.as_ptr().addr() % 4096 == 0).count();
    assert!(on_pages < 100, "{on_pages}");
    drop(blocks);
    let profile = Profiler::start(1 << 40).unwrap().stop().unwrap();
    assert_eq!((profile.sampled(), profile.samples.len()), (0, 0));
}

fn hammered() {
    const THREADS: usize = 8;
    const STEPS: usize = 20_000;
    const RATE: u64 = 4096;
    let mut sizes = vec![0_u64; 3001];
    let (profile, used) = profiled(RATE, || {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Box<[u8]>>()).unzip();
        std::thread::scope(|scope| {
            for (thread, receiver) in receivers.into_iter().enumerate() {
                let sender = senders[(thread + 1) % THREADS].clone();
                scope.spawn(move || {
                    for step in 0..STEPS {
                        let block = vec![thread as u8; 1 + (step * 7919 + thread) % 3000].into_boxed_slice();
                        // Some go to the next thread, which frees them whenever it looks.
                        if step % 3 == 0 {
                            // Where that one has finished, it is freed here.
                            drop(sender.send(block));
                        }
                        if step % 5 == 0 {
                            receiver.try_iter().take(4).for_each(|block| assert!(block[0] < THREADS as u8));
                        }
                    }
                });
            }
            drop(senders);
        });
    });
    for thread in 0..THREADS {
        for step in 0..STEPS {
            sizes[1 + (step * 7919 + thread) % 3000] += 1;
        }
    }
    assert!(used.allocations >= (THREADS * STEPS) as u64);
    let ours = |side: fn(&probe::heap::Sample) -> Values| {
        let ours = profile.samples.iter().filter(|sample| sample.frames.iter().any(|f| named(f, "from_elem")));
        ours.map(|sample| side(sample).bytes).sum::<u64>()
    };
    let sizes: Vec<_> = sizes.iter().enumerate().map(|(size, count)| (*count, size)).skip(1).collect();
    assert_near(ours(|sample| sample.allocated), &sizes, RATE);
    assert_eq!(ours(|sample| sample.in_use), 0);
}

fn repeated() {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let stop = &stop;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let mut grown = vec![1_u8; 100];
                    grown.extend_from_slice(&[2; 5000]);
                    drop(black_box(grown));
                }
            });
        }
        for round in 0..20 {
            let profiler = Profiler::start(100).unwrap();
            let own: Vec<_> = (0..200).map(|_| vec![0_u8; 10_000]).collect();
            let profile = profiler.stop().unwrap();
            assert!(profile.in_use().bytes >= 200 * 10_000, "{round}: {:?}", profile.in_use());
            assert!(profile.allocated().bytes >= profile.in_use().bytes);
            drop(own);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[inline(never)]
fn a_function_that_holds() -> [Vec<u8>; 64] {
    // No list on the heap: one run in forty would sample it, as more than the bounds below allow for.
    std::array::from_fn(|_| black_box(vec![1; 1 << 20]))
}

#[inline(never)]
fn a_second_function_that_holds() -> [Vec<u8>; 8] {
    std::array::from_fn(|_| black_box(vec![1; 1 << 20]))
}

/// A running profile is asked again and again: for all so far, and for what came since a mark.
fn asked() {
    let profiler = Profiler::start(64 << 10).unwrap();
    let of = |profile: &Profile, function: &str| {
        let mine = profile.samples.iter().filter(|s| s.frames.iter().any(|f| named(f, function)));
        mine.fold((0, 0), |sum, s| (sum.0 + s.allocated.objects, sum.1 + s.in_use.objects))
    };
    let held = a_function_that_holds();
    let first = profiler.snapshot().unwrap();
    // Blocks of sixteen times the rate are samples, but for one in ten million.
    assert_eq!(of(&first, "a_function_that_holds"), (64, 64));
    let mark = profiler.mark();
    let second = a_second_function_that_holds();
    let since = profiler.since(&mark).unwrap();
    assert_eq!(of(&since, "a_second_function_that_holds"), (8, 8));
    assert_eq!(of(&since, "a_function_that_holds"), (0, 0), "was there before");
    drop(held);
    let later = profiler.snapshot().unwrap();
    assert_eq!(of(&later, "a_function_that_holds"), (64, 0), "given back since");
    assert_eq!(of(&later, "a_second_function_that_holds"), (8, 8));
    drop(second);
    assert_eq!(of(&profiler.stop().unwrap(), "a_second_function_that_holds"), (8, 0));
}

#[inline(never)]
fn what_is_there_before() -> Vec<u8> {
    black_box(vec![1; 40 << 20])
}

fn peak() {
    const HELD: u64 = 64 << 20;
    let before = what_is_there_before();
    let profiler = Profiler::start_watching_peak(64 << 10).unwrap();
    let live = counters().live_bytes();
    let held = a_function_that_holds();
    // The watch looks every 10 ms: wait for CPU time that it may not get on a busy machine.
    let patience = std::time::Instant::now();
    // Names of threads and the like come and go.
    let high = live + HELD - (4 << 10);
    while profiler.live_at_peak() < high {
        assert!(patience.elapsed() < std::time::Duration::from_secs(60), "{}", profiler.live_at_peak());
        std::thread::yield_now();
    }
    drop((held, before));
    let profile = profiler.stop().unwrap();
    let peak = profile.peak.unwrap();
    assert!(peak.live_bytes >= high && peak.live_bytes < live + HELD + (1 << 20), "{peak:?}");
    assert!(peak.at_s >= 0.0 && peak.at_s <= profile.wall_s, "{peak:?} {}", profile.wall_s);
    let holding: Vec<_> =
        profile.samples.iter().filter(|s| s.frames.iter().any(|f| named(f, "a_function_that_holds"))).collect();
    let at_peak = |value: fn(&probe::heap::Moment) -> u64| holding.iter().map(|s| value(&s.at_peak)).sum::<u64>();
    // Blocks of sixteen times the rate are samples, but for one in ten million.
    assert_near(at_peak(|peak| peak.in_use.bytes), &[(64, 1 << 20)], 64 << 10);
    assert_near_objects(at_peak(|peak| peak.in_use.objects), &[(64, 1 << 20)], 64 << 10);
    assert_eq!(holding.iter().map(|sample| sample.in_use.bytes).sum::<u64>(), 0, "given back before the end");
    // What was there before is in the size of the peak, and in nobody's picture.
    assert!(profile.in_use_at_peak().bytes < HELD + (4 << 20), "{:?}", profile.in_use_at_peak());
    let profile = Profiler::start(1 << 20).unwrap().stop().unwrap();
    assert_eq!((profile.peak, profile.in_use_at_peak()), (None, Values::default()), "nobody watched");
}
