//! The traits a workload implements: one for in-process work, one for networked work.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::problem::nearest;

mod pressure;

pub use self::pressure::{Pressure, PressureLevel, PressureSource};

/// A boxed future, as trait objects need it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Work done inside the process: every operation is one call.
///
/// The load driver is a dedicated thread of the same process, outside the runtime.
pub trait InProcess: Send + Sync + 'static {
    /// Performs one operation. An error counts in `errors`, a panic fails the subject.
    fn operate(self: Arc<Self>, call: Call) -> BoxFuture<Result<(), OperationError>>;
}

/// Work done behind a socket: the workload is a server, driven from the parent process.
pub trait Networked: Send + Sync + 'static {
    /// Serves until `shutdown` is asked for, then drains in-flight requests against its deadline.
    fn serve(self: Arc<Self>, listener: TcpListener, shutdown: Shutdown) -> BoxFuture<Result<Drained, WorkloadError>>;
}

/// One operation of an in-process workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Index into the scenario's mix.
    pub operation: usize,
    /// Position in the schedule, from 0. Phases number their operations separately.
    pub sequence: u64,
    /// A seed for this call alone; equal across variants, so that they do equal work.
    pub seed: u64,
}

/// What a workload gets to build itself from.
#[derive(Debug, Clone)]
pub struct Context {
    parameters: BTreeMap<String, String>,
    operations: Vec<String>,
    runtime: tokio::runtime::Handle,
    seed: u64,
    pressure: Pressure,
}

/// Asks a server to stop, and tells it by when.
#[derive(Debug, Clone)]
pub struct Shutdown {
    receiver: watch::Receiver<bool>,
    deadline: Duration,
}

/// The other end of [`Shutdown`].
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// What a graceful shutdown did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests in flight when shutdown began.
    pub in_flight: u64,
    /// Finished before the deadline.
    pub drained: u64,
    /// Cut at the deadline.
    pub cut: u64,
    /// How long it took.
    pub took: Duration,
}

/// An operation that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OperationError(pub String);

/// A workload that could not be built or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A parameter that the workload does not take, or a value it does not take.
    #[error("parameter `workload.{name}`: {problem}")]
    Parameter {
        /// Name without the `workload.` prefix.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Input or output failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Anything else, in the workload's own words.
    #[error("{0}")]
    Failed(String),
}

impl Context {
    /// Builds a context; `parameters` are `workload.*` settings without the prefix, `operations` the names of the mix.
    pub fn new(
        parameters: BTreeMap<String, String>,
        operations: Vec<String>,
        runtime: tokio::runtime::Handle,
        seed: u64,
    ) -> Self {
        Self { parameters, operations, runtime, seed, pressure: Pressure::default() }
    }

    /// With the memory pressure that the workload may shed on; without, there never is any.
    pub fn with_pressure(self, pressure: Pressure) -> Self {
        Self { pressure, ..self }
    }

    /// How hard `allocator.memory_limit` presses.
    pub fn pressure(&self) -> Pressure {
        self.pressure.clone()
    }

