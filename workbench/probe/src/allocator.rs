//! One binary, three allocators: the kind is chosen once per process by `WORKBENCH_ALLOCATOR`.
//!
//! ```ignore
//! #[global_allocator]
//! static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;
//! ```
//!
//! Dispatch costs 8 instructions for a pair of `alloc` and `dealloc` under jemalloc and 14 under the others, counting
//! another 21, the heap sampler nothing until it is started: the test `instructions` keeps it so. As much for each kind,
//! but for six instructions, so that kinds compared in one binary stay comparable.

mod counters;
mod guard;
#[doc(hidden)]
pub mod layers;
mod selectable;

use std::fmt;
use std::str::FromStr;

pub(crate) use self::counters::OwnSlot;
pub use self::counters::{Allocated, Counters, allocated_by_this_thread, counters, live_bytes};
pub use self::guard::{GuardError, verify};
pub(crate) use self::guard::{is_installed, serving};
pub use self::selectable::{Selectable, kind};
pub(crate) use self::selectable::{watch_allocations, watch_returns};

/// Environment variable that chooses the allocator; unset or empty means jemalloc.
pub const ENV: &str = "WORKBENCH_ALLOCATOR";

/// Exit code of a process whose [`ENV`] names no allocator (`EX_CONFIG` of sysexits.h).
pub const UNKNOWN_KIND_EXIT: i32 = 78;

/// An allocator that this binary contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// jemalloc 5.3, with the `_rjem_` prefix: C code keeps glibc's `malloc`.
    Jemalloc,
    /// mimalloc 3.
    Mimalloc,
    /// `malloc` of the C library.
    System,
}

impl Kind {
    /// Every kind, the default first.
    pub const ALL: [Self; 3] = [Self::Jemalloc, Self::Mimalloc, Self::System];

    /// Value of [`ENV`] that chooses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jemalloc => "jemalloc",
            Self::Mimalloc => "mimalloc",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an allocator: one of jemalloc, mimalloc, system")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}
