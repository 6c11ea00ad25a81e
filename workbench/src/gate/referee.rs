//! Hears every trial of a gate and says when no more are needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reports::limits::{Evidence, GateSide, Judge, OnCannotTell, Stopped};
use reports::run::{Count, PlannedTrial, TrialRecord};

use crate::conductor::Referee;

/// What a gate decides by, and about whom.
#[derive(Debug)]
pub struct Gate {
    pub(super) judge: Judge,
    pub(super) base: GateSide,
    pub(super) candidate: GateSide,
    /// Executables in the place of this one, by variant.
    pub(super) programs: BTreeMap<String, PathBuf>,
    /// Wall time.
    pub(super) budget: Option<Duration>,
    /// What evidence trials should take of it.
    pub(super) reserve: Duration,
    pub(super) on_cannot_tell: OnCannotTell,
}

impl Gate {
    /// Executables in the place of this one, by variant.
    pub fn programs(&self) -> BTreeMap<String, PathBuf> {
        self.programs.clone()
    }

    /// Numbers of pairs at which it looks.
    pub fn looks(&self) -> &[usize] {
        self.judge.looks()
    }
}

/// A gate that is under way.
#[derive(Debug)]
pub struct GateReferee {
    pub(super) gate: Gate,
    began: Instant,
    /// When the last pair was complete.
    last: Instant,
    /// The longest pair so far.
    longest: Duration,
    pairs: usize,
    pub(super) out_of_time: bool,
}

impl GateReferee {
    /// The budget begins now.
    pub fn new(gate: Gate) -> Self {
        let now = Instant::now();
        Self { gate, began: now, last: now, longest: Duration::ZERO, pairs: 0, out_of_time: false }
    }

    /// Why the measurements ended, where every trial that was started ended well.
    pub(super) fn stopped(&self) -> Stopped {
        let all = self.gate.looks().last().is_some_and(|last| self.pairs >= *last);
        match (self.gate.judge.decided(), self.out_of_time) {
            _ if all => Stopped::AllPairs,
            (true, _) => Stopped::Early,
            (false, true) => Stopped::OutOfTime,
            (false, false) => Stopped::AllPairs,
        }
    }
}

impl Referee for GateReferee {
    fn enough(&mut self, trial: &TrialRecord) -> bool {
        self.gate.judge.hear(trial.clone());
        let pairs = self.gate.judge.pairs();
        if pairs == self.pairs {
            return false;
        }
        // Only between pairs: half of one is worth nothing.
        self.pairs = pairs;
        let now = Instant::now();
        // The first pair has the preflight in it.
        if pairs > 1 {
            self.longest = self.longest.max(now - self.last);
        }
        self.last = now;
        let needed = self.longest + self.gate.reserve;
        self.out_of_time = self.gate.budget.is_some_and(|budget| now - self.began + needed > budget);
        self.gate.judge.decided() || self.out_of_time
    }

    fn wants_evidence(&self) -> bool {
        self.gate.judge.awaits_counts()
    }

    fn counted(&mut self, trial: &PlannedTrial, counts: Result<BTreeMap<String, Count>, String>) -> bool {
        self.gate.judge.count(Evidence { variant: trial.variant.clone(), counts });
        // All that are planned: how they come out must not decide how many there are.
        false
    }
}
