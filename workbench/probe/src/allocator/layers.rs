//! The selectable allocator's layers: choice, counters, heap sampler. Public only so that a test can count the
//! instructions of each; programs use [`super::Selectable`], which has them all.
//!
//! A block goes back to the allocator that it came from, because the kind never changes once decided; and it goes back
//! with the alignment that it was allocated with, which for a sampled block is at least a page, whatever its owner's
//! layout says. Such a block is known by its address until it is given back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::Relaxed;

use ::mimalloc::MiMalloc;
use tikv_jemallocator::Jemalloc;

use super::counters;
use super::selectable::{KIND, MIMALLOC, RETURNS, ROUTE, SYSTEM, decided};
use crate::heap;

/// Allocates `layout`.
///
/// # Safety
/// As [`GlobalAlloc::alloc`].
#[inline(always)]
pub(super) unsafe fn alloc<const COUNT: bool, const SAMPLE: bool, const ZEROED: bool>(layout: Layout) -> *mut u8 {
    let route = ROUTE.load(Relaxed);
    // SAFETY: the caller's promises about `layout` are those that each allocator asks for.
    let block = unsafe {
        if route < MIMALLOC {
            from::<Jemalloc, ZEROED>(&Jemalloc, layout)
        } else {
            match route {
                MIMALLOC => from::<MiMalloc, ZEROED>(&MiMalloc, layout),
                SYSTEM => from::<System, ZEROED>(&System, layout),
                _ if SAMPLE => watched_alloc::<ZEROED>(layout),
                _ => undecided_alloc::<ZEROED>(layout),
            }
        }
    };
    if COUNT && !block.is_null() {
        counters::allocated(layout.size());
    }
    block
}

/// Gives a block back.
///
/// # Safety
/// As [`GlobalAlloc::dealloc`].
#[inline(always)]
pub(super) unsafe fn dealloc<const COUNT: bool>(block: *mut u8, layout: Layout) {
    if COUNT && !counters::freed_by_owner(layout.size()) {
        // SAFETY: the caller's promises are those that are asked for.
        return unsafe { late_dealloc(block, layout) };
    }
    let route = RETURNS.load(Relaxed);
    // SAFETY: `block` came from this very allocator, with this layout where it is no sampled one; sampled ones are
    // watched.
    unsafe {
        if route < MIMALLOC {
            Jemalloc.dealloc(block, layout);
        } else {
            match route {
                MIMALLOC => MiMalloc.dealloc(block, layout),
                SYSTEM => System.dealloc(block, layout),
                // Nothing can be given back before something was allocated, so here the sampler has to look.
                _ => watched_dealloc(block, layout),
            }
        }
    }
}

/// Resizes a block.
///
/// # Safety
/// As [`GlobalAlloc::realloc`].
#[inline(always)]
pub(super) unsafe fn realloc<const COUNT: bool>(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    let route = RETURNS.load(Relaxed);
    // SAFETY: as in `dealloc`.
    let moved = unsafe {
        if route < MIMALLOC {
            Jemalloc.realloc(block, layout, new_size)
        } else {
            match route {
                MIMALLOC => MiMalloc.realloc(block, layout, new_size),
                SYSTEM => System.realloc(block, layout, new_size),
                _ => watched_realloc(block, layout, new_size),
            }
        }
    };
    if COUNT && !moved.is_null() {
        counters::reallocated(layout.size(), new_size);
    }
    moved
}

#[inline(always)]
unsafe fn from<A: GlobalAlloc, const ZEROED: bool>(allocator: &A, layout: Layout) -> *mut u8 {
    // SAFETY: forwards the caller's promises.
    unsafe { if ZEROED { allocator.alloc_zeroed(layout) } else { allocator.alloc(layout) } }
}

/// From the allocator of `kind`.
#[inline]
unsafe fn plain<const ZEROED: bool>(kind: i32, layout: Layout) -> *mut u8 {
    // SAFETY: forwards the caller's promises.
    unsafe {
        match kind {
            MIMALLOC => from::<MiMalloc, ZEROED>(&MiMalloc, layout),
            SYSTEM => from::<System, ZEROED>(&System, layout),
            _ => from::<Jemalloc, ZEROED>(&Jemalloc, layout),
        }
    }
}

/// Back to the allocator of `kind`.
#[inline(always)]
unsafe fn back(kind: i32, block: *mut u8, layout: Layout) {
    // SAFETY: forwards the caller's promises.
    unsafe {
        match kind {
            MIMALLOC => MiMalloc.dealloc(block, layout),
            SYSTEM => System.dealloc(block, layout),
            _ => Jemalloc.dealloc(block, layout),
        }
    }
}

