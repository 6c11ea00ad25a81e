//! One call of a workload, with its panics and errors caught.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;

use scenarios::workload::{Call, InProcess, OperationError};

use crate::load::LoadError;
use crate::load::spec::Operation;

/// Distinct messages that are kept; the rest count as "other errors".
const MESSAGES: usize = 16;

/// A workload, and the first panic in it.
pub(super) struct Guarded {
    workload: Arc<dyn InProcess>,
    panicked: OnceLock<(usize, String)>,
}

impl Guarded {
    pub(super) fn new(workload: Arc<dyn InProcess>) -> Self {
        super::panics::count();
        Self { workload, panicked: OnceLock::new() }
    }

    /// Performs one operation; `None` where it panicked.
    ///
    /// Panics are caught here, not as join errors, since nobody joins the tasks of an open loop. The workload is never
    /// called for measurement again after one, so that a state it left broken is not used.
    pub(super) async fn perform(&self, call: Call) -> Option<Result<(), OperationError>> {
        let started = catch_unwind(AssertUnwindSafe(|| Arc::clone(&self.workload).operate(call)));
        let ended = match started {
            Err(panic) => Err(panic),
            Ok(mut future) => {
                poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                    Ok(polled) => polled.map(Ok),
                    Err(panic) => Poll::Ready(Err(panic)),
                })
                .await
            }
        };
        ended.map_err(|panic| self.panicked.set((call.operation, message(&*panic)))).ok()
    }

    /// Whether an operation has panicked, as the error that ends the phase.
    pub(super) fn check(&self, operations: &[Operation]) -> Result<(), LoadError> {
        match self.panicked.get() {
            None => Ok(()),
            Some((operation, message)) => {
                Err(LoadError::Panicked { operation: operations[*operation].name.clone(), message: message.clone() })
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// Messages of errors, by number. Locked on errors only.
#[derive(Debug, Default)]
pub(super) struct Messages(Mutex<Vec<String>>);

impl Messages {
    /// Number of a message; one beyond the last where there are too many.
    pub(super) fn number(&self, message: &str) -> u16 {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = messages.iter().position(|m| m == message);
        let number = known.unwrap_or_else(|| {
            if messages.len() < MESSAGES {
                messages.push(message.to_owned());
                messages.len() - 1
            } else {
                MESSAGES
            }
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
