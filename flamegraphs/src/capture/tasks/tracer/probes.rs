//! Sets the probes, and maps a buffer on each CPU.

use std::collections::HashMap;

use crate::capture::CaptureError;
use crate::capture::perf::uprobe::{Probe, REGISTERS};
use crate::capture::perf::{Event, Ring};
use crate::capture::recorder::buffer;
use crate::capture::tasks::error::TraceError;
use crate::capture::tasks::functions::{Function, Role};
use crate::capture::tasks::stream::{Mark, SHORT_STACK, SHORTER_STACK};

/// One stack for so many hits, to begin with.
const FIRST_EVERY: u64 = 4;
/// Stack with records whose caller alone is asked for: the return address.
const RETURN_ADDRESS: u32 = 8;

/// What every probe of a trace has in common.
pub(super) struct Plan<'a> {
    pub(super) source: u32,
    pub(super) reached: &'a std::ffi::CStr,
    pub(super) watermark: u32,
    pub(super) stack_bytes: u32,
}

/// Why a probe could not be set.
pub(in crate::capture) enum Failure {
    Probe(std::io::Error),
    Buffer(CaptureError),
}

impl Failure {
    pub(in crate::capture) fn of(self, path: &str) -> TraceError {
        match self {
            Self::Probe(source) => match source.raw_os_error() {
                Some(libc::EACCES | libc::EPERM) => TraceError::Refused { source },
                _ => TraceError::Probe { path: path.to_owned(), source },
            },
            Self::Buffer(CaptureError::Buffers { source }) => TraceError::Buffers { source },
            Self::Buffer(other) => {
                TraceError::System { doing: "mapping a buffer", source: std::io::Error::other(other.to_string()) }
            }
        }
    }
}

/// Probes and their buffers, one buffer a CPU.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) events: Vec<Event>,
    pub(super) rings: Vec<(usize, Ring)>,
    pub(super) marks: HashMap<u64, Mark>,
    /// Which of the events carry stacks.
    pub(super) sampled: Vec<usize>,
}

impl Opened {
    /// Sets every probe on one CPU.
    pub(super) fn on(
        &mut self,
        cpu: u32,
        functions: &[Function],
        plan: &Plan<'_>,
        pages: usize,
    ) -> Result<(), Failure> {
        let mut first = None;
        let all = functions.iter().map(|function| (function, false));
        let with_stacks = functions.iter().filter(|function| function.role.has_stack()).map(|one| (one, true));
        for (function, stacks) in all.chain(with_stacks) {
            let probe = Probe {
                source: plan.source,
                path: plan.reached,
                offset: function.offset,
                returns: function.role == Role::Returned,
                every: if stacks { FIRST_EVERY } else { 1 },
                stack_bytes: match function.role {
                    _ if stacks => plan.stack_bytes,
                    Role::Polling | Role::Complete => RETURN_ADDRESS,
                    Role::Cloned | Role::Spawned => SHORT_STACK,
                    Role::WokenByValue | Role::WokenByRef => SHORTER_STACK,
                    Role::Dropped | Role::Pending => 0,
                    Role::Called | Role::Returned | Role::Freed => 0,
                },
                watermark: plan.watermark,
                forks: first.is_none(),
                registers: REGISTERS,
                chain: false,
            };
            let event = match probe.open(cpu) {
                Ok(event) => event,
                // A CPU that went offline has nothing to say.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Ok(()),
                Err(error) => return Err(Failure::Probe(error)),
            };
            self.marks.insert(event.id().map_err(Failure::Probe)?, Mark { role: function.role, stacks });
            let at = self.events.len();
            self.events.push(event);
            if stacks {
                self.sampled.push(at);
            }
            match first {
                None => {
                    self.rings.push((at, buffer(&self.events[at], pages).map_err(Failure::Buffer)?));
                    first = Some(at);
                }
                Some(first) => self.events[at].join(&self.events[first]).map_err(Failure::Probe)?,
            }
        }
        Ok(())
    }
}
