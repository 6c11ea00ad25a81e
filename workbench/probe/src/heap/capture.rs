//! Stacks of the calling thread, without allocation.
//!
//! Where the program has frame pointers (this workspace builds with them), they are followed: a load and three
//! comparisons a frame, no locks, no tables. Every address is read only after it was found to lie on this thread's own
//! stack, above the frame before it, so whatever garbage a function without a frame pointer leaves in the register ends
//! the walk and cannot crash it. Whether they can be trusted is found out once, by comparing them with the unwinder's
//! answer; otherwise the unwinder (`backtrace`) is used, which reads its tables under its own care. It may take the
//! loader's lock, which this module's caller never holds, and allocates by the C library at most: a guard in the
//! countdown keeps even that from being sampled.

use std::cell::Cell;
use std::hint::black_box;
use std::ops::Range;
use std::sync::OnceLock;

/// Frames kept of a stack; roots beyond are cut.
pub(super) const MOST_FRAMES: usize = 128;

/// Return addresses, leaf first.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) addresses: [u64; MOST_FRAMES],
    pub(super) depth: usize,
}

impl Stack {
    fn empty() -> Self {
        Self { addresses: [0; MOST_FRAMES], depth: 0 }
    }

    /// False where it is full.
    fn push(&mut self, address: u64) -> bool {
        if self.depth == MOST_FRAMES {
            return false;
        }
        self.addresses[self.depth] = address;
        self.depth += 1;
        true
    }

    /// Return addresses, leaf first.
    pub(super) fn as_slice(&self) -> &[u64] {
        &self.addresses[..self.depth]
    }
}

static FRAME_POINTERS: OnceLock<bool> = OnceLock::new();

/// Finds out how to walk stacks; must come before [`stack`], because it allocates.
pub(super) fn prepare() {
    FRAME_POINTERS.get_or_init(|| trustworthy(8));
}

/// True where stacks are walked by frame pointers.
pub(super) fn by_frame_pointers() -> bool {
    FRAME_POINTERS.get().copied().unwrap_or(false)
}

/// The stack of the caller.
#[inline(never)]
pub(super) fn stack() -> Stack {
    let mut stack = Stack::empty();
    if by_frame_pointers() {
        walk(frame_pointer(), &mut stack)
    } else {
        unwind(&mut stack)
    }
    stack
}

/// Follows frame pointers from `frame` as far as they stay on this thread's stack.
fn walk(frame: usize, stack: &mut Stack) {
    let own = own_stack();
    // A frame is two words: the caller's frame, the return address.
    let fits = |frame: usize| {
        let top = frame.checked_add(2 * size_of::<usize>());
        frame.is_multiple_of(size_of::<usize>()) && frame >= own.start && top.is_some_and(|top| top <= own.end)
    };
    let mut frame = frame;
    while fits(frame) {
        let words = frame as *const usize;
        // SAFETY: both words lie between a frame of this thread, at or above its stack pointer, and the end of its
        // stack, all of which is mapped and readable. Other parts of the program may hold references there, so the
        // reads are volatile and of plain words.
        let (caller, address) = unsafe { (words.read_volatile(), words.add(1).read_volatile()) };
        if address == 0 || !stack.push(address as u64) || caller <= frame {
            break;
        }
        frame = caller;
    }
}

fn unwind(stack: &mut Stack) {
    // SAFETY: the callback neither unwinds nor keeps the frame; nobody else uses the unwinder's own state, which
    // `trace` guards by a lock that only symbol resolution needs.
    unsafe { backtrace::trace_unsynchronized(|frame| stack.push(frame.ip() as u64)) };
}

/// Frame pointer of the function this is inlined into; 0, which is on no stack, where there is no such register.
#[inline(always)]
fn frame_pointer() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let frame: usize;
        // SAFETY: copies a register.
        unsafe { std::arch::asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags)) };
        // Without frame pointers the register holds anything; below the stack pointer nothing is a frame.
        let here = &raw const frame;
        if frame < here.addr() { 0 } else { frame }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let frame: usize;
        // SAFETY: copies a register.
        unsafe { std::arch::asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags)) };
        let here = &raw const frame;
        if frame < here.addr() { 0 } else { frame }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    0
}

thread_local! {
    /// This thread's stack; 0 before it is known.
    static OWN_STACK: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// This thread's stack; empty where it is unknown. Frames on any other (a coroutine's, a signal's) lie outside.
fn own_stack() -> Range<usize> {
    OWN_STACK.with(|own| {
        if own.get() == (0, 0) {
            own.set(bounds().unwrap_or((1, 1)));
        }
        own.get().0..own.get().1
    })
}

/// Lowest address and end of this thread's stack. Allocates by the C library, never by the Rust allocator.
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: plain data, which pthread_getattr_np fills in.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: `attributes` is valid for writes, and the thread is this one.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) } != 0 {
        return None;
    }
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: `attributes` was filled in above; the others are valid for writes.
    let failed = unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut lowest, &raw mut size) };
    // SAFETY: filled in above, destroyed once.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    (failed == 0).then(|| (lowest.addr(), lowest.addr() + size))
}

/// Whether frame pointers and the unwinder agree on a chain of calls of known length.
#[inline(never)]
fn trustworthy(calls: u32) -> bool {
    if calls > 0 {
        // The black box keeps the calls from becoming a loop.
        return black_box(trustworthy(black_box(calls - 1)));
    }
    let (mut walked, mut unwound) = (Stack::empty(), Stack::empty());
    walk(frame_pointer(), &mut walked);
    unwind(&mut unwound);
    let walked = walked.as_slice();
    // The first address walked is this function's caller, which the unwinder knows after frames of its own.
    let Some(first) = walked.first() else { return false };
    let Some(at) = unwound.as_slice().iter().position(|address| address == first) else { return false };
    let same = walked.iter().zip(&unwound.as_slice()[at..]).take_while(|(one, other)| one == other).count();
    same >= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn nested(calls: usize) -> Stack {
        if calls == 0 { stack() } else { black_box(nested(black_box(calls - 1))) }
    }

    #[test]
    fn a_chain_of_calls_is_seen_and_bounded() {
        prepare();
        assert!(nested(20).depth > 20);
        assert_eq!(nested(MOST_FRAMES + 20).depth, MOST_FRAMES);
    }

    #[test]
    fn garbage_ends_a_walk() {
        let end = own_stack().end;
        for frame in [0, 1, 8, end - 8, end, end + 8, usize::MAX, usize::MAX - 15, frame_pointer() + 1] {
            let mut stack = Stack::empty();
            walk(frame, &mut stack);
            assert_eq!(stack.depth, 0, "{frame:x}");
        }
        // A frame that claims to be its own caller, or one below, is the last.
        let mut frames = [0_usize, 7, 0, 9];
        let lower = (&raw const frames[0]).addr();
        frames[0] = lower;
        frames[2] = lower;
        for (frame, address) in [(lower, 7), (lower + 16, 9)] {
            let mut stack = Stack::empty();
            walk(black_box(frame), &mut stack);
            assert_eq!(stack.as_slice(), [address]);
        }
        black_box(&frames);
    }
}
