//! Options of this process's allocator, read back.

use probe::allocator::Kind;
use scenarios::knobs::{self, Acts, KNOBS, Knob};
use scenarios::spec::Settings;

use super::ChildError;

/// The options in force, by the paths and in the spelling of the knobs. Of the system's allocator, whose defaults no
/// interface tells, those that `settings` ask for. `thorough` tries out what only behaviour shows, too: a few
/// milliseconds, and blocks and threads that a measured process must not have had.
pub(super) fn options(kind: Kind, settings: &Settings, thorough: bool) -> Result<Settings, ChildError> {
    match kind {
        Kind::Jemalloc => jemalloc(settings, thorough),
        Kind::Mimalloc => {
            let found = probe::mimalloc::effective();
            Ok(rows()
                .filter_map(|knob| match knob.acts {
                    Acts::Mimalloc(option) => Some(row(knob, found.get(option)?)),
                    _ => None,
                })
                .collect())
        }
        Kind::System => system(settings, thorough),
    }
}

fn rows() -> impl Iterator<Item = &'static Knob> {
    KNOBS.iter()
}

fn row(knob: &Knob, found: &str) -> (String, String) {
    (knob.path.to_owned(), knobs::canonical(knob, found))
}

/// A canonical value as a plain number, where it is one.
fn number(knob: &Knob, value: &str) -> Option<u64> {
    knob.spelled_for_variable(value).parse().ok()
}

fn jemalloc(settings: &Settings, thorough: bool) -> Result<Settings, ChildError> {
    let refused = |e: probe::jemalloc::ControlError| ChildError::Setting(e.to_string());
    let found = probe::jemalloc::effective().map_err(refused)?;
    let mut effective = Settings::new();
    for knob in rows() {
        let Acts::Jemalloc(option) = knob.acts else { continue };
        if let Some(value) = found.get(option) {
            effective.extend([row(knob, value)]);
        } else if let (true, Some(asked)) = (thorough, settings.get(knob.path)) {
            // The one option that jemalloc does not show.
            let expected = number(knob, asked).and_then(|bytes| usize::try_from(bytes).ok());
            let Some(expected) = expected.filter(|_| option == "calloc_madvise_threshold") else { continue };
            let seen = probe::jemalloc::zeroing_threshold(expected).map_err(refused)?;
            let seen = seen.map_or_else(|| "another size".to_owned(), |bytes| bytes.to_string());
            effective.extend([row(knob, &seen)]);
        }
    }
    Ok(effective)
}

fn system(settings: &Settings, thorough: bool) -> Result<Settings, ChildError> {
    let asked: Vec<(&Knob, &str, &String)> = rows()
        .filter_map(|knob| match knob.acts {
            Acts::Glibc(tunable) => Some((knob, tunable, settings.get(knob.path)?)),
            _ => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(Settings::new());
    }
    // What malloc does comes first: starting the loader makes it work.
    let seen: Vec<Option<u64>> = asked
        .iter()
        .map(|(knob, tunable, value)| {
            thorough.then(|| number(knob, value).and_then(|number| probe::glibc::observed(tunable, number))).flatten()
        })
        .collect();
    let listed = probe::glibc::tunables().map_err(|e| ChildError::Setting(e.to_string()))?;
    let value = |((knob, tunable, _), seen): (&(&Knob, &str, &String), Option<u64>)| {
        let found = seen.or_else(|| listed.get(*tunable).copied())?;
        Some(row(knob, &found.to_string()))
    };
    Ok(asked.iter().zip(seen).filter_map(value).collect())
}
