//! What can be wrong with a setting.

use super::Needed;
use crate::problem::{listed, shown};

/// A setting that is unknown, out of range or without effect. The message is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnobError {
    /// No such path.
    #[error("unknown knob `{}`{}", shown(path), suggestion_or(nearest.as_deref(), ": `workbench list knobs` shows all"))]
    Unknown {
        /// As given.
        path: String,
        /// The nearest path there is.
        nearest: Option<String>,
    },
    /// The name of a group where a knob is needed.
    #[error("`{path}` is a group of knobs, not a knob: it has {}", first_few(members))]
    Group {
        /// As given.
        path: String,
        /// Paths in the group.
        members: Vec<String>,
    },
    /// An option that exists, and that no build of ours can set.
    #[error("`{path}` is unavailable: {reason}")]
    Unavailable {
        /// As given.
        path: String,
        /// Why, and what to use.
        reason: &'static str,
    },
    /// A parameter that the scenario does not declare.
    #[error("unknown parameter `workload.{}`{}", shown(name), declared(nearest.as_deref(), known))]
    UnknownParameter {
        /// Name without the `workload.` prefix.
        name: String,
        /// The nearest declared name.
        nearest: Option<String>,
        /// Declared names.
        known: Vec<String>,
    },
    /// A parameter or environment variable whose name no program could take.
    #[error("`{}` is not a usable name: {expected}", shown(path))]
    Name {
        /// As given.
        path: String,
        /// What names look like.
        expected: &'static str,
    },
    /// An environment variable that a knob sets.
    #[error("`{path}` cannot be set: {instead}")]
    Reserved {
        /// As given.
        path: String,
        /// What to use.
        instead: &'static str,
    },
    /// Not of the knob's type.
    #[error("`{path}` = {} is not {expected}", spelled(value))]
    Type {
        /// Knob.
        path: String,
        /// As given.
        value: String,
        /// What it takes, with its range.
        expected: String,
    },
    /// Of the right type, too small or too large.
    #[error("`{path}` = {} is out of range: {range}", spelled(value))]
    Range {
        /// Knob.
        path: String,
        /// As given.
        value: String,
        /// Smallest to largest.
        range: String,
    },
    /// None of the words it takes.
    #[error(
        "`{path}` = {} is none of {}{}", spelled(value), choices.join(", "), suggestion(nearest.as_deref())
    )]
    Choice {
        /// Knob.
        path: String,
        /// As given.
        value: String,
        /// Words it takes.
        choices: Vec<String>,
        /// The nearest of them.
        nearest: Option<String>,
    },
    /// For our own subjects only.
    #[error("`{path}` cannot be set in a program that is not ours: {why}")]
    NotFromOutside {
        /// Knob.
        path: String,
        /// Why, and what to use.
        why: &'static str,
    },
    /// For programs written in Go only.
    #[error("`{path}` is for programs written in Go, and this scenario's workload is ours, in Rust")]
    OnlyGo {
        /// Knob.
        path: String,
    },
    /// Would be ignored without a word.
    #[error("`{path}` has no effect with {condition} = {actual}: it needs {condition} {needed}{}", except(path, *allowed))]
    NoEffect {
        /// Knob.
        path: String,
        /// The knob it depends on.
        condition: &'static str,
        /// What that one is.
        actual: String,
        /// What it would have to be.
        needed: Needed,
        /// Value that is allowed regardless.
        allowed: Option<&'static str>,
    },
}

impl KnobError {
    /// The part after "did you mean", where there is one.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::Unknown { nearest, .. } | Self::UnknownParameter { nearest, .. } | Self::Choice { nearest, .. } => {
                nearest.as_deref()
            }
            _ => None,
        }
    }

    /// Whether the name is at fault rather than the value.
    pub fn is_about_name(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. }
                | Self::Group { .. }
                | Self::Unavailable { .. }
                | Self::UnknownParameter { .. }
                | Self::Name { .. }
                | Self::Reserved { .. }
                | Self::NoEffect { .. }
                | Self::NotFromOutside { .. }
                | Self::OnlyGo { .. }
        )
    }
}

fn spelled(value: &str) -> String {
    if value.is_empty() { "(empty)".to_owned() } else { shown(value) }
}

fn suggestion(nearest: Option<&str>) -> String {
    suggestion_or(nearest, "")
}

fn suggestion_or(nearest: Option<&str>, otherwise: &str) -> String {
    nearest.map_or_else(|| otherwise.to_owned(), |nearest| format!(": did you mean `{nearest}`?"))
}

/// The knobs of a group, as far as a line holds them.
fn first_few(members: &[String]) -> String {
    const SHOWN: usize = 6;
    match members.len().checked_sub(SHOWN) {
        None | Some(0) => listed(members),
        Some(more) => {
            format!("{} and {more} more: `workbench list knobs` shows all", listed(&members[..SHOWN]))
        }
    }
}

fn declared(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `workload.{nearest}`?"),
        None if known.is_empty() => ": this scenario declares no [workload_parameters]".to_owned(),
        None => format!(": this scenario declares {}", listed(known)),
    }
}

fn except(path: &str, allowed: Option<&str>) -> String {
    allowed.map_or_else(String::new, |allowed| format!(" (or {path} = {allowed})"))
}
