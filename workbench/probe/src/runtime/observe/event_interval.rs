//! Polls between two looks at the event queue.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use tokio::net::UnixStream;
use tokio::runtime::Builder;

use super::{MOST_POLLS, Observed, median_distance, repetitions};

const NOT_YET: u64 = u64::MAX;

/// Notes at which poll of the spinning task the driver found the socket readable. Not a task: it costs no turn.
struct Noticed {
    polls: AtomicU64,
    at: AtomicU64,
}

impl Wake for Noticed {
    fn wake(self: Arc<Self>) {
        self.at.store(self.polls.load(Relaxed), Relaxed);
    }
}

/// One task wakes itself for ever, so the only worker never parks and looks at the event queue every `event_interval`
/// turns. The task keeps a socket readable, and the waker registered on it notes the turn at which that was noticed.
pub(in crate::runtime) fn event_interval(builder: &mut Builder, expected: u32) -> io::Result<Observed> {
    let runtime = builder.build()?;
    let spinning = async move {
        let (mut sender, receiver) = std::os::unix::net::UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let receiver = UnixStream::from_std(receiver)?;
        let noticed = Arc::new(Noticed { polls: AtomicU64::new(0), at: AtomicU64::new(0) });
        let waker = Waker::from(Arc::clone(&noticed));
        let mut marks = Vec::with_capacity(repetitions(expected) + 1);
        let mut last = 0;
        poll_fn(move |spinner| {
            let polls = noticed.polls.load(Relaxed);
            let at = noticed.at.swap(NOT_YET, Relaxed);
            if at != NOT_YET {
                if polls > 0 {
                    marks.push(at);
                }
                if marks.len() > repetitions(expected) {
                    return Poll::Ready(Ok(median_distance(&marks).map(Observed::Exactly)));
                }
                last = polls;
                if let Err(error) = rearm(&receiver, &mut sender, &waker) {
                    return Poll::Ready(Err(error));
                }
            } else if polls - last > MOST_POLLS {
                return Poll::Ready(Ok(Some(Observed::AtLeast(MOST_POLLS))));
            }
            noticed.polls.store(polls + 1, Relaxed);
            spinner.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    };
    let observed: io::Result<Option<Observed>> = runtime.block_on(runtime.spawn(spinning)).map_err(io::Error::other)?;
    observed?.ok_or_else(|| io::Error::other("no two looks at the event queue were seen"))
}

/// Empties the socket, waits for it again, and makes it readable again: the next look will notice.
fn rearm(receiver: &UnixStream, sender: &mut std::os::unix::net::UnixStream, waker: &Waker) -> io::Result<()> {
    loop {
        match receiver.try_read(&mut [0; 8]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    match receiver.poll_read_ready(&mut Context::from_waker(waker)) {
        Poll::Pending => sender.write_all(&[1]),
        Poll::Ready(ready) => ready.and(Err(io::Error::other("an empty socket is readable"))),
    }
}
