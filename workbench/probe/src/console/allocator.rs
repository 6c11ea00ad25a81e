//! What the allocator in use says of its memory.

use super::gauge::Memory;
use crate::allocator::{self, Kind, counters};
use crate::usage;
use crate::{jemalloc, mimalloc};

/// How the resource is called.
pub(super) fn name() -> String {
    if allocator::is_installed() { format!("Allocator ({})", allocator::kind()) } else { "Process memory".to_owned() }
}

/// Reads it: jemalloc and mimalloc tell of themselves, others are told by our counters and the kernel.
pub(super) fn read() -> Memory {
    let ours = || counters().live_bytes();
    if !allocator::is_installed() {
        return Memory { resident: usage::rss_bytes().ok(), ..Memory::default() };
    }
    match allocator::kind() {
        Kind::Jemalloc => match jemalloc::stats() {
            Ok(stats) => Memory {
                allocated: Some(stats.allocated),
                resident: Some(stats.resident),
                retained: Some(stats.retained),
            },
            Err(_) => Memory { allocated: Some(ours()), resident: usage::rss_bytes().ok(), retained: None },
        },
        // What mimalloc calls resident equals what it has committed; the kernel's figure is the process's.
        Kind::Mimalloc => Memory {
            allocated: Some(ours()),
            resident: usage::rss_bytes().ok(),
            retained: Some(mimalloc::stats().committed.saturating_sub(ours())),
        },
        Kind::System => Memory { allocated: Some(ours()), resident: usage::rss_bytes().ok(), retained: None },
    }
}
