//! Distinct stacks with their sums. Any thread may add; nobody waits.

use crate::sync::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::capture::MOST_FRAMES;
use super::estimate::Weight;

/// Stacks; a power of two. Memory of a place is touched only when it is used.
const PLACES: usize = 1 << 13;
/// Places that are tried for one stack.
const TRIES: usize = 64;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const READY: u32 = 2;

static STACKS: Table<PLACES, { PLACES / 64 }> = Table::new();

/// One stack.
struct Place {
    state: AtomicU32,
    depth: AtomicU32,
    hash: AtomicU64,
    sums: [Sums; 2],
    /// Copies of the sums at the moment of [`keep_as_peak`].
    peak: [Sums; 2],
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

/// `WORDS` is an eighth of a byte for each place, in words.
pub(super) struct Table<const PLACES: usize, const WORDS: usize> {
    places: [Place; PLACES],
    /// Takes what fits nowhere else: its frames are lost, its sums are not.
    lost: Place,
    /// A bit for each place that holds a stack.
    filled: [AtomicU64; WORDS],
}

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

    /// One writer at a time.
    fn set(&self, to: Read) {
        self.samples.store(to.samples, Relaxed);
        self.objects.store(to.objects, Relaxed);
        self.bytes.store(to.bytes, Relaxed);
    }
}

impl Place {
    const fn empty() -> Self {
        Self {
            state: AtomicU32::new(FREE),
            depth: AtomicU32::new(0),
            hash: AtomicU64::new(0),
            sums: [Sums::empty(), Sums::empty()],
            peak: [Sums::empty(), Sums::empty()],
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

impl<const PLACES: usize, const WORDS: usize> Table<PLACES, WORDS> {
    /// Position of the place of what was lost.
    const LOST: u32 = PLACES as u32;

    pub(super) const fn new() -> Self {
        const { assert!(WORDS * 64 >= PLACES) };
        Self {
            places: [const { Place::empty() }; PLACES],
            lost: Place::empty(),
            filled: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    /// Position of a stack of at most [`MOST_FRAMES`] addresses. A place that another thread is just filling is passed
    /// by, so that one stack may have two places; [`Self::all`] gives both.
    pub(super) fn position(&self, stack: &[u64]) -> u32 {
        let hash = stack.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, address| {
            (hash.rotate_left(5) ^ address).wrapping_mul(0x517C_C1B7_2722_0A95)
        });
        let start = (hash >> 32) as usize;
        for try_number in 0..TRIES.min(PLACES) {
            let at = (start + try_number) % PLACES;
            let place = &self.places[at];
            let state = match place.state.load(Acquire) {
                FREE => match place.state.compare_exchange(FREE, TAKEN, Acquire, Acquire) {
                    Ok(_) => {
                        place.fill(hash, stack);
                        self.filled[at / 64].fetch_or(1 << (at % 64), Release);
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
        Self::LOST
    }

    /// Adds a sample to one side of a stack.
    pub(super) fn add(&self, position: u32, side: Side, weight: Weight) {
        let sums = &self.places.get(position as usize).unwrap_or(&self.lost).sums[side as usize];
        sums.samples.fetch_add(1, Relaxed);
        sums.objects.fetch_add(weight.objects, Relaxed);
        sums.bytes.fetch_add(weight.bytes, Relaxed);
    }

    /// Places that were filled, and the lost one. Reads no other: the table is larger than the processor's caches.
    fn filled(&self) -> impl Iterator<Item = &Place> {
        let positions = self.filled.iter().enumerate().flat_map(|(word, bits)| {
            let bits = bits.load(Acquire);
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        });
        positions.filter_map(|position| self.places.get(position)).chain([&self.lost])
    }

    fn used(&self) -> impl Iterator<Item = &Place> {
        self.filled().filter(|place| place.sums[0].samples.load(Relaxed) > 0)
    }

    /// Keeps a copy of every sum in place of the one before. One thread at a time; others may add meanwhile, so a sample
    /// that comes or goes just now may be in it by half.
    pub(super) fn keep_as_peak(&self) {
        for place in self.used() {
            // Frees first: what is freed in between counts as still in use, rather than as freed before it was
            // allocated.
            place.peak[1].set(place.sums[1].read());
            place.peak[0].set(place.sums[0].read());
        }
    }

    /// Every stack with its sums. While others add, a sample that comes or goes just now may be in it by half; a place is
    /// seen only once its addresses are.
    pub(super) fn all(&self) -> Vec<Known> {
        let known = |place: &Place| {
            let depth = place.depth.load(Relaxed) as usize;
            // Frees first, as in `keep_as_peak`.
            let (freed, peak_freed) = (place.sums[1].read(), place.peak[1].read());
            Known {
                addresses: place.addresses[..depth].iter().map(|address| address.load(Relaxed)).collect(),
                now: [place.sums[0].read(), freed],
                peak: [place.peak[0].read(), peak_freed],
            }
        };
        self.used().map(known).collect()
    }

    /// Forgets everything. Only while nobody adds.
    pub(super) fn clear(&self) {
        for place in self.filled() {
            for sums in place.sums.iter().chain(&place.peak) {
                sums.set(Read::default());
            }
            place.state.store(FREE, Release);
        }
        for bits in &self.filled {
            bits.store(0, Release);
        }
    }
}

/// What is known of one stack. Its sums now and at the peak, of allocations and frees; no addresses where it was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) addresses: Vec<u64>,
    pub(super) now: [Read; 2],
    pub(super) peak: [Read; 2],
}

/// See [`Table::position`].
pub(super) fn position(stack: &[u64]) -> u32 {
    STACKS.position(stack)
}

/// See [`Table::add`].
pub(super) fn add(position: u32, side: Side, weight: Weight) {
    STACKS.add(position, side, weight);
}

/// See [`Table::keep_as_peak`].
pub(super) fn keep_as_peak() {
    STACKS.keep_as_peak();
}

/// See [`Table::all`].
pub(super) fn all() -> Vec<Known> {
    STACKS.all()
}

/// See [`Table::clear`].
pub(super) fn clear() {
    STACKS.clear();
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
        let known = |now: [u64; 2], peak: [u64; 2]| {
            [Known { addresses: vec![1, 2, 3], now: now.map(read), peak: peak.map(read) }]
        };
        assert_eq!(all(), known([2, 1], [0, 0]));
        keep_as_peak();
        add(one, Side::Freed, weight);
        assert_eq!(all(), known([2, 2], [2, 1]));
        keep_as_peak();
        assert_eq!(all(), known([2, 2], [2, 2]));
        clear();
        assert_eq!(all(), []);
        assert_eq!(position(&[1, 2]), position(&[1, 2]));
        assert_eq!(all(), [], "a stack without a sample is none");
        clear();

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
        assert_eq!(all.iter().map(|known| known.now[0].samples).sum::<u64>(), stacks);
        let lost: Vec<_> = all.iter().filter(|known| known.addresses.is_empty()).collect();
        assert_eq!(lost.len(), 1);
        assert!(lost[0].now[0].samples >= stacks - PLACES as u64);
        clear();
    }
}
