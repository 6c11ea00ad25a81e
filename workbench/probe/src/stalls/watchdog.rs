//! The thread that watches, and the one that tells.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::kept::Kept;
use super::named::Names;
use super::record::{Caught, Stall};
use super::teller::Teller;
use super::watch::Watch;
use super::watcher::Watcher;
use super::{DEFAULT_THRESHOLD, LOWEST_THRESHOLD, Summary};
use crate::tasks::{Recorder, Threads};

/// Names of the threads.
const WATCHING: &str = "stall-watchdog";
const TELLING: &str = "stall-teller";

/// Looks at a poll before it is a stall.
const LOOKS: u32 = 4;

/// Told of every stall, on a thread of its own: once when it has been caught and still lasts, if it is seen then, and
/// once when it is over, with the same number.
pub type OnStall = Box<dyn FnMut(&Stall) + Send>;

/// How to watch.
pub struct Options {
    /// A poll longer than this is a stall.
    pub threshold: Duration,
    /// Told of every stall; without it stacks get their names only when the watchdog stops, which leaves the process
    /// alone until then.
    pub on_stall: Option<OnStall>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threshold: DEFAULT_THRESHOLD, on_stall: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("threshold", &self.threshold)
            .field("on_stall", &self.on_stall.as_ref().map(|_| "…"))
            .finish()
    }
}

/// Why nobody watches.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A threshold that cannot be kept.
    #[error("a stall of {asked:?} cannot be caught: the least is {LOWEST_THRESHOLD:?}")]
    Threshold {
        /// What was asked for.
        asked: Duration,
    },
    /// No thread.
    #[error("the operating system refuses a thread: {0}")]
    Thread(#[from] io::Error),
}

/// The watchdog is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stall catcher panicked")]
pub struct StopError;

/// Watches the threads that poll tasks of one recorder, and takes the stack of whoever polls too long, while it does.
///
/// It sees what the recorder records: nothing before [`Recorder::start`], and nothing of the future given to
/// `block_on`. Dropped, it stops.
#[derive(Debug)]
pub struct Watchdog {
    stop: Sender<()>,
    watching: Option<JoinHandle<Caught>>,
    shared: Arc<Mutex<Now>>,
    threads: Threads,
}

/// What can be asked while it watches.
#[derive(Debug, Default)]
pub(super) struct Now {
    pub(super) summary: Summary,
    /// Number and beginning of stalls that still last.
    pub(super) lasting: Vec<(u64, u64)>,
}

/// Figures are whole at every step, whoever panicked.
pub(super) fn locked(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Watchdog {
    /// Begins to watch.
    ///
    /// # Errors
    /// A threshold that is too low, or no thread. Where only stacks cannot be taken it watches all the same, and
    /// [`Caught::no_stacks`] says why.
    pub fn start(recorder: &Recorder, options: Options) -> Result<Self, StartError> {
        if options.threshold < LOWEST_THRESHOLD {
            return Err(StartError::Threshold { asked: options.threshold });
        }
        let threads = recorder.threads();
        let shared = Arc::new(Mutex::new(Now::default()));
        let (stop, stopped) = mpsc::channel();
        let mut names = Names::new(threads.clone(), threads.now());
        let interval = options.threshold / LOOKS;
        let watch = Watch::new(threads.clone(), nanoseconds(options.threshold), nanoseconds(interval));
        let watcher = Watcher {
            watch,
            threshold: options.threshold,
            interval,
            kept: Kept::default(),
            shared: Arc::clone(&shared),
        };
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let watching = match options.on_stall {
            None => named(WATCHING).spawn(move || {
                let (seen, kept) = watcher.run(&stopped, None);
                seen.named(&mut names, kept)
            })?,
            Some(on_stall) => {
                let (tell, told) = mpsc::channel();
                let again = Names::new(threads.clone(), threads.now());
                let teller = Teller { names, on_stall, shared: Arc::clone(&shared), open: Vec::new(), last: 0 };
                let telling = named(TELLING).spawn(move || teller.run(&told))?;
                named(WATCHING).spawn(move || {
                    let (seen, kept) = watcher.run(&stopped, Some(tell));
                    // What was caught is there even where whoever was told panicked.
                    seen.named(&mut telling.join().unwrap_or(again), kept)
                })?
            }
        };
        Ok(Self { stop, watching: Some(watching), shared, threads })
    }

    /// Stalls so far, without those within `block_in_place` where there is somebody to tell
    /// ([`Options::on_stall`]); only then is the last culprit known before the end.
    pub fn summary(&self) -> Summary {
        let now = locked(&self.shared);
        let clock = self.threads.now();
        let ages = now.lasting.iter().map(|(_, began)| Duration::from_nanos(clock.saturating_sub(*began)));
        Summary { longest: ages.fold(now.summary.longest, Duration::max), ..now.summary.clone() }
    }

    /// Stops, and gives names to what was caught.
    ///
    /// # Errors
    /// The watchdog came to its end before.
    pub fn stop(mut self) -> Result<Caught, StopError> {
        self.end().ok_or(StopError)
    }

    fn end(&mut self) -> Option<Caught> {
        let watching = self.watching.take()?;
        // It may have ended by itself, in a panic.
        let _ = self.stop.send(());
        watching.join().ok()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.end();
    }
}
