//! What goroutines of a program of Go did, as far as they were told: part of [`super::ThreadsRecord`].

use serde::{Deserialize, Serialize};

use super::TraceFrame;

/// Goroutines that a library started for the program, as for a connection that it opens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// The library's function that started them.
    pub through: String,
    /// The program's own functions around it, innermost first.
    pub own: Vec<TraceFrame>,
    /// How many, in the whole recording.
    pub count: u64,
}

/// Goroutines that one place started, over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StartedBy {
    /// The function that started them, with the line of its `go`.
    pub by: TraceFrame,
    /// What most of them do at the end, in Go's words.
    pub state: String,
    /// The innermost function of the program that these stand in.
    pub stands_at: Option<TraceFrame>,
    /// How many there were, with seconds since they were first asked for.
    pub alive: Vec<(f64, u64)>,
    /// The function of a library in which they were started; empty of those that the program started itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub through: String,
}

/// Waits of goroutines at one place that end at a steady pace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ticks {
    /// Functions of the program that they wait in, innermost first.
    pub waits_at: Vec<TraceFrame>,
    /// Those of who wakes just before they end; empty where nobody of the program does.
    pub by: Vec<TraceFrame>,
    /// From one moment to the next, seconds.
    pub pace_s: f64,
    /// Moments at which they end.
    pub moments: u64,
    /// Waits.
    pub waits: u64,
    /// All together, seconds.
    pub total_s: f64,
}
