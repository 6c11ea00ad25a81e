//! From the messages of tokio-console's protocol to the lines of a recording.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use console_api::{self as common, async_ops, instrument, resources, tasks};
use reports::run::console::{
    AsyncOp, Attribute, Details, Durations, Field, FieldName, Interner, Metadata, OpStats, Place, PollOps, PollStats,
    Resource, ResourceStats, Task, TaskKind, TaskStats, Update, Value,
};

/// Converts messages of one recording.
#[derive(Debug)]
pub(super) struct FromWire {
    texts: Interner,
    /// Zero of all times, nanoseconds since 1970.
    started_ns: u64,
}

/// A point in time as the protocol states it; its type has no name here.
macro_rules! instant {
    ($self:ident, $stamp:expr) => {
        $stamp.map(|stamp| $self.since_start(stamp.seconds, stamp.nanos))
    };
}

/// A span of time likewise, nanoseconds.
macro_rules! span {
    ($span:expr) => {
        $span.map(|span| u64::try_from(i128::from(span.seconds) * 1_000_000_000 + i128::from(span.nanos)).unwrap_or(0))
    };
}

impl FromWire {
    pub(super) fn new(started_ns: u64) -> Self {
        Self { texts: Interner::default(), started_ns }
    }

    /// An update that arrived `at` nanoseconds after the begin.
    pub(super) fn update(&mut self, update: &instrument::Update, at: u64) -> Update {
        let tasks = update.task_update.as_ref();
        let resources = update.resource_update.as_ref();
        let ops = update.async_op_update.as_ref();
        let mut line = Update {
            at,
            now: instant!(self, update.now).unwrap_or(i64::try_from(at).unwrap_or(i64::MAX)),
            dropped_tasks: tasks.map_or(0, |update| update.dropped_events),
            dropped_resources: resources.map_or(0, |update| update.dropped_events),
            dropped_ops: ops.map_or(0, |update| update.dropped_events),
            ..Update::default()
        };
        for new in update.new_metadata.iter().flat_map(|new| &new.metadata) {
            line.metadata.extend(self.metadata(new));
        }
        if let Some(update) = tasks {
            line.tasks = update.new_tasks.iter().filter_map(|task| self.task(task)).collect();
            line.task_stats = update.stats_update.iter().map(|(id, stats)| self.task_stats(*id, stats)).collect();
            // The order of a hash map says nothing; that of numbers compresses, and compares.
            line.task_stats.sort_unstable_by_key(|stats| stats.id);
        }
        if let Some(update) = resources {
            line.resources = update.new_resources.iter().filter_map(|resource| self.resource(resource)).collect();
            line.resource_stats =
                update.stats_update.iter().map(|(id, stats)| self.resource_stats(*id, stats)).collect();
            line.resource_stats.sort_unstable_by_key(|stats| stats.id);
            line.poll_ops = self.poll_ops(&update.new_poll_ops);
        }
        if let Some(update) = ops {
            line.ops = update.new_async_ops.iter().filter_map(|op| self.op(op)).collect();
            line.op_stats = update.stats_update.iter().map(|(id, stats)| self.op_stats(*id, stats)).collect();
            line.op_stats.sort_unstable_by_key(|stats| stats.id);
        }
        line.strings = self.texts.fresh();
        line
    }

    /// Histograms that arrived `at` nanoseconds after the begin.
    pub(super) fn details(&self, details: &tasks::TaskDetails, at: u64) -> Option<Details> {
        use tasks::task_details::PollTimesHistogram::{Histogram, LegacyHistogram};
        let polls = details.poll_times_histogram.as_ref().map(|histogram| match histogram {
            Histogram(histogram) => durations(histogram),
            LegacyHistogram(bytes) => {
                Durations { raw: STANDARD.encode(bytes), max: 0, outliers: 0, highest: None, legacy: true }
            }
        });
        Some(Details {
            at,
            now: instant!(self, details.now).unwrap_or(i64::try_from(at).unwrap_or(i64::MAX)),
            task: details.task_id.as_ref()?.id,
            polls,
            scheduled: details.scheduled_times_histogram.as_ref().map(durations),
        })
    }

    fn since_start(&self, seconds: i64, nanos: i32) -> i64 {
        let absolute = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let relative = absolute - i128::from(self.started_ns);
        i64::try_from(relative).unwrap_or(if relative < 0 { i64::MIN } else { i64::MAX })
    }

    fn metadata(&mut self, new: &common::register_metadata::NewMetadata) -> Option<Metadata> {
        let metadata = new.metadata.as_ref()?;
        Some(Metadata {
            id: new.id.as_ref()?.id,
            name: self.texts.number(&metadata.name),
            target: self.texts.number(&metadata.target),
            module: self.texts.number(&metadata.module_path),
            place: self.place(metadata.location.as_ref()),
            kind: metadata.kind,
            level: metadata.level,
            fields: metadata.field_names.iter().map(|name| self.texts.number(name)).collect(),
        })
    }

    fn place(&mut self, location: Option<&common::Location>) -> Option<Place> {
        let location = location?;
        Some(Place {
            file: location.file.as_ref().map(|text| self.texts.number(text)),
            module: location.module_path.as_ref().map(|text| self.texts.number(text)),
            line: location.line,
            column: location.column,
        })
    }

