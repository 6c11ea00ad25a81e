//! Applies settings to this process and reads them back.

use probe::affinity::Cpus;
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
        lifo_slot: parsed(settings, "runtime.lifo_slot")?,
    })
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
