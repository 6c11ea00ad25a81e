//! Start and stop, and what the allocator calls in between.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Instant;

use super::estimate::{Weight, weight, whole};
use super::live::{self, Block};
use super::profile::{Profile, Sample, Values};
use super::stacks::{self, Read, Side};
use super::{capture, countdown};
use crate::allocator;
use crate::cpu::{Symbols, build_id, executable_mappings};

/// Go's `MemProfileRate`: a sample for each 512 KiB.
pub const DEFAULT_RATE: u64 = 512 << 10;

/// A profile is running, or its result is being read.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// The running profile; 0 for none.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// Number of the last profile.
static LAST: AtomicU32 = AtomicU32::new(0);
/// Of the running profile.
static RATE: AtomicU64 = AtomicU64::new(DEFAULT_RATE);
/// Threads that are writing to the tables.
static WRITERS: AtomicUsize = AtomicUsize::new(0);
static UNTRACKED: AtomicU64 = AtomicU64::new(0);

/// Why there is no heap profile.
#[derive(Debug, thiserror::Error)]
pub enum HeapError {
    /// Every byte is sampled at 1; 0 means nothing.
    #[error("a sampling rate of 0 bytes means nothing: at least 1, {DEFAULT_RATE} is usual")]
    Rate,
    /// One profile at a time for the whole process.
    #[error("a heap profile is already running in this process")]
    AlreadyRunning,
    /// The sampler lives in the selectable allocator.
    #[error("probe::allocator::Selectable is not the #[global_allocator] of this program: nothing would be seen")]
    NotInstalled,
    /// `/proc` is not readable.
    #[error("the process cannot look at itself: {0}")]
    Io(#[from] io::Error),
}

/// A running profile; dropping it ends it without a result.
#[derive(Debug)]
pub struct Profiler {
    rate: u64,
    started: Instant,
}

impl Profiler {
    /// Begins to sample every thread of this process, one byte in `rate` on average.
    ///
    /// # Errors
    /// A rate of zero, another profile that is running, or a program without the selectable allocator.
    pub fn start(rate: u64) -> Result<Self, HeapError> {
        if rate == 0 {
            return Err(HeapError::Rate);
        }
        if !allocator::is_installed() {
            return Err(HeapError::NotInstalled);
        }
        if RUNNING.swap(true, SeqCst) {
            return Err(HeapError::AlreadyRunning);
        }
        capture::prepare();
        stacks::clear();
        UNTRACKED.store(0, Relaxed);
        RATE.store(rate, Relaxed);
        // Never 0, which is no profile.
        let generation = LAST.load(Relaxed).checked_add(1).unwrap_or(1);
        LAST.store(generation, Relaxed);
        GENERATION.store(generation, SeqCst);
        allocator::observe(true);
        Ok(Self { rate, started: Instant::now() })
    }

