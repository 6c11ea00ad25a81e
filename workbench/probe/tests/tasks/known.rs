//! Runtimes whose tasks are recorded, and work of which every poll and allocation is known.

use std::future::poll_fn;
use std::hint::black_box;
use std::panic::Location;
use std::task::Poll;
use std::time::{Duration, Instant};

use probe::runtime::{Flavor, Settings, build_recorded};
use probe::tasks::{Recorder, SiteRecord};
use tokio::runtime::Runtime;

pub(crate) fn recorded(workers: usize) -> (Runtime, Recorder) {
    let (runtime, recorder) =
        build_recorded(&Settings { worker_threads: Some(workers), ..Settings::default() }).unwrap();
    (runtime, recorder.unwrap())
}

pub(crate) fn single() -> (Runtime, Recorder) {
    let (runtime, recorder) =
        build_recorded(&Settings { flavor: Some(Flavor::CurrentThread), ..Settings::default() }).unwrap();
    (runtime, recorder.unwrap())
}

/// The runtime's threads are joined: what they did is on record.
pub(crate) fn ended(runtime: Runtime, recorder: &Recorder) -> Vec<SiteRecord> {
    drop(runtime);
    recorder.stop();
    recorder.snapshot()
}

/// The record of a site on this line of the caller's file; the columns of a line tell its sites apart.
#[track_caller]
pub(crate) fn at(records: &[SiteRecord], line: u32) -> &SiteRecord {
    let file = Location::caller().file();
    let here: Vec<_> = records.iter().filter(|site| site.file == file && site.line == line).collect();
    assert_eq!(here.len(), 1, "one site on line {line} of {records:#?}");
    here[0]
}

/// Pending once, and ready to go on. `tokio::task::yield_now` allocates now and then, for its list of who yielded.
pub(crate) async fn again() {
    let mut before = false;
    poll_fn(|context| {
        if std::mem::replace(&mut before, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// `polls` polls, `blocks` allocations of `bytes` bytes in each, nothing else.
pub(crate) async fn work(polls: u64, blocks: usize, bytes: usize) {
    for poll in 1..=polls {
        for _ in 0..blocks {
            drop(black_box(Vec::<u8>::with_capacity(bytes)));
        }
        if poll < polls {
            again().await;
        }
    }
}

/// Longer than `time` by one in a hundred: poll times are by a clock of their own, which agrees with this one to some ten
/// parts in a million.
pub(crate) fn busy(time: Duration) {
    let time = time + time / 100;
    let began = Instant::now();
    while began.elapsed() <= time {
        std::hint::spin_loop();
    }
}
