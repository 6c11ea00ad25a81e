//! What became of every operation of an open-loop phase: one slot each, laid out before the phase, written without
//! locks.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Rightly answered.
    Answered,
    /// Something went wrong.
    Error(Failure),
    /// Given up at the timeout.
    TimedOut,
    /// Never sent, since as much as is allowed was in flight.
    Shed,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    /// A status that was not expected.
    Status(u16),
    /// The body lacks the expected text.
    Body,
    /// Connection reset.
    Reset,
    /// Connection closed before the answer was complete.
    Closed,
    /// Not HTTP/1.
    Malformed,
    /// No connection could be made.
    Refused,
    /// Every local port is taken.
    NoPort,
    /// The server does not speak TLS, which was asked for.
    NoTls,
    /// The server speaks TLS, which was not asked for.
    TlsSpoken,
    /// The server's certificate is not trusted, or not for this host.
    Certificate,
    /// The server speaks none of the protocols offered.
    Protocol,
    /// TLS could not be agreed for another reason.
    Handshake,
    /// Not HTTP/2.
    NotHttp2,
    /// The server gave the request up (HTTP/2 `RST_STREAM`).
    StreamReset,
    /// An error of an in-process operation; its message has this number.
    Operation(u16),
}

/// One operation. Times are `CLOCK_MONOTONIC` nanoseconds, 0 where it did not come to that.
#[derive(Debug, Default)]
pub(super) struct Slot {
    handed_ns: AtomicU64,
    sent_ns: AtomicU64,
    finished_ns: AtomicU64,
    ending: AtomicU16,
    waited: AtomicBool,
}

/// Slots of a phase, in the order of its schedule.
#[derive(Debug)]
pub(super) struct Slots(Vec<Slot>);

impl Slots {
    /// Empty slots. Their memory is touched here, not in the phase.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|_| Slot::default()).collect())
    }

    /// The slots of two phases as one; `from_other` says whose each of them is, each in its order.
    pub(super) fn beside(self, other: Self, from_other: &[bool]) -> Self {
        let (mut own, mut others) = (self.0.into_iter(), other.0.into_iter());
        let next = |from_other: &bool| if *from_other { others.next() } else { own.next() };
        Self(from_other.iter().filter_map(next).collect())
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Slot> {
        self.0.iter()
    }

    /// The slot of an operation.
    pub(super) fn at(&self, sequence: usize) -> &Slot {
        &self.0[sequence]
    }
}

impl Slot {
    /// Sent at once; or, where it had to wait, sent at last.
    pub(super) fn send(&self, now_ns: u64) {
        if self.handed_ns.load(Ordering::Relaxed) == 0 {
            self.handed_ns.store(now_ns, Ordering::Relaxed);
        }
        self.sent_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Due, but there is nothing free to send it by.
    pub(super) fn wait(&self, now_ns: u64) {
        self.handed_ns.store(now_ns, Ordering::Relaxed);
        self.waited.store(true, Ordering::Relaxed);
    }

    /// Over. The first ending stands.
    pub(super) fn finish(&self, now_ns: u64, ending: Ending) {
        if self.ending.load(Ordering::Relaxed) == 0 {
            self.finished_ns.store(now_ns, Ordering::Relaxed);
            self.ending.store(ending.code(), Ordering::Release);
        }
    }

    pub(super) fn handed_ns(&self) -> Option<u64> {
        some(self.handed_ns.load(Ordering::Relaxed))
    }

    pub(super) fn sent_ns(&self) -> Option<u64> {
        some(self.sent_ns.load(Ordering::Relaxed))
    }

    pub(super) fn waited(&self) -> bool {
        self.waited.load(Ordering::Relaxed)
    }

    /// When and how it ended.
    pub(super) fn ending(&self) -> Option<(u64, Ending)> {
        let ending = Ending::from_code(self.ending.load(Ordering::Acquire))?;
        Some((self.finished_ns.load(Ordering::Relaxed), ending))
    }
}

fn some(ns: u64) -> Option<u64> {
    (ns != 0).then_some(ns)
}

/// Codes of statuses and of messages begin here.
const STATUS: u16 = 1_000;
const OPERATION: u16 = 10_000;

impl Ending {
    fn code(self) -> u16 {
        match self {
            Self::Answered => 1,
            Self::TimedOut => 2,
            Self::Shed => 3,
            Self::Error(Failure::Body) => 4,
            Self::Error(Failure::Reset) => 5,
            Self::Error(Failure::Closed) => 6,
            Self::Error(Failure::Malformed) => 7,
            Self::Error(Failure::Refused) => 8,
            Self::Error(Failure::NoPort) => 9,
            Self::Error(Failure::NoTls) => 10,
            Self::Error(Failure::TlsSpoken) => 11,
            Self::Error(Failure::Certificate) => 12,
            Self::Error(Failure::Protocol) => 13,
            Self::Error(Failure::Handshake) => 14,
            Self::Error(Failure::NotHttp2) => 15,
            Self::Error(Failure::StreamReset) => 16,
            // A status has three digits.
            Self::Error(Failure::Status(status)) => STATUS + status.min(999),
            Self::Error(Failure::Operation(message)) => OPERATION + message.min(u16::MAX - OPERATION),
        }
    }

    fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0 => return None,
            1 => Self::Answered,
            2 => Self::TimedOut,
            3 => Self::Shed,
            4 => Self::Error(Failure::Body),
            5 => Self::Error(Failure::Reset),
            6 => Self::Error(Failure::Closed),
            8 => Self::Error(Failure::Refused),
            9 => Self::Error(Failure::NoPort),
            10 => Self::Error(Failure::NoTls),
            11 => Self::Error(Failure::TlsSpoken),
            12 => Self::Error(Failure::Certificate),
            13 => Self::Error(Failure::Protocol),
            14 => Self::Error(Failure::Handshake),
            15 => Self::Error(Failure::NotHttp2),
            16 => Self::Error(Failure::StreamReset),
            STATUS..OPERATION => Self::Error(Failure::Status(code - STATUS)),
            OPERATION.. => Self::Error(Failure::Operation(code - OPERATION)),
            _ => Self::Error(Failure::Malformed),
        })
    }
}

impl Failure {
    /// For people; `messages` are those of in-process operations.
    pub(super) fn label(self, messages: &[String]) -> String {
        match self {
            Self::Status(status) => format!("status {status}"),
            Self::Body => "the body lacks the expected text".into(),
            Self::Reset => "connection reset".into(),
            Self::Closed => "connection closed before the answer was complete".into(),
            Self::Malformed => "the answer is not HTTP/1".into(),
            Self::Refused => "connection refused".into(),
            Self::NoPort => "no local port is left for another connection".into(),
            Self::NoTls => "the server does not speak TLS: is it `http` rather than `https`?".into(),
            Self::TlsSpoken => "the server speaks TLS: is it `https` rather than `http`?".into(),
            Self::Certificate => "the certificate is not trusted, or not for this host".into(),
            Self::Protocol => "the server speaks none of the protocols offered (ALPN)".into(),
            Self::Handshake => "no TLS connection could be agreed".into(),
            Self::NotHttp2 => "the answer is not HTTP/2".into(),
            Self::StreamReset => "the server gave the request up (RST_STREAM)".into(),
            Self::Operation(message) => {
                messages.get(usize::from(message)).cloned().unwrap_or_else(|| "other errors".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_survives_its_code() {
        use Failure::{Body, Certificate, Closed, Handshake, Malformed, NoPort, NoTls, NotHttp2, Refused, Reset};
        let named = [Body, Reset, Closed, Malformed, Refused, NoPort, NoTls, Certificate, Handshake, NotHttp2];
        let failures = named
            .into_iter()
            .chain([Failure::TlsSpoken, Failure::Protocol, Failure::StreamReset])
            .chain([100, 404, 503, 999].map(Failure::Status))
            .chain([0, 15, 40_000].map(Failure::Operation));
        for ending in [Ending::Answered, Ending::TimedOut, Ending::Shed].into_iter().chain(failures.map(Ending::Error))
        {
            assert_eq!(Ending::from_code(ending.code()), Some(ending));
        }
        assert_eq!(Ending::from_code(0), None);
    }

    #[test]
    fn the_first_ending_stands_and_waiting_is_not_lag() {
        let slot = Slot::default();
        slot.wait(10);
        slot.send(90);
        assert_eq!((slot.handed_ns(), slot.sent_ns(), slot.waited()), (Some(10), Some(90), true));
        slot.finish(100, Ending::TimedOut);
        slot.finish(200, Ending::Answered);
        assert_eq!(slot.ending(), Some((100, Ending::TimedOut)));
    }
}
