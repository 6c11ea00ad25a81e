//! A block of memory that is really there.

use std::hint::black_box;

/// Distance between touches, bytes: the page size of every platform we run on, or a divisor of it.
const PAGE: usize = 4096;

/// Memory whose every page was written, so that the kernel had to provide it.
///
/// Not filled in full: the lab measures allocators and page faults, not memory bandwidth.
#[derive(Debug)]
pub(super) struct Block(Vec<u8>);

impl Block {
    /// Allocates `bytes` and writes the first byte of every page and the last byte.
    pub(super) fn touched(bytes: usize) -> Self {
        let mut memory = Vec::<u8>::with_capacity(bytes);
        let spare = memory.spare_capacity_mut();
        for offset in (0..bytes).step_by(PAGE) {
            spare[offset].write(1);
        }
        if let Some(last) = bytes.checked_sub(1) {
            spare[last].write(1);
        }
        // Without this the compiler may drop the allocation together with the writes nobody reads.
        Self(black_box(memory))
    }

    /// Bytes asked for.
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_the_size_asked_for() {
        for bytes in [0, 1, 4095, 4096, 4097, 65_536] {
            assert_eq!(Block::touched(bytes).bytes(), bytes);
        }
    }
}
