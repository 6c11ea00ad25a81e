//! Tells of stalls while the watch goes on.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::kept::Seen;
use super::named::Names;
use super::record::{Class, Stall};
use super::watch::News;
use super::watchdog::{Now, OnStall, locked};

pub(super) struct Teller {
    pub(super) names: Names,
    pub(super) on_stall: OnStall,
    pub(super) shared: Arc<Mutex<Now>>,
    /// Numbers of stalls that were told of and are not over.
    pub(super) open: Vec<u64>,
    /// Number of the one that the summary calls the last.
    pub(super) last: u64,
}

impl Teller {
    /// Tells until the watch is over; then hands over the names that it knows.
    pub(super) fn run(mut self, told: &Receiver<News>) -> Names {
        self.names.warm_up();
        while let Ok(news) = told.recv() {
            let stall = match news {
                News::Caught(seen) => self.caught(&seen),
                News::Over(seen) => self.over(&seen),
            };
            (self.on_stall)(&stall);
        }
        self.names
    }

    fn caught(&mut self, seen: &Seen) -> Stall {
        let stall = self.names.stall(seen);
        self.open.push(seen.number);
        self.count(&stall);
        if is_harmful(&stall) {
            locked(&self.shared).lasting.push((seen.number, seen.began));
        }
        stall
    }

    fn over(&mut self, seen: &Seen) -> Stall {
        let stall = self.names.stall(seen);
        match self.open.iter().position(|number| *number == seen.number) {
            Some(told) => {
                self.open.swap_remove(told);
            }
            None => self.count(&stall),
        }
        let mut now = locked(&self.shared);
        now.lasting.retain(|(number, _)| *number != seen.number);
        if is_harmful(&stall) {
            now.summary.longest = now.summary.longest.max(Duration::from_nanos(seen.duration));
            if stall.number == self.last {
                // By its end more is known of why.
                now.summary.last = Some(stall.briefly());
            }
        }
        stall
    }

    fn count(&mut self, stall: &Stall) {
        if is_harmful(stall) {
            let mut now = locked(&self.shared);
            now.summary.count += 1;
            now.summary.last = Some(stall.briefly());
            self.last = stall.number;
        }
    }
}

fn is_harmful(stall: &Stall) -> bool {
    stall.class != Class::BlockInPlace
}
