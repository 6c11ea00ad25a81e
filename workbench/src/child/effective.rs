//! Applies settings to this process and reads them back.

use probe::affinity::Cpus;
use scenarios::knobs::Setting;
use scenarios::spec::Settings;

use super::protocol::{Assignment, workload_parameters};
use super::{ChildError, allocator};
use crate::load::Placement;

/// Confines this process to the CPUs asked for, or to those that the driver leaves it.
pub(super) fn confine(assignment: &Assignment) -> Result<(), ChildError> {
    let refused = |e: probe::affinity::AffinityError| ChildError::Setting(format!("cpu.affinity: {e}"));
    let cpus = match (assignment.settings.get("cpu.affinity"), &assignment.placement) {
        (Some(asked), _) => asked.clone(),
        (None, Some(Placement::Dedicated { subject, .. })) => {
            subject.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        (None, _) => return Ok(()),
    };
    let cpus: Cpus = cpus.parse().map_err(refused)?;
    probe::affinity::set(&cpus).map_err(refused)
}

/// Settings of the runtime in the probe's terms.
pub(super) fn runtime_settings(settings: &Settings) -> Result<probe::runtime::Settings, ChildError> {
    fn parsed<T: std::str::FromStr>(settings: &Settings, path: &str) -> Result<Option<T>, ChildError> {
        settings
            .get(path)
            .map(|text| text.parse().map_err(|_| ChildError::Setting(format!("`{path}` = {text} is not usable"))))
            .transpose()
    }
    fn bytes(settings: &Settings, path: &str) -> Result<Option<usize>, ChildError> {
        let unusable = |text: &String| ChildError::Setting(format!("`{path}` = {text} is not usable"));
        let number = |text: &String| {
            scenarios::knobs::parse_size(text)
                .ok()
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| unusable(text))
        };
        settings.get(path).map(number).transpose()
    }
    let thread_keep_alive = settings
        .get("runtime.thread_keep_alive")
        .map(|text| scenarios::knobs::parse_duration(text))
        .transpose()
        .map_err(|e| ChildError::Setting(format!("`runtime.thread_keep_alive`: {e}")))?;
    let flavor = match settings.get("runtime.flavor").map(String::as_str) {
        None => None,
        Some("current_thread") => Some(probe::runtime::Flavor::CurrentThread),
        Some(_) => Some(probe::runtime::Flavor::MultiThread),
    };
    Ok(probe::runtime::Settings {
        flavor,
        worker_threads: parsed(settings, "runtime.worker_threads")?,
        max_blocking_threads: parsed(settings, "runtime.max_blocking_threads")?,
        event_interval: parsed(settings, "runtime.event_interval")?,
        global_queue_interval: parsed(settings, "runtime.global_queue_interval")?,
        thread_keep_alive,
        thread_stack_size: bytes(settings, "runtime.thread_stack_size")?,
        max_io_events_per_tick: parsed(settings, "runtime.max_io_events_per_tick")?,
        max_io_events_per_busy_tick: parsed(settings, "runtime.max_io_events_per_busy_tick")?,
        lifo_slot: parsed(settings, "runtime.lifo_slot")?,
        alt_timer: parsed(settings, "runtime.alt_timer")?,
        eager_driver_handoff: parsed(settings, "runtime.eager_driver_handoff")?,
        sharded_blocking_queue: parsed(settings, "runtime.sharded_blocking_queue")?,
        rng_seed: parsed(settings, "runtime.rng_seed")?,
        unhandled_panic: settings.get("runtime.unhandled_panic").map(|behaviour| match behaviour.as_str() {
            "shutdown_runtime" => probe::runtime::UnhandledPanic::ShutdownRuntime,
            _ => probe::runtime::UnhandledPanic::Ignore,
        }),
        metrics_poll_time_histogram: parsed(settings, "runtime.metrics_poll_time_histogram")?,
        track_task_schedule_latency: parsed(settings, "runtime.track_task_schedule_latency")?,
        metrics_schedule_latency_histogram: parsed(settings, "runtime.metrics_schedule_latency_histogram")?,
    })
}

/// A setting of the runtime that was read back, by the path and in the spelling of its knob.
pub(super) fn runtime(name: &str, found: &str) -> (String, String) {
    let path = format!("runtime.{name}");
    let value = match scenarios::knobs::lookup(&path) {
        Ok(Setting::Knob(knob)) => scenarios::knobs::canonical(knob, found),
        _ => found.to_owned(),
    };
    (path, value)
}

/// Settings of the process that do not depend on the runtime: allocator and affinity. `thorough` also tries out what
/// only behaviour shows.
pub(super) fn process(settings: &Settings, thorough: bool) -> Result<Settings, ChildError> {
    probe::allocator::verify().map_err(|e| ChildError::Setting(format!("the allocator guard: {e}")))?;
    let kind = probe::allocator::kind();
    let mut effective = allocator::options(kind, settings, thorough)?;
    effective.insert("allocator.kind".into(), kind.to_string());
    let affinity = probe::affinity::get().map_err(|e| ChildError::Setting(format!("cpu.affinity: {e}")))?;
    effective.insert("cpu.affinity".into(), affinity.to_string());
    Ok(effective)
}

/// `workload.*` settings as the workload is given them; it refuses what it cannot use when it is built.
pub(super) fn parameters(settings: &Settings) -> Settings {
    workload_parameters(settings).into_iter().map(|(name, value)| (format!("workload.{name}"), value)).collect()
}

/// `env.*` settings as this process sees them.
pub(super) fn environment(settings: &Settings) -> Settings {
    settings
        .keys()
        .filter_map(|path| {
            let value = crate::settings::variable(path.strip_prefix("env.")?)?;
            Some((path.clone(), value))
        })
        .collect()
}
