//! What can be wrong with a file of trials.

/// Why a file cannot be replayed. `file` is its path as given; lines count from 1, the header's.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Cannot be opened or read, or its compression is broken.
    #[error("{file}: {error}{hint}")]
    Unreadable {
        /// Path.
        file: String,
        /// What the system says.
        error: std::io::Error,
        /// What to do; may be empty.
        hint: &'static str,
    },
    /// No header or no trials.
    #[error("{file}: no trials: a header line of column names and a line for each trial are needed")]
    Empty {
        /// Path.
        file: String,
    },
    /// A line has more or fewer fields than the header.
    #[error("{file}:{line}: {found} fields where the header has {expected}: is the line cut off?")]
    Fields {
        /// Path.
        file: String,
        /// Line.
        line: usize,
        /// Fields of the line.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A needed column is not there.
    #[error("{file}:1: no column `{column}`{why}; the columns are {columns}")]
    Column {
        /// Path.
        file: String,
        /// Name.
        column: String,
        /// What it is needed for.
        why: &'static str,
        /// Those there are.
        columns: String,
    },
    /// A column twice.
    #[error("{file}:1: two columns are called `{column}`: rename or drop one")]
    Twice {
        /// Path.
        file: String,
        /// Name.
        column: String,
    },
    /// A value that is no number.
    #[error("{file}:{line}: column `{column}`: `{value}` is no number (a missing value is an empty field)")]
    Number {
        /// Path.
        file: String,
        /// Line.
        line: usize,
        /// Column.
        column: String,
        /// What stands there.
        value: String,
    },
    /// A label that is asked for and not there, or none that could be the base.
    #[error("{file}: {what}; the labels are {labels}")]
    Labels {
        /// Path.
        file: String,
        /// What is missing, and the option that mends it.
        what: String,
        /// Those there are.
        labels: String,
    },
    /// Too few blocks.
    #[error("{file}: {found} {} {what}, at least {needed} are needed", if *found == 1 { "block holds" } else { "blocks hold" })]
    Blocks {
        /// Path.
        file: String,
        /// How many.
        found: usize,
        /// Of what.
        what: String,
        /// How many it takes.
        needed: usize,
    },
}
