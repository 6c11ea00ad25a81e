//! Events that one look at the queue of the kernel yields.

use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::runtime::Builder;

use super::Observed;

/// Limits up to this one are tried out, with a descriptor for each event.
pub(in crate::runtime) const MOST_EVENTS: usize = 256;

/// Looks that a busy worker may take to notice anything at all.
const PATIENCE: u64 = 100_000;

/// An event of the runtime's own, such as being woken for a new task, takes a place in a look: the fullest one counts.
const ATTEMPTS: usize = 4;

/// What a worker does while it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Worker {
    /// Nothing: it waits for events.
    Idle,
    /// A task wakes itself for ever.
    Busy,
}

/// Counts sockets that became readable, and wakes the counting task at the first.
struct Noticed {
    count: AtomicU64,
    task: Mutex<Option<Waker>>,
}

impl Wake for Noticed {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Relaxed);
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.wake();
        }
    }
}

/// Makes more sockets readable at once than `expected`, all of them the same one under several descriptors, and counts
/// how many the first look that notices any reports: all of those come before the task's next turn.
pub(in crate::runtime) fn io_events(builder: &mut Builder, expected: usize, worker: Worker) -> io::Result<Observed> {
    let sockets = expected + 8;
    let mut most = 0;
    for _ in 0..ATTEMPTS {
        most = most.max(first_look(builder, sockets, worker)?);
    }
    Ok(if most < sockets as u64 { Observed::Exactly(most) } else { Observed::AtLeast(most) })
}

fn first_look(builder: &mut Builder, sockets: usize, worker: Worker) -> io::Result<u64> {
    let runtime = builder.build()?;
    let counting = async move {
        // The worker parks meanwhile, and has seen that it was woken for this task.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let (mut sender, receiver) = std::os::unix::net::UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let receivers: Vec<UnixStream> =
            (0..sockets).map(|_| UnixStream::from_std(receiver.try_clone()?)).collect::<io::Result<_>>()?;
        let noticed = Arc::new(Noticed { count: AtomicU64::new(0), task: Mutex::new(None) });
        let waker = Waker::from(Arc::clone(&noticed));
        let mut turns = 0;
        poll_fn(move |task| {
            turns += 1;
            if turns == 1 {
                for receiver in &receivers {
                    if receiver.poll_read_ready(&mut Context::from_waker(&waker)).is_ready() {
                        return Poll::Ready(Err(io::Error::other("an empty socket is readable")));
                    }
                }
                if let Err(error) = sender.write_all(&[1]) {
                    return Poll::Ready(Err(error));
                }
            }
            let count = noticed.count.load(Relaxed);
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
            match worker {
                Worker::Busy if turns > PATIENCE => return Poll::Ready(Err(io::Error::other("no event was noticed"))),
                Worker::Busy => task.waker().wake_by_ref(),
                Worker::Idle => {
                    *noticed.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.waker().clone());
                }
            }
            Poll::Pending
        })
        .await
    };
    runtime.block_on(runtime.spawn(counting)).map_err(io::Error::other)?
}
