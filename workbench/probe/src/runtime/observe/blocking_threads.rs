//! Most threads that blocking jobs get.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Builder;

use super::Observed;

/// Limits up to this one are tried out with real threads; larger ones are read from the builder's `Debug` text.
pub(in crate::runtime) const MOST_THREADS: usize = 64;

/// Submits one job more than `expected` while none can finish. The pool starts a thread for each until it is at its
/// limit, within the call that submits; threads are counted as they start, until the runtime has joined them all.
pub(in crate::runtime) fn blocking_threads(builder: &mut Builder, expected: usize) -> io::Result<Observed> {
    let started = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&started);
    let runtime = builder
        .on_thread_start(move || {
            counting.fetch_add(1, Relaxed);
        })
        .build()?;
    // Workers of a multi-thread runtime are threads of the same pool, beyond its limit.
    let workers = match runtime.handle().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::CurrentThread => 0,
        _ => runtime.metrics().num_workers() as u64,
    };
    let gate = Arc::new(Mutex::new(()));
    let jobs = expected as u64 + 1;
    {
        let _closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..jobs {
            let gate = Arc::clone(&gate);
            runtime.spawn_blocking(move || drop(gate.lock().unwrap_or_else(PoisonError::into_inner)));
        }
    }
    drop(runtime);
    let threads = started.load(Relaxed) - workers;
    Ok(if threads < jobs { Observed::Exactly(threads) } else { Observed::AtLeast(threads) })
}

/// The limit that a builder holds, from its `Debug` text.
pub(in crate::runtime) fn stated_limit(builder: &Builder) -> Option<u64> {
    let text = format!("{builder:?}");
    let (_, rest) = text.split_once("max_blocking_threads: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
