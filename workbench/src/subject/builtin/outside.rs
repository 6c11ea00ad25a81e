//! Children that are watched from outside: started on a thread whose perf events they inherit.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flamegraphs::capture::{Options, Recorder};

use super::conversation::Conversation;
use crate::child::protocol::Assignment;
use crate::subject::SubjectError;
use crate::subject::guard::Guard;

/// A child that is ready to be started, on whatever thread.
pub(super) struct Prepared {
    pub(super) command: Command,
    pub(super) marker: String,
    pub(super) guard: Arc<Guard>,
    pub(super) assignment: Assignment,
    pub(super) stop: Arc<AtomicBool>,
}

impl Prepared {
    pub(super) fn start(self) -> Result<Conversation, SubjectError> {
        Conversation::start(self.command, &self.marker, &self.guard, &self.assignment, self.stop)
    }
}

/// Who watches a child: a recorder, or nobody, and why not where somebody was to.
#[derive(Debug, Default)]
pub(super) struct Outside {
    pub(super) recorder: Option<Recorder>,
    pub(super) refused: Option<String>,
}

/// Starts a child with a recorder beside it; where the kernel refuses perf events, without.
pub(super) fn start(hz: u32, prepare: impl Fn() -> Prepared) -> Result<(Conversation, Outside), SubjectError> {
    let prepared = prepare();
    match Recorder::launch(&Options { hz, ..Options::default() }, move || prepared.start()) {
        Ok((conversation, recorder)) => Ok((conversation?, Outside { recorder: Some(recorder), refused: None })),
        Err(refused) => Ok((prepare().start()?, Outside { recorder: None, refused: Some(refused.to_string()) })),
    }
}