#[inline]
unsafe fn resized(kind: i32, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: forwards the caller's promises.
    unsafe {
        match kind {
            MIMALLOC => MiMalloc.realloc(block, layout, new_size),
            SYSTEM => System.realloc(block, layout, new_size),
            _ => Jemalloc.realloc(block, layout, new_size),
        }
    }
}

/// By a thread that has no counters of its own, or not yet.
#[cold]
#[inline(never)]
unsafe fn late_dealloc(block: *mut u8, layout: Layout) {
    counters::freed(layout.size());
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { dealloc::<false>(block, layout) }
}

/// The first allocation of the process.
#[cold]
#[inline(never)]
unsafe fn undecided_alloc<const ZEROED: bool>(layout: Layout) -> *mut u8 {
    // SAFETY: forwards the caller's promises.
    unsafe { plain::<ZEROED>(decided(), layout) }
}

/// The first allocation of the process, or one while the sampler runs.
#[cold]
#[inline(never)]
unsafe fn watched_alloc<const ZEROED: bool>(layout: Layout) -> *mut u8 {
    let ticket = heap::due(layout.size());
    // SAFETY: forwards the caller's promises.
    unsafe { sampled_or_plain::<ZEROED>(decided(), ticket, layout) }
}

/// Of any block, while sampled ones may be live.
#[cold]
#[inline(never)]
unsafe fn watched_dealloc(block: *mut u8, layout: Layout) {
    let layout = if heap::may_be_tracked(block) && heap::forget(block, layout.size()) {
        paged(layout).unwrap_or(layout)
    } else {
        layout
    };
    // SAFETY: `block` came from this very allocator, with this layout: `forget` told which.
    unsafe { back(KIND.load(Relaxed), block, layout) }
}

/// Of any block, while sampled ones may be live or the sampler runs. A sampled block always moves: neither its old nor its
/// new alignment is the one that its owner's layout says.
#[cold]
#[inline(never)]
unsafe fn watched_realloc(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    let kind = KIND.load(Relaxed);
    let tracked = heap::may_be_tracked(block) && heap::is_tracked(block);
    let ticket = heap::due(new_size);
    if !tracked && ticket.is_none() {
        // SAFETY: an ordinary block that stays one.
        return unsafe { resized(kind, block, layout, new_size) };
    }
    // SAFETY: the caller promises that the new size does not overflow when rounded up to the alignment, and that the
    // alignment is one.
    let wanted = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
    // SAFETY: the new size is not zero, as the caller promises.
    let moved = unsafe { sampled_or_plain::<false>(kind, ticket, wanted) };
    if !moved.is_null() {
        // SAFETY: both blocks are live, distinct, and at least that long; the old one goes back once.
        unsafe {
            moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
            watched_dealloc(block, layout);
        }
    }
    moved
}

/// A block that is followed, where there is a ticket and room.
unsafe fn sampled_or_plain<const ZEROED: bool>(kind: i32, ticket: Option<heap::Ticket>, layout: Layout) -> *mut u8 {
    if let Some(mut ticket) = ticket
        && let Some(paged) = paged(layout)
    {
        // SAFETY: `paged` has the same size and a larger alignment.
        let block = unsafe { plain::<ZEROED>(kind, paged) };
        if !block.is_null() {
            if ticket.track(block) {
                return block;
            }
            // SAFETY: it was allocated just above with this layout, and nobody has seen it.
            unsafe { back(kind, block, paged) };
        }
    }
    // SAFETY: forwards the caller's promises.
    unsafe { plain::<ZEROED>(kind, layout) }
}

/// The layout of a sampled block: the same size, beginning on a page.
fn paged(layout: Layout) -> Option<Layout> {
    Layout::from_size_align(layout.size(), layout.align().max(heap::PAGE)).ok()
}

/// The choice alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen;

/// Choice and counters, without the sampler.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted;

macro_rules! layered {
    ($layers:ty, $count:literal) => {
        // SAFETY: see the module; a method forwards everything it is promised. The sampler never runs with these.
        unsafe impl GlobalAlloc for $layers {
            #[inline]
            unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
                // SAFETY: the caller's promises are those that are asked for.
                unsafe { alloc::<$count, false, false>(layout) }
            }

            #[inline]
            unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
                // SAFETY: as above.
                unsafe { dealloc::<$count>(block, layout) }
            }

            #[inline]
            unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
                // SAFETY: as above.
                unsafe { realloc::<$count>(block, layout, new_size) }
            }
        }
    };
}
layered!(Chosen, false);
layered!(Counted, true);