    fn field(&mut self, field: &common::Field) -> Field {
        use common::field::{Name, Value as Wire};
        Field {
            name: field.name.as_ref().map(|name| match name {
                Name::StrName(text) => FieldName::Text(self.texts.number(text)),
                Name::NameIdx(index) => FieldName::Index(*index),
            }),
            value: field.value.as_ref().map(|value| match value {
                Wire::DebugVal(text) => Value::Debug(self.texts.number(text)),
                Wire::StrVal(text) => Value::Text(self.texts.number(text)),
                Wire::U64Val(number) => Value::U64(*number),
                Wire::I64Val(number) => Value::I64(*number),
                Wire::BoolVal(flag) => Value::Bool(*flag),
            }),
            metadata: field.metadata_id.as_ref().map(|id| id.id),
        }
    }

    fn attributes(&mut self, attributes: &[common::Attribute]) -> Vec<Attribute> {
        let one = |attribute: &common::Attribute| Attribute {
            field: attribute.field.as_ref().map(|field| self.field(field)),
            unit: attribute.unit.as_ref().map(|unit| self.texts.number(unit)),
        };
        attributes.iter().map(one).collect()
    }

    fn task(&mut self, task: &tasks::Task) -> Option<Task> {
        Some(Task {
            id: task.id.as_ref()?.id,
            metadata: task.metadata.as_ref().map(|id| id.id),
            kind: if task.kind == tasks::task::Kind::Blocking as i32 { TaskKind::Blocking } else { TaskKind::Spawn },
            fields: task.fields.iter().map(|field| self.field(field)).collect(),
            parents: task.parents.iter().map(|span| span.id).collect(),
            place: self.place(task.location.as_ref()),
        })
    }

    fn task_stats(&self, id: u64, stats: &tasks::Stats) -> TaskStats {
        TaskStats {
            id,
            created: instant!(self, stats.created_at),
            dropped: instant!(self, stats.dropped_at),
            wakes: stats.wakes,
            clones: stats.waker_clones,
            drops: stats.waker_drops,
            last_wake: instant!(self, stats.last_wake),
            self_wakes: stats.self_wakes,
            scheduled: span!(stats.scheduled_time),
            poll: self.polls(stats.poll_stats.as_ref()),
        }
    }

    fn polls(&self, stats: Option<&common::PollStats>) -> Option<PollStats> {
        stats.map(|stats| PollStats {
            polls: stats.polls,
            first: instant!(self, stats.first_poll),
            started: instant!(self, stats.last_poll_started),
            ended: instant!(self, stats.last_poll_ended),
            busy: span!(stats.busy_time),
        })
    }

    fn resource(&mut self, resource: &resources::Resource) -> Option<Resource> {
        use resources::resource::kind::Kind;
        let kind = resource.kind.as_ref().and_then(|kind| kind.kind.as_ref());
        Some(Resource {
            id: resource.id.as_ref()?.id,
            metadata: resource.metadata.as_ref().map(|id| id.id),
            concrete_type: self.texts.number(&resource.concrete_type),
            kind: match kind {
                Some(Kind::Other(text)) => Some(self.texts.number(text)),
                _ => None,
            },
            known_kind: match kind {
                Some(Kind::Known(known)) => Some(*known),
                _ => None,
            },
            place: self.place(resource.location.as_ref()),
            parent: resource.parent_resource_id.as_ref().map(|id| id.id),
            internal: resource.is_internal,
        })
    }

    fn resource_stats(&mut self, id: u64, stats: &resources::Stats) -> ResourceStats {
        ResourceStats {
            id,
            created: instant!(self, stats.created_at),
            dropped: instant!(self, stats.dropped_at),
            attributes: self.attributes(&stats.attributes),
        }
    }

    /// Equal ones are counted: a contended lock is polled thousands of times between two updates.
    fn poll_ops(&mut self, ops: &[resources::PollOp]) -> Vec<PollOps> {
        let mut counts: BTreeMap<PollOps, u64> = BTreeMap::new();
        for op in ops {
            let key = PollOps {
                metadata: op.metadata.as_ref().map(|id| id.id),
                resource: op.resource_id.as_ref().map(|id| id.id),
                name: self.texts.number(&op.name),
                task: op.task_id.as_ref().map(|id| id.id),
                op: op.async_op_id.as_ref().map(|id| id.id),
                ready: op.is_ready,
                count: 0,
            };
            *counts.entry(key).or_default() += 1;
        }
        counts.into_iter().map(|(key, count)| PollOps { count, ..key }).collect()
    }

    fn op(&mut self, op: &async_ops::AsyncOp) -> Option<AsyncOp> {
        Some(AsyncOp {
            id: op.id.as_ref()?.id,
            metadata: op.metadata.as_ref().map(|id| id.id),
            source: self.texts.number(&op.source),
            parent: op.parent_async_op_id.as_ref().map(|id| id.id),
            resource: op.resource_id.as_ref().map(|id| id.id),
        })
    }

    fn op_stats(&mut self, id: u64, stats: &async_ops::Stats) -> OpStats {
        OpStats {
            id,
            created: instant!(self, stats.created_at),
            dropped: instant!(self, stats.dropped_at),
            task: stats.task_id.as_ref().map(|id| id.id),
            poll: self.polls(stats.poll_stats.as_ref()),
            attributes: self.attributes(&stats.attributes),
        }
    }
}

fn durations(histogram: &tasks::DurationHistogram) -> Durations {
    Durations {
        raw: STANDARD.encode(&histogram.raw_histogram),
        max: histogram.max_value,
        outliers: histogram.high_outliers,
        highest: histogram.highest_outlier,
        legacy: false,
    }
}
