//! Heap profiles for every allocator in one binary: a byte-Poisson sampler in [`crate::allocator::Selectable`].
//!
//! Off unless started, and then it costs nothing: allocator calls go past it until the first profile, and frees again
//! once no sampled block is live at the end of one. While it runs, each allocated byte is
//! picked with probability 1/`rate`, and the block that holds a picked byte is a sample: its stack is kept, and the
//! block is followed to its free, on whatever thread that happens. What one sample stands for follows from its size
//! (1/(1 − e^(−size/rate)) blocks), so totals are unbiased whatever the mix of sizes.
//!
//! - A **resize** counts as a free and an allocation of the new size, as in Go (where slices grow that way) and in
//!   jemalloc's own profiler. [`crate::allocator::Counters`] count growth alone, which is less.
//! - Only what is allocated **while the sampler runs** is seen; what was live before is not in use here.
//! - Sampled blocks begin on a page, so that a free looks further only where the last twelve bits are zero. That costs
//!   at most a page for each sampled block that is live.
//! - Tables have a fixed size and take no lock. What did not fit is counted in the [`Profile`].

mod capture;
mod countdown;
mod estimate;
mod gate;
mod live;
mod peak;
mod profile;
mod sampler;
mod stacks;

pub use self::profile::{Moment, Peak, Profile, Sample, Values};
pub use self::sampler::{DEFAULT_RATE, HeapError, Mark, Profiler};
pub(crate) use self::sampler::{Ticket, due, forget, is_tracked};

/// Sampled blocks begin at a multiple of this, bytes.
pub(crate) const PAGE: usize = 4096;

/// True where a block may be a sampled one: a test of its address but for the few that begin on a page anyway.
#[inline]
pub(crate) fn may_be_tracked(block: *mut u8) -> bool {
    block.addr() & (PAGE - 1) == 0 && live::any()
}
