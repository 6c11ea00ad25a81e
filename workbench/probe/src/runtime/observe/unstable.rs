//! Settings of `--cfg tokio_unstable`, read off what a runtime does or says.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, RngSeed};

/// Whether timers are of the kind that each worker has for itself: a timer that was polled names its kind.
pub(in crate::runtime) fn alt_timer(builder: &mut Builder) -> io::Result<bool> {
    let runtime = builder.build()?;
    let timer = async {
        let mut timer = Box::pin(tokio::time::sleep(Duration::from_secs(3600)));
        poll_fn(|context| {
            let _ = timer.as_mut().poll(context);
            Poll::Ready(format!("{timer:?}"))
        })
        .await
    };
    let text = runtime.block_on(runtime.spawn(timer)).map_err(io::Error::other)?;
    match (text.contains("Alternative("), text.contains("Traditional(")) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        _ => Err(io::Error::other(format!("a timer does not tell its kind: {text}"))),
    }
}

/// Whether blocking jobs queue in several places: the only thread takes jobs from one queue in the order in which one
/// thread submitted them, from 16 in the order of the queues. All of 64 in order by chance: once in 10^59.
pub(in crate::runtime) fn sharded_blocking_queue(builder: &mut Builder) -> io::Result<bool> {
    const JOBS: usize = 64;
    let runtime = builder.max_blocking_threads(1).build()?;
    let (order, gate) = (Arc::new(Mutex::new(Vec::with_capacity(JOBS))), Arc::new(Mutex::new(())));
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let first = Arc::clone(&gate);
    let mut jobs = vec![runtime.spawn_blocking(move || drop(first.lock().unwrap_or_else(PoisonError::into_inner)))];
    for job in 0..JOBS {
        let (order, gate) = (Arc::clone(&order), Arc::clone(&gate));
        jobs.push(runtime.spawn_blocking(move || {
            drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
            order.lock().unwrap_or_else(PoisonError::into_inner).push(job);
        }));
    }
    drop(closed);
    for job in jobs {
        runtime.block_on(job).map_err(io::Error::other)?;
    }
    let order = order.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(!order.is_sorted())
}

/// Whether `select!` chooses as in a runtime of this seed.
pub(in crate::runtime) fn has_seed(builder: &mut Builder, seed: u64) -> io::Result<bool> {
    let mut reference = Builder::new_current_thread();
    reference.rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
    Ok(choices(builder)? == choices(&mut reference)?)
}

/// The branches that 64 `select!` of two ready ones take.
fn choices(builder: &mut Builder) -> io::Result<Vec<bool>> {
    let runtime = builder.build()?;
    Ok(runtime.block_on(async {
        let mut taken = Vec::with_capacity(64);
        for _ in 0..64 {
            taken.push(tokio::select! { () = std::future::ready(()) => true, () = std::future::ready(()) => false });
        }
        taken
    }))
}

/// Whether a task that panics ends the runtime, which must be a current-thread one.
pub(in crate::runtime) fn panic_ends_runtime(builder: &mut Builder) -> io::Result<bool> {
    let runtime = builder.build()?;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            // Without a message on standard error.
            let _ = tokio::spawn(async { resume_unwind(Box::new("the panic under observation")) }).await;
            tokio::task::yield_now().await;
        });
    }));
    Ok(ended.is_err())
}

/// Whether the lengths of polls are counted.
pub(in crate::runtime) fn poll_time_histogram(builder: &mut Builder) -> io::Result<bool> {
    Ok(builder.build()?.metrics().poll_time_histogram_enabled())
}

/// Whether the times from wake to poll are counted.
pub(in crate::runtime) fn schedule_latency_histogram(builder: &mut Builder) -> io::Result<bool> {
    Ok(builder.build()?.metrics().schedule_latency_histogram_enabled())
}

/// Whether tasks know how long they waited for a poll.
pub(in crate::runtime) fn schedule_latency(builder: &mut Builder) -> io::Result<bool> {
    let known = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&known);
    let runtime = builder
        .on_before_task_poll(move |meta| {
            hook.fetch_or(meta.schedule_latency().is_some(), Relaxed);
        })
        .build()?;
    runtime.block_on(runtime.spawn(tokio::task::yield_now())).map_err(io::Error::other)?;
    Ok(known.load(Relaxed))
}
