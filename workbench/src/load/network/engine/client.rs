//! What the loops ask of it.

use super::Engine;
use crate::load::LoadError;
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::network::client::{Client, Completion, Unreachable};
use crate::load::network::lane::Job;
use crate::load::seeded::call_seed;
use crate::load::slots::Failure;

impl Client for Engine<'_> {
    fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    fn busy(&self) -> usize {
        self.busy
    }

    fn in_flight(&self) -> Vec<usize> {
        self.lanes.iter().filter_map(|lane| lane.state.job()).map(|job| job.operation).collect()
    }

    fn reconnects(&self) -> u64 {
        self.reconnects
    }

    fn refusals(&mut self) -> (u64, Failure) {
        let refusals = std::mem::take(&mut self.refusals);
        let why = self.last_refusal.as_ref().map_or(Failure::Refused, Unreachable::failure);
        (if self.established == 0 { refusals } else { 0 }, why)
    }

    fn start(&mut self, sequence: u64, operation: usize, deadline_ns: u64) -> u64 {
        let index = self.idle.pop_front().expect("the caller asked `has_idle`");
        let lane = &mut self.lanes[index];
        let seed = call_seed(self.seed, sequence);
        self.templates[operation].render(sequence, seed, &mut lane.message, &mut self.body);
        self.busy += 1;
        self.next_deadline_ns = self.next_deadline_ns.min(deadline_ns);
        let sent_ns = MonotonicClock.now_ns();
        let job = Job { sequence, operation, sent_ns, deadline_ns };
        if lane.wire.is_some() {
            let sent = lane.begin(job);
            self.after_sending(index, sent);
        } else {
            self.open(index, Some(job), sent_ns);
        }
        sent_ns
    }

    fn step(&mut self, deadline_ns: u64) -> Result<(), LoadError> {
        let deadline_ns = deadline_ns.min(self.next_deadline_ns).min(self.next_retry_ns);
        self.waiter.wait(deadline_ns).map_err(LoadError::io("waiting for answers"))?;
        let mut index = 0;
        while let Some(ready) = self.waiter.ready(index) {
            index += 1;
            #[allow(clippy::cast_possible_truncation, reason = "the two halves of the token")]
            let (lane, generation) = (ready.token as u32 as usize, (ready.token >> 32) as u32);
            if self.lanes.get(lane).is_some_and(|lane| lane.generation == generation) {
                self.on_ready(lane, ready.readable, ready.writable);
            }
        }
        let now_ns = MonotonicClock.now_ns();
        if now_ns >= self.next_deadline_ns {
            self.expire(now_ns);
        }
        if now_ns >= self.next_retry_ns {
            self.retry(now_ns);
        }
        Ok(())
    }

    fn completions(&mut self) -> std::vec::Drain<'_, Completion> {
        self.completions.drain(..)
    }
}
