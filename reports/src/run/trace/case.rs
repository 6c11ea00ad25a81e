//! The worst delays and waits one by one: who waited for whom, and what all of them waited for.

use serde::{Deserialize, Serialize};

use super::TraceSite;

/// One of the worst, with what it was for.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceCase {
    /// Delay or wait.
    pub what: TraceWhat,
    /// The task, [`TraceTask::id`].
    pub task: u64,
    /// Its type.
    pub kind: String,
    /// When it began.
    pub at_s: f64,
    /// How long it took.
    pub length_s: f64,
    /// From the one who waited to the last who is known.
    pub links: Vec<TraceLink>,
    /// What all of them waited for.
    pub end: TraceEnd,
    /// What the task did around it.
    #[serde(default)]
    pub spans: Vec<TraceSpan>,
    /// What its worker polled meanwhile.
    #[serde(default)]
    pub beside: Vec<TraceBeside>,
}

/// A delay or a wait.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceWhat {
    /// From ready to polled.
    #[default]
    Delay,
    /// From the end of a poll to a wake.
    Wait,
    /// From when the thread that asks the network and timers began to poll somebody else to when it told the task what had come.
    Unheard,
}

/// What one task of a chain did for most of the time.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceLink {
    /// The task.
    pub task: u64,
    /// Its type.
    pub kind: String,
    /// What it did.
    pub step: TraceStep,
    /// When that began.
    pub at_s: f64,
    /// How long it took.
    pub length_s: f64,
    /// The worker's thread, where it was polled or ready.
    pub thread: Option<String>,
    /// Polls of its type on that worker within the time.
    #[serde(default)]
    pub polls: u64,
    /// Their time.
    #[serde(default)]
    pub busy_s: f64,
    /// Where it waited.
    pub site: Option<TraceSite>,
    /// Where it woke the one before it: of who waited for a lock, where it was let go.
    #[serde(default)]
    pub woke: Option<TraceSite>,
    /// Tasks before it that waited at the same place, each woken by the next: its queue.
    #[serde(default)]
    pub queue: u64,
}

/// What a task did.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceStep {
    /// Ready, and not polled.
    #[default]
    Ready,
    /// Polled.
    Polled,
    /// Idle.
    Waited,
    /// Idle, while the thread that asks the network and timers polled somebody else.
    Unheard,
}

/// What a chain ends at.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceEnd {
    /// What.
    pub kind: TraceEndKind,
    /// The thread of it, where there is one.
    pub thread: Option<String>,
    /// Where: of a poll the line it spent its time in, of a wake who woke.
    pub site: Option<TraceSite>,
}

/// What a chain can end at.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceEndKind {
    /// The processor: a poll computed.
    Cpu,
    /// A poll blocked its thread: a lock of the standard library, a file, a sleep.
    Blocked,
    /// The kernel took the CPU from the worker's thread.
    Preempted,
    /// A poll, and it is not known what it did.
    Poll,
    /// No task had the worker: it slept, or the kernel did not run it.
    IdleWorker,
    /// A timer fired.
    Timer,
    /// The network, a pipe.
    Socket,
    /// A job of the blocking pool, files among them.
    BlockingPool,
    /// Another thread, or a library of its own.
    Thread,
    /// Nobody had woken it when the recording ended.
    Nobody,
    /// Not seen.
    #[default]
    Unknown,
    /// The tasks of the chain wait for each other.
    Circle,
}

/// A stretch of a task's life.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceSpan {
    /// What it did.
    pub step: TraceStep,
    /// When it began.
    pub at_s: f64,
    /// How long it took.
    pub length_s: f64,
    /// Polled or ready: the worker's thread. Idle: who woke it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Idle: where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<TraceSite>,
}

/// A poll of another task on the same worker.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceBeside {
    /// The task.
    pub task: u64,
    /// Its type.
    pub kind: String,
    /// When it began, or the delay did.
    pub at_s: f64,
    /// How long it took within the delay.
    pub length_s: f64,
}
