//! A subject that is looked at rather than measured: driven again and again until somebody has seen enough.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reports::run::EvidenceKind;

use super::conversation::Conversation;
use super::driving::Driving;
use super::{BuiltinSubject, START_PATIENCE, Start, placement, trial};
use crate::child::protocol::{Command, Reply};
use crate::conductor::disagreement;
use crate::evidence::{ConsoleRecord, Recorded};
use crate::load::Round;
use crate::subject::SubjectError;

/// Before an idle or failing subject is driven again.
const PAUSE: Duration = Duration::from_millis(100);

/// What is to be looked at, and how.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// Variant of the scenario.
    pub variant: &'a str,
    /// The program with tokio's instrumentation.
    pub program: &'a Path,
    /// Port for tokio-console, 0 for any.
    pub port: u16,
    /// Set by whoever has seen enough; the subject then ends in good order.
    pub over: &'a AtomicBool,
}

/// A subject that can be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// Where tokio-console can connect.
    pub address: SocketAddr,
    /// What the subject's processes carry in their environment.
    pub marker: &'a str,
}

/// What was seen from within.
#[derive(Debug)]
pub struct Seen {
    /// Counts of the hooks.
    pub record: ConsoleRecord,
    /// The last thing that went wrong while it was driven, and that it survived.
    pub trouble: Option<String>,
}

impl BuiltinSubject<'_> {
    /// Starts the subject with tokio-console's server in it, says where, and drives its phases in turn until `over`.
    ///
    /// # Errors
    /// A setting that did not take, a port that is taken, a subject that crashed. The process is gone in any case.
    pub fn live(
        &mut self,
        live: &Live<'_>,
        attached: &mut dyn FnMut(&Attached<'_>) -> Result<(), SubjectError>,
    ) -> Result<Seen, SubjectError> {
        let variant = self.variant(live.variant)?;
        let placement = placement(&variant.settings)?;
        let start = Start {
            label: "console",
            seed: self.seed,
            placement: Some(&placement),
            evidence: Some(EvidenceKind::Console),
            program: live.program,
            console_port: live.port,
        };
        let mut conversation = self.start(variant, &start)?;
        let ready = conversation.ready(START_PATIENCE)?;
        if let Some(message) = disagreement(&trial::cheap(&variant.settings), &ready.effective) {
            return Err(SubjectError::Refused(message));
        }
        let address = ready.console.ok_or_else(|| SubjectError::Ours("the child named no console".into()))?;
        attached(&Attached { address, marker: &self.marker(start.label) })?;
        conversation.in_good_order();
        let driving = Driving::new(self.scenario, self.seed, ready.port, placement.clone(), live.over);
        conversation.ask(&Command::StartEvidence, "starting tokio-console", START_PATIENCE)?;
        let trouble = self.drive(&driving, &mut conversation, live.over)?;
        let recorded =
            match conversation.ask(&Command::StopEvidence, "stopping tokio-console", trial::RECORDED_PATIENCE)? {
                Reply::Recorded { recorded } => *recorded,
                other => return Err(conversation.out_of_turn("recorded", &other)),
            };
        let Recorded::Console(record) = recorded else {
            return Err(SubjectError::Ours("the child recorded something else".into()));
        };
        conversation.ask(&Command::Stop, "shutting down", trial::STOP_PATIENCE)?;
        conversation.finish(trial::STOP_PATIENCE)?;
        Ok(Seen { record, trouble })
    }

    /// Warm-up, then saturated and open-loop phase in turn. A subject that answers nothing is what somebody may want to
    /// look at: only its end ends this early.
    fn drive(
        &self,
        driving: &Driving<'_>,
        conversation: &mut Conversation,
        over: &AtomicBool,
    ) -> Result<Option<String>, SubjectError> {
        let phases = &self.scenario.trial;
        let mut trouble = None;
        let mut round = 0_u64;
        while !over.load(Ordering::Relaxed) {
            let driven = match round {
                0 => driving.closed(conversation, Round::WarmUp, phases.warmup, "the warm-up").map(drop),
                n if n % 2 == 1 && !phases.saturated.is_zero() => {
                    driving.closed(conversation, Round::Saturated, phases.saturated, "the saturated phase").map(drop)
                }
                n if n % 2 == 0 && self.scenario.load.operations > 0 => {
                    driving.open(conversation, "the open-loop phase").map(drop)
                }
                _ => {
                    std::thread::sleep(PAUSE);
                    Ok(())
                }
            };
            round += 1;
            match driven {
                Ok(()) => {}
                Err(SubjectError::Interrupted) => break,
                Err(SubjectError::Failed { reason, .. }) => {
                    // Where it is gone, this says how.
                    conversation.usage("being driven")?;
                    trouble = Some(reason);
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(trouble)
    }
}
