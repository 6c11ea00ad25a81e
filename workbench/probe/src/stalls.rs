//! Polls that take too long, caught while they last: who held the worker, with its stack.

use std::time::Duration;

/// What a stall catcher has to say at any moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Stalls so far.
    pub count: u64,
    /// The longest of them, or of those that still last.
    pub longest: Duration,
    /// Culprit of the last one: function and place, in words; `None` before the first.
    pub last: Option<String>,
}
