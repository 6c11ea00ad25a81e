//! The kernel's side: perf_event_open(2), its ring buffers and its records.

mod event;
mod record;
mod ring;
pub(super) mod tracepoint;
pub(super) mod uprobe;

pub(super) use event::{Event, Trigger, Wanted};
#[cfg(test)]
pub(super) use record::Misc;
pub(super) use record::{Record, Sample};
pub(super) use ring::Ring;
