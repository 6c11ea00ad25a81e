//! Memory pressure, as a workload sees it (`alloc.pressure`). Whoever keeps the limit holds the other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

/// How hard the memory limit presses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PressureLevel {
    /// Well below the limit, or there is none.
    #[default]
    None,
    /// Close to it: freed pages are being given back.
    Purging,
    /// Above it with nothing left to give back: only the workload can let go of memory.
    Over,
}

/// The level now, cheap to clone and to ask. The default never has any pressure.
#[derive(Debug, Clone, Default)]
pub struct Pressure(Option<(Arc<AtomicU8>, watch::Receiver<PressureLevel>)>);

/// Where the level comes from.
#[derive(Debug)]
pub struct PressureSource {
    level: Arc<AtomicU8>,
    changes: watch::Sender<PressureLevel>,
}

impl PressureSource {
    /// A source and what it drives.
    pub fn new() -> (Self, Pressure) {
        let level = Arc::new(AtomicU8::new(PressureLevel::None as u8));
        let (changes, receiver) = watch::channel(PressureLevel::None);
        (Self { level: Arc::clone(&level), changes }, Pressure(Some((level, receiver))))
    }

    /// Tells a new level.
    pub fn set(&self, level: PressureLevel) {
        self.level.store(level as u8, Ordering::Relaxed);
        self.changes.send_replace(level);
    }
}

impl Pressure {
    /// The level now: one atomic load, fit for every operation.
    pub fn level(&self) -> PressureLevel {
        let code = self.0.as_ref().map_or(0, |(level, _)| level.load(Ordering::Relaxed));
        match code {
            0 => PressureLevel::None,
            1 => PressureLevel::Purging,
            _ => PressureLevel::Over,
        }
    }

    /// Completes with the new level when it changes; never where nobody tells one.
    pub async fn changed(&mut self) -> PressureLevel {
        if let Some((_, changes)) = &mut self.0
            && changes.changed().await.is_ok()
        {
            return *changes.borrow_and_update();
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_and_whoever_waits_learn_the_level() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (source, mut pressure) = PressureSource::new();
        assert_eq!(pressure.level(), PressureLevel::None);
        for level in [PressureLevel::Over, PressureLevel::Purging, PressureLevel::None] {
            source.set(level);
            assert_eq!(pressure.level(), level);
            assert_eq!(runtime.block_on(pressure.changed()), level);
        }
        assert_eq!(Pressure::default().level(), PressureLevel::None);
    }
}
