//! Each allocator over time, in a process of its own: freeing is seen as freed memory, giving back as given back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use probe::allocator::{ENV, Kind};
use probe::allocator_timeline::{Recorder, Sample};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

const BLOCK: usize = 64 << 10;
const MIB: u64 = 1 << 20;

#[test]
fn every_allocator_says_what_it_can() {
    for kind in Kind::ALL {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_child_memory_comes_and_goes", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ENV, kind.name())
            .env(probe::jemalloc::ENV, "dirty_decay_ms:-1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{kind}: {said}");
    }
}

/// Lets the recorder take at least two samples more.
fn wait() {
    // There is no looking into a running recorder; a tick is 10 ms, and a missed one costs nothing but the next.
    std::thread::sleep(Duration::from_millis(200));
}

#[test]
#[ignore = "runs in a child of its own"]
fn in_child_memory_comes_and_goes() {
    let kind = probe::allocator::kind();
    let deadline = Instant::now() + Duration::from_secs(60);
    // A starved machine may skip a whole phase: then again.
    loop {
        let samples = phases();
        let found = (|| {
            let peak = samples.iter().max_by_key(|sample| sample.live)?;
            let (first, last) = (samples.first()?, samples.last()?);
            let grew = peak.live? > first.live? + 32 * MIB && peak.resident_set > first.resident_set + 16 * MIB;
            let shrank = last.live? + 32 * MIB < peak.live?;
            let faulted = last.minor_faults > first.minor_faults;
            let of_its_own = match kind {
                Kind::Jemalloc => {
                    let dirty = samples.iter().filter_map(|sample| sample.dirty).max()?;
                    peak.allocated? >= peak.live?
                        && peak.active? >= peak.allocated?
                        && peak.resident? >= peak.active?
                        && peak.mapped? >= peak.active?
                        && dirty > 16 * MIB
                        && last.purges? > first.purges?
                        && last.purged? > first.purged? + 16 * MIB
                        && last.madvises? > first.madvises?
                        && last.lazy_free == Some(0)
                        && last.mutex_waits.is_some()
                        && last.background_runs.is_some()
                        && last.tcache.is_some()
                }
                Kind::Mimalloc => peak.resident? > 32 * MIB && peak.allocated.is_none(),
                Kind::System => peak.allocated? > 32 * MIB && peak.mapped? >= peak.allocated? && last.free.is_some(),
            };
            Some(grew && shrank && faulted && of_its_own)
        })();
        if found == Some(true) {
            return;
        }
        assert!(Instant::now() < deadline, "{kind}: {samples:#?}");
    }
}

/// Nothing, 48 MiB live, freed, given back where we can.
fn phases() -> Vec<Sample> {
    let recorder = Recorder::start(100).unwrap();
    wait();
    let live: Vec<Vec<u8>> = (0..48 * MIB / BLOCK as u64).map(|_| black_box(vec![1_u8; BLOCK])).collect();
    wait();
    drop(live);
    wait();
    if probe::allocator::kind() == Kind::Jemalloc {
        probe::jemalloc::purge().unwrap();
    }
    wait();
    let recording = recorder.stop();
    assert_eq!(recording.allocator, probe::allocator::kind().name());
    recording.samples
}
