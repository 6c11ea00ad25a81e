//! A process whose real-time signals are all taken: stalls are caught and classed all the same, without stacks.

#![cfg(all(tokio_unstable, target_os = "linux", target_arch = "x86_64"))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use probe::runtime::{Settings, build_recorded};
use probe::stalls::{Class, Options, Watchdog};

#[test]
fn stalls_have_a_class_and_a_reason_for_having_no_stack() {
    for signal in libc::SIGRTMIN()..=libc::SIGRTMAX() {
        // SAFETY: ignores signals that nobody sends.
        assert_ne!(unsafe { libc::signal(signal, libc::SIG_IGN) }, libc::SIG_ERR);
    }
    let (runtime, recorder) = build_recorded(&Settings { worker_threads: Some(1), ..Settings::default() }).unwrap();
    let recorder = recorder.unwrap();
    recorder.start();
    let watchdog = Watchdog::start(&recorder, Options::default()).unwrap();
    let seen = Arc::new(AtomicBool::new(false));
    let enough = Arc::clone(&seen);
    let task = runtime.spawn(async move {
        let begin = Instant::now();
        while !enough.load(Relaxed) || begin.elapsed() < Duration::from_millis(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let patience = Instant::now() + Duration::from_secs(100);
    while watchdog.summary().count == 0 {
        assert!(Instant::now() < patience, "it was never seen");
        std::thread::sleep(Duration::from_millis(1));
    }
    seen.store(true, Relaxed);
    runtime.block_on(task).unwrap();
    // A task is joined a moment before its last poll ends.
    drop(runtime);
    let caught = watchdog.stop().unwrap();
    let because = caught.no_stacks.unwrap();
    assert!(because.starts_with("the signals ") && because.ends_with(" all have handlers already"), "{because}");
    let stall = &caught.stalls[0];
    assert_eq!((stall.class, stall.no_stack.as_ref(), stall.stack.len()), (Class::Blocked, Some(&because), 0));
}
