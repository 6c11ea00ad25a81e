//! Sampled blocks that are live, by address. Any thread may add and remove; nobody waits.

use crate::sync::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::PAGE;

/// Places that one address may take: all are looked at, so that a free needs no marks of what was there once.
const WINDOW: usize = 16;
/// At the default rate all places hold blocks that stand for 32 GiB.
const WINDOWS: usize = 1 << 12;

const FREE: usize = 0;
/// Taken, address not yet known to others. No block is at address 1.
const TAKEN: usize = 1;

static TABLE: Table<WINDOWS, WINDOW> = Table::new();

/// A sampled block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Profile that it belongs to.
    pub(super) generation: u32,
    /// Position of its stack.
    pub(super) stack: u32,
}

/// Addresses and what is known of each, apart: a search reads addresses alone.
pub(super) struct Table<const WINDOWS: usize, const WINDOW: usize> {
    addresses: [[AtomicUsize; WINDOW]; WINDOWS],
    blocks: [[AtomicU64; WINDOW]; WINDOWS],
    /// Blocks in the table.
    count: AtomicUsize,
}

impl<const WINDOWS: usize, const WINDOW: usize> Table<WINDOWS, WINDOW> {
    pub(super) const fn new() -> Self {
        Self {
            addresses: [const { [const { AtomicUsize::new(FREE) }; WINDOW] }; WINDOWS],
            blocks: [const { [const { AtomicU64::new(0) }; WINDOW] }; WINDOWS],
            count: AtomicUsize::new(0),
        }
    }

    pub(super) fn window(address: usize) -> usize {
        // Fibonacci hashing of the page number: the upper bits of the product, as many as there are windows.
        let mixed = ((address / PAGE) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((u128::from(mixed) * WINDOWS as u128) >> 64) as usize
    }

    /// Remembers a block before its address is given to anyone else; false where its window is full.
    pub(super) fn insert(&self, address: usize, block: Block) -> bool {
        let window = Self::window(address);
        for (known, about) in self.addresses[window].iter().zip(&self.blocks[window]) {
            let free = known.load(Relaxed) == FREE;
            if free && known.compare_exchange(FREE, TAKEN, Acquire, Relaxed).is_ok() {
                about.store(u64::from(block.generation) << 32 | u64::from(block.stack), Relaxed);
                self.count.fetch_add(1, Relaxed);
                known.store(address, Release);
                return true;
            }
        }
        false
    }

    /// False where no sampled block is live. Whoever has a block has it from the thread that counted it in, and it is
    /// counted out by its owner alone, so nobody is told so of a block of his own.
    pub(super) fn any(&self) -> bool {
        self.count.load(Relaxed) != 0
    }

    /// Where the block at `address` is remembered. Its owner asks, so it can neither come nor go meanwhile.
    fn find(&self, address: usize) -> Option<(&AtomicUsize, &AtomicU64)> {
        let window = Self::window(address);
        self.addresses[window].iter().zip(&self.blocks[window]).find(|(known, _)| known.load(Acquire) == address)
    }

    /// True where the block is a sampled one. Only its owner may ask.
    pub(super) fn contains(&self, address: usize) -> bool {
        self.find(address).is_some()
    }

    /// Forgets a block before it is given back. Only its owner may do so.
    pub(super) fn remove(&self, address: usize) -> Option<Block> {
        let (known, about) = self.find(address)?;
        let block = about.load(Relaxed);
        known.store(FREE, Release);
        self.count.fetch_sub(1, Relaxed);
        #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
        Some(Block { generation: (block >> 32) as u32, stack: block as u32 })
    }
}

/// See [`Table::insert`].
pub(super) fn insert(address: usize, block: Block) -> bool {
    TABLE.insert(address, block)
}

/// See [`Table::any`].
#[inline]
pub(super) fn any() -> bool {
    TABLE.any()
}

/// See [`Table::contains`].
pub(super) fn contains(address: usize) -> bool {
    TABLE.contains(address)
}

/// See [`Table::remove`].
pub(super) fn remove(address: usize) -> Option<Block> {
    TABLE.remove(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(address: usize) -> usize {
        Table::<WINDOWS, WINDOW>::window(address)
    }

    // One test: the table is the process's.
    #[test]
    fn blocks_are_found_until_removed_and_a_full_window_refuses() {
        let base = 0x7000_0000_0000;
        // Page-aligned addresses of one window.
        let same: Vec<usize> =
            (0..).map(|page| base + page * PAGE).filter(|&a| window(a) == window(base)).take(WINDOW + 1).collect();
        for (stack, &address) in (0..).zip(&same[..WINDOW]) {
            assert!(insert(address, Block { generation: 3, stack }));
        }
        assert!(!insert(same[WINDOW], Block { generation: 3, stack: 99 }));
        assert!(!contains(same[WINDOW]));
        // From the middle: those behind it are still found, and its place is used again.
        assert_eq!(remove(same[5]), Some(Block { generation: 3, stack: 5 }));
        assert_eq!(remove(same[5]), None);
        assert!(insert(same[WINDOW], Block { generation: 4, stack: u32::MAX }));
        assert_eq!(remove(same[WINDOW]), Some(Block { generation: 4, stack: u32::MAX }));
        for address in same.iter().take(WINDOW).filter(|a| **a != same[5]) {
            assert!(contains(*address) && remove(*address).is_some());
        }

        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                scope.spawn(move || {
                    for round in 0..20_000_usize {
                        let address = base + (round % 700 * 4 + thread as usize) * PAGE;
                        if insert(address, Block { generation: 1, stack: thread }) {
                            assert_eq!(remove(address), Some(Block { generation: 1, stack: thread }));
                        }
                    }
                });
            }
        });
        assert!(!any());
    }
}
