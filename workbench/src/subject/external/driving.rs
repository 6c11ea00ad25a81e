//! Drives a program over its socket, and stops as soon as it has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reports::run::DriverRecord;
use scenarios::spec::{Scenario, Target};

use super::running::Running;
use crate::child::protocol::Usage;
use crate::load::network::{self, Endpoint};
use crate::load::{ClosedOutcome, ClosedSpec, LoadError, OpenSpec, PhaseOutcome, Placement, Round};
use crate::subject::{SubjectError, answered_none, reap};

/// How often somebody looks whether the program lives.
const GLANCE: Duration = Duration::from_millis(50);

/// How the phases of one trial are driven.
pub(super) struct Driving<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) target: &'a Target,
    pub(super) seed: u64,
    pub(super) placement: &'a Placement,
    pub(super) stop: &'a AtomicBool,
    /// Keep measured operations of the open loop one by one.
    pub(super) each: bool,
}

impl Driving<'_> {
    /// Drives a closed loop; also says what the subject used from the first operation of the saturated phase to its last.
    pub(super) fn closed(
        &self,
        running: &mut Running,
        round: Round,
        duration: Duration,
        during: &str,
    ) -> Result<(ClosedOutcome, Usage), SubjectError> {
        let spec = ClosedSpec::new(self.scenario, round, self.seed, duration).placed(self.placement.clone());
        let endpoint = self.endpoint(running);
        let tree = running.tree().clone();
        let mut readings = Vec::with_capacity(2);
        let mut meter = || {
            // Nobody asks what the warm-up used.
            if round == Round::Saturated {
                readings.push(tree.usage());
            }
        };
        let driven =
            self.while_it_lives(running, |halt| network::drive_closed_metered(&endpoint, &spec, halt, &mut meter));
        let outcome = self.settle(driven, running, during)?;
        let is_unanswered = outcome.answered() == 0 && !duration.is_zero() && round.must_answer();
        if let Some(commonest) = outcome.commonest_error().filter(|_| is_unanswered) {
            return Err(running.failed(&answered_none(during, outcome.failed(), commonest)));
        }
        Ok((outcome, Usage::between(&readings)))
    }

    /// Drives the open loop.
    pub(super) fn open(&self, running: &mut Running, during: &str) -> Result<PhaseOutcome, SubjectError> {
        let spec = OpenSpec::new(self.scenario, self.seed).placed(self.placement.clone()).keeping_each(self.each);
        let endpoint = self.endpoint(running);
        let driven = self.while_it_lives(running, |halt| network::drive_open(&endpoint, &spec, halt));
        let outcome = self.settle(driven, running, during)?;
        // Who is silent hangs, and that is what is to be seen.
        if let Some(commonest) = outcome.commonest_error().filter(|_| outcome.is_unanswered()) {
            return Err(running.failed(&answered_none(during, outcome.failed(), commonest)));
        }
        Ok(outcome)
    }

    /// The driver's record of the open loop.
    pub(super) fn record(&self, open: &PhaseOutcome) -> DriverRecord {
        open.driver_record(self.scenario.load.max_lag_p99)
    }

    fn endpoint(&self, running: &Running) -> Endpoint {
        let host = self.target.authority(running.address.port());
        Endpoint::of(&self.scenario.load, running.address, &host, self.target.scheme)
    }

    /// Drives until the end of the phase, of the run, or of the program: requests to somebody who is gone only take time.
    fn while_it_lives<T: Send>(&self, running: &Running, drive: impl FnOnce(&AtomicBool) -> T + Send) -> T {
        let life = running.life();
        let (halt, over) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if self.stop.load(Ordering::Relaxed) || reap::ended_within(life, GLANCE) {
                        halt.store(true, Ordering::Relaxed);
                        return;
                    }
                }
            });
            let driven = drive(&halt);
            over.store(true, Ordering::Relaxed);
            driven
        })
    }

    /// A driver that could not drive, or need not have: because the subject is gone, or through its own fault.
    fn settle<T>(&self, driven: Result<T, LoadError>, running: &mut Running, during: &str) -> Result<T, SubjectError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(SubjectError::Interrupted);
        }
        if running.ends_within(Duration::ZERO) {
            return Err(running.ended(&format!("during {during}"))?);
        }
        match driven {
            Ok(outcome) => Ok(outcome),
            Err(LoadError::Request { operation, problem }) => {
                Err(SubjectError::Refused(format!("operation `{operation}`: {problem}")))
            }
            Err(LoadError::Unsupported { problem }) => Err(SubjectError::Refused(problem)),
            Err(error @ (LoadError::Unreachable { .. } | LoadError::Tls { .. } | LoadError::Protocol { .. })) => {
                Err(running.failed(&format!("failed during {during}: {error}")))
            }
            Err(error) => Err(SubjectError::Ours(format!("during {during}: {error}"))),
        }
    }
}
