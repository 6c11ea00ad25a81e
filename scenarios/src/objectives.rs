//! Objectives that other tools keep: sloth (`prometheus/v1`, and its Kubernetes form) and OpenSLO (`openslo/v1`).

mod node;
mod openslo;
mod sloth;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use saphyr::{LoadableYamlNode, MarkedYaml};

use self::node::{Node, Text};
use crate::problem::{Problem, Problems, listed};
use crate::spec::Slo;

/// An objective as it is written elsewhere. Neither format knows a latency: theirs is within their queries.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenObjective {
    /// Name of the service and of the objective.
    pub name: String,
    /// Part that must be good.
    pub objective: f64,
    /// Window of the budget.
    pub window: Duration,
    /// Prometheus query for bad operations per second, with `{{.window}}` for its range; absent where the file has none.
    pub bad: Option<String>,
    /// The same for all operations.
    pub total: Option<String>,
}

impl WrittenObjective {
    /// As a scenario would have it.
    pub fn slo(&self, latency: Option<Duration>) -> Slo {
        Slo { objective: self.objective, latency, window: self.window }
    }
}

/// A file of objectives that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ObjectivesError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Path as given.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file was read and is wrong.
    #[error("{0}")]
    Problems(#[from] Problems),
}

/// Reads a file of either format; never empty.
///
/// # Errors
/// [`ObjectivesError`], which names the path and the line.
pub fn read(path: &Path) -> Result<Vec<WrittenObjective>, ObjectivesError> {
    let text = std::fs::read_to_string(path).map_err(|source| ObjectivesError::Io { path: path.to_owned(), source })?;
    Ok(parse(&path.to_string_lossy(), &text)?)
}

/// Reads the text of a file; `file` is the name that messages give it.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn parse(file: &str, text: &str) -> Result<Vec<WrittenObjective>, Problems> {
    let source = Text::new(text);
    let mut objectives = Vec::new();
    match MarkedYaml::load_from_str(text) {
        Err(error) => {
            let at = source.byte(error.marker().index());
            source.add(Problem::new(format!("not valid YAML: {}", error.info()), at..at));
        }
        Ok(documents) => {
            for document in &documents {
                objectives.extend(of_document(&Node::root(document, &source)));
            }
            if objectives.is_empty() && source.is_right() {
                let help = format!("it should have {}", listed(&[sloth::VERSION, openslo::VERSION]));
                source.add(Problem::new("no objective in this file", 0..0).help(help));
            }
        }
    }
    match source.into_problems() {
        problems if problems.is_empty() => Ok(objectives),
        problems => Err(Problems { file: file.to_owned(), source: text.to_owned(), problems }),
    }
}

fn of_document(document: &Node<'_>) -> Vec<WrittenObjective> {
    let version = document.get("version").or_else(|| document.get("apiVersion"));
    match version.as_ref().and_then(|version| version.text()) {
        Some(sloth::VERSION) => sloth::plain(document),
        Some(sloth::KUBERNETES) => sloth::kubernetes(document),
        Some(openslo::VERSION) => openslo::read(document),
        Some(other) => {
            let known = listed(&[sloth::VERSION, sloth::KUBERNETES, openslo::VERSION]);
            let message = format!("objectives of version `{}` are not known", crate::problem::shown(other));
            document.problem_at(version.as_ref(), message, Some(format!("known are {known}")));
            Vec::new()
        }
        None if document.is_nothing() => Vec::new(),
        None => {
            let help = "sloth's files begin with `version: \"prometheus/v1\"`, OpenSLO's with `apiVersion: openslo/v1`";
            document.problem_at(None, "this document has no version".to_owned(), Some(help.to_owned()));
            Vec::new()
        }
    }
}

/// An objective in per cent, as a part.
fn percent(node: &Node<'_>) -> Option<f64> {
    let value = node.number()?;
    // The division would show its rounding.
    within(node, format!("{:.12}", value / 100.0).parse().ok()?, "above 0 and below 100 per cent")
}

/// An objective as a part.
fn part(node: &Node<'_>) -> Option<f64> {
    within(node, node.number()?, "above 0 and below 1")
}

fn within(node: &Node<'_>, value: f64, range: &str) -> Option<f64> {
    if value > 0.0 && value < 1.0 {
        return Some(value);
    }
    node.problem_at(None, format!("an objective must be {range}"), None);
    None
}
