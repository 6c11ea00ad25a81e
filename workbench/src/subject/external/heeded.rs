//! Whether a program heeds the variables that it was given, as far as that shows from outside: in the threads that it has,
//! and in what its runtime and its allocator keep in memory.
//!
//! A setting that is seen not to be heeded stops the trial: it would be measured under a name that is not its own.

mod arenas;
mod memory;
mod threads;

use std::collections::BTreeMap;

use reports::run::{Heed, Settings};
use scenarios::knobs::{Acts, Knob, Setting, lookup};

use self::memory::{Memory, Named};

/// What was seen of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// It is in force; what shows it.
    InForce(String),
    /// Something else is; what shows that.
    Otherwise(String),
    /// Nothing shows it; why.
    Nothing(String),
}

/// Looks at a program that is ready and was not driven yet.
///
/// # Errors
/// A setting that is not heeded, and what shows it: the end of a sentence that begins with the program's name.
pub(super) fn when_ready(pid: i32, requested: &Settings) -> Result<BTreeMap<String, Heed>, String> {
    let mut memory = Memory::of(pid);
    told(requested, |knob, value| ready(pid, &mut memory, knob, value))
}

/// Looks again after the load: only then has glibc as many arenas as it will have.
///
/// # Errors
/// As [`when_ready`].
pub(super) fn when_driven(pid: i32, requested: &Settings) -> Result<BTreeMap<String, Heed>, String> {
    told(requested, |knob, value| {
        (knob.path == "allocator.system.arena_max").then(|| {
            let most = value.parse().unwrap_or(0);
            arenas::judged(arenas::count(pid), most)
        })
    })
}

fn told(
    requested: &Settings,
    mut look: impl FnMut(&Knob, &str) -> Option<Seen>,
) -> Result<BTreeMap<String, Heed>, String> {
    let mut all = BTreeMap::new();
    for (path, value) in requested {
        let Ok(Setting::Knob(knob)) = lookup(path) else { continue };
        let heed = match look(knob, value) {
            None => continue,
            Some(Seen::InForce(by)) => Heed::Proven { by },
            Some(Seen::Nothing(because)) => Heed::NotProvable { because },
            Some(Seen::Otherwise(seen)) => {
                return Err(format!(
                    "does not heed {path} = {value}: {seen}; what it was given is in its environment, so its own code must \
                     set something else, or read another variable"
                ));
            }
        };
        all.insert(path.clone(), heed);
    }
    Ok(all)
}

/// One setting of a program that was not driven yet; `None` for what the kernel keeps and what is looked at later.
fn ready(pid: i32, memory: &mut Memory, knob: &Knob, value: &str) -> Option<Seen> {
    match knob.acts {
        Acts::Go(variable) => Some(go(memory, variable, value)),
        Acts::Jemalloc(option) => Some(jemalloc(memory, option, &knob.spelled_for_variable(value))),
        Acts::Mimalloc(_) => Some(Seen::Nothing("mimalloc keeps its options where no symbol names them".into())),
        Acts::Glibc(_) if knob.path == "allocator.system.arena_max" => None,
        Acts::Glibc(_) => Some(Seen::Nothing("glibc keeps its tunables where no symbol names them".into())),
        _ if knob.path == "runtime.worker_threads" => {
            let asked = value.parse().unwrap_or(0);
            Some(threads::judged(threads::settled(pid, asked), asked))
        }
        _ if knob.variable().is_some() => Some(Seen::Nothing("nothing shows it from outside".into())),
        _ => None,
    }
}

/// Go's runtime keeps them in variables of its own: `runtime.gomaxprocs`, and `gcPercent` and `memoryLimit` at the begin
/// of `runtime.gcController` (`runtime/mgcpacer.go`, since Go 1.19).
fn go(memory: &mut Memory, variable: &str, value: &str) -> Seen {
    let (symbol, offset, bytes, asked) = match variable {
        "GOMAXPROCS" => ("runtime.gomaxprocs", 0, 4, value.parse().ok()),
        "GOGC" if value == "off" => ("runtime.gcController", 0, 4, Some(-1)),
        "GOGC" => ("runtime.gcController", 0, 4, value.parse().ok()),
        "GOMEMLIMIT" => ("runtime.gcController", 8, 8, limit(value)),
        _ => return Seen::Nothing("Go keeps it in many places".into()),
    };
    let Some(asked) = asked else { return Seen::Nothing(format!("`{value}` is no number")) };
    match memory.named(&[symbol.to_owned()]) {
        Ok(Named { address, .. }) => match memory.number(address + offset, bytes) {
            Ok(found) if found == asked => Seen::InForce(format!("{symbol} is {found} in its memory")),
            Ok(found) => Seen::Otherwise(format!("{symbol} is {found} in its memory")),
            Err(because) => Seen::Nothing(because),
        },
        Err(because) => Seen::Nothing(because),
    }
}

