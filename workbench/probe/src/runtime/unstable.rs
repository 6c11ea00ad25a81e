//! Settings that tokio has under `--cfg tokio_unstable` only.

use tokio::runtime::Builder;

use super::settings::{BuildError, Settings};

/// What a panic of a task does that nobody catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnhandledPanic {
    /// Ends the task.
    #[default]
    Ignore,
    /// Ends the runtime; current-thread runtimes only.
    ShutdownRuntime,
}

impl UnhandledPanic {
    /// Name as tokio's `unhandled_panic = "…"` attribute spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::ShutdownRuntime => "shutdown_runtime",
        }
    }
}

#[cfg(tokio_unstable)]
#[expect(clippy::unnecessary_wraps, reason = "the other build fails")]
pub(super) fn apply(settings: &Settings, builder: &mut Builder) -> Result<(), BuildError> {
    use tokio::runtime::RngSeed;

    if settings.lifo_slot == Some(false) {
        builder.disable_lifo_slot();
    }
    if settings.alt_timer == Some(true) {
        builder.enable_alt_timer();
    }
    if settings.eager_driver_handoff == Some(true) {
        builder.enable_eager_driver_handoff();
    }
    if settings.sharded_blocking_queue == Some(true) {
        builder.enable_sharded_blocking_queue();
    }
    if let Some(seed) = settings.rng_seed {
        builder.rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
    }
    if settings.unhandled_panic == Some(UnhandledPanic::ShutdownRuntime) {
        builder.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);
    }
    if settings.metrics_poll_time_histogram == Some(true) {
        builder.enable_metrics_poll_time_histogram();
    }
    if settings.track_task_schedule_latency == Some(true) {
        builder.track_task_schedule_latency();
    }
    if settings.metrics_schedule_latency_histogram == Some(true) {
        builder.enable_metrics_schedule_latency_histogram();
    }
    Ok(())
}

/// The defaults may be asked for; everything else is not in this build.
#[cfg(not(tokio_unstable))]
pub(super) fn apply(settings: &Settings, _: &mut Builder) -> Result<(), BuildError> {
    let asked = [
        ("lifo_slot", settings.lifo_slot == Some(false)),
        ("alt_timer", settings.alt_timer == Some(true)),
        ("eager_driver_handoff", settings.eager_driver_handoff == Some(true)),
        ("sharded_blocking_queue", settings.sharded_blocking_queue == Some(true)),
        ("rng_seed", settings.rng_seed.is_some()),
        ("unhandled_panic", settings.unhandled_panic == Some(UnhandledPanic::ShutdownRuntime)),
        ("metrics_poll_time_histogram", settings.metrics_poll_time_histogram == Some(true)),
        ("track_task_schedule_latency", settings.track_task_schedule_latency == Some(true)),
        ("metrics_schedule_latency_histogram", settings.metrics_schedule_latency_histogram == Some(true)),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((knob, _)) => Err(BuildError::Unavailable { knob }),
        None => Ok(()),
    }
}
