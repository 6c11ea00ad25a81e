//! From the lines of a recording to the messages that tokio-console understands.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use console_api::{self as common, async_ops, instrument, resources, tasks};
use reports::run::console::{
    AsyncOp, Attribute, Details, Durations, Field, FieldName, Metadata, OpStats, Place, PollOps, PollStats, Recording,
    Resource, ResourceStats, Task, TaskKind, TaskStats, Update, Value,
};

/// Items of each list in one message. The stock user interface takes 4 MiB at most; a task with its totals is some hundred
/// bytes.
const CHUNK: usize = 4000;
/// Copies of one poll operation that are sent again: the user interface does not show them.
const COPIES: u64 = 1000;

/// Converts lines of one recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToWire<'r>(pub(super) &'r Recording);

impl ToWire<'_> {
    /// The messages of an update: one, or several where it is too large for one.
    pub(super) fn update(self, update: &Update) -> Vec<instrument::Update> {
        let lengths = [
            update.tasks.len(),
            update.task_stats.len(),
            update.resources.len(),
            update.resource_stats.len(),
            update.poll_ops.len(),
            update.ops.len(),
            update.op_stats.len(),
        ];
        let chunks = lengths.into_iter().max().unwrap_or(0).div_ceil(CHUNK).max(1);
        (0..chunks).map(|chunk| self.chunk(update, chunk)).collect()
    }

    fn chunk(self, update: &Update, chunk: usize) -> instrument::Update {
        let first = chunk == 0;
        let dropped = |events: u64| if first { events } else { 0 };
        let metadata = |one: &Metadata| common::register_metadata::NewMetadata {
            id: Some(common::MetaId { id: one.id }),
            metadata: Some(self.metadata(one)),
        };
        let poll_ops = part(&update.poll_ops, chunk).iter().flat_map(|ops| {
            let copies = usize::try_from(ops.count.min(COPIES)).unwrap_or(0);
            std::iter::repeat_n(self.poll_op(ops), copies)
        });
        instrument::Update {
            now: Some(self.instant(update.now).into()),
            new_metadata: (first && !update.metadata.is_empty())
                .then(|| common::RegisterMetadata { metadata: update.metadata.iter().map(metadata).collect() }),
            task_update: Some(tasks::TaskUpdate {
                new_tasks: part(&update.tasks, chunk).iter().map(|task| self.task(task)).collect(),
                stats_update: part(&update.task_stats, chunk).iter().map(|s| (s.id, self.task_stats(s))).collect(),
                dropped_events: dropped(update.dropped_tasks),
            }),
            resource_update: Some(resources::ResourceUpdate {
                new_resources: part(&update.resources, chunk).iter().map(|one| self.resource(one)).collect(),
                stats_update: part(&update.resource_stats, chunk)
                    .iter()
                    .map(|s| (s.id, self.resource_stats(s)))
                    .collect(),
                new_poll_ops: poll_ops.collect(),
                dropped_events: dropped(update.dropped_resources),
            }),
            async_op_update: Some(async_ops::AsyncOpUpdate {
                new_async_ops: part(&update.ops, chunk).iter().map(|op| self.op(op)).collect(),
                stats_update: part(&update.op_stats, chunk).iter().map(|s| (s.id, self.op_stats(s))).collect(),
                dropped_events: dropped(update.dropped_ops),
            }),
        }
    }

    /// Histograms of a task.
    pub(super) fn details(self, details: &Details) -> tasks::TaskDetails {
        use tasks::task_details::PollTimesHistogram::{Histogram, LegacyHistogram};
        tasks::TaskDetails {
            task_id: Some(common::Id { id: details.task }),
            now: Some(self.instant(details.now).into()),
            scheduled_times_histogram: details.scheduled.as_ref().map(histogram),
            poll_times_histogram: details
                .polls
                .as_ref()
                .map(|polls| if polls.legacy { LegacyHistogram(raw(polls)) } else { Histogram(histogram(polls)) }),
        }
    }

    fn instant(self, since_start: i64) -> SystemTime {
        let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(self.0.header.started_ns);
        let span = Duration::from_nanos(since_start.unsigned_abs());
        let moved = if since_start < 0 { start.checked_sub(span) } else { start.checked_add(span) };
        // A damaged time must not end the server.
        moved.filter(|moved| *moved >= SystemTime::UNIX_EPOCH).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn text(self, number: u32) -> String {
        self.0.text(number).to_owned()
    }

    fn metadata(self, one: &Metadata) -> common::Metadata {
        common::Metadata {
            name: self.text(one.name),
            target: self.text(one.target),
            module_path: self.text(one.module),
            location: self.location(one.place),
            kind: one.kind,
            level: one.level,
            field_names: one.fields.iter().map(|number| self.text(*number)).collect(),
        }
    }

    fn location(self, place: Option<Place>) -> Option<common::Location> {
        place.map(|place| common::Location {
            file: place.file.map(|number| self.text(number)),
            module_path: place.module.map(|number| self.text(number)),
            line: place.line,
            column: place.column,
        })
    }

    fn field(self, field: &Field) -> common::Field {
        use common::field::{Name, Value as Wire};
        common::Field {
            metadata_id: field.metadata.map(|id| common::MetaId { id }),
            name: field.name.map(|name| match name {
                FieldName::Text(number) => Name::StrName(self.text(number)),
                FieldName::Index(index) => Name::NameIdx(index),
            }),
            value: field.value.map(|value| match value {
                Value::Debug(number) => Wire::DebugVal(self.text(number)),
                Value::Text(number) => Wire::StrVal(self.text(number)),
                Value::U64(number) => Wire::U64Val(number),
                Value::I64(number) => Wire::I64Val(number),
                Value::Bool(flag) => Wire::BoolVal(flag),
            }),
        }
    }

    fn attributes(self, attributes: &[Attribute]) -> Vec<common::Attribute> {
        let one = |attribute: &Attribute| common::Attribute {
            field: attribute.field.as_ref().map(|field| self.field(field)),
            unit: attribute.unit.map(|number| self.text(number)),
        };
        attributes.iter().map(one).collect()
    }

    fn task(self, task: &Task) -> tasks::Task {
        tasks::Task {
            id: Some(common::Id { id: task.id }),
            metadata: task.metadata.map(|id| common::MetaId { id }),
            kind: match task.kind {
                TaskKind::Spawn => tasks::task::Kind::Spawn,
                TaskKind::Blocking => tasks::task::Kind::Blocking,
            }
            .into(),
            fields: task.fields.iter().map(|field| self.field(field)).collect(),
            parents: task.parents.iter().map(|id| common::SpanId { id: *id }).collect(),
            location: self.location(task.place),
        }
    }

    fn task_stats(self, stats: &TaskStats) -> tasks::Stats {
        tasks::Stats {
            created_at: stats.created.map(|at| self.instant(at).into()),
            dropped_at: stats.dropped.map(|at| self.instant(at).into()),
            wakes: stats.wakes,
            waker_clones: stats.clones,
            waker_drops: stats.drops,
            last_wake: stats.last_wake.map(|at| self.instant(at).into()),
            poll_stats: self.polls(stats.poll),
            self_wakes: stats.self_wakes,
            scheduled_time: stats.scheduled.and_then(|span| Duration::from_nanos(span).try_into().ok()),
        }
    }

    fn polls(self, stats: Option<PollStats>) -> Option<common::PollStats> {
        stats.map(|stats| common::PollStats {
            polls: stats.polls,
            first_poll: stats.first.map(|at| self.instant(at).into()),
            last_poll_started: stats.started.map(|at| self.instant(at).into()),
            last_poll_ended: stats.ended.map(|at| self.instant(at).into()),
            busy_time: stats.busy.and_then(|span| Duration::from_nanos(span).try_into().ok()),
        })
    }

    fn resource(self, resource: &Resource) -> resources::Resource {
        use resources::resource::kind::Kind;
        let kind = match (resource.kind, resource.known_kind) {
            (Some(number), _) => Some(Kind::Other(self.text(number))),
            (None, known) => known.map(Kind::Known),
        };
        resources::Resource {
            id: Some(common::Id { id: resource.id }),
            metadata: resource.metadata.map(|id| common::MetaId { id }),
            concrete_type: self.text(resource.concrete_type),
            kind: Some(resources::resource::Kind { kind }),
            location: self.location(resource.place),
            parent_resource_id: resource.parent.map(|id| common::Id { id }),
            is_internal: resource.internal,
        }
    }

    fn resource_stats(self, stats: &ResourceStats) -> resources::Stats {
        resources::Stats {
            created_at: stats.created.map(|at| self.instant(at).into()),
            dropped_at: stats.dropped.map(|at| self.instant(at).into()),
            attributes: self.attributes(&stats.attributes),
        }
    }

    fn poll_op(self, ops: &PollOps) -> resources::PollOp {
        resources::PollOp {
            metadata: ops.metadata.map(|id| common::MetaId { id }),
            resource_id: ops.resource.map(|id| common::Id { id }),
            name: self.text(ops.name),
            task_id: ops.task.map(|id| common::Id { id }),
            async_op_id: ops.op.map(|id| common::Id { id }),
            is_ready: ops.ready,
        }
    }

    fn op(self, op: &AsyncOp) -> async_ops::AsyncOp {
        async_ops::AsyncOp {
            id: Some(common::Id { id: op.id }),
            metadata: op.metadata.map(|id| common::MetaId { id }),
            source: self.text(op.source),
            parent_async_op_id: op.parent.map(|id| common::Id { id }),
            resource_id: op.resource.map(|id| common::Id { id }),
        }
    }

    fn op_stats(self, stats: &OpStats) -> async_ops::Stats {
        async_ops::Stats {
            created_at: stats.created.map(|at| self.instant(at).into()),
            dropped_at: stats.dropped.map(|at| self.instant(at).into()),
            task_id: stats.task.map(|id| common::Id { id }),
            poll_stats: self.polls(stats.poll),
            attributes: self.attributes(&stats.attributes),
        }
    }
}

