//! One resource of ours in the words that console-subscriber understands: a span of a certain name with certain
//! fields, and within it one event for each attribute. What deviates is ignored in silence.

use std::time::Duration;

use tracing::{Span, trace, trace_span};

use super::words;

/// Where tokio-console is to show a resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Opens a resource, which lives as long as the span. Sorted by kind, as the program sorts, small letters come before
/// tokio's capital ones.
pub(super) fn open(kind: &str, concrete_type: &str, place: Option<Place<'_>>) -> Span {
    match place {
        Some(Place { file, line, column }) => trace_span!(
            target: "workbench",
            parent: None,
            "runtime.resource",
            concrete_type,
            kind,
            is_internal = false,
            loc.file = file,
            loc.line = u64::from(line),
            loc.col = u64::from(column),
        ),
        None => {
            trace_span!(target: "workbench", parent: None, "runtime.resource", concrete_type, kind, is_internal = false)
        }
    }
}

/// One event an attribute; the name must be known to the compiler.
macro_rules! attribute {
    ($span:expr, $name:ident = $value:expr) => {
        $span.in_scope(
            || trace!(target: "runtime::resource::state_update", $name = $value, $name.op = "override"),
        )
    };
}

/// What of the allocator is shown; `None` where it cannot say. Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) allocated: Option<u64>,
    pub(super) resident: Option<u64>,
    pub(super) retained: Option<u64>,
}

/// Sets the attributes of the allocator.
pub(super) fn memory(span: &Span, memory: &Memory) {
    if let Some(bytes) = memory.allocated {
        attribute!(span, allocated = words::bytes(bytes).as_str());
    }
    if let Some(bytes) = memory.resident {
        attribute!(span, resident = words::bytes(bytes).as_str());
    }
    if let Some(bytes) = memory.retained {
        attribute!(span, retained = words::bytes(bytes).as_str());
    }
}

/// Sets the attributes of the stall detector. The program shows attributes by name: the longest text comes last.
pub(super) fn stalls(span: &Span, count: u64, longest: Duration, last: Option<&str>) {
    attribute!(span, count = count);
    attribute!(span, longest = words::duration(longest).as_str());
    attribute!(span, most_recent = last.unwrap_or("none so far"));
}

/// What of a spawn site is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) bytes: u64,
    pub(super) allocations: u64,
    pub(super) alive: u64,
    pub(super) polls: u64,
    pub(super) spawned: u64,
    pub(super) longest_poll: Duration,
}

/// Sets the attributes of a spawn site. The program shows attributes by name: bytes come first.
pub(super) fn site(span: &Span, site: &Site) {
    attribute!(span, allocated_so_far = words::bytes(site.bytes).as_str());
    attribute!(span, blocks = site.allocations);
    attribute!(span, longest_poll = words::duration(site.longest_poll).as_str());
    attribute!(span, polls = site.polls);
    attribute!(span, spawned = site.spawned);
    attribute!(span, unfinished = site.alive);
}
