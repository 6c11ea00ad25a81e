//! One look at the allocator and the kernel's counters.

use serde::{Deserialize, Serialize};

use super::lazy_free;
use crate::allocator::{self, Kind, serving};
use crate::jemalloc::{ControlError, Reader};
use crate::{glibc, mimalloc, usage};

/// Everything at one moment. Bytes unless the name says otherwise; counts and times are totals since the process began.
/// What the allocator does not say is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at_ns: u64,
    /// Resident set of the whole process (`statm`).
    pub resident_set: u64,
    /// Blocks that the program holds, by our own counters: what it asked for.
    pub live: Option<u64>,
    /// The same by the allocator, rounded up to its sizes: jemalloc's `stats.allocated`, glibc's `uordblks + hblkhd`.
    pub allocated: Option<u64>,
    /// Pages that hold at least one block (jemalloc).
    pub active: Option<u64>,
    /// Pages that the allocator keeps resident: jemalloc's `stats.resident`, mimalloc's committed memory.
    pub resident: Option<u64>,
    /// Address space kept for reuse without memory (jemalloc).
    pub retained: Option<u64>,
    /// The allocator's own records (jemalloc).
    pub metadata: Option<u64>,
    /// Memory from the kernel: jemalloc's `stats.mapped`, glibc's `arena + hblkhd`.
    pub mapped: Option<u64>,
    /// Freed pages that still hold memory (jemalloc).
    pub dirty: Option<u64>,
    /// Freed pages that the kernel may take (jemalloc).
    pub muzzy: Option<u64>,
    /// Free blocks, whether their pages were given back or not (glibc).
    pub free: Option<u64>,
    /// Purge passes (jemalloc).
    pub purges: Option<u64>,
    /// Calls that gave pages back (jemalloc).
    pub madvises: Option<u64>,
    /// Bytes given back so far (jemalloc).
    pub purged: Option<u64>,
    /// Waits for a mutex of an arena or bin (jemalloc).
    pub mutex_waits: Option<u64>,
    /// Seconds of such waits (jemalloc).
    pub mutex_wait_s: Option<f64>,
    /// In the caches of threads (jemalloc).
    pub tcache: Option<u64>,
    /// Runs of background threads (jemalloc).
    pub background_runs: Option<u64>,
    /// Lazily freed pages that are still resident; looked up at most once a second.
    pub lazy_free: Option<u64>,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// CPU seconds in the program.
    pub user_s: f64,
    /// CPU seconds in the kernel.
    pub system_s: f64,
}

/// Where samples come from: names looked up, buffers there.
#[derive(Debug)]
pub(super) struct Source {
    kind: Kind,
    jemalloc: Option<Reader>,
    counted: bool,
}

impl Source {
    /// For the allocator that serves this program.
    pub(super) fn find() -> Result<Self, ControlError> {
        let kind = serving();
        let jemalloc = (kind == Kind::Jemalloc).then(Reader::new).transpose()?;
        Ok(Self { kind, jemalloc, counted: allocator::is_installed() })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes one sample; `lazily` also looks for lazily freed pages, where there can be any.
    pub(super) fn sample(&self, at_ns: u64, lazily: bool) -> std::io::Result<Sample> {
        let used = usage::process()?;
        let mut sample = Sample {
            at_ns,
            resident_set: usage::rss_bytes()?,
            live: self.counted.then(allocator::live_bytes),
            minor_faults: used.minor_faults,
            major_faults: used.major_faults,
            user_s: used.user_s,
            system_s: used.system_s,
            ..Sample::default()
        };
        match (self.kind, &self.jemalloc) {
            (Kind::Jemalloc, Some(reader)) => {
                let read = reader.read().map_err(std::io::Error::other)?;
                let totals = read.totals;
                sample.allocated = Some(totals.allocated);
                sample.active = Some(totals.active);
                sample.resident = Some(totals.resident);
                sample.retained = Some(totals.retained);
                sample.metadata = Some(totals.metadata);
                sample.mapped = Some(totals.mapped);
                sample.dirty = Some(read.dirty);
                sample.muzzy = Some(read.muzzy);
                sample.purges = Some(read.purges);
                sample.madvises = Some(read.madvises);
                sample.purged = Some(read.purged);
                sample.mutex_waits = Some(read.mutex_waits);
                #[allow(clippy::cast_precision_loss, reason = "2^53 nanoseconds are 104 days")]
                let wait_s = read.mutex_wait_ns as f64 * 1e-9;
                sample.mutex_wait_s = Some(wait_s);
                sample.tcache = Some(read.tcache);
                sample.background_runs = Some(read.background_runs);
                // Muzzy pages are the only ones that jemalloc frees lazily.
                sample.lazy_free = match (lazily, read.muzzy) {
                    (_, 0) => Some(0),
                    (true, _) => Some(lazy_free::read()?),
                    (false, _) => None,
                };
            }
            (Kind::Mimalloc, _) => {
                sample.resident = Some(mimalloc::stats().committed);
                // Only with `purge_decommits = 0`, which cannot be told from here.
                sample.lazy_free = lazily.then(lazy_free::read).transpose()?;
            }
            // glibc never frees lazily.
            _ => {
                let info = glibc::info();
                sample.allocated = Some(info.allocated);
                sample.mapped = Some(info.mapped);
                sample.free = Some(info.free);
            }
        }
        Ok(sample)
    }
}
