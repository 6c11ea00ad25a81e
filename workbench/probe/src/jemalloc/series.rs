//! What jemalloc counts, read again and again: names are looked up once, one epoch a reading.

use std::ffi::c_uint;

use tikv_jemalloc_ctl::raw;

use super::{ControlError, Stats};

/// Stands for all arenas together (`MALLCTL_ARENAS_ALL` of jemalloc(3)).
const ALL: usize = 4096;

/// Mutexes of an arena that jemalloc 5.3 profiles; one that another version lacks is left out.
const ARENA_MUTEXES: [&str; 9] = [
    "large",
    "extent_avail",
    "extents_dirty",
    "extents_muzzy",
    "extents_retained",
    "decay_dirty",
    "decay_muzzy",
    "base",
    "tcache_list",
];

/// Everything at one moment. Counts are totals since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes by state.
    pub totals: Stats,
    /// Bytes in freed pages that still hold memory (`stats.arenas.4096.pdirty` × page).
    pub dirty: u64,
    /// Bytes in freed pages that the kernel may take (`pmuzzy` × page).
    pub muzzy: u64,
    /// Purge passes, dirty and muzzy (`dirty_npurge` + `muzzy_npurge`).
    pub purges: u64,
    /// Calls that gave pages back (`dirty_nmadvise` + `muzzy_nmadvise`).
    pub madvises: u64,
    /// Bytes given back (`dirty_purged` + `muzzy_purged`, × page).
    pub purged: u64,
    /// Times a thread waited for a mutex of an arena or of a bin (`num_wait`).
    pub mutex_waits: u64,
    /// How long they waited in all, nanoseconds (`total_wait_time`).
    pub mutex_wait_ns: u64,
    /// Bytes in the caches of threads (`tcache_bytes`).
    pub tcache: u64,
    /// Times that background threads ran (`stats.background_thread.num_runs`).
    pub background_runs: u64,
}

/// Reads [`Reading`]s.
#[derive(Debug)]
pub struct Reader {
    page: u64,
    totals: [Mib; 6],
    pages: [Mib; 2],
    purges: [Mib; 2],
    madvises: [Mib; 2],
    purged: [Mib; 2],
    tcache: Mib,
    background_runs: Option<Mib>,
    waits: Vec<Mib>,
    wait_times: Vec<Mib>,
}

/// A name as jemalloc looked it up.
#[derive(Debug, Clone, Copy)]
struct Mib {
    name: &'static str,
    path: [usize; 8],
    depth: usize,
}

impl Reader {
    /// Looks every name up.
    ///
    /// # Errors
    /// jemalloc was built without statistics.
    pub fn new() -> Result<Self, ControlError> {
        let both = |dirty, muzzy| Ok::<_, ControlError>([arena(dirty)?, arena(muzzy)?]);
        let mutexes = |counter: &str| -> Vec<Mib> {
            let bins: c_uint = super::control::read("arenas.nbins").unwrap_or(0);
            let arenas = ARENA_MUTEXES.iter().map(|mutex| format!("stats.arenas.{ALL}.mutexes.{mutex}.{counter}"));
            let bins = (0..bins).map(|bin| format!("stats.arenas.{ALL}.bins.{bin}.mutex.{counter}"));
            arenas.chain(bins).filter_map(|name| Mib::find(&name, "mutexes").ok()).collect()
        };
        Ok(Self {
            page: super::control::read::<usize>("arenas.page")? as u64,
            totals: [
                Mib::find("stats.allocated", "stats.allocated")?,
                Mib::find("stats.active", "stats.active")?,
                Mib::find("stats.resident", "stats.resident")?,
                Mib::find("stats.retained", "stats.retained")?,
                Mib::find("stats.mapped", "stats.mapped")?,
                Mib::find("stats.metadata", "stats.metadata")?,
            ],
            pages: both("pdirty", "pmuzzy")?,
            purges: both("dirty_npurge", "muzzy_npurge")?,
            madvises: both("dirty_nmadvise", "muzzy_nmadvise")?,
            purged: both("dirty_purged", "muzzy_purged")?,
            tcache: arena("tcache_bytes")?,
            background_runs: Mib::find("stats.background_thread.num_runs", "stats.background_thread.num_runs").ok(),
            waits: mutexes("num_wait"),
            wait_times: mutexes("total_wait_time"),
        })
    }

