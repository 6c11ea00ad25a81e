//! Ticks: the life of the watching thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::kept::Kept;
use super::named::Names;
use super::record::Caught;
use super::watch::{News, Watch};
use super::watchdog::{Now, locked};

pub(super) struct Watcher {
    pub(super) watch: Watch,
    pub(super) threshold: Duration,
    pub(super) interval: Duration,
    pub(super) kept: Kept,
    pub(super) shared: Arc<Mutex<Now>>,
}

/// The figures of a watch that is over.
pub(super) struct Figures {
    threshold: Duration,
    interval: Duration,
    longest_gap: Duration,
    counted: u64,
    seen: u64,
    no_stacks: Option<String>,
}

impl Watcher {
    /// Watches until told to stop. News go to whoever tells them on, if there is somebody.
    pub(super) fn run(mut self, stopped: &Receiver<()>, tell: Option<Sender<News>>) -> (Figures, Kept) {
        let mut news = Vec::new();
        let (mut before, mut longest_gap) = (Instant::now(), Duration::ZERO);
        loop {
            self.watch.tick(&mut news);
            self.deal(&mut news, tell.as_ref());
            if !matches!(stopped.recv_timeout(self.interval), Err(RecvTimeoutError::Timeout)) {
                break;
            }
            let now = Instant::now();
            longest_gap = longest_gap.max(now - before);
            before = now;
        }
        let lasting = self.watch.finish(&mut news);
        self.deal(&mut news, tell.as_ref());
        let figures = Figures {
            threshold: self.threshold,
            interval: self.interval,
            longest_gap,
            counted: self.watch.counted() + lasting,
            seen: self.watch.seen,
            no_stacks: self.watch.no_stacks().map(ToOwned::to_owned),
        };
        (figures, self.kept)
    }

    fn deal(&mut self, news: &mut Vec<News>, tell: Option<&Sender<News>>) {
        for one in news.drain(..) {
            if let News::Over(seen) = &one {
                self.kept.add(seen.clone());
            }
            if let Some(tell) = tell {
                // Whoever is told may have panicked; what is kept stays.
                let _ = tell.send(one);
            }
        }
        if tell.is_none() {
            let mut now = locked(&self.shared);
            now.summary.count = self.watch.seen;
            now.summary.longest = Duration::from_nanos(self.watch.longest);
        }
    }
}

impl Figures {
    /// Gives names to what was kept.
    pub(super) fn named(self, names: &mut Names, kept: Kept) -> Caught {
        let (stalls, others) = names.all(kept);
        Caught {
            threshold_s: self.threshold.as_secs_f64(),
            interval_s: self.interval.as_secs_f64(),
            longest_gap_s: self.longest_gap.as_secs_f64(),
            counted: self.counted,
            seen: self.seen,
            stalls,
            others,
            no_stacks: self.no_stacks,
        }
    }
}
