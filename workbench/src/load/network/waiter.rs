//! Waits for sockets or for a moment, whichever comes first, to the microsecond.
//!
//! A timer descriptor with an absolute time, since `epoll_pwait` counts in milliseconds (and so does `rustix`, which
//! rounds up to them unless told that the kernel is recent). The timer is edge-triggered and set anew only when the
//! moment changes, so that it costs no further call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::load::clock::{Clock, MonotonicClock, timespec};
use crate::load::pacer::Pacing;

/// Sockets that are looked at in one go.
const EVENTS: usize = 256;
/// What the timer's events carry.
const TIMER: u64 = u64::MAX;

/// An epoll instance with a timer.
pub(super) struct Waiter {
    epoll: OwnedFd,
    timer: OwnedFd,
    armed_ns: u64,
    spin_ns: u64,
    events: Vec<Event>,
}

/// Something happened to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    /// As registered.
    pub(super) token: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl Waiter {
    pub(super) fn new(pacing: Pacing) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        let events = Vec::with_capacity(EVENTS);
        Ok(Self { epoll, timer, armed_ns: 0, spin_ns: pacing.spin_ns(), events })
    }

    /// Reports when `socket` can be read, or written where `writable` is asked for. Closing it ends that.
    pub(super) fn register(&self, socket: BorrowedFd<'_>, token: u64, writable: bool) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), interest(writable))?)
    }

    /// Changes what is reported.
    pub(super) fn change(&self, socket: BorrowedFd<'_>, token: u64, writable: bool) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(token), interest(writable))?)
    }

    /// Waits until a socket is ready or it is `deadline_ns`; less than the spin before that it only looks. Returns
    /// early on a signal.
    pub(super) fn wait(&mut self, deadline_ns: u64) -> io::Result<()> {
        self.events.clear();
        let sleep_until = deadline_ns.saturating_sub(self.spin_ns);
        let now_ns = MonotonicClock.now_ns();
        let look = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = if now_ns >= sleep_until {
            Some(&look)
        } else {
            if self.armed_ns != sleep_until {
                let moment = Itimerspec { it_interval: look, it_value: timespec(sleep_until) };
                timerfd_settime(self.timer.as_fd(), TimerfdTimerFlags::ABSTIME, &moment)?;
                self.armed_ns = sleep_until;
            }
            None
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the last wait saw.
    pub(super) fn ready(&self, index: usize) -> Option<Ready> {
        let event = self.events.get(index)?;
        let flags = event.flags;
        let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        Some(Ready {
            token: event.data.u64(),
            readable: broken || flags.intersects(EventFlags::IN | EventFlags::RDHUP),
            writable: broken || flags.contains(EventFlags::OUT),
        })
    }
}

fn interest(writable: bool) -> EventFlags {
    let readable = EventFlags::IN | EventFlags::RDHUP;
    if writable { readable | EventFlags::OUT } else { readable }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::pipe;

    use super::*;

    #[test]
    fn it_waits_for_the_moment_and_for_sockets() {
        let mut waiter = Waiter::new(Pacing::Sleep).unwrap();
        let (reader, writer) = pipe().unwrap();
        waiter.register(reader.as_fd(), 7, false).unwrap();
        for _ in 0..3 {
            let moment = MonotonicClock.now_ns() + 300_000;
            while MonotonicClock.now_ns() < moment {
                waiter.wait(moment).unwrap();
                assert!(waiter.ready(0).is_none_or(|ready| ready.token == TIMER));
            }
        }
        rustix::io::write(&writer, b"x").unwrap();
        waiter.wait(MonotonicClock.now_ns() + 60_000_000_000).unwrap();
        assert_eq!(waiter.ready(0), Some(Ready { token: 7, readable: true, writable: false }));
        assert_eq!(waiter.ready(1), None);
    }
}
