//! A real profile by the `pprof` crate of a loop that is known to be hot.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::hint::black_box;

use probe::cpu::{Backend, CpuProfile, ProfileError, Profiler, Sample};
use probe::usage::thread_cpu_s;

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

/// Burns about `seconds` of this thread's CPU on each of two lines.
#[inline(never)]
fn known_hot_function(seconds: f64) -> u64 {
    let mut sum = 1_u64;
    let begin = thread_cpu_s().unwrap();
    while thread_cpu_s().unwrap() - begin < 2.0 * seconds {
        for round in 0..20_000_u64 {
            sum = sum.wrapping_mul(black_box(round) | 1);
            sum = sum.rotate_left(black_box(7)) ^ black_box(round);
        }
    }
    sum
}

fn profile(hz: i32) -> CpuProfile {
    let profiler = Profiler::start(Backend::Pprof, Some(hz)).unwrap();
    assert!(matches!(Profiler::start(Backend::Pprof, Some(hz)), Err(ProfileError::AlreadyRunning)));
    std::thread::Builder::new()
        .name("hot-thread".into())
        .spawn(|| black_box(known_hot_function(0.4)))
        .unwrap()
        .join()
        .unwrap();
    profiler.stop().unwrap()
}

// One test: there is one profiler in a process.
#[test]
fn a_hot_function_is_seen_with_its_thread_its_callers_and_its_lines() {
    let profile = profile(99);
    assert_eq!((profile.hz, profile.backend), (99, Backend::Pprof));
    assert!(profile.kernel_cpu_s >= 0.8, "{}", profile.kernel_cpu_s);
    assert!(profile.wall_s >= 0.8 && !profile.samples.is_empty());

    let hot: Vec<_> = profile
        .samples
        .iter()
        .filter(|s| s.thread == "hot-thread")
        .filter(|s| profile.frames(s).any(|f| f.symbols.iter().any(|s| s.name.ends_with("known_hot_function"))))
        .collect();
    assert!(!hot.is_empty(), "{:#?}", profile.samples);

    // Nothing of the profiler itself, and the callers are below the leaf.
    let named = |part: &str| {
        profile
            .samples
            .iter()
            .flat_map(|s| profile.frames(s))
            .flat_map(|f| &f.symbols)
            .filter(|s| s.name.contains(part))
            .count()
    };
    assert_eq!((named("perf_signal_handler"), named("TraceImpl"), named("pprof::")), (0, 0, 0));
    for sample in &hot {
        let position =
            |part: &str| profile.frames(sample).position(|f| f.symbols.iter().any(|symbol| symbol.name.contains(part)));
        let callee = position("known_hot_function").unwrap();
        assert!(position("profile").is_none_or(|caller| callee < caller), "{:#?}", sample.frames);
    }

    // Lines belong to addresses: stacks through the same functions are kept apart by where in them they were.
    let functions = |sample: &Sample| -> Vec<String> {
        profile.frames(sample).filter_map(|f| Some(f.symbols.last()?.name.clone())).collect()
    };
    let distinct: BTreeSet<_> = hot.iter().map(|sample| functions(sample)).collect();
    // Merged by function, the two numbers are nearly equal: an address at a function's very entry counts apart.
    assert!(hot.len() >= 2 * distinct.len(), "{} stacks through {} paths", hot.len(), distinct.len());
    let lines: BTreeSet<_> = hot
        .iter()
        .flat_map(|s| profile.frames(s))
        .flat_map(|f| &f.symbols)
        .filter(|s| s.name.ends_with("known_hot_function"))
        .map(|s| s.line.unwrap())
        .collect();
    assert!(lines.len() >= 2, "{lines:?}");
    let file =
        profile.frames(hot[0]).flat_map(|f| &f.symbols).find(|s| s.name.ends_with("known_hot_function")).unwrap();
    assert!(file.file.as_ref().unwrap().ends_with("tests/cpu.rs"));

    // Leaf addresses lie in mapped code, and the executable has its build id.
    for sample in &hot {
        let leaf = profile.frames(sample).next().unwrap().address;
        assert!(profile.mappings.iter().any(|m| (m.start..m.end).contains(&leaf)), "{leaf:x}");
    }
    assert!(profile.build_id.as_ref().is_none_or(|id| id.len() >= 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));

    let json = serde_json::to_string(&profile).unwrap();
    assert_eq!(serde_json::from_str::<CpuProfile>(&json).unwrap().samples, profile.samples);

    // A second one begins afresh.
    let again = Profiler::start(Backend::Pprof, Some(50)).unwrap().stop().unwrap();
    assert_eq!(again.hz, 50);
    assert!(again.samples.iter().map(|s| s.count).sum::<u64>() < 5);
}
