//! Ends the threads of a server: whoever waits, waits for this as well.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Dropping it stops everything that waits on its [`Stop`].
#[derive(Debug)]
pub(super) struct Stopper {
    _open: UnixStream,
}

/// One end of a pipe whose other end is the [`Stopper`]: a hang-up that any number of threads can wait for.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<UnixStream>);

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// The deadline passed.
    Deadline,
    /// The other thing happened.
    Event,
    /// Time to end.
    Stopped,
}

/// Both ends.
///
/// # Errors
/// No file descriptors left.
pub(super) fn pair() -> io::Result<(Stopper, Stop)> {
    let (open, watched) = UnixStream::pair()?;
    Ok((Stopper { _open: open }, Stop(Arc::new(watched))))
}

impl Stop {
    /// Waits for `events` of `other`, for the stop or for `deadline`, whichever comes first.
    ///
    /// # Errors
    /// The kernel refused to wait.
    pub(super) fn wait(
        &self,
        other: Option<(BorrowedFd<'_>, PollFlags)>,
        deadline: Option<Instant>,
    ) -> io::Result<Woken> {
        loop {
            let timeout = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => PollTimeout::NONE,
                Some(left) if left.is_zero() => return Ok(Woken::Deadline),
                // Rounded up, or the last millisecond would be spun away; longer waits than poll can take are repeated.
                Some(left) => PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX),
            };
            let stop = PollFd::new(self.0.as_fd(), PollFlags::POLLIN);
            let mut watched = vec![stop];
            watched.extend(other.map(|(fd, events)| PollFd::new(fd, events)));
            match poll(&mut watched, timeout) {
                // A profiling signal interrupts waits.
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) if watched[0].any() == Some(true) => return Ok(Woken::Stopped),
                Ok(_) => return Ok(Woken::Event),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_stopper_ends_every_wait() {
        let (stopper, stop) = pair().unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let stop = stop.clone();
                std::thread::spawn(move || stop.wait(None, None).unwrap())
            })
            .collect();
        drop(stopper);
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Woken::Stopped);
        }
    }

    #[test]
    fn a_deadline_and_an_event_are_told_apart() {
        let (_stopper, stop) = pair().unwrap();
        assert_eq!(stop.wait(None, Some(Instant::now())).unwrap(), Woken::Deadline);
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(stop.wait(Some((ours.as_fd(), PollFlags::POLLIN)), None).unwrap(), Woken::Event);
    }
}
