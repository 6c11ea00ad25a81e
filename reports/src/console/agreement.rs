//! Whether the recording saw what happened: its tasks against those that our hooks counted in the same process.
//!
//! console-subscriber loses events in silence (design 04 §2): its own count of dropped ones is necessary, not sufficient.

use serde::Serialize;

use super::state::{Kind, State};
use crate::run::console::Ending;

/// Part of the hooks' count by which the two may differ.
const TOLERANCE: f64 = 0.05;
/// Tasks by which they may differ whatever the count.
const FEW: u64 = 8;

/// What the two counts say of the recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "counts", rename_all = "snake_case")]
pub enum Agreement {
    /// They agree but for what was in flight.
    Agree {
        /// Tasks that the recording saw.
        recorded: u64,
        /// Tasks that the hooks counted.
        hooks: u64,
    },
    /// They do not: no conclusion is drawn from the recording.
    Disagree {
        /// Tasks that the recording saw.
        recorded: u64,
        /// Tasks that the hooks counted.
        hooks: u64,
        /// By how much they may differ.
        tolerated: u64,
    },
    /// The process says that it dropped events.
    Dropped {
        /// How many.
        events: u64,
    },
    /// There is nothing to check against.
    Unchecked {
        /// Why.
        because: String,
    },
}

impl Agreement {
    /// Whether conclusions may be drawn.
    pub fn trusted(&self) -> bool {
        matches!(self, Self::Agree { .. })
    }

    /// One sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Agree { recorded, hooks } => {
                format!(
                    "The recording saw {recorded} tasks, our hooks in the same process {hooks}: it can be relied on."
                )
            }
            Self::Disagree { recorded, hooks, tolerated } => format!(
                "Cannot tell: the recording saw {recorded} tasks, the hooks {hooks}, and only {tolerated} can be explained by \
                 those in flight; the stream lost some, so that no conclusion is drawn from it."
            ),
            Self::Dropped { events } => format!(
                "Cannot tell: the process had no room for {events} events, so that what the recording says is incomplete; no \
                 conclusion is drawn from it."
            ),
            Self::Unchecked { because } => {
                format!(
                    "Cannot tell: {because}, so that nobody knows what the recording missed; no conclusion is drawn from it."
                )
            }
        }
    }
}

/// Checks the whole recording; `end` is its state at the end.
pub(super) fn check(end: &State<'_>) -> Agreement {
    if end.dropped > 0 {
        return Agreement::Dropped { events: end.dropped };
    }
    let unchecked = |because: &str| Agreement::Unchecked { because: because.to_owned() };
    let hooks = match &end.recording.ending {
        Ending::Torn { .. } => {
            return unchecked("the recording breaks off without its end, where the hooks' count stands");
        }
        Ending::Stated(stated) => match stated.hooks {
            None => return unchecked("the process left no count of its hooks"),
            Some(hooks) => hooks,
        },
    };
    let counted = hooks.finished + hooks.alive;
    let recorded = end.tasks.values().filter(|seen| counts(end, seen)).count() as u64;
    let span_s = (end.at_ns as f64 / 1e9).max(f64::EPSILON);
    // What was spawned since the last update but one may be on its way.
    let interval_s = span_s / (end.updates.max(1) as f64);
    let flight = hooks.spawned as f64 / span_s * interval_s * 2.0;
    let tolerated = FEW + (counted as f64 * TOLERANCE).max(flight).ceil() as u64;
    if recorded.abs_diff(counted) > tolerated {
        Agreement::Disagree { recorded, hooks: counted, tolerated }
    } else {
        Agreement::Agree { recorded, hooks: counted }
    }
}

/// Hooks see tasks, neither `block_on` nor blocking jobs (design 04, pitfall 6).
fn counts(
    end: &State<'_>,
    seen: &super::state::Seen<'_, crate::run::console::Task, crate::run::console::TaskStats>,
) -> bool {
    seen.thing.is_none_or(|task| end.kind(task) == Kind::Task)
}