    /// Refreshes jemalloc's statistics and reads them all.
    ///
    /// # Errors
    /// jemalloc refuses an answer that it gave before.
    pub fn read(&self) -> Result<Reading, ControlError> {
        advance()?;
        let [allocated, active, resident, retained, mapped, metadata] = self.totals;
        let sum = |mibs: &[Mib]| mibs.iter().map(Mib::count).sum::<Result<u64, _>>();
        let [dirty, muzzy] = self.pages;
        Ok(Reading {
            totals: Stats {
                allocated: allocated.size()?,
                active: active.size()?,
                resident: resident.size()?,
                retained: retained.size()?,
                mapped: mapped.size()?,
                metadata: metadata.size()?,
            },
            dirty: dirty.size()? * self.page,
            muzzy: muzzy.size()? * self.page,
            purges: sum(&self.purges)?,
            madvises: sum(&self.madvises)?,
            purged: sum(&self.purged)? * self.page,
            mutex_waits: sum(&self.waits)?,
            mutex_wait_ns: sum(&self.wait_times)?,
            tcache: self.tcache.size()?,
            background_runs: self.background_runs.map_or(Ok(0), |mib| mib.size())?,
        })
    }

    /// Bytes in freed pages that purging would give back; one epoch.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn reclaimable(&self) -> Result<u64, ControlError> {
        advance()?;
        let [dirty, muzzy] = self.pages;
        Ok((dirty.size()? + muzzy.size()?) * self.page)
    }
}

/// Gives every dirty and muzzy page of every arena back to the kernel (`arena.4096.purge`). Blocks in the caches of
/// other threads stay where they are.
///
/// # Errors
/// jemalloc refused.
pub fn purge() -> Result<(), ControlError> {
    const NAME: &std::ffi::CStr = c"arena.4096.purge";
    let nothing = std::ptr::null_mut();
    // SAFETY: the name ends in NUL; jemalloc takes neither input nor output for it.
    let code = unsafe { tikv_jemalloc_sys::mallctl(NAME.as_ptr(), nothing, std::ptr::null_mut(), nothing, 0) };
    if code == 0 {
        return Ok(());
    }
    let reason = std::io::Error::from_raw_os_error(code).to_string();
    Err(ControlError { name: "arena.4096.purge".to_owned(), reason })
}

fn advance() -> Result<(), ControlError> {
    let refused = |error: tikv_jemalloc_ctl::Error| ControlError { name: "epoch".into(), reason: error.to_string() };
    tikv_jemalloc_ctl::epoch::advance().map(drop).map_err(refused)
}

fn arena(figure: &'static str) -> Result<Mib, ControlError> {
    Mib::find(&format!("stats.arenas.{ALL}.{figure}"), figure)
}

impl Mib {
    fn find(name: &str, short: &'static str) -> Result<Self, ControlError> {
        let (terminated, depth) = (format!("{name}\0"), name.split('.').count());
        let mut path = [0; 8];
        raw::name_to_mib(terminated.as_bytes(), &mut path[..depth])
            .map_err(|error| ControlError { name: name.to_owned(), reason: error.to_string() })?;
        Ok(Self { name: short, path, depth })
    }

    /// A `size_t`.
    fn size(&self) -> Result<u64, ControlError> {
        self.read::<usize>().map(|value| value as u64)
    }

    /// A `uint64_t`.
    fn count(&self) -> Result<u64, ControlError> {
        self.read()
    }

    fn read<T: Copy>(&self) -> Result<T, ControlError> {
        // SAFETY: the path came from jemalloc, which checks the size of T against its own type before it writes.
        unsafe { raw::read_mib(&self.path[..self.depth]) }
            .map_err(|error| ControlError { name: self.name.to_owned(), reason: error.to_string() })
    }
}