/// The items of one message.
fn part<T>(items: &[T], chunk: usize) -> &[T] {
    items.chunks(CHUNK).nth(chunk).unwrap_or_default()
}

fn histogram(durations: &Durations) -> tasks::DurationHistogram {
    tasks::DurationHistogram {
        raw_histogram: raw(durations),
        max_value: durations.max,
        high_outliers: durations.outliers,
        highest_outlier: durations.highest,
    }
}

fn raw(durations: &Durations) -> Vec<u8> {
    STANDARD.decode(&durations.raw).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use reports::run::console::{Header, Line, Writer, parse};

    use super::*;

    /// What the stock user interface takes at most (the default of tonic's decoder), bytes.
    const MOST: usize = 4 << 20;

    fn recording(update: &Update) -> Recording {
        let header = Header { format: reports::run::console::FORMAT, started_ns: 1_000_000_000, cap_bytes: 1 << 30 };
        let mut writer = Writer::begin(Vec::new(), header).unwrap();
        writer.line(&Line::Update(Box::new(update.clone()))).unwrap();
        let end = reports::run::console::End {
            at: 0,
            reason: reports::run::console::EndReason::Stopped,
            updates: 0,
            details: 0,
            without_details: 0,
            hooks: None,
        };
        parse(&writer.end(end).unwrap(), std::path::Path::new("console.jsonl")).unwrap()
    }

    #[test]
    fn a_large_update_is_split_into_messages_that_the_stock_user_interface_takes_and_nothing_is_lost_or_doubled() {
        let place = |line| Some(Place { file: Some(0), module: Some(0), line: Some(line), column: Some(9) });
        let field = |name| Field { name: Some(FieldName::Text(name)), value: Some(Value::Text(0)), metadata: None };
        let task = |id: u32| Task {
            id: id.into(),
            metadata: Some(7),
            kind: TaskKind::Spawn,
            fields: vec![field(0), field(0)],
            parents: Vec::new(),
            place: place(id),
        };
        let polls = PollStats { polls: 3, first: Some(1), started: Some(2), ended: Some(3), busy: Some(4) };
        let stats = |id: u32| TaskStats { id: id.into(), wakes: 1, poll: Some(polls), ..TaskStats::default() };
        let update = Update {
            strings: vec!["crates/orders/src/handlers/checkout/confirmation.rs".into()],
            metadata: vec![Metadata {
                id: 7,
                name: 0,
                target: 0,
                module: 0,
                place: None,
                kind: 0,
                level: 2,
                fields: vec![0],
            }],
            tasks: (0..30_001).map(task).collect(),
            task_stats: (0..10_000).map(stats).collect(),
            dropped_tasks: 5,
            ..Update::default()
        };
        let recording = recording(&update);
        let messages = ToWire(&recording).update(&update);
        assert_eq!(messages.len(), 30_001_usize.div_ceil(CHUNK));
        let largest = messages.iter().map(Message::encoded_len).max().unwrap();
        assert!(largest < MOST, "{largest}");
        assert!(messages.iter().map(Message::encoded_len).sum::<usize>() > MOST, "in one message it would be refused");
        let updates: Vec<_> = messages.iter().map(|message| message.task_update.as_ref().unwrap()).collect();
        let ids = updates.iter().flat_map(|update| &update.new_tasks).map(|task| task.id.unwrap().id);
        assert!(ids.eq(0..30_001), "in order, each once");
        let told =
            updates.iter().flat_map(|update| update.stats_update.keys()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!((told.len(), updates.iter().map(|update| update.dropped_events).sum::<u64>()), (10_000, 5));
        // A task is understood by its metadata, which has to be there first.
        let with_metadata = messages.iter().map(|message| message.new_metadata.is_some());
        assert!(with_metadata.eq((0..messages.len()).map(|at| at == 0)));
    }

    #[test]
    fn a_small_or_empty_update_is_one_message() {
        let update = Update::default();
        let recording = recording(&update);
        assert_eq!(ToWire(&recording).update(&update).len(), 1);
    }
}
