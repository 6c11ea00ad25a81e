//! The thread that keeps the limit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::decision::{Action, Decider, Sample};
use super::give_back::GiveBack;
use super::{CPU_SHARE, Change, ENV, HZ, Level, Pressure, SizeError, fault_cost, parse_size, pressure};
use crate::allocator::Kind;
use crate::usage;

/// Changes of the level that are kept: with [`HZ`] looks a second, more than a hundred seconds of nothing but changes.
const MOST_CHANGES: usize = 16_384;

/// A limit to be.
pub struct Limit {
    bytes: u64,
    cpu_share: f64,
    on_change: Box<dyn Fn(Level) + Send>,
}

/// Why a limit cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The environment variable holds no size.
    #[error("{ENV}: {0}")]
    Size(#[from] SizeError),
    /// Nothing fits, or nothing may be spent.
    #[error("a memory limit of {bytes} bytes at {cpu_share} of the CPUs: both must be above 0, the latter at most 1")]
    Nothing {
        /// The limit.
        bytes: u64,
        /// The budget.
        cpu_share: f64,
    },
    /// The allocator cannot say what it holds.
    #[error(transparent)]
    Allocator(#[from] crate::jemalloc::ControlError),
    /// No thread, no clock, no `/proc`.
    #[error("the memory limit's controller: {0}")]
    Io(#[from] std::io::Error),
}

/// What a controller did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Seconds that the limit was kept.
    pub watched_s: f64,
    /// Of these, with the resident set close to the limit: giving back, or waiting for something to give.
    pub close_s: f64,
    /// Of these, above the limit with nothing to give back ([`Level::Over`]).
    pub over_s: f64,
    /// Of these, with pages to give back and the CPU budget spent.
    pub paused_s: f64,
    /// Times that pages were given back.
    pub purges: u64,
    /// Bytes by which the resident set fell meanwhile, summed.
    pub given_back: u64,
    /// Largest resident set seen, bytes.
    pub worst: u64,
    /// CPU seconds of the controller, giving back included.
    pub cpu_s: f64,
    /// CPU seconds that the program's page faults cost while close to the limit: their number × their cost at the start.
    pub fault_cpu_s: f64,
}

/// A limit that is being kept, until this is dropped.
#[must_use = "the limit holds until this is dropped"]
#[derive(Debug)]
pub struct Controller {
    bytes: u64,
    cpu_share: f64,
    allocator: Kind,
    pressure: Pressure,
    tally: Arc<Mutex<Tally>>,
    changes: Arc<Mutex<Vec<Change>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").field("bytes", &self.bytes).field("cpu_share", &self.cpu_share).finish_non_exhaustive()
    }
}

impl Limit {
    /// A limit on the resident set, bytes.
    pub fn new(bytes: u64) -> Self {
        Self { bytes, cpu_share: CPU_SHARE, on_change: Box::new(|_| {}) }
    }

    /// The limit that [`ENV`] asks for; `None` where it is unset, empty or `off`.
    ///
    /// # Errors
    /// Text that is no size.
    pub fn from_environment() -> Result<Option<Self>, LimitError> {
        match std::env::var(ENV) {
            Ok(text) if !text.trim().is_empty() => Ok(parse_size(&text)?.map(Self::new)),
            _ => Ok(None),
        }
    }

    /// Part of the CPUs' time that keeping the limit may cost, instead of [`CPU_SHARE`].
    pub fn cpu_share(self, cpu_share: f64) -> Self {
        Self { cpu_share, ..self }
    }

    /// Calls this at every change of the level, on the controller's thread.
    pub fn on_change(self, hear: impl Fn(Level) + Send + 'static) -> Self {
        Self { on_change: Box::new(hear), ..self }
    }

