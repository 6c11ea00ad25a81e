//! Tasks of an async runtime, seen one by one: from a stream of wakes, polls and waker clones to who waited, how long,
//! and for whom. Pure: no clock, no process, no symbols; whoever records turns numbers into names afterwards.
//!
//! The vocabulary is tokio's: a task is *idle* until somebody *wakes* it, then *ready* until a worker *polls* it. While
//! one poll lasts, its worker polls nothing else.

mod blame;
mod case;
mod event;
mod figures;
mod task;
mod thread;
mod tracker;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use blame::{Chain, End, Link, Step};
pub use case::{Case, Span, SpanKind};
pub use event::{Event, KindId, Kinds, StackId, TaskId, What, Who};
pub use figures::{DelayFigures, KindFigures, LongPoll, TaskFigures, WaitFigures};
pub use tracker::{Outcome, Tracker, WakerKind};
