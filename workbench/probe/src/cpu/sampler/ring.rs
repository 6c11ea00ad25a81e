//! Where signal handlers leave what they saw: places that are prepared beforehand, taken and given back without locks.

use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use crate::cpu::unwind::{FramePointer, MOST_FRAME_POINTERS, Registers};

/// Places. At 250 signals a second and CPU, and a look each 20 ms, a machine of 64 busy CPUs fills 320.
const PLACES: usize = 1024;
/// Bytes of stack that are copied at most; frame pointers go on from there.
pub(super) const STACK_BYTES: usize = 32 << 10;
/// Places that are tried before a sample is lost: as many as could be in use at once.
const TRIES: usize = 512;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const READY: u32 = 2;

/// What one signal saw. Lies in fresh memory: all zeroes are valid.
#[repr(C)]
pub(super) struct Record {
    /// Which profile the signal belonged to.
    pub(super) profile: u32,
    /// Which thread, in the order of their discovery.
    pub(super) thread: u32,
    /// Periods of CPU time that the signal stands for.
    pub(super) weight: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub(super) at_ns: u64,
    /// Name of the thread, ends in NUL.
    pub(super) name: [u8; 16],
    pub(super) registers: Registers,
    pub(super) links: u32,
    pub(super) copied: u32,
    pub(super) beyond: [FramePointer; MOST_FRAME_POINTERS],
    pub(super) stack: [u8; STACK_BYTES],
}

#[repr(C)]
struct Place {
    state: AtomicU32,
    record: UnsafeCell<Record>,
}

/// The places of this process. They are never unmapped: a handler that was held up may come late.
pub(super) struct Ring {
    places: [Place; PLACES],
    lost: AtomicU64,
}

// SAFETY: a record is touched only by whoever moved its place from FREE to TAKEN, until READY, and then only by the one
// reader.
unsafe impl Sync for Ring {}

static RING: AtomicPtr<Ring> = AtomicPtr::new(std::ptr::null_mut());

impl Ring {
    /// The ring of this process, mapped at the first call; its pages come into being as they are used.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn of_this_process() -> io::Result<&'static Self> {
        if let Some(ring) = Self::mapped() {
            return Ok(ring);
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let size = size_of::<Self>();
        // SAFETY: a fresh mapping of our own.
        let map = unsafe { libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Only whoever holds the claim to profile comes here: nobody else stores.
        RING.store(map.cast(), Release);
        // SAFETY: mapped, zeroed (valid for every field), aligned to a page, never unmapped.
        Ok(unsafe { &*map.cast::<Self>() })
    }

    /// The same, where it was mapped already. Async-signal-safe.
    pub(super) fn mapped() -> Option<&'static Self> {
        // SAFETY: null, or what `of_this_process` mapped for good.
        unsafe { RING.load(Acquire).as_ref() }
    }

    /// Lets `fill` write a record; counts its `weight` as lost where no place is free. Async-signal-safe.
    pub(super) fn put(&self, thread: u32, weight: u32, fill: impl FnOnce(&mut Record)) {
        // Threads begin at places of their own, so that they neither meet nor touch more pages than they need.
        let start = (thread as usize).wrapping_mul(8);
        for attempt in 0..TRIES {
            let place = &self.places[(start + attempt) % PLACES];
            if place.state.load(Relaxed) == FREE && place.state.compare_exchange(FREE, TAKEN, Acquire, Relaxed).is_ok()
            {
                // SAFETY: the exchange gave this place to us alone.
                fill(unsafe { &mut *place.record.get() });
                place.state.store(READY, Release);
                return;
            }
        }
        self.lost.fetch_add(u64::from(weight), Relaxed);
    }

    /// Hands every record to `read` and frees its place. One reader at a time.
    pub(super) fn drain(&self, mut read: impl FnMut(&Record)) {
        for place in self.places.iter().filter(|place| place.state.load(Acquire) == READY) {
            // SAFETY: READY places are the reader's, and there is one reader.
            read(unsafe { &*place.record.get() });
            place.state.store(FREE, Release);
        }
    }

    /// Periods lost since the last question.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the ring is the process's.
    #[test]
    fn records_come_out_once_and_a_full_ring_counts_what_it_loses() {
        let map = vec![0_u64; size_of::<Ring>() / 8 + 1];
        // SAFETY: zeroes are valid for every field, and the vector is aligned and large enough.
        let ring: &Ring = unsafe { &*map.as_ptr().cast() };
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                scope.spawn(move || {
                    for number in 0..100 {
                        ring.put(thread, 3, |record| {
                            record.thread = thread;
                            record.at_ns = number;
                        });
                    }
                });
            }
        });
        let mut seen = Vec::new();
        ring.drain(|record| seen.push((record.thread, record.at_ns)));
        seen.sort_unstable();
        let all: Vec<_> = (0..4).flat_map(|thread| (0..100).map(move |number| (thread, number))).collect();
        assert_eq!(seen, all);
        assert_eq!(ring.take_lost(), 0);

        for _ in 0..TRIES + 5 {
            ring.put(0, 3, |_| {});
        }
        assert_eq!((ring.take_lost(), ring.take_lost()), (15, 0));
        let mut drained = 0;
        ring.drain(|_| drained += 1);
        assert_eq!(drained, TRIES);
        ring.drain(|_| panic!("nothing is left"));
    }
}
