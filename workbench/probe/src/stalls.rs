//! Polls that take too long, caught while they last: who held the worker, with its stack, and why it took so long.
//!
//! A watchdog looks at the open polls of [`crate::tasks`] a few times within the threshold. What it sees of an old poll's
//! thread (CPU clock, state, place of sleep) tells the [`Class`] of the stall; a signal, sent once, makes the thread copy
//! its registers and the upper end of its stack, and the watchdog walks that copy. The thread's handler takes no lock,
//! allocates nothing and reads memory only in ways that cannot fault.
//!
//! A thread that sleeps or polls in the kernel when the signal comes sees `EINTR`, as for every signal; std's own calls
//! go on, code that calls the kernel by itself must too. What the task hooks do not see the watchdog does not either:
//! the future given to `block_on`, tasks of a `LocalSet`, bodies of `spawn_blocking`.
//!
//! For a service of one's own:
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use probe::stalls::{Options, Watchdog};
//! let mut builder = tokio::runtime::Builder::new_multi_thread();
//! let recorder = probe::tasks::install(&mut builder)?;
//! recorder.start();
//! let on_stall: probe::stalls::OnStall = Box::new(|stall| eprintln!("{stall}"));
//! let watchdog = Watchdog::start(&recorder, Options { on_stall: Some(on_stall), ..Options::default() })?;
//! builder.build()?.block_on(async { /* serve */ });
//! # drop(watchdog);
//! # Ok(())
//! # }
//! ```

mod capture;
mod culprit;
mod kept;
mod look;
mod named;
mod record;
mod signal;
mod syscalls;
mod teller;
mod timeline;
mod watch;
mod watchdog;
mod watcher;

use std::time::Duration;

pub use self::record::{Caught, Class, Culprit, Others, Site, Stall};
pub use self::watchdog::{OnStall, Options, StartError, StopError, Watchdog};

/// A poll longer than this is a stall, where nothing else is said; the same that counts as one in
/// [`crate::tasks::SiteRecord::stalls`].
pub const DEFAULT_THRESHOLD: Duration = crate::tasks::STALL;

/// The shortest stall that can be asked for: hooks tell the durations of polls over
/// [`LONG_POLL`](crate::tasks::LONG_POLL), and the watchdog has to look a few times before.
pub const LOWEST_THRESHOLD: Duration = Duration::from_millis(2);

/// What a stall catcher has to say at any moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Stalls so far.
    pub count: u64,
    /// The longest of them, or of those that still last.
    pub longest: Duration,
    /// Culprit of the last one: function and place, and why, in words; `None` before the first.
    pub last: Option<String>,
}
