//! `[limits]`: what a gate allows. Their words are read where limits are known; here they get a place.
//!
//! A limit is no part of what runs: it changes neither the scenario nor whether two runs are comparable.

use std::ops::Range;

use toml::de::DeValue;

use super::document::{self, Field, Section};
use super::settings::leaves;
use crate::problem::{Problem, Problems};

/// A limit as it is written in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenLimit {
    /// Metric and bound: `cpu_per_op<+3%`.
    pub text: String,
    /// 1-based line of its key.
    pub line: u32,
    /// 1-based column of its key, in characters.
    pub column: u32,
    key: Range<usize>,
    value: Range<usize>,
    /// Bytes of `text` that are the metric.
    metric: usize,
}

/// The limits of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrittenLimits {
    /// File as it was given.
    pub file: String,
    /// In the order of the file.
    pub limits: Vec<WrittenLimit>,
    source: String,
}

impl WrittenLimits {
    /// What is wrong with one of them, shown where it stands. `at` is in bytes of its text.
    pub fn problem(&self, limit: &WrittenLimit, at: Range<usize>, message: &str, help: Option<String>) -> Problems {
        let span = if at.start < limit.metric { limit.key.clone() } else { limit.value.clone() };
        let problems = vec![Problem::new(message, span).maybe_help(help)];
        Problems { file: self.file.clone(), source: self.source.clone(), problems }
    }
}

/// Reads the limits of a scenario's text; `file` is the name that messages give it.
///
/// # Errors
/// Text that is no TOML, and limits that are not written as text.
pub fn limits(file: &str, text: &str) -> Result<WrittenLimits, Problems> {
    let limits = document::part(file, text, read)?;
    Ok(WrittenLimits { file: file.to_owned(), limits, source: text.to_owned() })
}

/// Reads `[limits]`; what is no text is reported and left out.
pub(super) fn read(root: &Section<'_>) -> Vec<WrittenLimit> {
    let Some(section) = root.section("limits", "[limits]") else { return Vec::new() };
    let mut limits = Vec::new();
    for leaf in leaves(&section) {
        match leaf.field.value {
            DeValue::Array(items) => {
                let items =
                    items.iter().map(|item| Field { value: item.get_ref(), span: item.span(), ..leaf.field.clone() });
                limits.extend(items.filter_map(|item| one(&leaf.path, &item)));
            }
            _ => limits.extend(one(&leaf.path, &leaf.field)),
        }
    }
    limits
}

fn one(metric: &str, field: &Field<'_>) -> Option<WrittenLimit> {
    let Some(bound) = field.value.as_str() else {
        field.wrong_type("a text", Some("write a sign and a bound, as in \"<+3%\" or \"<=50ms\"".to_owned()));
        return None;
    };
    let (line, column) = place(field.report.text, field.key_span.start);
    Some(WrittenLimit {
        text: format!("{metric}{bound}"),
        line,
        column,
        key: field.key_span.clone(),
        value: field.span.clone(),
        metric: metric.len(),
    })
}

/// 1-based line and column, in characters.
fn place(text: &str, at: usize) -> (u32, u32) {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let line = before.rsplit('\n').next().unwrap_or("");
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    (count(before.matches('\n').count()), count(line.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name = \"a\"\n\n";

    fn of(table: &str) -> Result<WrittenLimits, Problems> {
        limits("a.toml", &format!("{HEAD}{table}"))
    }

    #[test]
    fn limits_keep_their_lines() {
        let text =
            "[limits]\ncpu_per_op = \"<+3%\"\nlatency.p99 = [\"<+10%\", \"<50ms\"]\n\"latency.p99[login]\" = \"<1s\"\n";
        let limits = of(text).unwrap();
        let told: Vec<_> = limits.limits.iter().map(|one| (one.text.as_str(), one.line, one.column)).collect();
        assert_eq!(
            told,
            [
                ("cpu_per_op<+3%", 4, 1),
                ("latency.p99<+10%", 5, 1),
                ("latency.p99<50ms", 5, 1),
                ("latency.p99[login]<1s", 6, 1)
            ]
        );
        assert_eq!(of("").unwrap().limits, []);
    }

    #[test]
    fn problems_show_the_line() {
        let limits = of("[limits]\ncpu_per_opp = \"<3%\"\n").unwrap();
        let limit = &limits.limits[0];
        let metric = limits.problem(limit, 0..11, "unknown metric", Some("did you mean `cpu_per_op`?".to_owned()));
        let bound = limits.problem(limit, 12..14, "`3%` is a share", None);
        let type_of = of("[limits]\ncpu_per_op = 3\n").unwrap_err();
        insta::assert_snapshot!(format!("{metric}\n\n{bound}\n\n{type_of}"));
    }
}