    /// Reads a parameter, with a default where the scenario is silent.
    pub fn parameter<T>(&self, name: &str, default: T) -> Result<T, WorkloadError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.parameters.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|e: T::Err| WorkloadError::Parameter {
                name: name.to_owned(),
                problem: format!("`{text}` is not usable: {e}"),
            }),
        }
    }

    /// Reads a parameter that is one of a few words.
    pub fn choice<'a>(&self, name: &str, choices: &[&'a str]) -> Result<&'a str, WorkloadError> {
        let Some(text) = self.parameters.get(name) else { return Ok(choices[0]) };
        choices.iter().find(|c| *c == text).copied().ok_or_else(|| WorkloadError::Parameter {
            name: name.to_owned(),
            problem: match nearest(text, choices.iter().copied()) {
                Some(nearest) => format!("`{text}` is none of {}: did you mean `{nearest}`?", choices.join(", ")),
                None => format!("`{text}` is none of {}", choices.join(", ")),
            },
        })
    }

    /// Reads a number that must lie in a range, with a default where the scenario is silent.
    pub fn parameter_in<T>(&self, name: &str, default: T, range: RangeInclusive<T>) -> Result<T, WorkloadError>
    where
        T: FromStr + PartialOrd + fmt::Display,
        T::Err: fmt::Display,
    {
        let value = self.parameter(name, default).map_err(|error| match error {
            WorkloadError::Parameter { name, problem } => {
                let problem = format!("{problem}; it takes {} to {}", range.start(), range.end());
                WorkloadError::Parameter { name, problem }
            }
            other => other,
        })?;
        if range.contains(&value) {
            return Ok(value);
        }
        Err(WorkloadError::Parameter {
            name: name.to_owned(),
            problem: format!("{value} is out of range: {} to {}", range.start(), range.end()),
        })
    }

    /// Refuses parameters that the workload does not take, naming the nearest one that it does.
    ///
    /// Called first by every built-in workload: a misspelt parameter must not run the default unnoticed.
    pub fn accept_only(&self, known: &[&str]) -> Result<(), WorkloadError> {
        let Some(unknown) = self.parameters.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let nearest = known.iter().max_by(|a, b| {
            strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)).then_with(|| b.cmp(a))
        });
        Err(WorkloadError::Parameter {
            name: unknown.clone(),
            problem: match nearest {
                Some(nearest) => format!("not taken; did you mean `{nearest}`? Taken are {}", known.join(", ")),
                None => "not taken; this workload takes no parameters".to_owned(),
            },
        })
    }

    /// Worker threads of the measured runtime.
    pub fn workers(&self) -> usize {
        self.runtime.metrics().num_workers()
    }

    /// Index of an operation of the mix by name.
    pub fn operation(&self, name: &str) -> Option<usize> {
        self.operations.iter().position(|o| o == name)
    }

    /// Names of the mix, in order.
    pub fn operations(&self) -> &[String] {
        &self.operations
    }

    /// Seed of the trial; equal across the variants of a block.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Spawns a task on the measured runtime, with the caller's location.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime.spawn(future)
    }
}

impl Shutdown {
    /// A pair of trigger and receiver.
    pub fn new(deadline: Duration) -> (ShutdownTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (ShutdownTrigger(sender), Self { receiver, deadline })
    }

    /// Completes once shutdown is asked for.
    pub async fn requested(&mut self) {
        // A dropped trigger means that nobody is left to ask: the same as being asked.
        let _ = self.receiver.wait_for(|asked| *asked).await;
    }

    /// How long in-flight requests may take from then on.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl ShutdownTrigger {
    /// Asks for shutdown.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(parameters: &[(&str, &str)]) -> Context {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parameters = parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Context::new(parameters, vec![], runtime.handle().clone(), 0)
    }

    #[test]
    fn numbers_are_read_checked_and_defaulted() {
        let context = context(&[("ends", "8"), ("beyond", "9"), ("word", "many")]);
        assert_eq!(context.parameter_in("silent", 3, 1..=8).unwrap(), 3);
        assert_eq!(context.parameter_in("ends", 3, 1..=8).unwrap(), 8);
        let beyond = context.parameter_in("beyond", 3, 1..=8).unwrap_err();
        insta::assert_snapshot!(beyond, @"parameter `workload.beyond`: 9 is out of range: 1 to 8");
        let word = context.parameter_in("word", 3, 1..=8).unwrap_err();
        insta::assert_snapshot!(word, @"parameter `workload.word`: `many` is not usable: invalid digit found in string; it takes 1 to 8");
    }

    #[test]
    fn unknown_parameters_are_refused_with_the_nearest_known_one() {
        let context = context(&[("login", "pool"), ("lgoin_limit", "2")]);
        context.accept_only(&["login", "lgoin_limit"]).unwrap();
        insta::assert_snapshot!(context.accept_only(&["login", "login_limit"]).unwrap_err(), @"parameter `workload.lgoin_limit`: not taken; did you mean `login_limit`? Taken are login, login_limit");
        insta::assert_snapshot!(context.accept_only(&[]).unwrap_err(), @"parameter `workload.lgoin_limit`: not taken; this workload takes no parameters");
    }

    #[test]
    fn workers_are_those_of_the_measured_runtime() {
        assert_eq!(context(&[]).workers(), 1);
    }
}
