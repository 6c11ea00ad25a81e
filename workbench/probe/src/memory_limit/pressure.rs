//! How far a program is from its limit, for whoever can shed work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

/// How hard memory presses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Level {
    /// Well below the limit.
    #[default]
    None = 0,
    /// Close to it: freed pages are being given back.
    Purging = 1,
    /// Above it, and nothing is left to give back, or the CPU budget for doing so is spent: only the program itself can
    /// let go of memory.
    Over = 2,
}

/// The level changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at_ns: u64,
    /// The level from then on.
    pub level: Level,
}

impl Level {
    fn of(code: u8) -> Self {
        match code {
            0 => Self::None,
            1 => Self::Purging,
            _ => Self::Over,
        }
    }
}

/// The level of a running [`super::Controller`]; cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Pressure {
    level: Arc<AtomicU8>,
    changes: watch::Receiver<Level>,
}

/// The other end.
#[derive(Debug)]
pub(super) struct Source {
    level: Arc<AtomicU8>,
    changes: watch::Sender<Level>,
}

impl Pressure {
    /// The level now: one atomic load, fit for every request.
    pub fn level(&self) -> Level {
        Level::of(self.level.load(Ordering::Relaxed))
    }

    /// Completes with the new level when it changes; never, once the controller has stopped.
    pub async fn changed(&mut self) -> Level {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.changes.borrow_and_update()
    }
}

pub(super) fn channel() -> (Source, Pressure) {
    let level = Arc::new(AtomicU8::new(0));
    let (sender, receiver) = watch::channel(Level::None);
    (Source { level: Arc::clone(&level), changes: sender }, Pressure { level, changes: receiver })
}

impl Source {
    /// Publishes a level; true where it is another than before.
    pub(super) fn set(&self, level: Level) -> bool {
        if self.level.swap(level as u8, Ordering::Relaxed) == level as u8 {
            return false;
        }
        self.changes.send_replace(level);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_by_whoever_asks_and_by_whoever_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (source, mut pressure) = channel();
        assert_eq!(pressure.level(), Level::None);
        assert!(source.set(Level::Over) && !source.set(Level::Over));
        assert_eq!(pressure.level(), Level::Over);
        assert_eq!(runtime.block_on(pressure.changed()), Level::Over);
        source.set(Level::Purging);
        assert_eq!(runtime.block_on(pressure.clone().changed()), Level::Purging);
    }
}
