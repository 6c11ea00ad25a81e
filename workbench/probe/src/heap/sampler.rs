//! Start and stop, and what the allocator calls in between.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Instant;

use super::estimate::{Weight, weight, whole};
use super::gate::{Gate, Writer};
use super::live::{self, Block};
use super::peak::Watch;
use super::profile::{Moment, Peak, Profile, Sample, Values};
use super::stacks::{self, Read, Side};
use super::{capture, countdown};
use crate::allocator;
use crate::cpu::{Symbols, build_id, executable_mappings};

/// Go's `MemProfileRate`: a sample for each 512 KiB.
pub const DEFAULT_RATE: u64 = 512 << 10;

/// A profile is running, or its result is being read.
static RUNNING: AtomicBool = AtomicBool::new(false);
static GATE: Gate = Gate::new();
/// Number of the last profile.
static LAST: AtomicU32 = AtomicU32::new(0);
/// Of the running profile.
static RATE: AtomicU64 = AtomicU64::new(DEFAULT_RATE);
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
    watch: Option<Watch>,
}

impl Profiler {
    /// Begins to sample every thread of this process, one byte in `rate` on average.
    ///
    /// # Errors
    /// A rate of zero, another profile that is running, or a program without the selectable allocator.
    pub fn start(rate: u64) -> Result<Self, HeapError> {
        Self::begin(rate, false)
    }

    /// The same, with a thread that watches live memory 100 times a second and keeps the picture of its peak.
    ///
    /// # Errors
    /// As [`Self::start`], or no thread could be had.
    pub fn start_watching_peak(rate: u64) -> Result<Self, HeapError> {
        Self::begin(rate, true)
    }

    fn begin(rate: u64, watched: bool) -> Result<Self, HeapError> {
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
        // Now, so that its own memory is not sampled; dropping `running` ends what has been begun.
        let mut running = Self { rate, started: Instant::now(), watch: None };
        if watched {
            running.watch = Some(Watch::start()?);
        }
        RATE.store(rate, Relaxed);
        // Never 0, which is no profile.
        let generation = LAST.load(Relaxed).checked_add(1).unwrap_or(1);
        LAST.store(generation, Relaxed);
        // Before the generation is known, which every thread reads that samples.
        allocator::watch_returns(true);
        GATE.open(generation);
        running.started = Instant::now();
        allocator::watch_allocations(true);
        Ok(running)
    }

    /// Live bytes of the process at the highest moment so far; 0 where it is not watched, or nothing has been higher than
    /// the start.
    pub fn live_at_peak(&self) -> u64 {
        self.watch.as_ref().map_or(0, Watch::live)
    }

    /// Ends the profile and resolves its addresses, which takes a while and is not part of it.
    ///
    /// # Errors
    /// The process cannot look at itself.
    pub fn stop(mut self) -> Result<Profile, HeapError> {
        let peak = self.watch.as_mut().and_then(|watch| {
            let highest = watch.end()?;
            let at = (watch.begun + highest.at?).saturating_duration_since(self.started);
            Some(Peak { at_s: at.as_secs_f64(), live_bytes: highest.live })
        });
        // Read after the last look, which is part of the profile: no peak lies beyond its end.
        let wall_s = self.started.elapsed().as_secs_f64();
        quiesce();
        self.resolve(sums(), peak, wall_s)
    }

    /// What was sampled so far, and what of it is in use now; sampling goes on. A block that is just being sampled may be
    /// in it by half.
    ///
    /// # Errors
    /// The process cannot look at itself.
    pub fn snapshot(&self) -> Result<Profile, HeapError> {
        self.resolve(sums(), None, self.started.elapsed().as_secs_f64())
    }

    /// Keeps what was sampled so far, for [`Self::since`].
    pub fn mark(&self) -> Mark {
        Mark { at: Instant::now(), sums: sums() }
    }

    /// What was sampled since the mark: allocations, and by how much more is in use. A stack that has less in use than
    /// before counts as nothing.
    ///
    /// # Errors
    /// The process cannot look at itself.
    pub fn since(&self, mark: &Mark) -> Result<Profile, HeapError> {
        let mut grown = sums();
        for (addresses, [now, _]) in &mut grown {
            if let Some([before, _]) = mark.sums.get(addresses) {
                *now = [less(now[0], before[0]), less(now[1], before[1])];
            }
        }
        grown.retain(|_, [now, _]| now[0].samples > 0 || now[1].samples > 0);
        self.resolve(grown, None, mark.at.elapsed().as_secs_f64())
    }