    /// Ends the profile and resolves its addresses, which takes a while and is not part of it.
    ///
    /// # Errors
    /// The process cannot look at itself.
    pub fn stop(self) -> Result<Profile, HeapError> {
        let wall_s = self.started.elapsed().as_secs_f64();
        quiesce();
        let mut stacks: BTreeMap<Vec<u64>, (Read, Read)> = BTreeMap::new();
        for (addresses, allocated, freed) in stacks::all() {
            let sums = stacks.entry(addresses).or_default();
            sums.0 = sum(sums.0, allocated);
            sums.1 = sum(sums.1, freed);
        }
        let mut symbols = Symbols::default();
        let lost_stacks = stacks.get(&Vec::new()).map_or(0, |(allocated, _)| allocated.samples);
        let samples = stacks
            .into_iter()
            .map(|(addresses, (allocated, freed))| Sample {
                frames: symbols.callers(&addresses, is_ours),
                sampled: allocated.samples,
                allocated: Values { objects: whole(allocated.objects), bytes: allocated.bytes },
                in_use: Values {
                    objects: whole(allocated.objects.saturating_sub(freed.objects)),
                    bytes: allocated.bytes.saturating_sub(freed.bytes),
                },
            })
            .collect();
        let walked_by = if capture::by_frame_pointers() { "frame pointers" } else { "unwind tables" };
        Ok(Profile {
            rate: self.rate,
            wall_s,
            samples,
            lost_stacks,
            untracked: UNTRACKED.load(Relaxed),
            walked_by: walked_by.to_owned(),
            build_id: build_id(),
            mappings: executable_mappings()?,
        })
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        quiesce();
        RUNNING.store(false, SeqCst);
    }
}

/// Ends sampling; afterwards nobody writes to the tables.
fn quiesce() {
    allocator::observe(false);
    GENERATION.store(0, SeqCst);
    while WRITERS.load(SeqCst) != 0 {
        // A sample takes microseconds, and no writer waits for anybody.
        std::thread::yield_now();
    }
}

fn sum(one: Read, other: Read) -> Read {
    Read { samples: one.samples + other.samples, objects: one.objects + other.objects, bytes: one.bytes + other.bytes }
}

/// Functions between a program's call and the sampler.
fn is_ours(function: &str) -> bool {
    let path = function.trim_start_matches('<');
    path.starts_with("probe::heap::")
        || path.starts_with("probe::allocator::")
        || path.starts_with("backtrace::")
        || path.starts_with("__rustc::")
        || path.starts_with("__rg_")
        // Not every name with this beginning: `__rust_try` is where threads begin.
        || ["__rust_alloc", "__rust_realloc"].iter().any(|shim| path.starts_with(shim))
}

/// Keeps the tables open for one thread.
struct Writer(u32);

impl Writer {
    /// `None` where no profile runs, or not that one.
    fn enter(generation: Option<u32>) -> Option<Self> {
        // Counted before the check: whoever ends the profile sees either the check fail or this writer.
        WRITERS.fetch_add(1, SeqCst);
        let writer = Self(GENERATION.load(SeqCst));
        (writer.0 != 0 && generation.is_none_or(|generation| generation == writer.0)).then_some(writer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        WRITERS.fetch_sub(1, SeqCst);
    }
}

/// An allocation that is to be sampled; drop it without [`Ticket::track`] where the block cannot be followed.
pub(crate) struct Ticket {
    stack: u32,
    weight: Weight,
    settled: bool,
    writer: Writer,
}

/// Whether an allocation of `size` bytes is sampled. Called for every allocation while a profile runs.
#[inline]
pub(crate) fn due(size: usize) -> Option<Ticket> {
    let generation = GENERATION.load(Relaxed);
    if generation == 0 || !countdown::hits(size, generation, RATE.load(Relaxed)) {
        return None;
    }
    let ticket = sample(size, generation);
    countdown::done();
    ticket
}

#[cold]
fn sample(size: usize, generation: u32) -> Option<Ticket> {
    let writer = Writer::enter(Some(generation))?;
    let stack = stacks::position(capture::stack().as_slice());
    let weight = weight(size, RATE.load(Relaxed));
    stacks::add(stack, Side::Allocated, weight);
    Some(Ticket { stack, weight, settled: false, writer })
}

impl Ticket {
    /// Follows the block, which begins on a page, to its free. False where there is no room: then it must be an
    /// ordinary block.
    pub(crate) fn track(&mut self, block: *mut u8) -> bool {
        self.settled = live::insert(block.addr(), Block { generation: self.writer.0, stack: self.stack });
        self.settled
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            UNTRACKED.fetch_add(1, Relaxed);
            stacks::add(self.stack, Side::Freed, self.weight);
        }
    }
}

/// True where the block is a sampled one.
pub(crate) fn is_tracked(block: *mut u8) -> bool {
    live::contains(block.addr())
}

/// A block of `size` bytes is about to be given back: true where it was a sampled one, whose alignment is a page.
#[cold]
#[inline(never)]
pub(crate) fn forget(block: *mut u8, size: usize) -> bool {
    let Some(known) = live::remove(block.addr()) else { return false };
    if let Some(_writer) = Writer::enter(Some(known.generation)) {
        stacks::add(known.stack, Side::Freed, weight(size, RATE.load(Relaxed)));
    }
    true
}
