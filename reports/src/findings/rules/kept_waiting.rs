//! What threads and goroutines wait for that somebody keeps, and who that is.

use crate::findings::Culprit;
use crate::findings::cause::time;
use crate::run::{POOL, TraceEndKind, TraceHolder, TracePolls};

use super::poll_blocked::is_lock;

/// What threads or goroutines wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Lock,
    /// The same, while what stands in it is worked on.
    Work,
    /// Of a channel that goroutines take something from, and put it back.
    OneOfAPool,
    Telling,
}

impl What {
    pub(super) fn of(row: &TracePolls) -> Self {
        match row.site.as_ref().is_some_and(|site| site.resource == POOL) {
            true => Self::OneOfAPool,
            false if is_lock(row) => Self::Lock,
            false => Self::Telling,
        }
    }

    pub(super) fn waited_for(self) -> &'static str {
        match self {
            Self::Lock | Self::Work => "for a lock",
            Self::OneOfAPool => "for one of a pool",
            Self::Telling => "to be told",
        }
    }
}

/// Who keeps others waiting.
pub(super) struct Kept {
    pub(super) culprit: Culprit,
    /// For each operation.
    pub(super) each_s: f64,
    pub(super) what: What,
    pub(super) evidence: Vec<String>,
}

/// What whoever keeps others waiting did meanwhile, in words.
pub(super) fn held(holder: &TraceHolder) -> String {
    match (holder.doing, holder.site.call.as_str()) {
        (TraceEndKind::Cpu, _) => format!("computed for {}", time(holder.total_s)),
        (_, "") => format!("was blocked for {}", time(holder.total_s)),
        (_, call) => format!("was blocked in `{call}` for {}", time(holder.total_s)),
    }
}
