//! `--set NAME=VALUE` and `--vary NAME=A,B,C`.

use crate::knobs::{Kind, Setting, lookup};
use crate::problem::shown;

/// A `--set` or `--vary` that cannot be split. The message is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// No `=`.
    #[error("`{}` has no `=`: write {example}", shown(text))]
    NoEquals {
        /// As given.
        text: String,
        /// What would be right.
        example: &'static str,
    },
    /// Nothing before the `=`.
    #[error("`{}` has no name before the `=`: write {example}", shown(text))]
    NoName {
        /// As given.
        text: String,
        /// What would be right.
        example: &'static str,
    },
    /// Nothing between two separators.
    #[error("`{}` has an empty value: write {example}", shown(text))]
    EmptyValue {
        /// As given.
        text: String,
        /// What would be right.
        example: &'static str,
    },
    /// Commas where they belong to one value.
    #[error(
        "`{}` has one value, since commas belong to a list of CPUs: separate values by `;`, as in 'cpu.affinity=0;0,1'",
        shown(text)
    )]
    CpuLists {
        /// As given.
        text: String,
    },
}

const SET: &str = "--set runtime.worker_threads=2";
const VARY: &str = "--vary runtime.worker_threads=1,2,4";

/// Splits `NAME=VALUE` at the first `=`. Whether there is such a setting is [`super::resolve`]'s business.
///
/// # Errors
/// [`FlagError::NoEquals`] and [`FlagError::NoName`].
pub fn parse_set(text: &str) -> Result<(String, String), FlagError> {
    let (name, value) = split(text, SET)?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

/// Splits `NAME=A,B,C`. Values are separated by `;` where there is one, since some values have commas of their own
/// (`env.RUST_LOG=info;debug,hyper=off`); lists of CPUs always are: `cpu.affinity=0;0,1` has two values.
///
/// # Errors
/// Any [`FlagError`].
pub fn parse_vary(text: &str) -> Result<(String, Vec<String>), FlagError> {
    let (name, values) = split(text, VARY)?;
    let of_cpus = matches!(lookup(name), Ok(Setting::Knob(knob)) if knob.kind == Kind::CpuSet);
    if of_cpus && values.contains(',') && !values.contains(';') {
        return Err(FlagError::CpuLists { text: text.to_owned() });
    }
    let separator = if of_cpus || values.contains(';') { ';' } else { ',' };
    let values: Vec<String> = values.split(separator).map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(FlagError::EmptyValue { text: text.to_owned(), example: VARY });
    }
    Ok((name.to_owned(), values))
}

fn split<'a>(text: &'a str, example: &'static str) -> Result<(&'a str, &'a str), FlagError> {
    let (name, value) = text.split_once('=').ok_or_else(|| FlagError::NoEquals { text: text.to_owned(), example })?;
    let name = name.trim();
    if name.is_empty() {
        return Err(FlagError::NoName { text: text.to_owned(), example });
    }
    Ok((name, value))
}
