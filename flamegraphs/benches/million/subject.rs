//! The program that is watched: threads that compute at the ends of thousands of different stacks.

use std::hint::black_box;

/// Threads that never rest.
pub(crate) const THREADS: u32 = 2;
/// Calls of a stack.
const DEPTH: u32 = 14;

pub(crate) fn run() {
    let threads: Vec<_> = (0..THREADS).map(|seed| std::thread::spawn(move || wander(u64::from(seed) + 1))).collect();
    for thread in threads {
        let _ = thread.join();
    }
}

fn wander(seed: u64) {
    let mut path = seed;
    loop {
        // Weyl sequence: every path of 2^14 comes equally often.
        path = path.wrapping_add(0x9e37_79b9_7f4a_7c15);
        left(path >> 17, DEPTH);
    }
}

#[inline(never)]
fn left(path: u64, depth: u32) {
    descend(path, depth);
    black_box(());
}

#[inline(never)]
fn right(path: u64, depth: u32) {
    descend(path, depth);
    black_box(());
}

#[inline(always)]
fn descend(path: u64, depth: u32) {
    if depth == 0 {
        compute();
    } else if path & 1 == 0 {
        left(path >> 1, depth - 1);
    } else {
        right(path >> 1, depth - 1);
    }
}

#[inline(never)]
fn compute() {
    let mut sum = 0_u64;
    for value in 0..4000_u64 {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(value));
    }
}
