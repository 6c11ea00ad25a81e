//! What a function takes of long polls, and whether it is seen to go round in a loop.

use super::same;
use crate::run::{TraceFrame, TracePolls};

/// Part of the time within a function from which it is seen to go round: what a loop costs beside what it calls. Without a
/// loop a function does not spend so much on the line of a call, of one poll at least so long, seconds.
const ROUND_PART: f64 = 0.001;
const ROUND_S: f64 = 10e-6;

/// What long polls spent within a function, seconds.
#[derive(Default)]
pub(super) struct Spent {
    /// With all that it called.
    pub(super) all_s: f64,
    /// Outside of other functions of the program.
    pub(super) itself_s: f64,
    /// Of that, on the line from which it calls.
    on_line_s: f64,
    polls: f64,
}

impl Spent {
    pub(super) fn of(caller: &TraceFrame, alike: &[&TracePolls]) -> Self {
        let mut spent = Self::default();
        for row in alike {
            let own = row.own();
            if !own.iter().any(|frame| same(frame, caller)) {
                continue;
            }
            #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
            let polls = row.polls as f64;
            (spent.all_s, spent.polls) = (spent.all_s + row.total_s, spent.polls.max(polls));
            if own.first().is_some_and(|frame| same(frame, caller)) {
                spent.itself_s += row.total_s;
                spent.on_line_s += if own[0].line == caller.line { row.total_s } else { 0.0 };
            }
        }
        spent
    }

    pub(super) fn goes_round(&self) -> bool {
        self.on_line_s >= ROUND_PART * self.all_s && self.on_line_s >= ROUND_S * self.polls
    }
}
