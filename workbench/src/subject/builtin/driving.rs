//! Driving a subject: over its socket from here, or, where the work is in-process, by asking the child to do it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reports::run::DriverRecord;
use scenarios::spec::{Arrivals, Scenario, Scheme};

use super::conversation::Conversation;
use crate::child::protocol::{Command, Reply, Usage};
use crate::load::network::{self, Endpoint};
use crate::load::{ClosedOutcome, ClosedSpec, LoadError, OpenSpec, PhaseOutcome, Placement, Round};
use crate::subject::{SubjectError, answered_none};

/// A phase may take this much longer than planned (besides the timeout of its last operation) before it counts as
/// hung.
const GRACE: Duration = Duration::from_secs(15);

/// How the phases of one trial are driven.
#[derive(Debug)]
pub(super) struct Driving<'a> {
    scenario: &'a Scenario,
    seed: u64,
    target: Option<Endpoint>,
    placement: Placement,
    stop: &'a AtomicBool,
    /// Keep measured operations of the open loop one by one.
    each: bool,
}

impl<'a> Driving<'a> {
    /// `port` is that of a networked subject.
    pub(super) fn new(
        scenario: &'a Scenario,
        seed: u64,
        port: Option<u16>,
        placement: Placement,
        stop: &'a AtomicBool,
    ) -> Self {
        let target = port.map(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Endpoint::of(&scenario.load, address, &address.to_string(), Scheme::Http)
        });
        Self { scenario, seed, target, placement, stop, each: false }
    }

    /// Keeps measured operations of the open loop one by one, where the trial is there to explain. A child that drives
    /// itself knows.
    pub(super) fn keeping_each(self, each: bool) -> Self {
        Self { each, ..self }
    }

    /// Drives a closed loop; also says what the subject used from the first operation of the saturated phase to its last.
    pub(super) fn closed(
        &self,
        conversation: &mut Conversation,
        round: Round,
        duration: Duration,
        during: &str,
    ) -> Result<(ClosedOutcome, Usage), SubjectError> {
        let (outcome, used) = match &self.target {
            Some(target) => {
                let spec = ClosedSpec::new(self.scenario, round, self.seed, duration).placed(self.placement.clone());
                let mut readings = Vec::with_capacity(2);
                let mut meter = || {
                    // Nobody asks what the warm-up used.
                    if round == Round::Saturated {
                        readings.push(conversation.usage(during));
                    }
                };
                let driven = network::drive_closed_metered(target, &spec, self.stop, &mut meter);
                let outcome = self.settle(driven, conversation, during)?;
                let readings = readings.into_iter().collect::<Result<Vec<_>, _>>()?;
                (outcome, Usage::between(&readings))
            }
            None => {
                let command = Command::DriveClosed { round, duration_s: duration.as_secs_f64() };
                match conversation.ask(&command, during, duration + self.scenario.load.timeout + GRACE)? {
                    Reply::Closed { outcome, used } => (*outcome, used),
                    other => return Err(conversation.out_of_turn("closed", &other)),
                }
            }
        };
        self.interrupted()?;
        let is_unanswered = outcome.answered() == 0 && !duration.is_zero() && round.must_answer();
        if let Some(commonest) = outcome.commonest_error().filter(|_| is_unanswered) {
            return Err(wrong(conversation, during, outcome.failed(), commonest));
        }
        Ok((outcome, used))
    }

    /// Drives the open loop.
    pub(super) fn open(&self, conversation: &mut Conversation, during: &str) -> Result<PhaseOutcome, SubjectError> {
        let spec = OpenSpec::new(self.scenario, self.seed).placed(self.placement.clone()).keeping_each(self.each);
        let outcome = match &self.target {
            Some(target) => {
                let driven = network::drive_open(target, &spec, self.stop);
                self.settle(driven, conversation, during)?
            }
            None => match conversation.ask(&Command::DriveOpen, during, open_patience(&spec))? {
                Reply::Open(outcome) => *outcome,
                other => return Err(conversation.out_of_turn("open", &other)),
            },
        };
        self.interrupted()?;
        // Who is silent hangs, and that is what is to be seen.
        if let Some(commonest) = outcome.commonest_error().filter(|_| outcome.is_unanswered()) {
            return Err(wrong(conversation, during, outcome.failed(), commonest));
        }
        Ok(outcome)
    }

    /// The driver's record of the open loop.
    pub(super) fn record(&self, open: &PhaseOutcome) -> DriverRecord {
        open.driver_record(self.scenario.load.max_lag_p99)
    }

    fn interrupted(&self) -> Result<(), SubjectError> {
        if self.stop.load(Ordering::Relaxed) { Err(SubjectError::Interrupted) } else { Ok(()) }
    }

    /// A driver that could not drive: because the subject is gone, or through its own fault.
    fn settle<T>(
        &self,
        driven: Result<T, LoadError>,
        conversation: &mut Conversation,
        during: &str,
    ) -> Result<T, SubjectError> {
        match driven {
            Ok(outcome) => Ok(outcome),
            Err(LoadError::Request { operation, problem }) => {
                Err(SubjectError::Refused(format!("operation `{operation}`: {problem}")))
            }
            Err(LoadError::Unsupported { problem }) => Err(SubjectError::Refused(problem)),
            Err(error @ LoadError::Unreachable { .. }) => {
                // A dead child says more than a refused connection.
                conversation.usage(during)?;
                Err(SubjectError::Failed { reason: format!("during {during}: {error}"), stderr: conversation.stderr() })
            }
            Err(error) => Err(SubjectError::Ours(format!("during {during}: {error}"))),
        }
    }
}

/// The longest that the child may take for the open loop. Closed arrivals have no schedule: clients take as long as
/// their operations do, each up to the timeout.
fn open_patience(spec: &OpenSpec) -> Duration {
    let phase = match spec.arrivals {
        Arrivals::Closed => {
            let rounds = spec.count.div_ceil(spec.concurrency.max(1));
            spec.timeout.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
        }
        Arrivals::Poisson | Arrivals::Constant => Duration::from_nanos(spec.schedule().duration_ns),
    };
    phase.saturating_add(spec.timeout).saturating_add(GRACE)
}

/// What is said of a child that answers wrongly alone.
fn wrong(conversation: &mut Conversation, during: &str, failed: u64, commonest: (&str, u64)) -> SubjectError {
    // Where the child has died meanwhile, how it died is the better story.
    if let Err(error @ SubjectError::Failed { .. }) = conversation.usage(during) {
        return error;
    }
    let reason = answered_none(during, failed, commonest);
    SubjectError::Failed { reason, stderr: conversation.stderr() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_operations_of_a_closed_loop_are_waited_for_until_each_has_timed_out() {
        let spec = OpenSpec {
            operations: Vec::new(),
            arrivals: Arrivals::Closed,
            shape: crate::load::Shape::default(),
            rate: 1000.0,
            count: 100,
            concurrency: 8,
            max_in_flight: 100,
            timeout: Duration::from_secs(2),
            seed: 1,
            placement: Placement::Shared,
            each: false,
        };
        assert_eq!(open_patience(&spec), Duration::from_secs(2 * 13 + 2) + GRACE);
        let poisson = OpenSpec { arrivals: Arrivals::Poisson, ..spec };
        assert_eq!(open_patience(&poisson), Duration::from_millis(100) + Duration::from_secs(2) + GRACE);
    }
}
