//! CPU profiles of this very process.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard};

use super::{Answer, Fixture, answer, fixture};

/// Requests of tests, one after the other where they profile: the profiler is one for the whole process.
static PROFILES: Mutex<()> = Mutex::new(());

fn profiles() -> MutexGuard<'static, ()> {
    PROFILES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Fixture {
    /// A running profile of so many seconds, and the refusal of another meanwhile.
    fn two_profiles(&self, seconds: u64) -> (TcpStream, Answer) {
        loop {
            let mut first = self.connect();
            write!(first, "GET /debug/pprof/profile?seconds={seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let second = self.get("/debug/pprof/profile?seconds=1");
            // Where the second request came first, the first is the one that was refused.
            if second.status == 500 {
                return (first, second);
            }
        }
    }
}

/// Burns CPU until dropped.
struct Burning(Option<(std::sync::mpsc::Sender<()>, std::thread::JoinHandle<u64>)>);

impl Burning {
    fn begin() -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let burn = std::thread::Builder::new().name("burning".into()).spawn(move || {
            let mut sum = 0_u64;
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                sum = (0..10_000).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n)));
            }
            sum
        });
        Self(Some((stop, burn.unwrap())))
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

#[test]
fn a_profile_is_gzipped_whole_and_one_at_a_time() {
    let _one = profiles();
    let fixture = fixture();
    let burning = Burning::begin();
    let (first, second) = fixture.two_profiles(2);
    assert_eq!((second.status, second.header("X-Go-Pprof")), (500, Some("1")));
    assert!(second.text().starts_with("Could not enable CPU profiling: "), "{}", second.text());
    let first = answer(first);
    drop(burning);
    assert_eq!((first.status, first.header("Content-Type")), (200, Some("application/octet-stream")));
    assert_eq!(first.header("Content-Disposition"), Some("attachment; filename=\"profile\""));
    assert_eq!(first.body[..2], [0x1f, 0x8b]);
    let profile = flamegraphs::read::pprof(&first.body).unwrap();
    assert_eq!(profile.meta.drop_frames, flamegraphs::names::DROP_FRAMES);
    assert!(profile.samples().iter().any(|sample| sample.label("thread") == Some("burning")));
    assert!(profile.meta.comments.iter().any(|comment| comment.starts_with("sampler: sampler at 999 Hz")));
    let executable = &profile.mappings()[0];
    assert!(executable.file.contains("probe-"), "{executable:?}");
    let mapped = |location: &flamegraphs::profile::Location| location.address != 0 && location.mapping.is_some();
    assert!(profile.locations().iter().any(mapped));
    assert!(profile.locations().iter().flat_map(|location| &location.lines).any(|line| line.line > 0));
}

#[test]
fn bad_lengths_are_refused_before_a_profile_begins() {
    let fixture = fixture();
    for odd in ["0", "-1", "601", "x", "1.5", ""] {
        let refused = fixture.get(&format!("/debug/pprof/profile?seconds={odd}"));
        assert_eq!(refused.status, 400, "{odd}");
        assert!(refused.text().contains("from 1 to 600"), "{odd}");
    }
}

#[test]
fn the_rate_is_asked_for_and_odd_ones_are_refused() {
    let _one = profiles();
    let fixture = fixture();
    for odd in ["0", "-1", "10001", "x", ""] {
        let refused = fixture.get(&format!("/debug/pprof/profile?seconds=1&hz={odd}"));
        assert_eq!(refused.status, 400, "{odd}");
        assert!(refused.text().contains("from 1 to 10000"), "{odd}");
    }
    let burning = Burning::begin();
    let asked = fixture.get("/debug/pprof/profile?seconds=1&hz=499");
    drop(burning);
    assert_eq!(asked.status, 200, "{}", asked.text());
    let profile = flamegraphs::read::pprof(&asked.body).unwrap();
    assert_eq!(profile.meta.period, 1_000_000_000 / 499);
    assert!(profile.meta.comments.iter().any(|comment| comment.starts_with("sampler: sampler at 499 Hz")));
}

#[test]
fn a_client_that_hangs_up_ends_its_profile() {
    let _one = profiles();
    let fixture = fixture();
    let (impatient, _) = fixture.two_profiles(600);
    drop(impatient);
    while fixture.get("/debug/pprof/profile?seconds=1").status != 200 {
        std::thread::yield_now();
    }
}
