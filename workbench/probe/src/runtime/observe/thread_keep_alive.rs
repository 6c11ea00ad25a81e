//! How long an idle blocking thread stays.

use std::io;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

/// Longer times are only watched for [`GLANCE`].
pub(in crate::runtime) const LONGEST_WAIT: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(200);
/// A busy machine ends a thread late, never early; the shortest of several attempts counts.
const ATTEMPTS: usize = 3;

/// What became of an idle thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Idle {
    /// It ended after the expected time.
    AsExpected,
    /// It ended after this time instead.
    Ended(Duration),
    /// It was still there after this time.
    StillThere(Duration),
}

/// Lets one blocking job end and waits for its thread to do so. The timed one of the observers: a time is its subject.
pub(in crate::runtime) fn thread_keep_alive(builder: &mut Builder, expected: Duration) -> io::Result<Idle> {
    let latest = expected + expected / 2 + Duration::from_millis(250);
    let watched = if expected > LONGEST_WAIT { GLANCE } else { latest };
    let mut shortest = Idle::StillThere(watched);
    for _ in 0..ATTEMPTS {
        // A channel for each attempt: threads of the one before may still be ending.
        let (stopped, stops) = mpsc::channel();
        builder.on_thread_stop(move || {
            // Nobody listens once the attempt is over.
            let _ = stopped.send(Instant::now());
        });
        let runtime = builder.build()?;
        let idle_since = runtime.block_on(runtime.spawn_blocking(Instant::now)).map_err(io::Error::other)?;
        let stopped = stops.recv_timeout(watched);
        runtime.shutdown_background();
        match stopped {
            Ok(at) => {
                let lived = at.duration_since(idle_since);
                if (expected..=latest).contains(&lived) {
                    return Ok(Idle::AsExpected);
                }
                shortest = match shortest {
                    Idle::Ended(before) if before <= lived => shortest,
                    _ => Idle::Ended(lived),
                };
            }
            Err(_) if expected > LONGEST_WAIT => return Ok(shortest),
            Err(_) => {}
        }
    }
    Ok(shortest)
}
