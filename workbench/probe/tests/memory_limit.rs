//! Each allocator under a limit, in a process of its own: freed memory goes back, live memory is told of.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use probe::allocator::{ENV, Kind};
use probe::memory_limit::{Level, Limit, LimitError};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

/// Blocks too large for the caches of threads and too small for mappings of their own.
const BLOCK: usize = 64 << 10;
const MIB: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

fn child(kind: Kind, test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(ENV, kind.name())
        // Never by itself: whatever falls was given back by the limit.
        .env(probe::jemalloc::ENV, "dirty_decay_ms:-1,muzzy_decay_ms:-1")
        .env("MIMALLOC_PURGE_DELAY", "3600000")
        .env("MALLOC_TRIM_THRESHOLD_", "1073741824")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{kind}: {said}");
}

/// `mib` MiB in touched blocks.
fn blocks(mib: u64) -> Vec<Vec<u8>> {
    (0..mib * MIB / BLOCK as u64).map(|_| black_box(vec![1_u8; BLOCK])).collect()
}

fn resident() -> u64 {
    probe::usage::rss_bytes().unwrap()
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} never came; {} MiB are resident", resident() / MIB);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn freed_memory_goes_back_with_every_allocator() {
    for kind in Kind::ALL {
        child(kind, "in_child_freed_memory_goes_back");
    }
}

#[test]
#[ignore = "runs in a child of its own"]
fn in_child_freed_memory_goes_back() {
    let base = resident();
    drop(blocks(96));
    let kept = resident();
    assert!(kept > base + 64 * MIB, "freed memory stayed: {} → {} MiB", base / MIB, kept / MIB);
    let limit = base + 64 * MIB;
    let controller = Limit::new(limit).start().unwrap();
    assert_eq!((controller.limit(), controller.allocator()), (limit, probe::allocator::kind()));
    wait_for("a fall below the limit", || resident() < limit);
    wait_for("the end of the pressure", || controller.pressure().level() == Level::None);
    let tally = controller.stop();
    assert!(tally.purges >= 1 && tally.given_back > 16 * MIB && tally.worst >= kept, "{tally:?}");
    assert!(tally.over_s <= tally.close_s && tally.close_s <= tally.watched_s, "{tally:?}");
}

#[test]
fn live_memory_above_the_limit_is_told_with_every_allocator() {
    for kind in Kind::ALL {
        child(kind, "in_child_live_memory_is_told");
    }
}

#[test]
#[ignore = "runs in a child of its own"]
fn in_child_live_memory_is_told() {
    let limit = resident() + 32 * MIB;
    let (sender, changes) = std::sync::mpsc::channel();
    let controller = Limit::new(limit).on_change(move |level| sender.send(level).unwrap_or_default()).start().unwrap();
    assert_eq!(controller.pressure().level(), Level::None);
    let live = blocks(64);
    wait_for("pressure", || controller.pressure().level() == Level::Over);
    assert!(resident() > limit, "live memory stays");
    drop(live);
    wait_for("relief", || controller.pressure().level() == Level::None);
    assert!(resident() < limit);
    let remembered = controller.changes();
    let tally = controller.stop();
    assert!(tally.over_s > 0.0, "{tally:?}");
    let heard: Vec<Level> = changes.try_iter().collect();
    assert!(heard.contains(&Level::Over) && heard.last() == Some(&Level::None), "{heard:?}");
    assert!(heard.starts_with(&remembered.iter().map(|change| change.level).collect::<Vec<_>>()), "{remembered:?}");
    assert!(remembered.is_sorted_by_key(|change| change.at_ns) && remembered.len() >= 2, "{remembered:?}");
}

#[test]
fn a_limit_of_nothing_is_refused() {
    assert!(matches!(Limit::new(0).start(), Err(LimitError::Nothing { .. })));
    for share in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(matches!(Limit::new(1).cpu_share(share).start(), Err(LimitError::Nothing { .. })), "{share}");
    }
}

#[test]
fn the_environment_may_ask_for_a_limit() {
    for (asked, expected) in
        [("256MiB", "Ok(Some(268435456))"), ("off", "Ok(None)"), ("", "Ok(None)"), ("256MB", "Err")]
    {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_child_the_environment_is_read", "--ignored", "--nocapture"])
            .env(probe::memory_limit::ENV, asked)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(expected), "{asked}: {said}");
    }
}

#[test]
#[ignore = "runs in a child of its own"]
fn in_child_the_environment_is_read() {
    let limit = Limit::from_environment().map(|limit| limit.map(|limit| limit.start().unwrap().limit()));
    println!("{limit:?}");
}
