//! What can be wrong with the command line's wishes.

use crate::knobs::KnobError;
use crate::problem::{listed, shown};

/// Why there is nothing to run. The message is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A setting is wrong by itself.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// A variant's settings are wrong together.
    #[error("variant `{}`: {problem}", shown(variant))]
    Variant {
        /// Name of the variant.
        variant: String,
        /// What is wrong.
        problem: Box<KnobError>,
    },
    /// No such variant.
    #[error("unknown variant `{}`{}", shown(name), alternatives(nearest.as_deref(), known))]
    UnknownVariant {
        /// As given.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
        /// Names there are.
        known: Vec<String>,
    },
    /// `--set` took away the difference between two variants.
    #[error(
        "variants `{}` and `{}` differ in nothing once {} is the same for both: choose one with --variant, or do not set it",
        shown(first),
        shown(second),
        listed(paths)
    )]
    Twins {
        /// A variant.
        first: String,
        /// The other.
        second: String,
        /// Settings that were different.
        paths: Vec<String>,
    },
    /// A load or trial setting in `--vary`.
    #[error(
        "`{path}` cannot vary between variants: they are compared under equal schedules. Use --set, and one run for each value"
    )]
    NotVariable {
        /// Setting.
        path: String,
    },
    /// A rate or a number beside stages, bursts or a trace, from which they follow.
    #[error("`{path}` follows from the stages, bursts or trace of the load: change these, or leave them out")]
    Shaped {
        /// Setting.
        path: String,
    },
    /// `--vary` twice for one setting.
    #[error("`{path}` is varied twice: give all values to one --vary")]
    VariedTwice {
        /// Setting.
        path: String,
    },
    /// A value twice in one `--vary`, perhaps in two spellings.
    #[error("`{path}` is varied over {} twice", shown(value))]
    RepeatedValue {
        /// Setting.
        path: String,
        /// Value in its canonical spelling.
        value: String,
    },
    /// `--vary` without values.
    #[error("`{path}` is varied over no values")]
    NoValues {
        /// Setting.
        path: String,
    },
    /// More variants than any machine has time for.
    #[error("the grid has {count} variants, more than {most}: vary fewer settings at a time")]
    TooMany {
        /// Variants of the grid.
        count: usize,
        /// Most there may be.
        most: usize,
    },
    /// Two variants would have one name.
    #[error("two variants would be named `{}`: vary over values that look more different", shown(name))]
    SameName {
        /// The name.
        name: String,
    },
    /// Both phases are off.
    #[error("nothing to measure: load.operations is 0 and trial.saturated is 0s")]
    NothingToMeasure,
    /// Open-loop arrivals without a rate.
    #[error("load.arrivals needs load.rate, which this scenario does not have: add --set load.rate=…")]
    NoRate,
    /// Background load with a rate of its own, and no time to send it in.
    #[error(
        "operation `{}` has a rate of its own, and closed arrivals end when they are answered: give it a weight, or leave \
         load.arrivals alone",
        shown(operation)
    )]
    BackgroundOfClosed {
        /// Name in the mix.
        operation: String,
    },
}

fn alternatives(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{}`?", shown(nearest)),
        None => format!(": there are {}", listed(known)),
    }
}
