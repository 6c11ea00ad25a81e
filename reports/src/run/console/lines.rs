//! The lines of `console.jsonl`.
//!
//! They mirror the messages of tokio-console's protocol (`console-api` 0.9: `instrument.proto`, `tasks.proto`,
//! `resources.proto`, `async_ops.proto`). Times are nanoseconds: `at` since the recording began, by the recorder's clock;
//! all others since [`Header::started_ns`], by the clock of the recorded process, negative for what happened before.
//! A text is a number: its place in the order in which texts were first stated. What is empty, zero or absent is left out.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Header(Header),
    /// What changed since the update before.
    Update(Box<Update>),
    /// Histograms of one task.
    Details(Box<Details>),
    /// The stream broke off here and was taken up again.
    Gap(Gap),
    /// The last.
    End(End),
}

/// What the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`super::FORMAT`].
    pub format: u32,
    /// Wall-clock time of the recorder when the recording began, nanoseconds since 1970.
    pub started_ns: u64,
    /// Bytes that the file may take.
    pub cap_bytes: u64,
}

/// `Update` of `instrument.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// When it arrived.
    pub at: u64,
    /// When the process says it was made.
    pub now: i64,
    /// Texts stated here for the first time, in the order of their numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strings: Vec<String>,
    /// Descriptions of spans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// New tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Totals of tasks that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_stats: Vec<TaskStats>,
    /// New resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// State of resources that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_stats: Vec<ResourceStats>,
    /// Poll operations, equal ones counted: their order within one update is lost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poll_ops: Vec<PollOps>,
    /// New async operations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ops: Vec<AsyncOp>,
    /// Totals of async operations that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub op_stats: Vec<OpStats>,
    /// Task events that the process had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_tasks: u64,
    /// Resource events that it had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_resources: u64,
    /// Events of async operations that it had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_ops: u64,
}

/// `Metadata` of `common.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Number by which tasks and resources refer to it.
    pub id: u64,
    /// Text: name of the span.
    pub name: u32,
    /// Text: target.
    pub target: u32,
    /// Text: module path.
    pub module: u32,
    /// Where the span is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// `Metadata.Kind`: 0 span, 1 event.
    pub kind: i32,
    /// `Metadata.Level`: 0 error to 4 trace.
    pub level: i32,
    /// Texts: names of its fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<u32>,
}

/// `Location` of `common.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Text: source file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// Text: module path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<u32>,
    /// Line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// `Field` of `common.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FieldName>,
    /// Its value.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Metadata of the span that it came from.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
}

/// How a field is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldName {
    /// By a text.
    #[serde(rename = "s")]
    Text(u32),
    /// By its position in the metadata.
    #[serde(rename = "i")]
    Index(u64),
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Text: something formatted for debugging.
    #[serde(rename = "d")]
    Debug(u32),
    /// Text.
    #[serde(rename = "s")]
    Text(u32),
    /// Unsigned.
    #[serde(rename = "u")]
    U64(u64),
    /// Signed.
    #[serde(rename = "i")]
    I64(i64),
    /// True or false.
    #[serde(rename = "b")]
    Bool(bool),
}

/// `Attribute` of `common.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Name and value.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// Text: unit.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
}

/// `Task.Kind` of `tasks.proto`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A task, or the future that `block_on` runs: its field `kind` tells.
    #[default]
    Spawn,
    /// A job of the blocking pool.
    Blocking,
}

/// `Task` of `tasks.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Number of the task, unique among those alive.
    pub id: u64,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Task or blocking job.
    #[serde(default, skip_serializing_if = "is_spawn")]
    pub kind: TaskKind,
    /// Name, kind, size of the future, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Spans around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u64>,
    /// Where it was spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// `PollStats` of `common.proto`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PollStats {
    /// Polls begun. Of a finished task one is its drop (design 04, pitfall 4).
    #[serde(skip_serializing_if = "is_zero")]
    pub polls: u64,
    /// Begin of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// Begin of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<i64>,
    /// End of the last that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<i64>,
    /// Time within polls that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<u64>,
}

