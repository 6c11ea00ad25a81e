//! How each allocator gives freed pages back.

use crate::allocator::{self, Kind, serving};
use crate::jemalloc::{self, ControlError, Reader};
use crate::mimalloc;

/// What can be asked of the allocator that serves this program.
#[derive(Debug)]
pub(super) enum GiveBack {
    /// `arena.4096.purge`: every arena, whoever freed; blocks in other threads' caches stay.
    Jemalloc(Box<Reader>),
    /// `mi_collect(true)`: does nothing where `MIMALLOC_PURGE_DELAY` is -1; otherwise this thread's pages, abandoned ones, and what any thread gave back to the arenas; pages that
    /// other threads keep for themselves stay until those allocate or end.
    Mimalloc {
        /// Whether our counters see the live bytes.
        counted: bool,
    },
    /// `malloc_trim(0)`: whole free pages of every arena, under its lock.
    System,
}

impl GiveBack {
    /// For the allocator that serves a block of this program, whichever way it was chosen.
    ///
    /// # Errors
    /// jemalloc without statistics.
    pub(super) fn find() -> Result<Self, ControlError> {
        Ok(match serving() {
            Kind::Jemalloc => Self::Jemalloc(Box::new(Reader::new()?)),
            Kind::Mimalloc => Self::Mimalloc { counted: allocator::is_installed() },
            Kind::System => Self::System,
        })
    }

    /// Which one it is.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Jemalloc(_) => Kind::Jemalloc,
            Self::Mimalloc { .. } => Kind::Mimalloc,
            Self::System => Kind::System,
        }
    }

    /// Bytes in freed pages: what giving back could yield at most. Where an allocator cannot tell, everything, and the
    /// yield of the last attempt decides.
    pub(super) fn reclaimable(&self) -> u64 {
        match self {
            Self::Jemalloc(reader) => reader.reclaimable().unwrap_or(0),
            Self::Mimalloc { counted: true } => mimalloc::stats().committed.saturating_sub(allocator::live_bytes()),
            Self::Mimalloc { counted: false } => u64::MAX,
            Self::System => crate::glibc::info().free,
        }
    }

    /// Gives freed pages back.
    pub(super) fn perform(&self) {
        match self {
            // The name is jemalloc's own and was there at the start; a refusal shows as a fruitless attempt.
            Self::Jemalloc(_) => drop(jemalloc::purge()),
            Self::Mimalloc { .. } => mimalloc::collect(),
            Self::System => crate::glibc::trim(),
        }
    }
}
