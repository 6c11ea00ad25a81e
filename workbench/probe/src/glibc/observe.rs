//! What malloc does, by its own statistics. Read against glibc 2.36 (`malloc/malloc.c`).

use std::ffi::c_void;

use super::arenas;

/// Most arenas, mapped blocks or cached blocks that are tried out.
const MOST: u64 = 64;

/// What malloc shows of the tunable `name` (without `glibc.malloc.`), where `expected` is what it should be. `None`
/// where it does not show, so that the loader's word stands. Call it before there are other threads.
pub fn observed(name: &str, expected: u64) -> Option<u64> {
    match name {
        "arena_max" if expected <= MOST => {
            arenas::with_threads(usize::try_from(expected).ok()? + 1).ok().map(|count| count as u64)
        }
        "tcache_count" => cached_blocks(expected),
        // A cached block looks given back where something else happens to the heap meanwhile, never the reverse: less
        // than expected shows nothing.
        "tcache_max" => match largest_cached()? {
            found if found == usable(expected) => Some(expected),
            found => (found > usable(expected)).then_some(found),
        },
        "mmap_threshold" => mapping_threshold(expected),
        "mmap_max" if expected <= MOST => mapped_blocks(expected),
        "perturb" if expected > 0 => fill_byte(),
        _ => None,
    }
}

/// A block of malloc's, freed when dropped. Never written: large ones cost no memory.
struct Block(*mut c_void);

impl Block {
    fn new(size: u64) -> Option<Self> {
        // SAFETY: malloc takes any size; a null pointer is turned into `None`.
        let block = unsafe { libc::malloc(usize::try_from(size).ok()?) };
        (!block.is_null()).then_some(Self(block))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: from malloc, freed once.
        unsafe { libc::free(self.0) };
    }
}

fn statistics() -> libc::mallinfo2 {
    // SAFETY: reads counters under malloc's own locks.
    unsafe { libc::mallinfo2() }
}

/// Bytes that a chunk of `request` bytes has room for (`request2size` less its header).
fn usable(request: u64) -> u64 {
    (request + 8).next_multiple_of(16).max(32) - 8
}

/// Blocks of one size that this thread's cache keeps: those whose freeing leaves `uordblks` as it was, since malloc
/// counts cached blocks as used.
fn cached_blocks(expected: u64) -> Option<u64> {
    // The largest is the rarest: freed blocks of a common size would refill the cache while it is emptied.
    let size = largest_cached().unwrap_or(LARGEST_CACHED);
    let tried = usize::try_from(expected).ok()? + usize::try_from(MOST).ok()?;
    let mapped = statistics().hblks;
    let mut blocks = Vec::with_capacity(tried);
    for _ in 0..tried {
        // As many as this empty the cache first.
        blocks.push(Block::new(size)?);
    }
    let before = statistics();
    if before.hblks != mapped {
        return None;
    }
    // Not `clear`: the vector itself must stay, or its block counts.
    while let Some(block) = blocks.pop() {
        drop(block);
    }
    let after = statistics().uordblks;
    let given_back = before.uordblks.saturating_sub(after) / usize::try_from(usable(size) + 8).ok()?;
    Some((tried - given_back) as u64)
}

/// `MAX_TCACHE_SIZE`.
const LARGEST_CACHED: u64 = 1032;

/// Largest request that this thread's cache keeps; `None` where it keeps none.
fn largest_cached() -> Option<u64> {
    let kept = |size: u64| {
        let Some(block) = Block::new(size) else { return false };
        let before = statistics().uordblks;
        drop(block);
        statistics().uordblks == before
    };
    // What is given back changes the count each time; a thread that ends just then changes it once. 64 bins of 16
    // bytes, and one more.
    (0..=64).map(|bin| 24 + 16 * bin).rfind(|size| (0..3).any(|_| kept(*size)))
}

/// `expected` where a block of that size is mapped by itself and one of 32 bytes less is not; 0 where neither is,
/// the smaller size where both are.
fn mapping_threshold(expected: u64) -> Option<u64> {
    let mapped = |size: u64| {
        let mut held = Vec::new();
        // Room that the heap has left is used first.
        for _ in 0..4096 {
            let before = statistics().hblks;
            held.push(Block::new(size)?);
            if statistics().hblks > before {
                return Some(true);
            }
            if size > 1 << 20 {
                break;
            }
        }
        Some(false)
    };
    let at = mapped(expected.max(32))?;
    let below = expected > 64 && mapped(expected - 32)?;
    Some(match (at, below) {
        (true, false) => expected,
        (true, true) => expected - 32,
        (false, _) => 0,
    })
}

/// Blocks that are mapped at once when one more than `expected` is asked for; each beyond any threshold that grows.
fn mapped_blocks(expected: u64) -> Option<u64> {
    const SIZE: u64 = 65 << 20;
    let blocks: Option<Vec<Block>> = (0..=expected).map(|_| Block::new(SIZE)).collect();
    blocks.map(|held| {
        let count = statistics().hblks as u64;
        drop(held);
        count
    })
}

/// The byte that new blocks are filled with, complemented (`alloc_perturb`); `None` where they are not filled alike.
fn fill_byte() -> Option<u64> {
    const SIZE: usize = 4096;
    let block = Block::new(SIZE as u64)?;
    let byte = |at: usize| {
        // SAFETY: within the block. Its contents may be uninitialised by Rust's rules, hence the volatile read of what
        // the C library wrote.
        unsafe { block.0.cast::<u8>().add(at).read_volatile() }
    };
    let first = byte(0);
    (1..SIZE).all(|at| byte(at) == first).then(|| u64::from(first ^ 0xff))
}
