//! Polls between two looks at the queue that other threads fill.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::runtime::Builder;

use super::{MOST_POLLS, Observed, median_distance, repetitions};

/// One task wakes itself for ever, so the only worker always has local work and takes from the shared queue at every
/// `global_queue_interval`-th turn only. Tasks that another thread put there note how often the spinning one was
/// polled before them: between two of them lie all the turns but the one they took.
pub(in crate::runtime) fn global_queue_interval(builder: &mut Builder, expected: u32) -> io::Result<Observed> {
    let runtime = builder.build()?;
    let handle = runtime.handle().clone();
    let wanted = repetitions(expected) + 1;
    let polls = Arc::new(AtomicU64::new(0));
    let marks = Arc::new(Mutex::new(Vec::with_capacity(wanted)));
    let (mut last, mut seen) = (0, 0);
    let spinning = poll_fn(move |spinner| {
        let before = polls.load(Relaxed);
        if before == 0 {
            let (polls, marks, handle) = (Arc::clone(&polls), Arc::clone(&marks), handle.clone());
            let injector = std::thread::Builder::new().spawn(move || {
                for _ in 0..wanted {
                    let (polls, marks) = (Arc::clone(&polls), Arc::clone(&marks));
                    handle.spawn(async move {
                        marks.lock().unwrap_or_else(PoisonError::into_inner).push(polls.load(Relaxed));
                    });
                }
            });
            // The worker waits here, so that all of them are in the shared queue before its next turn.
            match injector.map(std::thread::JoinHandle::join) {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Poll::Ready(Err(io::Error::other("the injecting thread panicked"))),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() > seen {
            (last, seen) = (before, marks.len());
        }
        if seen == wanted {
            // The turn that the task itself took is one of the interval.
            return Poll::Ready(Ok(median_distance(&marks).map(|between| Observed::Exactly(between + 1))));
        }
        if before - last > MOST_POLLS {
            return Poll::Ready(Ok(Some(Observed::AtLeast(MOST_POLLS))));
        }
        polls.store(before + 1, Relaxed);
        spinner.waker().wake_by_ref();
        Poll::Pending
    });
    let observed: io::Result<Option<Observed>> = runtime.block_on(runtime.spawn(spinning)).map_err(io::Error::other)?;
    observed?.ok_or_else(|| io::Error::other("no two looks at the shared queue were seen"))
}
