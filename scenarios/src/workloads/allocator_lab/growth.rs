//! A vector that grows one push at a time.

use std::hint::black_box;

/// Pushes `items` numbers to an empty vector and returns nothing; frees it at the end.
///
/// `Vec` doubles, so `n` items cost about log2(n / 4) reallocations.
#[inline(never)]
pub(super) fn grow(items: usize) {
    let mut vector: Vec<u64> = Vec::new();
    for item in 0..items {
        // Hidden from the optimiser, or it would reserve once for the whole loop.
        vector.push(black_box(item as u64));
    }
    black_box(&vector);
}
