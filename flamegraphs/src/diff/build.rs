//! Whether two profiles name the same things alike. Names that differ for another reason than the code would all be new or
//! gone.

use std::fmt;

use crate::names;
use crate::profile::Profile;

/// How symbols are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mangling {
    /// `_R…`, with the types of generics.
    V0,
    /// `_ZN…17h<hash>E`, without them.
    Legacy,
    /// Neither was seen: another language, or names that the recorder demangled.
    Unknown,
}

/// How much debug information there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debug {
    /// Names of symbols only: no lines, and inlined functions are not there.
    None,
    /// Lines; inlined functions have bare names.
    LineTablesOnly,
    /// Lines, and the full names of inlined functions.
    Full,
}

/// What decides how a profile names functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// Mangling of the program's own functions.
    pub mangling: Mangling,
    /// Debug information.
    pub debug: Debug,
}

/// Why two profiles must not be set against each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Differs {
    /// Others counted, or something else was counted.
    #[error(
        "the first was sampled by {base}, the second by {candidate}: sample both alike (`--cpu-backend`, `--cpu-hz`)"
    )]
    Sampler {
        /// Of the base.
        base: String,
        /// Of the candidate.
        candidate: String,
    },
    /// Names are spelled differently.
    #[error(
        "symbols of the first are mangled as {base}, of the second as {candidate}: build both with the same \
             `-C symbol-mangling-version`"
    )]
    Mangling {
        /// Of the base.
        base: Mangling,
        /// Of the candidate.
        candidate: Mangling,
    },
    /// Other functions have names.
    #[error(
        "the first was built with {base}, the second with {candidate}: build both alike, by the same compiler, with the same `debug`, and \
             strip neither"
    )]
    Debug {
        /// Of the base.
        base: Debug,
        /// Of the candidate.
        candidate: Debug,
    },
}

/// Whether a difference of two profiles says something. Samplers are told as text.
///
/// # Errors
/// What differs besides the code.
pub fn comparable(profiles: [&Profile; 2], samplers: [&str; 2]) -> Result<(), Differs> {
    if samplers[0] != samplers[1] {
        return Err(Differs::Sampler { base: samplers[0].to_owned(), candidate: samplers[1].to_owned() });
    }
    let [base, candidate] = profiles.map(Build::of);
    let known = |mangling| mangling != Mangling::Unknown;
    if known(base.mangling) && known(candidate.mangling) && base.mangling != candidate.mangling {
        return Err(Differs::Mangling { base: base.mangling, candidate: candidate.mangling });
    }
    if base.debug != candidate.debug {
        return Err(Differs::Debug { base: base.debug, candidate: candidate.debug });
    }
    Ok(())
}

impl Build {
    /// Told from the functions of the program itself: the standard library is built once, its own way.
    pub fn of(profile: &Profile) -> Self {
        let own: Vec<bool> = profile.functions().iter().map(|function| names::told(function).1).collect();
        let symbols = || {
            let all = profile.functions().iter().zip(&own);
            all.filter(|(_, own)| **own).map(|(function, _)| function.system_name.as_str())
        };
        let v0 = symbols().filter(|symbol| symbol.starts_with("_R")).count();
        let legacy = symbols().filter(|symbol| symbol.starts_with("_ZN") && symbol.contains("17h")).count();
        let mangling = match (v0, legacy) {
            (0, 0) => Mangling::Unknown,
            _ if v0 >= legacy => Mangling::V0,
            _ => Mangling::Legacy,
        };
        // Inlined functions of the program: with paths, or bare.
        let (mut lines, mut bare, mut full) = (0_usize, 0_usize, 0_usize);
        for location in profile.locations() {
            let inlined = location.lines.len().saturating_sub(1);
            for (depth, line) in location.lines.iter().enumerate() {
                lines += usize::from(line.line > 0 && own[line.function.index()]);
                if depth < inlined {
                    let name = &profile.function(line.function).name;
                    if name.contains("::") { full += 1 } else { bare += 1 }
                }
            }
        }
        let debug = match () {
            () if lines == 0 => Debug::None,
            () if bare > full => Debug::LineTablesOnly,
            () => Debug::Full,
        };
        Self { mangling, debug }
    }
}

impl fmt::Display for Mangling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0 => "v0",
            Self::Legacy => "legacy",
            Self::Unknown => "nothing known",
        })
    }
}

impl fmt::Display for Debug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no debug information (`debug = 0`, or stripped)",
            Self::LineTablesOnly => "`debug = \"line-tables-only\"`",
            Self::Full => "names in its debug information (`debug = \"limited\"` or more)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Builder, Frame, ValueType};

    fn profile(symbol: &str, inlined: &str, line: i64) -> Profile {
        let mut builder = Builder::new([ValueType::new("cpu", "nanoseconds")]);
        let outer = Frame { function: "app::serve", system_name: symbol, file: "a.rs", line };
        let inner = Frame { function: inlined, system_name: "", file: "a.rs", line };
        let std = Frame { function: "core::fmt::write", system_name: "_RNvNtC_4core3fmt5write", ..Frame::default() };
        let at = if inlined.is_empty() { builder.location(1, &[outer]) } else { builder.location(1, &[inner, outer]) };
        let std = builder.location(2, &[std]);
        builder.sample(&[std, at], &[1], &[]).unwrap();
        builder.finish()
    }

    const V0: &str = "_RNvC3app5serve";
    const LEGACY: &str = "_ZN3app5serve17h0123456789abcdefE";

    #[test]
    fn builds_are_told_from_their_names() {
        let of = |symbol, inlined, line| {
            let build = Build::of(&profile(symbol, inlined, line));
            (build.mangling, build.debug)
        };
        assert_eq!(of(V0, "app::inner", 3), (Mangling::V0, Debug::Full));
        assert_eq!(of(LEGACY, "inner", 3), (Mangling::Legacy, Debug::LineTablesOnly));
        assert_eq!(of(LEGACY, "", 0), (Mangling::Legacy, Debug::None));
        assert_eq!(of("", "app::inner", 3), (Mangling::Unknown, Debug::Full));
    }

    #[test]
    fn what_differs_besides_the_code_is_refused_by_name() {
        let (a, b) = (profile(V0, "app::inner", 3), profile(LEGACY, "app::inner", 3));
        assert_eq!(comparable([&a, &a], ["perf", "perf"]), Ok(()));
        let refused = |pair: [&Profile; 2], samplers| comparable(pair, samplers).unwrap_err().to_string();
        assert!(
            refused([&a, &a], ["perf at 999 Hz", "perf at 99 Hz"])
                .contains("by perf at 999 Hz, the second by perf at 99")
        );
        assert!(refused([&a, &b], ["perf"; 2]).contains("mangled as v0, of the second as legacy"));
        let bare = profile(V0, "inner", 3);
        assert!(refused([&a, &bare], ["perf"; 2]).contains("line-tables-only"));
        assert_eq!(
            comparable([&a, &profile("", "app::inner", 3)], ["perf"; 2]),
            Ok(()),
            "an unknown mangling is no reason"
        );
    }
}