/// `Stats` of `tasks.proto`: totals since the task was spawned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskStats {
    /// Of which task.
    pub id: u64,
    /// When it was spawned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<i64>,
    /// Wake-ups.
    #[serde(skip_serializing_if = "is_zero")]
    pub wakes: u64,
    /// Clones of its waker.
    #[serde(skip_serializing_if = "is_zero")]
    pub clones: u64,
    /// Drops of its waker.
    #[serde(skip_serializing_if = "is_zero")]
    pub drops: u64,
    /// The last wake-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_wake: Option<i64>,
    /// Wake-ups from within its own poll.
    #[serde(skip_serializing_if = "is_zero")]
    pub self_wakes: u64,
    /// Time between wake-up and poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<u64>,
    /// Polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<PollStats>,
}

/// `Resource` of `resources.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Number, unique among those alive.
    pub id: u64,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Text: concrete type, `Mutex`.
    pub concrete_type: u32,
    /// Text: kind, `Sync`; absent where it is [`Self::known_kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<u32>,
    /// `Resource.Kind.Known`: 0 timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_kind: Option<i32>,
    /// Where it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The resource that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// Part of another.
    #[serde(default, skip_serializing_if = "is_false")]
    pub internal: bool,
}

/// `Stats` of `resources.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceStats {
    /// Of which resource.
    pub id: u64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<i64>,
    /// `permits`, `locked`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// Equal `PollOp`s of `resources.proto` in one update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PollOps {
    /// Metadata.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Resource polled.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u64>,
    /// Text: name of the operation, `poll_acquire`.
    #[serde(rename = "n")]
    pub name: u32,
    /// By which task.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// Within which async operation.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Ready or pending.
    #[serde(rename = "y", default, skip_serializing_if = "is_false")]
    pub ready: bool,
    /// How many.
    #[serde(rename = "c")]
    pub count: u64,
}

/// `AsyncOp` of `async_ops.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncOp {
    /// Number, unique among those alive.
    pub id: u64,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Text: what it does, `Mutex::lock`.
    pub source: u32,
    /// The operation that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// On which resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u64>,
}

/// `Stats` of `async_ops.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpStats {
    /// Of which operation.
    pub id: u64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<i64>,
    /// Which task awaits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// Polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<PollStats>,
    /// `permits_requested`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// `TaskDetails` of `tasks.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// When it arrived.
    pub at: u64,
    /// When the process says it was made.
    pub now: i64,
    /// Of which task.
    pub task: u64,
    /// How long polls took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<Durations>,
    /// How long wake-ups waited for their poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Durations>,
}

/// `DurationHistogram` of `tasks.proto`, values in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// HdrHistogram V2 in base64, as sent.
    pub raw: String,
    /// Greatest value that the histogram can hold.
    pub max: u64,
    /// Values beyond it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outliers: u64,
    /// The greatest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
    /// Sent in the older form, which had no outliers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub legacy: bool,
}

/// The stream broke off and was taken up again; what tasks did meanwhile is in their totals, those that lived and ended
/// meanwhile are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When it was taken up.
    pub at: u64,
    /// Why it broke off.
    pub because: String,
}

/// How the recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: u64,
    /// Why.
    pub reason: EndReason,
    /// Updates written.
    pub updates: u64,
    /// Histograms written.
    pub details: u64,
    /// Tasks for which no histograms were asked, since so many streams were open already.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_details: u64,
    /// What our hooks in the same process counted; absent where it did not live to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<HookCounts>,
}

/// Why a recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum EndReason {
    /// The load was over.
    Stopped,
    /// The file reached its cap.
    Cap,
    /// The stream broke off and could not be taken up again.
    CutOff {
        /// What the connection said.
        because: String,
    },
}

/// Tasks by tokio's task hooks (design 04 §4), from the beginning of the runtime to the end of the recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCounts {
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks that ended.
    pub finished: u64,
    /// Tasks alive at the end.
    pub alive: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_spawn(kind: &TaskKind) -> bool {
    *kind == TaskKind::Spawn
}
