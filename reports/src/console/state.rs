//! Folds the lines of a recording into what was so at one moment.

use std::collections::BTreeMap;

use crate::run::console::{
    AsyncOp, Details, Entry, Field, FieldName, Metadata, OpStats, Recording, Resource, ResourceStats, Task, TaskKind,
    TaskStats, Value,
};

/// Everything that the recording had said up to a moment.
#[derive(Debug)]
pub(super) struct State<'r> {
    pub(super) recording: &'r Recording,
    /// The moment, nanoseconds since the recording began.
    pub(super) at_ns: u64,
    /// The moment on the clock of the process: its last `now`, aged by the recorder's own clock.
    pub(super) now_ns: i64,
    /// Updates so far.
    pub(super) updates: usize,
    /// Events that the process had no room for.
    pub(super) dropped: u64,
    /// Times that the stream broke off.
    pub(super) gaps: usize,
    pub(super) tasks: BTreeMap<u64, Seen<'r, Task, TaskStats>>,
    pub(super) resources: BTreeMap<u64, Seen<'r, Resource, ResourceStats>>,
    pub(super) ops: BTreeMap<u64, Seen<'r, AsyncOp, OpStats>>,
    /// Last histograms by task.
    pub(super) details: BTreeMap<u64, &'r Details>,
    metadata: BTreeMap<u64, &'r Metadata>,
}

/// What is known of one task, resource or operation.
#[derive(Debug)]
pub(super) struct Seen<'r, Thing, Stats> {
    /// Its description; absent where the update that held it is lost.
    pub(super) thing: Option<&'r Thing>,
    /// Its last state.
    pub(super) stats: Option<&'r Stats>,
    /// Number of the update that changed it last, from 1.
    pub(super) changed: usize,
}

impl<Thing, Stats> Default for Seen<'_, Thing, Stats> {
    fn default() -> Self {
        Self { thing: None, stats: None, changed: 0 }
    }
}

impl<'r> State<'r> {
    /// What was so `at_ns` after the recording began; after its end, what was so at its end.
    pub(super) fn at(recording: &'r Recording, at_ns: u64) -> Self {
        let at_ns = at_ns.min(recording.end_ns());
        let mut state = Self {
            recording,
            at_ns,
            now_ns: 0,
            updates: 0,
            dropped: 0,
            gaps: 0,
            tasks: BTreeMap::new(),
            resources: BTreeMap::new(),
            ops: BTreeMap::new(),
            details: BTreeMap::new(),
            metadata: BTreeMap::new(),
        };
        let mut clock = None;
        // Lines stand in the order of their arrival.
        for entry in recording.entries.iter().take_while(|entry| entry.at() <= at_ns) {
            match entry {
                Entry::Update(update) => {
                    clock = Some((update.at, update.now));
                    state.update(update);
                }
                Entry::Details(details) => {
                    state.details.insert(details.task, details);
                }
                Entry::Gap(_) => state.gaps += 1,
            }
        }
        let (heard_ns, now_ns) = clock.unwrap_or_default();
        state.now_ns = now_ns.saturating_add(i64::try_from(at_ns - heard_ns).unwrap_or(i64::MAX));
        state
    }

    fn update(&mut self, update: &'r crate::run::console::Update) {
        self.updates += 1;
        let number = self.updates;
        self.dropped += update.dropped_tasks + update.dropped_resources + update.dropped_ops;
        self.metadata.extend(update.metadata.iter().map(|metadata| (metadata.id, metadata)));
        for task in &update.tasks {
            self.tasks.entry(task.id).or_default().thing = Some(task);
        }
        for stats in &update.task_stats {
            let seen = self.tasks.entry(stats.id).or_default();
            // A stream that was taken up again repeats what has not changed.
            if seen.stats != Some(stats) {
                seen.changed = number;
            }
            seen.stats = Some(stats);
        }
        for resource in &update.resources {
            self.resources.entry(resource.id).or_default().thing = Some(resource);
        }
        for stats in &update.resource_stats {
            let seen = self.resources.entry(stats.id).or_default();
            (seen.stats, seen.changed) = (Some(stats), number);
        }
        for op in &update.ops {
            self.ops.entry(op.id).or_default().thing = Some(op);
        }
        for stats in &update.op_stats {
            let seen = self.ops.entry(stats.id).or_default();
            (seen.stats, seen.changed) = (Some(stats), number);
        }
    }

    /// A field of a span by name, as text.
    pub(super) fn field(&self, fields: &[Field], metadata: Option<u64>, name: &str) -> Option<String> {
        fields.iter().find(|field| self.name(field, metadata) == Some(name)).and_then(|field| self.value(field.value?))
    }

    /// How a field is called.
    pub(super) fn name(&self, field: &Field, metadata: Option<u64>) -> Option<&'r str> {
        match field.name? {
            FieldName::Text(number) => Some(self.recording.text(number)),
            FieldName::Index(index) => {
                let metadata = self.metadata.get(&field.metadata.or(metadata)?)?;
                Some(self.recording.text(*metadata.fields.get(usize::try_from(index).ok()?)?))
            }
        }
    }

    /// What a field holds.
    pub(super) fn value(&self, value: Value) -> Option<String> {
        Some(match value {
            Value::Debug(number) | Value::Text(number) => self.recording.text(number).to_owned(),
            Value::U64(number) => number.to_string(),
            Value::I64(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
        })
    }

    /// What kind of task it is.
    pub(super) fn kind(&self, task: &Task) -> Kind {
        if task.kind == TaskKind::Blocking {
            return Kind::Blocking;
        }
        match self.field(&task.fields, task.metadata, "kind").as_deref() {
            Some("block_on") => Kind::BlockOn,
            Some("blocking") => Kind::Blocking,
            _ => Kind::Task,
        }
    }
}

/// Kinds of tasks that are to be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Spawned, on a runtime or a local set.
    Task,
    /// The future that `block_on` runs.
    BlockOn,
    /// A job of the blocking pool.
    Blocking,
}

impl Kind {
    /// In words, empty for tasks.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::Task => "",
            Self::BlockOn => "block_on",
            Self::Blocking => "blocking pool",
        }
    }
}

/// What a task does at a moment (as tokio-console derives it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Finished,
    /// In a poll since this time.
    InPoll(i64),
    /// Woken, not polled yet; or spawned, not polled yet.
    Ready,
    /// Waits since this time.
    Idle(i64),
}

/// What the totals of a task say that it does.
pub(super) fn doing(stats: &TaskStats) -> Doing {
    let poll = stats.poll.unwrap_or_default();
    if stats.dropped.is_some() {
        return Doing::Finished;
    }
    let Some(started) = poll.started else { return Doing::Ready };
    match poll.ended {
        Some(ended) if ended >= started => match stats.last_wake {
            Some(woken) if woken > started => Doing::Ready,
            _ => Doing::Idle(ended),
        },
        _ => Doing::InPoll(started),
    }
}
