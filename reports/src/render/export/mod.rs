//! A run for other programs to read: continuous integration, plots, spreadsheets, monitoring.

mod action_benchmark;
mod annotations;
mod benchstat;
mod bmf;
mod check;
mod comment;
mod csv;
mod frozen;
mod junit;
mod open_metrics;
mod sarif;
mod series;
mod step_summary;

#[cfg(test)]
mod tests;

pub use annotations::annotations;
pub use comment::{comment, marker};
pub use frozen::frozen;
pub use step_summary::{ROOM as STEP_SUMMARY_ROOM, step_summary};

use crate::run::{RunSummary, TrialRecord};

/// A format of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JUnit XML.
    Junit,
    /// Lines that GitHub turns into annotations.
    Annotations,
    /// Markdown for a comment on a pull request.
    Comment,
    /// Markdown for GitHub's job summary.
    StepSummary,
    /// Text that Go's benchstat reads.
    Benchstat,
    /// Bencher Metric Format.
    Bmf,
    /// github-action-benchmark, `customSmallerIsBetter`.
    ActionSmaller,
    /// github-action-benchmark, `customBiggerIsBetter`.
    ActionBigger,
    /// OpenMetrics text.
    OpenMetrics,
    /// Comma-separated values, a row for each metric of each trial.
    Csv,
    /// Static Analysis Results Interchange Format 2.1.0.
    Sarif,
    /// report.md.
    Markdown,
    /// The `--json` document.
    Json,
}

/// Every format with its name on the command line and what reads it.
pub const FORMATS: &[(Format, &str, &str)] = &[
    (Format::Junit, "junit", "JUnit XML: regressed = failure, subject failed = error, cannot tell = skipped"),
    (Format::Annotations, "annotations", "GitHub workflow commands, each on the line of its limit; the ten worst"),
    (Format::Comment, "comment", "Markdown for a pull request, with a hidden marker to find it again"),
    (Format::StepSummary, "step-summary", "Markdown for GitHub's job summary"),
    (Format::Benchstat, "benchstat", "text for Go's benchstat, a line for each trial"),
    (Format::Bmf, "bmf", "Bencher Metric Format (bencher run --adapter json)"),
    (Format::ActionSmaller, "action-benchmark-smaller", "github-action-benchmark, tool customSmallerIsBetter"),
    (Format::ActionBigger, "action-benchmark-bigger", "github-action-benchmark, tool customBiggerIsBetter"),
    (Format::OpenMetrics, "openmetrics", "OpenMetrics text, for a scrape or a file"),
    (Format::Csv, "csv", "comma-separated values, a row for each metric of each trial"),
    (Format::Sarif, "sarif", "SARIF 2.1.0: findings that name a file and a line"),
    (Format::Markdown, "markdown", "report.md"),
    (Format::Json, "json", "the --json document"),
];

impl Format {
    /// By its name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(_, known, _)| *known == name).map(|(format, ..)| *format)
    }

    /// The name nearest to a mistyped one.
    pub fn nearest(name: &str) -> Option<&'static str> {
        let likeness = |known: &&'static str| strsim::jaro_winkler(name, known);
        let near = FORMATS.iter().map(|(_, known, _)| *known).filter(|known| likeness(known) > 0.7);
        near.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
    }
}

/// The run in that format.
pub fn export(format: Format, summary: &RunSummary, trials: &[TrialRecord]) -> String {
    match format {
        Format::Junit => junit::junit(summary, trials),
        Format::Annotations => annotations(summary, trials),
        Format::Comment => comment(summary, trials),
        Format::StepSummary => step_summary(summary, trials, STEP_SUMMARY_ROOM),
        Format::Benchstat => benchstat::benchstat(summary, trials),
        Format::Bmf => bmf::bmf(summary, trials),
        Format::ActionSmaller => action_benchmark::smaller(summary, trials),
        Format::ActionBigger => action_benchmark::bigger(summary, trials),
        Format::OpenMetrics => open_metrics::open_metrics(summary),
        Format::Csv => csv::csv(summary, trials),
        Format::Sarif => sarif::sarif(summary),
        Format::Markdown => super::markdown::report(summary),
        Format::Json => super::json::document(summary),
    }
}