    fn resolve(&self, stacks: Stacks, peak: Option<Peak>, wall_s: f64) -> Result<Profile, HeapError> {
        let mut symbols = Symbols::default();
        let lost_stacks = stacks.get(&Vec::new()).map_or(0, |[now, _]| now[0].samples);
        let samples = stacks
            .into_iter()
            .map(|(addresses, [now, peak])| {
                let Moment { allocated, in_use } = moment(now);
                let frames = symbols.callers(&addresses, is_ours);
                Sample { frames, sampled: now[0].samples, allocated, in_use, at_peak: moment(peak) }
            })
            .collect();
        let walked_by = if capture::by_frame_pointers() { "frame pointers" } else { "unwind tables" };
        Ok(Profile {
            rate: self.rate,
            wall_s,
            samples,
            peak,
            lost_stacks,
            untracked: UNTRACKED.load(Relaxed),
            walked_by: walked_by.to_owned(),
            build_id: build_id(),
            mappings: executable_mappings()?,
        })
    }
}

/// Sums of distinct stacks, leaf first: now and at the peak, of what was allocated and of what was freed.
type Stacks = BTreeMap<Vec<u64>, [[Read; 2]; 2]>;

/// What had been sampled at a moment.
#[derive(Debug)]
pub struct Mark {
    at: Instant,
    sums: Stacks,
}

fn sums() -> Stacks {
    // A stack may have two places.
    let mut stacks = Stacks::new();
    for known in stacks::all() {
        let sums = stacks.entry(known.addresses).or_default();
        for (sums, more) in sums.iter_mut().zip([known.now, known.peak]) {
            *sums = [sum(sums[0], more[0]), sum(sums[1], more[1])];
        }
    }
    stacks
}

impl Drop for Profiler {
    fn drop(&mut self) {
        // Ended before the tables are anybody else's.
        self.watch = None;
        quiesce();
        RUNNING.store(false, SeqCst);
    }
}

/// Ends sampling; afterwards nobody writes to the tables.
fn quiesce() {
    allocator::watch_allocations(false);
    GATE.close();
    // No block joins the table any more. Those that are still in it are watched to their ends, or to that of a later
    // profile: until then a free costs a call and a test of its address.
    if !live::any() {
        allocator::watch_returns(false);
    }
}

/// Estimates from the sums of allocations and of frees.
fn moment([allocated, freed]: [Read; 2]) -> Moment {
    Moment {
        allocated: Values { objects: whole(allocated.objects), bytes: allocated.bytes },
        in_use: Values {
            objects: whole(allocated.objects.saturating_sub(freed.objects)),
            bytes: allocated.bytes.saturating_sub(freed.bytes),
        },
    }
}

fn sum(one: Read, other: Read) -> Read {
    Read { samples: one.samples + other.samples, objects: one.objects + other.objects, bytes: one.bytes + other.bytes }
}

/// Sums only grow, but those of one stack are not read at one instant.
fn less(one: Read, other: Read) -> Read {
    Read {
        samples: one.samples.saturating_sub(other.samples),
        objects: one.objects.saturating_sub(other.objects),
        bytes: one.bytes.saturating_sub(other.bytes),
    }
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

/// An allocation that is to be sampled; drop it without [`Ticket::track`] where the block cannot be followed.
pub(crate) struct Ticket {
    stack: u32,
    weight: Weight,
    settled: bool,
    writer: Writer<'static>,
}

/// Whether an allocation of `size` bytes is sampled. Called for every allocation while a profile runs.
#[inline]
pub(crate) fn due(size: usize) -> Option<Ticket> {
    let generation = GATE.generation();
    if generation == 0 || !countdown::hits(size, generation, RATE.load(Relaxed)) {
        return None;
    }
    let ticket = sample(size, generation);
    countdown::done();
    ticket
}

#[cold]
fn sample(size: usize, generation: u32) -> Option<Ticket> {
    let writer = GATE.enter(generation)?;
    let stack = stacks::position(capture::stack().as_slice());
    let weight = weight(size, RATE.load(Relaxed));
    stacks::add(stack, Side::Allocated, weight);
    Some(Ticket { stack, weight, settled: false, writer })
}

impl Ticket {
    /// Follows the block, which begins on a page, to its free. False where there is no room: then it must be an
    /// ordinary block.
    pub(crate) fn track(&mut self, block: *mut u8) -> bool {
        self.settled = live::insert(block.addr(), Block { generation: self.writer.generation, stack: self.stack });
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
    if let Some(_writer) = GATE.enter(known.generation) {
        stacks::add(known.stack, Side::Freed, weight(size, RATE.load(Relaxed)));
    }
    true
}
