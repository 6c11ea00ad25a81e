//! Which knobs reach a program that is not ours: those that a variable or the kernel makes.

use std::collections::BTreeMap;

use super::variables::{Place, add};
use super::{Acts, KNOBS, Knob, KnobError, Setting, lookup};
use crate::spec::Settings;

impl Knob {
    /// Whether it can be set in a program that is not ours; if not, why.
    ///
    /// # Errors
    /// The end of a sentence.
    pub fn reaches_programs(&self) -> Result<(), &'static str> {
        match self.acts {
            Acts::Affinity | Acts::Go(_) | Acts::Load | Acts::Trial => Ok(()),
            _ if self.variable().is_some() => Ok(()),
            Acts::TokioBuilder => {
                Err("tokio takes it from its builder, in the program's own code, and from no variable")
            }
            Acts::AllocatorKind => Err("its allocator is built in: compare two builds by --vary-cmd"),
            Acts::MemoryLimit => Err("its controller lives in our own subjects: use a cgroup, or go.gomemlimit"),
            Acts::Jemalloc(_) | Acts::Mimalloc(_) | Acts::Glibc(_) => Err("no variable sets it"),
        }
    }
}

/// Refuses a setting that cannot reach a program that is not ours.
///
/// # Errors
/// [`KnobError::NotFromOutside`], or an unknown path.
pub fn check_reach(path: &str) -> Result<(), KnobError> {
    match lookup(path)? {
        Setting::Knob(knob) => {
            knob.reaches_programs().map_err(|why| KnobError::NotFromOutside { path: path.to_owned(), why })
        }
        Setting::Parameter(_) | Setting::Environment(_) => Ok(()),
    }
}

/// The same for all settings of a variant.
///
/// # Errors
/// [`KnobError::NotFromOutside`] for the first.
pub fn check_for_program(settings: &Settings) -> Result<(), KnobError> {
    settings.keys().try_for_each(|path| check_reach(path))
}

/// Refuses Go's settings for workloads of ours, which are none of Go's.
pub(super) fn check_for_workload(settings: &Settings) -> Result<(), KnobError> {
    let of_go = |path: &&String| matches!(lookup(path), Ok(Setting::Knob(Knob { acts: Acts::Go(_), .. })));
    match settings.keys().find(of_go) {
        Some(path) => Err(KnobError::OnlyGo { path: path.clone() }),
        None => Ok(()),
    }
}

/// The variables that make the settings of a program that is not ours, by name. jemalloc's are set under both names
/// that builds of it read, since from outside nobody knows which it is.
pub fn program_variables(settings: &Settings) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (knob, value) in KNOBS.iter().filter_map(|knob| Some((knob, settings.get(knob.path)?))) {
        if let Some(place) = knob.variable() {
            add(&mut all, &place, knob.spelled_for_variable(value));
        }
    }
    if let Some(options) = all.get(PREFIXED).cloned() {
        all.insert(UNPREFIXED.to_owned(), options);
    }
    all
}

/// The variable of jemalloc as Rust's crates build it, and of every other build.
const PREFIXED: &str = "_RJEM_MALLOC_CONF";
const UNPREFIXED: &str = "MALLOC_CONF";

/// Whether the variables of a program hold what the knob at `path` asks for; `None` where no variable makes it.
pub fn is_in_variables(path: &str, value: &str, variables: &BTreeMap<String, String>) -> Option<bool> {
    let Ok(Setting::Knob(knob)) = lookup(path) else { return None };
    let value = knob.spelled_for_variable(value);
    Some(match knob.variable()? {
        Place::Whole { variable } => variables.get(&variable) == Some(&value),
        Place::Item { variable, key, assign, separator } => {
            let item = format!("{key}{assign}{value}");
            variables.get(variable).is_some_and(|list| list.split(separator).any(|each| each == item))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn presets_become_variables_and_are_found_in_them() {
        let settings = settings(&[
            ("runtime.worker_threads", "2"),
            ("allocator.jemalloc.narenas", "2"),
            ("allocator.jemalloc.tcache", "false"),
            ("allocator.system.arena_max", "1"),
            ("go.gogc", "off"),
            ("go.gomemlimit", "256MiB"),
            ("go.godebug", "gctrace=1,madvdontneed=1"),
            ("env.FIX", "1"),
            ("cpu.affinity", "0"),
        ]);
        check_for_program(&settings).unwrap();
        let variables = program_variables(&settings);
        let lines: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"));
        for (path, value) in settings.iter().filter(|(path, _)| !path.starts_with("env.") && *path != "cpu.affinity") {
            assert_eq!(is_in_variables(path, value, &variables), Some(true), "{path}");
            assert_eq!(is_in_variables(path, value, &BTreeMap::new()), Some(false), "{path}");
        }
        assert_eq!(is_in_variables("cpu.affinity", "0", &variables), None);
    }

    #[test]
    fn what_no_variable_sets_is_refused_with_the_reason() {
        let refused = ["runtime.flavor", "allocator.kind", "allocator.memory_limit", "runtime.max_blocking_threads"];
        let messages = refused.map(|path| check_reach(path).unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"));
        insta::assert_snapshot!(check_for_workload(&settings(&[("go.gogc", "50")])).unwrap_err().to_string());
    }
}
