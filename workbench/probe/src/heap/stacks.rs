//! Distinct stacks with their sums. Any thread may add; nobody waits.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::capture::MOST_FRAMES;
use super::estimate::Weight;

/// Stacks; a power of two. Memory of a place is touched only when it is used.
const PLACES: usize = 1 << 13;
/// Places that are tried for one stack.
const TRIES: usize = 64;
/// Position that takes what fits nowhere else: its frames are lost, its sums are not.
pub(super) const LOST: u32 = PLACES as u32;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const READY: u32 = 2;

/// One stack.
struct Place {
    state: AtomicU32,
    depth: AtomicU32,
    hash: AtomicU64,
    sums: [Sums; 2],
    addresses: [AtomicU64; MOST_FRAMES],
}

/// Sums of what was allocated, or of what was freed.
struct Sums {
    samples: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
}

/// Which of a stack's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Allocated,
    Freed,
}

/// Sums of one stack, see [`Weight`] for the units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) samples: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

static STACKS: [Place; PLACES + 1] = [const { Place::empty() }; PLACES + 1];

impl Sums {
    const fn empty() -> Self {
        Self { samples: AtomicU64::new(0), objects: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    fn read(&self) -> Read {
        Read {
            samples: self.samples.load(Relaxed),
            objects: self.objects.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

impl Place {
    const fn empty() -> Self {
        Self {
            state: AtomicU32::new(FREE),
            depth: AtomicU32::new(0),
            hash: AtomicU64::new(0),
            sums: [Sums::empty(), Sums::empty()],
            addresses: [const { AtomicU64::new(0) }; MOST_FRAMES],
        }
    }

    fn holds(&self, hash: u64, stack: &[u64]) -> bool {
        self.hash.load(Relaxed) == hash
            && self.depth.load(Relaxed) as usize == stack.len()
            && stack.iter().zip(&self.addresses).all(|(address, own)| own.load(Relaxed) == *address)
    }

    fn fill(&self, hash: u64, stack: &[u64]) {
        self.hash.store(hash, Relaxed);
        #[allow(clippy::cast_possible_truncation, reason = "at most MOST_FRAMES")]
        self.depth.store(stack.len() as u32, Relaxed);
        for (address, own) in stack.iter().zip(&self.addresses) {
            own.store(*address, Relaxed);
        }
        self.state.store(READY, Release);
    }
}

/// Position of a stack of at most [`MOST_FRAMES`] addresses. A place that another thread is just filling is passed by,
/// so that one stack may have two places; [`all`] gives both.
pub(super) fn position(stack: &[u64]) -> u32 {
    let hash = stack.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, address| {
        (hash.rotate_left(5) ^ address).wrapping_mul(0x517C_C1B7_2722_0A95)
    });
    let start = (hash >> 32) as usize;
    for try_number in 0..TRIES {
        let at = (start + try_number) % PLACES;
        let place = &STACKS[at];
        let state = match place.state.load(Acquire) {
            FREE => match place.state.compare_exchange(FREE, TAKEN, Acquire, Acquire) {
                Ok(_) => {
                    place.fill(hash, stack);
                    READY
                }
                Err(found) => found,
            },
            found => found,
        };
        if state == READY && place.holds(hash, stack) {
            #[allow(clippy::cast_possible_truncation, reason = "below PLACES")]
            return at as u32;
        }
    }
    LOST
}

/// Adds a sample to one side of a stack.
pub(super) fn add(position: u32, side: Side, weight: Weight) {
    let sums = &STACKS[(position.min(LOST)) as usize].sums[side as usize];
    sums.samples.fetch_add(1, Relaxed);
    sums.objects.fetch_add(weight.objects, Relaxed);
    sums.bytes.fetch_add(weight.bytes, Relaxed);
}

/// Every stack with its sums of allocations and frees; the lost one without frames. Only while nobody adds.
pub(super) fn all() -> Vec<(Vec<u64>, Read, Read)> {
    let used = STACKS.iter().filter(|place| place.sums[0].samples.load(Relaxed) > 0);
    used.map(|place| {
        let depth = place.depth.load(Relaxed) as usize;
        let addresses = place.addresses[..depth].iter().map(|address| address.load(Relaxed)).collect();
        (addresses, place.sums[0].read(), place.sums[1].read())
    })
    .collect()
}

/// Forgets everything. Only while nobody adds.
pub(super) fn clear() {
    for place in STACKS.iter().filter(|place| place.state.load(Acquire) != FREE) {
        place.state.store(FREE, Release);
    }
    for sums in STACKS.iter().flat_map(|place| &place.sums).filter(|sums| sums.samples.load(Relaxed) > 0) {
        sums.samples.store(0, Relaxed);
        sums.objects.store(0, Relaxed);
        sums.bytes.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the table is the process's.
    #[test]
    fn stacks_are_told_apart_and_a_full_table_loses_frames_only() {
        let weight = Weight { objects: 1 << 16, bytes: 10 };
        let one = position(&[1, 2, 3]);
        assert_eq!(position(&[1, 2, 3]), one);
        assert_ne!(position(&[1, 2]), one);
        add(one, Side::Allocated, weight);
        add(one, Side::Allocated, weight);
        add(one, Side::Freed, weight);
        let read = |samples| Read { samples, objects: samples << 16, bytes: samples * 10 };
        assert_eq!(all(), [(vec![1, 2, 3], read(2), read(1))]);
        clear();
        assert_eq!(all(), []);

        let stacks = 2 * PLACES as u64;
        std::thread::scope(|scope| {
            for part in 0..4 {
                scope.spawn(move || {
                    for stack in (0..stacks).filter(|stack| stack % 4 == part) {
                        add(position(&[stack, 7]), Side::Allocated, weight);
                    }
                });
            }
        });
        let all = all();
        assert_eq!(all.iter().map(|(_, allocated, _)| allocated.samples).sum::<u64>(), stacks);
        let lost: Vec<_> = all.iter().filter(|(addresses, ..)| addresses.is_empty()).collect();
        assert_eq!(lost.len(), 1);
        assert!(lost[0].1.samples >= stacks - PLACES as u64);
        clear();
    }
}
