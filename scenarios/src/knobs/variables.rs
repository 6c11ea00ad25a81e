//! Which environment variable makes a setting, as data: for our own child, and for programs that are not ours.

use std::collections::BTreeMap;
use std::fmt;

use super::{Acts, KNOBS, Kind, Knob, parse_size, size_text};
use crate::spec::Settings;

/// Where a program reads a setting from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A variable of its own.
    Whole {
        /// Name.
        variable: String,
    },
    /// One item of a list in a variable.
    Item {
        /// Name.
        variable: &'static str,
        /// Name within the list.
        key: String,
        /// Between that name and the value.
        assign: char,
        /// Between items.
        separator: char,
    },
}

impl Place {
    /// Whether `name` is the variable, the key, or the older variable (`MALLOC_ARENA_MAX`, `MALLOC_TOP_PAD_`) that glibc
    /// takes for the same tunable.
    pub fn is_set_by(&self, name: &str) -> bool {
        match self {
            Self::Whole { variable } => variable == name,
            Self::Item { key, .. } => {
                let older = |tunable: &str| format!("MALLOC_{}", tunable.to_ascii_uppercase());
                let aliased = |tunable| name.trim_end_matches('_') == older(tunable);
                key == name || key.strip_prefix("glibc.malloc.").is_some_and(aliased)
            }
        }
    }
}

/// `NAME=…` or `NAME=key:…`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { variable } => write!(f, "{variable}=…"),
            Self::Item { variable, key, assign, .. } => write!(f, "{variable}={key}{assign}…"),
        }
    }
}

impl Knob {
    /// The variable by which a program takes the setting, in the spelling of the libraries built into this one.
    /// A jemalloc without the `_rjem_` prefix reads `MALLOC_CONF` instead.
    pub fn variable(&self) -> Option<Place> {
        match self.acts {
            Acts::Jemalloc(option) => {
                Some(Place::Item { variable: "_RJEM_MALLOC_CONF", key: option.to_owned(), assign: ':', separator: ',' })
            }
            Acts::Mimalloc(option) => {
                Some(Place::Whole { variable: format!("MIMALLOC_{}", option.to_ascii_uppercase()) })
            }
            Acts::Glibc(tunable) => Some(Place::Item {
                variable: "GLIBC_TUNABLES",
                key: format!("glibc.malloc.{tunable}"),
                assign: '=',
                separator: ':',
            }),
            Acts::Go(variable) => Some(Place::Whole { variable: variable.to_owned() }),
            _ if self.path == "runtime.worker_threads" => {
                Some(Place::Whole { variable: "TOKIO_WORKER_THREADS".to_owned() })
            }
            _ if self.path == "runtime.sharded_blocking_queue" => {
                Some(Place::Whole { variable: "TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE".to_owned() })
            }
            _ => None,
        }
    }

    /// A canonical value as the variable wants it: bytes without a unit, mimalloc's switches as 1 and 0.
    pub fn spelled_for_variable(&self, canonical: &str) -> String {
        match (self.kind, self.acts, canonical) {
            (Kind::Bytes { .. }, ..) => parse_size(canonical).map_or_else(|_| canonical.to_owned(), |n| n.to_string()),
            (Kind::Boolean, Acts::Mimalloc(_), "true") => "1".to_owned(),
            (Kind::Boolean, Acts::Mimalloc(_), "false") => "0".to_owned(),
            _ => canonical.to_owned(),
        }
    }
}

/// A value that a process read back, in the knob's own spelling: the way back from [`Knob::spelled_for_variable`].
/// What is none of the knob's values, because somebody else set it, stays as it is.
pub fn canonical(knob: &Knob, found: &str) -> String {
    match (knob.kind, knob.acts) {
        (Kind::Bytes { .. }, _) => parse_size(found).map_or_else(|_| found.to_owned(), size_text),
        (Kind::Boolean, Acts::Mimalloc(_)) => match found {
            "0" => "false".to_owned(),
            "1" => "true".to_owned(),
            other => other.to_owned(),
        },
        _ => knob.check(found).unwrap_or_else(|_| found.to_owned()),
    }
}

/// The variables that make the allocator settings among `settings`, by name.
pub fn variables(settings: &Settings) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for knob in KNOBS.iter().filter(|knob| matches!(knob.acts, Acts::Jemalloc(_) | Acts::Mimalloc(_) | Acts::Glibc(_)))
    {
        let (Some(value), Some(place)) = (settings.get(knob.path), knob.variable()) else { continue };
        add(&mut all, &place, knob.spelled_for_variable(value));
    }
    all
}

/// Adds a value to the variable that it belongs in.
pub(super) fn add(all: &mut BTreeMap<String, String>, place: &Place, value: String) {
    match place {
        Place::Whole { variable } => {
            all.insert(variable.clone(), value);
        }
        Place::Item { variable, key, assign, separator } => {
            let list = all.entry((*variable).to_owned()).or_default();
            if !list.is_empty() {
                list.push(*separator);
            }
            list.push_str(&format!("{key}{assign}{value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_the_variables_that_make_them() {
        let settings: Settings = [
            ("allocator.jemalloc.narenas", "2"),
            ("allocator.jemalloc.tcache_max", "4KiB"),
            ("allocator.jemalloc.tcache", "false"),
            ("allocator.mimalloc.purge_delay", "-1"),
            ("allocator.mimalloc.purge_decommits", "false"),
            ("allocator.system.arena_max", "1"),
            ("allocator.system.mmap_threshold", "1GiB"),
            ("runtime.worker_threads", "2"),
        ]
        .into_iter()
        .map(|(path, value)| (path.to_owned(), value.to_owned()))
        .collect();
        let lines: Vec<_> = variables(&settings).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=1073741824
        MIMALLOC_PURGE_DECOMMITS=0
        MIMALLOC_PURGE_DELAY=-1
        _RJEM_MALLOC_CONF=narenas:2,tcache:false,tcache_max:4096
        ");
    }

    #[test]
    fn what_a_variable_says_comes_back_in_the_knobs_spelling() {
        for knob in KNOBS.iter().filter(|knob| knob.variable().is_some()) {
            let value = knob.default.value.unwrap_or("1");
            let Ok(value) = knob.check(value) else { continue };
            assert_eq!(canonical(knob, &knob.spelled_for_variable(&value)), value, "{}", knob.path);
        }
    }
}
