//! When to give memory back: a state machine without a clock, from samples to decisions.

use std::collections::VecDeque;

use super::Level;

/// Giving back starts above this part of the limit (design 03 §5: of the variants tried, the one that kept best below).
pub const START_SHARE: f64 = 0.92;
/// And stops below this part.
pub const STOP_SHARE: f64 = 0.87;
/// Freed pages worth the calls that give them back, as a part of the limit.
pub const LEAST_SHARE: f64 = 0.05;

/// Time over which CPU is counted against the budget.
const WINDOW_NS: u64 = 1_000_000_000;
/// A purge that yields less than this part of the limit was fruitless.
const FRUIT_SHARE: f64 = 0.005;
/// After a fruitless purge the next comes no sooner, unless memory has grown by [`LEAST_SHARE`].
const FRUITLESS_NS: u64 = 1_000_000_000;

/// What the controller sees at one moment. Totals count from any moment on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Nanoseconds.
    pub at_ns: u64,
    /// Resident set, bytes.
    pub resident: u64,
    /// Bytes in freed pages; only needed where [`Decider::asks_for_reclaimable`] says so.
    pub reclaimable: u64,
    /// CPU seconds spent on giving back so far.
    pub purge_cpu_s: f64,
    /// CPU seconds spent on page faults so far, by whatever estimate.
    pub fault_cpu_s: f64,
    /// CPU seconds there were to spend so far: CPUs × time.
    pub capacity_s: f64,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Rest,
    /// Give freed pages back, then tell [`Decider::gave_back`] what came of it.
    Purge,
}

/// What to do and what to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// What to tell the program.
    pub level: Level,
    /// Memory would be given back, were the CPU budget not spent.
    pub paused: bool,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct Decider {
    limit: f64,
    budget: f64,
    purging: bool,
    paused: bool,
    over: bool,
    /// Moment of the last sample, and its resident set.
    last: (u64, f64),
    /// When a purge yielded nothing, and the resident set then.
    fruitless: Option<(u64, f64)>,
    cost_s: f64,
    fault_cpu_s: f64,
    previous: Option<Sample>,
    /// `(at_ns, cost_s, capacity_s)`, the oldest first.
    window: VecDeque<(u64, f64, f64)>,
}

impl Decider {
    /// For a limit in bytes, and a part of the CPUs' time that keeping it may cost.
    pub fn new(limit: u64, cpu_share: f64) -> Self {
        Self {
            limit: limit as f64,
            budget: cpu_share,
            purging: false,
            paused: false,
            over: false,
            last: (0, 0.0),
            fruitless: None,
            cost_s: 0.0,
            fault_cpu_s: 0.0,
            previous: None,
            window: VecDeque::with_capacity(128),
        }
    }

    /// Whether the next decision depends on how much could be given back, which costs an epoch of the allocator to
    /// learn.
    pub fn asks_for_reclaimable(&self, resident: u64) -> bool {
        let resident = resident as f64;
        // At the lower mark itself it still goes on, as `decide` does.
        if self.purging { resident >= STOP_SHARE * self.limit } else { resident > START_SHARE * self.limit }
    }

    /// Decides on one sample; samples come in the order of time.
    pub fn decide(&mut self, sample: &Sample) -> Decision {
        let resident = sample.resident as f64;
        self.charge(sample);
        self.last = (sample.at_ns, resident);
        if resident > START_SHARE * self.limit {
            self.purging = true;
        } else if resident < STOP_SHARE * self.limit {
            self.purging = false;
            self.fruitless = None;
        }
        let enough = sample.reclaimable as f64 > LEAST_SHARE * self.limit;
        let worth = enough && !self.fruitless_lately(sample.at_ns, resident);
        let action = if self.purging && worth && !self.paused { Action::Purge } else { Action::Rest };
        // Over until well below: whoever sheds must not be called back by the first page it frees.
        self.over = if self.over { self.purging } else { resident > self.limit && action == Action::Rest };
        let level = match (self.over, self.purging) {
            (true, _) => Level::Over,
            (false, true) => Level::Purging,
            (false, false) => Level::None,
        };
        Decision { action, level, paused: self.purging && worth && self.paused }
    }

    /// Takes note of what the purge that was decided on gave back, bytes.
    pub fn gave_back(&mut self, bytes: u64) {
        let (at_ns, resident) = self.last;
        self.fruitless =
            ((bytes as f64) < FRUIT_SHARE * self.limit).then_some((at_ns, (resident - bytes as f64).max(0.0)));
    }

    /// Part of the CPUs' time that the last second's giving back cost.
    pub fn cpu_share(&self) -> f64 {
        let (Some(first), Some(last)) = (self.window.front(), self.window.back()) else { return 0.0 };
        let capacity_s = last.2 - first.2;
        if capacity_s > 0.0 { (last.1 - first.1) / capacity_s } else { 0.0 }
    }

    /// CPU seconds of page faults that were charged so far: those while it was close to the limit.
    pub fn fault_cpu_s(&self) -> f64 {
        self.fault_cpu_s
    }

    fn fruitless_lately(&self, now_ns: u64, resident: f64) -> bool {
        self.fruitless.is_some_and(|(then_ns, then)| {
            now_ns.saturating_sub(then_ns) < FRUITLESS_NS && resident < then + LEAST_SHARE * self.limit
        })
    }

    /// Counts the CPU spent since the last sample and holds it against the budget.
    fn charge(&mut self, sample: &Sample) {
        if let Some(previous) = self.previous.replace(*sample) {
            self.cost_s += (sample.purge_cpu_s - previous.purge_cpu_s).max(0.0);
            // Faults of a program that grows below its limit are nobody's fault.
            if self.purging {
                let faults_s = (sample.fault_cpu_s - previous.fault_cpu_s).max(0.0);
                self.cost_s += faults_s;
                self.fault_cpu_s += faults_s;
            }
        }
        self.window.push_back((sample.at_ns, self.cost_s, sample.capacity_s));
        while self.window.get(1).is_some_and(|(at_ns, ..)| sample.at_ns.saturating_sub(*at_ns) >= WINDOW_NS) {
            self.window.pop_front();
        }
        // Half of the budget lies between on and off, so that it does not flicker.
        self.paused = self.cpu_share() > if self.paused { self.budget / 2.0 } else { self.budget };
    }
}

#[cfg(test)]
mod tests;
