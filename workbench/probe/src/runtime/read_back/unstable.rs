//! Settings of `--cfg tokio_unstable`, each where it was asked for.

use super::{Effective, ReadBackError, Settings};

#[cfg(tokio_unstable)]
pub(super) fn read_back(settings: &Settings, alone: &Settings, effective: &mut Effective) -> Result<(), ReadBackError> {
    use super::observed;
    use crate::runtime::observe::{driver_handoff::driver_handoff, unstable};
    use crate::runtime::settings::{Flavor, builder};
    use crate::runtime::unstable::UnhandledPanic;

    let mut flag = |knob, asked: Option<bool>, settings: Settings, observe: fn(&mut _) -> std::io::Result<bool>| {
        if asked.is_some() {
            let seen = observed(knob, observe(&mut builder(&settings)?))?;
            effective.values.insert(knob, seen.to_string());
        }
        Ok::<(), ReadBackError>(())
    };
    let alt_timer = Settings { alt_timer: settings.alt_timer, ..*alone };
    flag("alt_timer", settings.alt_timer, alt_timer, unstable::alt_timer)?;
    let sharded = Settings { sharded_blocking_queue: settings.sharded_blocking_queue, ..*alone };
    flag("sharded_blocking_queue", settings.sharded_blocking_queue, sharded, unstable::sharded_blocking_queue)?;
    let polls = Settings { metrics_poll_time_histogram: settings.metrics_poll_time_histogram, ..*alone };
    flag("metrics_poll_time_histogram", settings.metrics_poll_time_histogram, polls, unstable::poll_time_histogram)?;
    let latency = Settings {
        track_task_schedule_latency: settings.track_task_schedule_latency,
        metrics_schedule_latency_histogram: settings.metrics_schedule_latency_histogram,
        ..*alone
    };
    let asked = settings.track_task_schedule_latency;
    flag("track_task_schedule_latency", asked, latency, unstable::schedule_latency)?;
    let asked = settings.metrics_schedule_latency_histogram;
    flag("metrics_schedule_latency_histogram", asked, latency, unstable::schedule_latency_histogram)?;
    if let Some(expected) = settings.eager_driver_handoff {
        let two = Settings { worker_threads: Some(2), eager_driver_handoff: Some(expected), ..*alone };
        let seen = observed("eager_driver_handoff", driver_handoff(&mut builder(&two)?, expected))?;
        effective.values.insert("eager_driver_handoff", seen.to_string());
    }
    // Workers and the thread that blocks take their seeds in the order in which they come: one thread has no race.
    let one_thread = Settings { flavor: Some(Flavor::CurrentThread), ..Settings::default() };
    if let Some(seed) = settings.rng_seed {
        let mut builder = builder(&Settings { rng_seed: Some(seed), ..one_thread })?;
        let seen = observed("rng_seed", unstable::has_seed(&mut builder, seed))?;
        effective.values.insert("rng_seed", if seen { seed.to_string() } else { "another".to_owned() });
    }
    if settings.unhandled_panic.is_some() {
        let mut builder = builder(&Settings { unhandled_panic: settings.unhandled_panic, ..one_thread })?;
        let ends = observed("unhandled_panic", unstable::panic_ends_runtime(&mut builder))?;
        let seen = if ends { UnhandledPanic::ShutdownRuntime } else { UnhandledPanic::Ignore };
        effective.values.insert("unhandled_panic", seen.name().to_owned());
    }
    Ok(())
}

/// Without the flag none of them can be anything but the default: building refuses the rest.
#[cfg(not(tokio_unstable))]
pub(super) fn read_back(settings: &Settings, _: &Settings, effective: &mut Effective) -> Result<(), ReadBackError> {
    for (knob, asked) in [
        ("alt_timer", settings.alt_timer),
        ("eager_driver_handoff", settings.eager_driver_handoff),
        ("sharded_blocking_queue", settings.sharded_blocking_queue),
        ("metrics_poll_time_histogram", settings.metrics_poll_time_histogram),
        ("track_task_schedule_latency", settings.track_task_schedule_latency),
        ("metrics_schedule_latency_histogram", settings.metrics_schedule_latency_histogram),
    ] {
        if asked.is_some() {
            effective.values.insert(knob, "false".to_owned());
        }
    }
    if let Some(asked) = settings.unhandled_panic {
        effective.values.insert("unhandled_panic", asked.name().to_owned());
    }
    Ok(())
}
