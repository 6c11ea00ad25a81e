//! Typed runtime settings and the one function that turns them into a runtime.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::unstable::{self, UnhandledPanic};
use crate::tasks::{self, InstallError, Latency, Recorder};

/// Scheduler of a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavor {
    /// Everything on the thread that calls `block_on`.
    CurrentThread,
    /// Worker threads that steal from each other.
    #[default]
    MultiThread,
}

impl Flavor {
    /// Name as tokio's `flavor = "…"` attribute spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CurrentThread => "current_thread",
            Self::MultiThread => "multi_thread",
        }
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Settings of a runtime, by the names of [`tokio::runtime::Builder`]; `None` leaves tokio's default (1.54).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Scheduler (default multi-thread).
    pub flavor: Option<Flavor>,
    /// Worker threads of a multi-thread runtime (default: CPUs this process may use).
    pub worker_threads: Option<usize>,
    /// Most threads for blocking jobs, workers not counted (default 512).
    pub max_blocking_threads: Option<usize>,
    /// Polls between two looks at input, output and timers (default 61).
    pub event_interval: Option<u32>,
    /// Polls between two looks at the queue that other threads fill (default: 31 on a current-thread runtime, tuned
    /// at run time on a multi-thread one).
    pub global_queue_interval: Option<u32>,
    /// How long an idle blocking thread stays (default 10 s).
    pub thread_keep_alive: Option<Duration>,
    /// Stack of each worker and blocking thread, bytes (default 2 MiB, the standard library's).
    pub thread_stack_size: Option<usize>,
    /// Most events of one look at input and output (default 1024).
    pub max_io_events_per_tick: Option<usize>,
    /// The same while there are tasks to run (default: the same number).
    pub max_io_events_per_busy_tick: Option<usize>,
    /// Whether the task woken last runs next on its worker (default true). `false` needs `--cfg tokio_unstable`, as does
    /// whatever follows but its default.
    pub lifo_slot: Option<bool>,
    /// Timers of each worker's own (default false). Multi-thread runtimes only, as the next one.
    pub alt_timer: Option<bool>,
    /// Whether a worker lets another one wait for events before it polls a task (default false).
    pub eager_driver_handoff: Option<bool>,
    /// Several queues of blocking jobs instead of one (default false).
    pub sharded_blocking_queue: Option<bool>,
    /// Seed of the runtime's choices (default random).
    pub rng_seed: Option<u64>,
    /// What a panic of a task does (default: end that task).
    pub unhandled_panic: Option<UnhandledPanic>,
    /// Count the lengths of polls (default false).
    pub metrics_poll_time_histogram: Option<bool>,
    /// Have tasks remember when they were woken (default false).
    pub track_task_schedule_latency: Option<bool>,
    /// Count the times from wake to poll (default false).
    pub metrics_schedule_latency_histogram: Option<bool>,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Zero, where tokio would panic.
    #[error("runtime.{knob} must be at least 1")]
    Zero {
        /// Setting.
        knob: &'static str,
    },
    /// A setting that tokio would ignore without a word.
    #[error("runtime.{knob} has no effect on a {flavor} runtime")]
    Ineffective {
        /// Setting.
        knob: &'static str,
        /// Flavour that has no such thing.
        flavor: Flavor,
    },
    /// A setting that this build cannot make.
    #[error("runtime.{knob} is unavailable: needs tokio_unstable (build with RUSTFLAGS=\"--cfg tokio_unstable\")")]
    Unavailable {
        /// Setting.
        knob: &'static str,
    },
    /// The operating system refused threads or the event queue.
    #[error("the operating system refuses a runtime: {0}")]
    Io(#[from] io::Error),
}

/// Builds the runtime that `settings` describe, with input, output and time enabled.
///
/// # Errors
/// A setting that is out of range, would be ignored, or is not in this build; or the operating system refused.
pub fn build(settings: &Settings) -> Result<Runtime, BuildError> {
    Ok(builder(settings)?.build()?)
}

/// As [`build`], with hooks that record tasks: for runs that explain, never for runs that measure.
///
/// # Errors
/// As [`build`]. Where only the hooks are unavailable there is a runtime, and the reason in place of the recorder.
pub fn build_recorded(settings: &Settings) -> Result<(Runtime, Result<Recorder, InstallError>), BuildError> {
    build_recorded_with(settings, Latency::default())
}

/// As [`build_recorded`], with a choice of the waits that are measured. Where the settings make tokio track every wait
/// anyway, every wait is what is recorded.
///
/// # Errors
/// As [`build`]. Where only the hooks are unavailable there is a runtime, and the reason in place of the recorder.
pub fn build_recorded_with(
    settings: &Settings,
    latency: Latency,
) -> Result<(Runtime, Result<Recorder, InstallError>), BuildError> {
    let mut builder = builder(settings)?;
    let tracked = [settings.track_task_schedule_latency, settings.metrics_schedule_latency_histogram];
    let latency = if tracked.contains(&Some(true)) { Latency::EveryPoll } else { latency };
    let recorder = tasks::install_with(&mut builder, latency);
    Ok((builder.build()?, recorder))
}

