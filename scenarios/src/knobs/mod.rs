//! Every setting a person can make: one table, one check, one description.
//!
//! A path is one of
//! - a knob of [`KNOBS`], e.g. `runtime.worker_threads`;
//! - `workload.NAME`, a parameter that the scenario declares with its default;
//! - `env.NAME`, an environment variable of the subject.
//!
//! A knob that joins later is one more row of [`KNOBS`]: reading, checking, suggesting and listing follow from it.

mod combination;
mod cpu_set;
mod describe;
mod duration;
mod error;
mod for_program;
mod kind;
mod path;
mod shape;
mod size;
mod table;
#[cfg(test)]
mod tests;
mod variables;

pub(crate) use self::combination::acts_in;
pub use self::combination::check_combination;
pub use self::describe::{Row, describe};
pub use self::duration::{duration_text, parse_duration};
pub use self::error::KnobError;
pub use self::for_program::{check_for_program, check_reach, is_in_variables, program_variables};
pub use self::kind::Kind;
pub use self::path::{Setting, check, lookup, parameter_name};
pub use self::shape::apply_to_shape;
pub(crate) use self::shape::{CONNECTIONS, PROTOCOLS, arrivals_name, name_of};
pub use self::size::{parse_size, size_text};
pub use self::table::KNOBS;
pub use self::variables::{Place, canonical, variables};

/// One setting: what it is, what it takes, what it does and how it is read back.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Path, the same in TOML, on the command line and in JSON.
    pub path: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// What holds where nobody sets it.
    pub default: DefaultValue,
    /// One paragraph.
    pub doc: &'static str,
    /// What a Go engineer would reach for.
    pub go: Option<GoEquivalent>,
    /// Where it acts.
    pub acts: Acts,
    /// Whether the subject must have been built with `--cfg tokio_unstable`.
    pub unstable: bool,
    /// When it has an effect at all.
    pub condition: Option<Condition>,
    /// How the effective value is read back, in prose.
    pub read_back: &'static str,
}

/// What holds where nobody sets a knob.
#[derive(Debug, Clone, Copy)]
pub struct DefaultValue {
    /// In words.
    pub prose: &'static str,
    /// In the knob's own spelling, where it is the same on every machine.
    pub value: Option<&'static str>,
}

/// The nearest thing in Go, and where the likeness ends.
#[derive(Debug, Clone, Copy)]
pub struct GoEquivalent {
    /// Name, e.g. `GOMAXPROCS`.
    pub name: &'static str,
    /// The honest difference, one sentence.
    pub difference: &'static str,
}

/// Where a knob acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// On the builder of the subject's runtime.
    TokioBuilder,
    /// Chooses the subject's allocator.
    AllocatorKind,
    /// A jemalloc option of this name, in `_RJEM_MALLOC_CONF`.
    Jemalloc(&'static str),
    /// A mimalloc option of this name, in a variable of its own.
    Mimalloc(&'static str),
    /// A tunable `glibc.malloc.NAME` of the system's allocator, in `GLIBC_TUNABLES`.
    Glibc(&'static str),
    /// On Go's runtime, by this variable.
    Go(&'static str),
    /// On the controller of the subject's soft memory limit.
    MemoryLimit,
    /// The CPUs that the subject may run on.
    Affinity,
    /// The open-loop load, not the subject. Equal for every variant.
    Load,
    /// The shape of a trial, not the subject. Equal for every variant.
    Trial,
}

/// The setting that must hold for a knob to have an effect.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// Path of the other knob, which has a default value.
    pub path: &'static str,
    /// What it must be.
    pub needed: Needed,
    /// Value of the knob itself that is allowed regardless.
    pub except: Option<&'static str>,
}

/// What another knob must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// This value.
    Value(&'static str),
    /// Any but this one.
    AnyBut(&'static str),
}

impl std::fmt::Display for Needed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "= {value}"),
            Self::AnyBut(value) => write!(f, "other than {value}"),
        }
    }
}

impl Knob {
    /// Checks a value and returns its canonical spelling (`1000ms` → `1s`).
    ///
    /// # Errors
    /// Names the knob, the value, and the range or the nearest choice.
    pub fn check(&self, value: &str) -> Result<String, KnobError> {
        self.kind.check(self.path, value)
    }

    /// Whether it changes the subject. The others change the load or the shape of a trial, for every variant alike.
    pub fn acts_on_subject(&self) -> bool {
        !matches!(self.acts, Acts::Load | Acts::Trial)
    }

    /// Path without its group, e.g. `worker_threads`.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}