    /// Starts to keep it. The first look has been taken when this returns.
    ///
    /// # Errors
    /// A limit or a budget of nothing, an allocator without statistics, no thread.
    pub fn start(self) -> Result<Controller, LimitError> {
        let Self { bytes, cpu_share, on_change } = self;
        if bytes == 0 || !(cpu_share > 0.0 && cpu_share <= 1.0) {
            return Err(LimitError::Nothing { bytes, cpu_share });
        }
        let give_back = GiveBack::find()?;
        let allocator = give_back.kind();
        let (source, pressure) = pressure::channel();
        let (tally, stop) = (Arc::new(Mutex::new(Tally::default())), Arc::new(AtomicBool::new(false)));
        let changes = Arc::new(Mutex::new(Vec::new()));
        let mut keeper = Keeper {
            decider: Decider::new(bytes, cpu_share),
            give_back,
            source,
            changes: Arc::clone(&changes),
            on_change,
            began: Instant::now(),
            last_s: 0.0,
            cpus: std::thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64),
            fault_s: fault_cost::measured_s()?,
            purge_cpu_s: 0.0,
            faults: usage::process()?.minor_faults,
        };
        // Here, so that what cannot be read is this call's error.
        keeper.look(&tally)?;
        let thread = std::thread::Builder::new().name("memory-limit".into()).spawn({
            let (tally, stop) = (Arc::clone(&tally), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::park_timeout(Duration::from_secs(1) / HZ);
                    // What could be read a moment ago can be read now; a look that fails is a look missed.
                    let _ = keeper.look(&tally);
                }
            }
        })?;
        Ok(Controller { bytes, cpu_share, allocator, pressure, tally, changes, stop, thread: Some(thread) })
    }
}

impl Controller {
    /// The limit in force, bytes.
    pub fn limit(&self) -> u64 {
        self.bytes
    }

    /// The budget in force, a part of the CPUs' time.
    pub fn cpu_share(&self) -> f64 {
        self.cpu_share
    }

    /// The allocator that gives pages back.
    pub fn allocator(&self) -> Kind {
        self.allocator
    }

    /// How far the program is from the limit.
    pub fn pressure(&self) -> Pressure {
        self.pressure.clone()
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the level changed so far, in order; the first some thousands.
    pub fn changes(&self) -> Vec<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it and says what was done.
    pub fn stop(mut self) -> Tally {
        self.end();
        self.tally()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread has no reason to panic; if it did, the tally says what it did before.
            let _ = thread.join();
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread owns.
struct Keeper {
    decider: Decider,
    give_back: GiveBack,
    source: pressure::Source,
    changes: Arc<Mutex<Vec<Change>>>,
    on_change: Box<dyn Fn(Level) + Send>,
    began: Instant,
    /// Moment of the last look, seconds.
    last_s: f64,
    cpus: f64,
    /// CPU seconds of a fault.
    fault_s: f64,
    purge_cpu_s: f64,
    /// Minor faults when the controller started.
    faults: u64,
}

impl Keeper {
    fn look(&mut self, tally: &Mutex<Tally>) -> std::io::Result<()> {
        let elapsed = self.began.elapsed();
        let (now_s, resident) = (elapsed.as_secs_f64(), usage::rss_bytes()?);
        let close = self.decider.asks_for_reclaimable(resident);
        let faults = usage::process()?.minor_faults.saturating_sub(self.faults);
        let decided = self.decider.decide(&Sample {
            at_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
            resident,
            reclaimable: if close { self.give_back.reclaimable() } else { 0 },
            purge_cpu_s: self.purge_cpu_s,
            fault_cpu_s: faults as f64 * self.fault_s,
            capacity_s: now_s * self.cpus,
        });
        let purge = decided.action == Action::Purge;
        let given_back = if purge { self.purge(resident)? } else { 0 };
        // After the purge, so that nobody sheds what has just become unnecessary.
        if self.source.set(decided.level) {
            self.remember(decided.level)?;
            (self.on_change)(decided.level);
        }
        let since_s = now_s - std::mem::replace(&mut self.last_s, now_s);
        let during = |holds: bool| if holds { since_s } else { 0.0 };
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.watched_s += since_s;
        tally.close_s += during(decided.level != Level::None);
        tally.over_s += during(decided.level == Level::Over);
        tally.paused_s += during(decided.paused);
        tally.purges += u64::from(purge);
        tally.given_back += given_back;
        tally.worst = tally.worst.max(resident);
        tally.cpu_s = usage::thread_cpu_s()?;
        tally.fault_cpu_s = self.decider.fault_cpu_s();
        Ok(())
    }

    fn remember(&self, level: Level) -> std::io::Result<()> {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
        let at_ns = now.tv_sec().cast_unsigned() * 1_000_000_000 + now.tv_nsec().cast_unsigned();
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() < MOST_CHANGES {
            changes.push(Change { at_ns, level });
        }
        Ok(())
    }

    /// Gives back, and says by how much the resident set fell.
    fn purge(&mut self, before: u64) -> std::io::Result<u64> {
        let cpu_s = usage::thread_cpu_s()?;
        self.give_back.perform();
        self.purge_cpu_s += usage::thread_cpu_s()? - cpu_s;
        let given_back = before.saturating_sub(usage::rss_bytes()?);
        self.decider.gave_back(given_back);
        Ok(given_back)
    }
}
