//! What can be wrong with a run directory.

use std::io;
use std::path::PathBuf;

/// Why a run could not be written, found or read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`, …
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Nobody lets us keep runs there.
    #[error(
        "cannot create {}: {source}; runs go into the nearest `.workbench` at or above this folder, and WORKBENCH_DIR=FOLDER \
         keeps them elsewhere",
        path.display()
    )]
    NoPlace {
        /// Where.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file of the run does not hold what it must.
    #[error("{}{}: {problem}; {fix}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Damaged {
        /// File.
        file: PathBuf,
        /// 1-based line, where there is one.
        line: Option<usize>,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// The run was written by a workbench of another major format.
    #[error(
        "{}: this run was written in format {found}; this workbench reads format {}: use the workbench that wrote it",
        file.display(),
        super::FORMAT
    )]
    OtherFormat {
        /// File that says so.
        file: PathBuf,
        /// Format found.
        found: u64,
    },
    /// There is no run at this path.
    #[error("{} is not a run: it has no plan.json", path.display())]
    NotARun {
        /// Path.
        path: PathBuf,
    },
    /// A run of this id exists already; runs are never overwritten.
    #[error("run {id} exists already; runs are never overwritten")]
    Exists {
        /// Run id.
        id: String,
    },
    /// A name that must be safe in a path is not.
    #[error("`{}` is not a {what}: {expected}", name.escape_debug())]
    Name {
        /// What it was given as.
        what: &'static str,
        /// The name.
        name: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// A histogram could not be written.
    #[error(transparent)]
    Histogram(#[from] super::hlog::HlogError),
    /// No run answers to a selector.
    #[error("no run `{}`{}", selector.escape_debug(), hint(candidates))]
    Unknown {
        /// Selector as given.
        selector: String,
        /// Nearest ids, best first.
        candidates: Vec<String>,
    },
    /// More than one run begins with a prefix.
    #[error("`{}` fits {} runs: {}; give more of the id", selector.escape_debug(), candidates.len(), shorten(candidates))]
    Ambiguous {
        /// Selector as given.
        selector: String,
        /// Ids that fit, newest first.
        candidates: Vec<String>,
    },
}

impl RunError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

fn hint(candidates: &[String]) -> String {
    if candidates.is_empty() {
        "; there are no runs here yet: `workbench run` makes one".to_owned()
    } else {
        format!("; the nearest are {}", shorten(candidates))
    }
}

fn shorten(candidates: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = candidates.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if candidates.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