fn limit(value: &str) -> Option<i64> {
    match value {
        "off" => Some(i64::MAX),
        size => i64::try_from(scenarios::knobs::parse_size(size).ok()?).ok(),
    }
}

/// Options whose variables jemalloc leaves as the configuration has them; it may adjust others.
const UNADJUSTED: [&str; 6] = ["narenas", "dirty_decay_ms", "muzzy_decay_ms", "background_thread", "tcache", "retain"];

/// jemalloc keeps each option in a variable `opt_…` (`jemalloc/src/jemalloc.c`), under the prefix of the build.
fn jemalloc(memory: &mut Memory, option: &str, asked: &str) -> Seen {
    let asked = match asked {
        "true" => Some(1),
        "false" => Some(0),
        number => number.parse::<i64>().ok(),
    };
    let Some(asked) = asked else { return Seen::Nothing("jemalloc keeps it as a number of its own".into()) };
    let names = ["_rjem_je_", "je_", "_rjem_", ""].map(|prefix| format!("{prefix}opt_{option}"));
    let Named { name, address, bytes } = match memory.named(&names) {
        Ok(named) => named,
        Err(because) => return Seen::Nothing(because),
    };
    match memory.number(address, bytes) {
        Ok(found) if found == asked => Seen::InForce(format!("{name} is {found} in its memory")),
        Ok(found) if UNADJUSTED.contains(&option) => Seen::Otherwise(format!("{name} is {found} in its memory")),
        Ok(found) => Seen::Nothing(format!("{name} is {found} in its memory, and jemalloc may have adjusted it")),
        Err(because) => Seen::Nothing(because),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_not_heeded_is_an_error_and_what_is_not_seen_a_reason() {
        let requested = settings(&[("runtime.worker_threads", "2"), ("go.gogc", "50"), ("env.FIX", "1")]);
        let seen = |knob: &Knob, _: &str| match knob.path {
            "go.gogc" => Some(Seen::Nothing("it has no symbols".into())),
            _ => Some(Seen::InForce("it has 2 threads".into())),
        };
        let heeds = told(&requested, seen).unwrap();
        assert_eq!(heeds.len(), 2);
        assert_eq!(heeds["go.gogc"], Heed::NotProvable { because: "it has no symbols".into() });
        assert_eq!(heeds["runtime.worker_threads"], Heed::Proven { by: "it has 2 threads".into() });
        let refused = told(&requested, |_, _| Some(Seen::Otherwise("it has 4".into()))).unwrap_err();
        insta::assert_snapshot!(refused, @"does not heed go.gogc = 50: it has 4; what it was given is in its environment, so its own code must set something else, or read another variable");
    }

    #[test]
    fn jemallocs_options_of_this_process_are_read_from_its_memory() {
        // The test binary holds jemalloc, with its own defaults.
        let own = std::process::id().cast_signed();
        let mut memory = Memory::of(own);
        let background = jemalloc(&mut memory, "background_thread", "false");
        assert!(
            matches!(&background, Seen::InForce(by) if by.contains("opt_background_thread is 0")),
            "{background:?}"
        );
        let decay = jemalloc(&mut memory, "dirty_decay_ms", "4321");
        assert!(matches!(&decay, Seen::Otherwise(seen) if seen.contains("opt_dirty_decay_ms is")), "{decay:?}");
        assert!(matches!(jemalloc(&mut memory, "no_such_option", "1"), Seen::Nothing(_)));
        assert!(matches!(go(&mut memory, "GOGC", "50"), Seen::Nothing(_)), "this is no program of Go's");
    }
}
