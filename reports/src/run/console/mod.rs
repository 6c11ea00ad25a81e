//! `console.jsonl` of a variant's evidence: everything that tokio-console's server said during one trial, one JSON
//! document a line, so that it can be looked at later or played back to the stock user interface.
//!
//! The first line is a [`Header`], the last an [`End`]; what lies between is as the server sent it, with texts stated
//! once and numbered ever after. A file without its end is read up to the last whole line.

mod interner;
mod lines;
mod read;
mod write;

pub use interner::Interner;
pub use lines::{
    AsyncOp, Attribute, Details, Durations, End, EndReason, Field, FieldName, Gap, Header, HookCounts, Line, Metadata,
    OpStats, Place, PollOps, PollStats, Resource, ResourceStats, Task, TaskKind, TaskStats, Update, Value,
};
pub use read::{Ending, Entry, Recording, parse};
pub use write::{Writer, Written};

/// Version of the lines. Readers refuse any other.
pub const FORMAT: u32 = 1;

/// Bytes that a recording may take unless told otherwise: enough for 100,000 tasks.
pub const DEFAULT_CAP: u64 = 64 << 20;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
