//! A scenario after reading and resolving: plain data, no spans, no I/O.

mod program;
mod shape;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::program::{PORT, Program, Ready, Scheme, Target, TargetError};
pub(crate) use self::shape::MOST_RATE;
pub use self::shape::{Arrival, Burst, Stage, Trace};

/// Settings by knob path, in the spelling a person would use (`2`, `10s`, `jemalloc`, `true`).
///
/// [`crate::knobs`] gives every path its type and range; values here have passed that check.
pub type Settings = BTreeMap<String, String>;

/// What to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Unique name, `a-z`, `0-9` and `-`.
    pub name: String,
    /// Raised whenever results stop being comparable with earlier ones.
    pub version: u32,
    /// One sentence.
    pub summary: String,
    /// Name of the workload in the catalogue; empty where a program takes its place.
    pub workload: String,
    /// The program to drive instead of a workload of the catalogue.
    pub subject: Option<Program>,
    /// Shape of a trial.
    pub trial: Trial,
    /// Load of the open-loop phase.
    pub load: Load,
    /// Operation kinds and their weights. Never empty.
    pub mix: Vec<Operation>,
    /// Settings shared by every variant, knobs and `workload.*` parameters alike.
    pub settings: Settings,
    /// Configurations. Never empty; the first is the base of every comparison.
    pub variants: Vec<Variant>,
    /// What part of operations must be good.
    #[serde(default)]
    pub slo: Option<Slo>,
}

/// A service-level objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Part of measured operations that must be good: above 0, below 1.
    pub objective: f64,
    /// An operation answered later than this after its intended time is bad; without one only failures are.
    pub latency: Option<Duration>,
    /// Window that the error budget is for.
    pub window: Duration,
}

/// Shape of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Randomised complete blocks to run unless told otherwise.
    pub blocks: u32,
    /// Load that is not counted.
    pub warmup: Duration,
    /// Closed-loop load at full concurrency.
    pub saturated: Duration,
    /// Closed loops of rising concurrency at the end of a trial.
    pub ladder: Ladder,
}

/// Levels of concurrency to drive besides the full one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ladder {
    /// 1, 2, 4 and so on, below the full concurrency.
    #[default]
    Auto,
    /// None.
    Off,
    /// These, rising.
    Levels(Vec<u32>),
}

impl FromStr for Ladder {
    type Err = String;

    /// Reads `auto`, `off` and `1,4,16`. The error is the end of a sentence that begins with "is not".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "a ladder: write `auto`, `off` or rising numbers of clients such as `1,4,16`".to_owned();
        match text.trim() {
            "auto" => return Ok(Self::Auto),
            "off" => return Ok(Self::Off),
            _ => {}
        }
        let level = |text: &str| text.trim().parse().ok().filter(|level| (1..=65_535).contains(level));
        let levels: Option<Vec<u32>> = text.split(',').map(level).collect();
        let levels = levels.filter(|levels| levels.is_sorted_by(|a, b| a < b)).ok_or_else(wrong)?;
        Ok(Self::Levels(levels))
    }
}

impl Ladder {
    /// The levels, where the full concurrency is this.
    pub fn levels(&self, concurrency: u32) -> Vec<u32> {
        match self {
            Self::Auto => (0..u32::BITS).map(|power| 1 << power).take_while(|level| *level < concurrency).collect(),
            Self::Off => Vec::new(),
            Self::Levels(levels) => levels.clone(),
        }
    }
}

/// Load of the open-loop phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Arrival process.
    pub arrivals: Arrivals,
    /// Operations per second over the whole mix.
    pub rate: f64,
    /// Operations in the phase.
    pub operations: u64,
    /// Connections (networked) or clients (closed loop, in-process).
    pub concurrency: u32,
    /// Operations that may be in flight or queued at the hand-off.
    pub max_in_flight: u32,
    /// An operation not answered this long after its intended time has timed out.
    pub timeout: Duration,
    /// Largest 99th percentile of driver lag at which latencies still count;
    /// the larger of this and 10 % of the median latency holds.
    pub max_lag_p99: Duration,
    /// What networked subjects are spoken to in.
    pub protocol: Protocol,
    /// How long a connection lives.
    pub connection: Connection,
    /// Any certificate is taken, whoever signed it.
    pub tls_insecure: bool,
    /// File with further certificate authorities, PEM.
    pub tls_ca: Option<String>,
    /// Rates one after the other, in the place of one throughout. Where there are any, `rate` is their mean and
    /// `operations` what they hold, bursts included.
    pub stages: Vec<Stage>,
    /// Operations that arrive together on top of the stages.
    pub burst: Option<Burst>,
    /// Recorded arrivals, in the place of any others.
    pub trace: Option<Trace>,
}

/// What a networked subject is spoken to in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// By the target: HTTP/1.1 for `http`, what the server prefers for `https` (ALPN, RFC 7301), lines for `tcp`.
    #[default]
    Auto,
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113); without TLS by prior knowledge.
    Http2,
    /// A line of text for a line of text.
    Lines,
}

/// How long a connection lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// As long as the other side keeps it.
    #[default]
    KeepAlive,
    /// One request; the time to connect is part of the latency.
    Close,
}

/// Arrival process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Independent arrivals: exponential gaps. The default, since constant gaps lock onto timers.
    Poisson,
    /// Equal gaps.
    Constant,
    /// A fixed number of clients, each sending after it was answered. Labelled as such, never mixed with the others.
    Closed,
}

/// One kind of operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Unique within the mix.
    pub name: String,
    /// Relative frequency, > 0; 0 where it has a rate of its own.
    pub weight: f64,
    /// Operations per second of background load that goes beside the mix: with a schedule and, over a network, with
    /// connections of its own, during the open loop. Closed loops leave it out.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Whether `latency.*` covers it; background load is driven and counted, but not what is asked about.
    pub measured: bool,
    /// What to send, for networked workloads.
    pub request: Option<Request>,
    /// What to send instead where the subject speaks in lines. Never beside a request.
    pub line: Option<Line>,
}

/// A line, or several, to send over a bare connection, and what one line must come back. `${sequence}` and `${random:N}`
/// are replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Text; a line feed is added where it has none at its end.
    pub send: String,
    /// Text that the answer must contain to count as answered.
    pub expect: Option<String>,
}

/// An HTTP request. `${sequence}` and `${random:N}` (0 ≤ r < N, seeded) are replaced in path and body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Method, e.g. `POST`.
    pub method: String,
    /// Path and query, begins with `/`.
    pub path: String,
    /// Extra headers.
    pub headers: Vec<(String, String)>,
    /// Body; JSON unless a `content-type` header says otherwise.
    pub body: Option<String>,
    /// Status that counts as answered.
    pub expect_status: u16,
    /// Text the body must contain to count as answered.
    pub expect_body: Option<String>,
}

/// One configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Unique within the scenario.
    pub name: String,
    /// One sentence, may be empty.
    pub summary: String,
    /// Settings on top of the scenario's.
    pub settings: Settings,
    /// Program and arguments in the place of the scenario's, for scenarios with a [`Scenario::subject`].
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// Arguments after those of the command.
    #[serde(default)]
    pub args: Vec<String>,
}

impl Variant {
    /// A variant that changes nothing.
    pub fn plain(name: impl Into<String>) -> Self {
        Self { name: name.into(), summary: String::new(), settings: Settings::new(), command: None, args: Vec::new() }
    }
}
