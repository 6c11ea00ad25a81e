//! The soft memory limit of a measured process: the probe's controller, joined to what the workload can shed on.

use probe::memory_limit::{Controller, Level, Limit};
use scenarios::knobs::{parse_size, size_text};
use scenarios::spec::Settings;
use scenarios::workload::{Pressure, PressureLevel, PressureSource};

use super::ChildError;

const LIMIT: &str = "allocator.memory_limit";
const CPU: &str = "allocator.memory_limit_cpu";

/// Starts to keep the limit that the settings ask for. Without one there is never any pressure.
pub(super) fn start(settings: &Settings) -> Result<(Option<Controller>, Pressure), ChildError> {
    let Some(asked) = settings.get(LIMIT).filter(|asked| *asked != "off") else {
        return Ok((None, Pressure::default()));
    };
    let bytes = parse_size(asked).map_err(|e| ChildError::Setting(format!("`{LIMIT}` = {asked} is not {e}")))?;
    let (source, pressure) = PressureSource::new();
    let mut limit = Limit::new(bytes).on_change(move |level| source.set(told(level)));
    if let Some(share) = settings.get(CPU) {
        let share = share.parse().map_err(|_| ChildError::Setting(format!("`{CPU}` = {share} is not usable")))?;
        limit = limit.cpu_share(share);
    }
    let controller = limit.start().map_err(|e| ChildError::Setting(format!("`{LIMIT}` = {asked}: {e}")))?;
    Ok((Some(controller), pressure))
}

/// The limit and the budget in force, as the running controller says.
pub(super) fn effective(controller: Option<&Controller>) -> Settings {
    match controller {
        None => Settings::from([(LIMIT.to_owned(), "off".to_owned())]),
        Some(controller) => Settings::from([
            (LIMIT.to_owned(), size_text(controller.limit())),
            (CPU.to_owned(), controller.cpu_share().to_string()),
        ]),
    }
}

fn told(level: Level) -> PressureLevel {
    match level {
        Level::None => PressureLevel::None,
        Level::Purging => PressureLevel::Purging,
        Level::Over => PressureLevel::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_in_force_is_read_from_the_controller() {
        let (controller, _) = start(&settings(&[(LIMIT, "64GiB"), (CPU, "0.1")])).unwrap();
        assert_eq!(effective(controller.as_ref()), settings(&[(LIMIT, "64GiB"), (CPU, "0.1")]));
        let (controller, _) = start(&settings(&[(LIMIT, "64GiB")])).unwrap();
        assert_eq!(effective(controller.as_ref()), settings(&[(LIMIT, "64GiB"), (CPU, "0.25")]));
        for off in [settings(&[]), settings(&[(LIMIT, "off")])] {
            let (controller, pressure) = start(&off).unwrap();
            assert_eq!(effective(controller.as_ref()), settings(&[(LIMIT, "off")]));
            assert_eq!(pressure.level(), PressureLevel::None);
        }
    }

    #[test]
    fn live_memory_above_the_limit_reaches_the_workload() {
        let (_controller, pressure) = start(&settings(&[(LIMIT, "1MiB")])).unwrap();
        let began = std::time::Instant::now();
        while pressure.level() != PressureLevel::Over {
            assert!(began.elapsed().as_secs() < 60, "{:?}", pressure.level());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[test]
    fn both_parsers_of_sizes_agree() {
        for text in
            ["1", "7B", "3KiB", "256MiB", "2GiB", "1TiB", "0", "1.5GiB", "256MB", "-1", "", "MiB", "99999999999TiB"]
        {
            let ours = parse_size(text).ok().filter(|bytes| *bytes > 0);
            assert_eq!(probe::memory_limit::parse_size(text).ok().flatten(), ours, "{text}");
        }
    }
}