/// The builder behind [`build`]; probes of [`super::read_back`] add hooks to it and nothing else.
pub(super) fn builder(settings: &Settings) -> Result<Builder, BuildError> {
    check(settings)?;
    let mut builder = match settings.flavor.unwrap_or_default() {
        Flavor::CurrentThread => Builder::new_current_thread(),
        Flavor::MultiThread => Builder::new_multi_thread(),
    };
    builder.enable_all();
    if let Some(threads) = settings.worker_threads {
        builder.worker_threads(threads);
    }
    if let Some(threads) = settings.max_blocking_threads {
        builder.max_blocking_threads(threads);
    }
    if let Some(interval) = settings.event_interval {
        builder.event_interval(interval);
    }
    if let Some(interval) = settings.global_queue_interval {
        builder.global_queue_interval(interval);
    }
    if let Some(idle) = settings.thread_keep_alive {
        builder.thread_keep_alive(idle);
    }
    if let Some(bytes) = settings.thread_stack_size {
        builder.thread_stack_size(bytes);
    }
    if let Some(events) = settings.max_io_events_per_tick {
        builder.max_io_events_per_tick(events);
    }
    if let Some(events) = settings.max_io_events_per_busy_tick {
        builder.max_io_events_per_busy_tick(events);
    }
    unstable::apply(settings, &mut builder)?;
    Ok(builder)
}

fn check(settings: &Settings) -> Result<(), BuildError> {
    let zero = [
        ("worker_threads", settings.worker_threads == Some(0)),
        ("max_blocking_threads", settings.max_blocking_threads == Some(0)),
        ("event_interval", settings.event_interval == Some(0)),
        ("global_queue_interval", settings.global_queue_interval == Some(0)),
        ("thread_stack_size", settings.thread_stack_size == Some(0)),
        ("max_io_events_per_tick", settings.max_io_events_per_tick == Some(0)),
        ("max_io_events_per_busy_tick", settings.max_io_events_per_busy_tick == Some(0)),
    ];
    if let Some((knob, _)) = zero.into_iter().find(|(_, zero)| *zero) {
        return Err(BuildError::Zero { knob });
    }
    let flavor = settings.flavor.unwrap_or_default();
    if flavor == Flavor::CurrentThread {
        if settings.worker_threads.is_some_and(|threads| threads != 1) {
            return Err(BuildError::Ineffective { knob: "worker_threads", flavor });
        }
        let multi_thread_only = [
            ("lifo_slot", settings.lifo_slot),
            ("alt_timer", settings.alt_timer),
            ("eager_driver_handoff", settings.eager_driver_handoff),
        ];
        if let Some((knob, _)) = multi_thread_only.into_iter().find(|(_, asked)| asked.is_some()) {
            return Err(BuildError::Ineffective { knob, flavor });
        }
    } else if settings.unhandled_panic == Some(UnhandledPanic::ShutdownRuntime) {
        return Err(BuildError::Ineffective { knob: "unhandled_panic", flavor });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(settings: Settings) -> String {
        build(&settings).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_tokio_would_panic_on_or_ignore_are_refused() {
        let current = Settings { flavor: Some(Flavor::CurrentThread), ..Settings::default() };
        let refusals = [
            refusal(Settings { worker_threads: Some(0), ..Settings::default() }),
            refusal(Settings { max_blocking_threads: Some(0), ..Settings::default() }),
            refusal(Settings { event_interval: Some(0), ..Settings::default() }),
            refusal(Settings { global_queue_interval: Some(0), ..Settings::default() }),
            refusal(Settings { worker_threads: Some(2), ..current }),
            refusal(Settings { lifo_slot: Some(true), ..current }),
        ];
        insta::assert_snapshot!(refusals.join("\n"), @r"
        runtime.worker_threads must be at least 1
        runtime.max_blocking_threads must be at least 1
        runtime.event_interval must be at least 1
        runtime.global_queue_interval must be at least 1
        runtime.worker_threads has no effect on a current_thread runtime
        runtime.lifo_slot has no effect on a current_thread runtime
        ");
        assert!(build(&Settings { worker_threads: Some(1), ..current }).is_ok());
    }

    #[cfg(not(tokio_unstable))]
    #[test]
    fn an_unstable_setting_is_unavailable_by_name() {
        insta::assert_snapshot!(refusal(Settings { lifo_slot: Some(false), ..Settings::default() }), @"runtime.lifo_slot is unavailable: needs tokio_unstable (build with RUSTFLAGS=\"--cfg tokio_unstable\")");
        assert!(build(&Settings { lifo_slot: Some(true), ..Settings::default() }).is_ok());
    }
}
