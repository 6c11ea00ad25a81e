//! Recordings to test with: a small program with every fault that the rules know.

use super::*;

const S: i64 = 1_000_000_000;

/// Builds the lines of a recording.
#[derive(Default)]
pub(crate) struct Tape {
    texts: Interner,
    lines: Vec<Line>,
    next: Update,
}

impl Tape {
    fn place(&mut self, file: &str, line: u32) -> Option<Place> {
        Some(Place { file: Some(self.texts.number(file)), module: None, line: Some(line), column: Some(9) })
    }

    fn field(&mut self, name: &str, value: Value) -> Field {
        Field { name: Some(FieldName::Text(self.texts.number(name))), value: Some(value), metadata: None }
    }

    pub(crate) fn task(&mut self, id: u64, file: &str, line: u32, kind: &str) {
        let kind_value = Value::Text(self.texts.number(kind));
        let fields = vec![self.field("kind", kind_value), self.field("size.bytes", Value::U64(512))];
        let place = self.place(file, line);
        let kind = if kind == "blocking" { TaskKind::Blocking } else { TaskKind::Spawn };
        self.next.tasks.push(Task { id, metadata: None, kind, fields, parents: Vec::new(), place });
    }

    pub(crate) fn stats(&mut self, stats: TaskStats) {
        self.next.task_stats.push(stats);
    }

    pub(crate) fn resource(&mut self, id: u64, name: &str, line: u32, parent: Option<u64>, attributes: &[(&str, u64)]) {
        let kind = (name != "Sleep").then(|| self.texts.number("Sync"));
        let place = self.place("src/app.rs", line);
        self.next.resources.push(Resource {
            id,
            metadata: None,
            concrete_type: self.texts.number(name),
            kind,
            known_kind: (name == "Sleep").then_some(0),
            place,
            parent,
            internal: parent.is_some(),
        });
        let attributes = attributes
            .iter()
            .map(|(name, value)| Attribute { field: Some(self.field(name, Value::U64(*value))), unit: None })
            .collect();
        self.next.resource_stats.push(ResourceStats { id, created: Some(0), dropped: None, attributes });
    }

    /// An operation of a task on a resource, from and to in seconds; within `parent`.
    pub(crate) fn op(
        &mut self,
        id: u64,
        call: &str,
        on: u64,
        task: u64,
        span_s: (i64, Option<i64>),
        parent: Option<u64>,
    ) {
        self.op_ns(id, call, on, task, (span_s.0 * S, span_s.1.map(|at| at * S)), parent);
    }

    /// The same in nanoseconds.
    pub(crate) fn op_ns(
        &mut self,
        id: u64,
        call: &str,
        on: u64,
        task: u64,
        span_ns: (i64, Option<i64>),
        parent: Option<u64>,
    ) {
        let source = self.texts.number(call);
        self.next.ops.push(AsyncOp { id, metadata: None, source, parent, resource: Some(on) });
        self.next.op_stats.push(OpStats {
            id,
            created: Some(span_ns.0),
            dropped: span_ns.1,
            task: Some(task),
            poll: None,
            attributes: Vec::new(),
        });
    }

    /// Ends an update that arrived, and was made, so many seconds after the begin.
    pub(crate) fn tick(&mut self, at_s: u64) {
        let mut update = std::mem::take(&mut self.next);
        update.at = at_s * S as u64;
        update.now = at_s as i64 * S;
        update.strings = self.texts.fresh();
        self.lines.push(Line::Update(Box::new(update)));
    }

    pub(crate) fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// The bytes of a file that ends after `at_s`.
    pub(crate) fn file(self, at_s: u64, hooks: Option<HookCounts>) -> Vec<u8> {
        let header = Header { format: FORMAT, started_ns: 1_700_000_000 * S as u64, cap_bytes: DEFAULT_CAP };
        let mut writer = Writer::begin(Vec::new(), header).unwrap();
        for line in &self.lines {
            assert_eq!(writer.line(line).unwrap(), Written::Yes);
        }
        let end =
            End { at: at_s * S as u64, reason: EndReason::Stopped, updates: 0, details: 0, without_details: 0, hooks };
        writer.end(end).unwrap()
    }

    /// The same as a recording.
    pub(crate) fn recording(self, at_s: u64, hooks: Option<HookCounts>) -> Recording {
        parse(&self.file(at_s, hooks), std::path::Path::new("console.jsonl")).unwrap()
    }
}

/// Totals of a task spawned at the begin: polls, busy milliseconds, last poll from and to in seconds.
pub(crate) fn polled(id: u64, polls: u64, busy_ms: u64, started_s: i64, ended_s: Option<i64>) -> TaskStats {
    TaskStats {
        id,
        created: Some(0),
        dropped: None,
        wakes: polls,
        clones: 5,
        drops: 4,
        last_wake: Some(started_s * S),
        self_wakes: 0,
        scheduled: Some(1_000_000),
        poll: Some(PollStats {
            polls,
            first: Some(0),
            started: Some(started_s * S),
            ended: ended_s.map(|at| at * S),
            busy: Some(busy_ms * 1_000_000),
        }),
    }
}

/// Every fault, ten seconds long. Its tasks: 1 `block_on`, 2 a lost waker, 3 and 4 on a mutex, 5 on a semaphore, 6 wakes
/// itself, 7 never yields, 8 a blocking job, 9 finished, 100 to 149 parked.
pub(crate) fn faulty() -> Tape {
    let mut tape = Tape::default();
    for (id, line, kind) in [
        (1, 10, "block_on"),
        (2, 20, "task"),
        (3, 30, "task"),
        (4, 30, "task"),
        (5, 50, "task"),
        (6, 60, "task"),
        (7, 70, "task"),
        (8, 80, "blocking"),
        (9, 90, "task"),
    ] {
        tape.task(id, "src/app.rs", line, kind);
    }
    (100..150).for_each(|id| tape.task(id, "src/parked.rs", 5, "task"));
    tape.stats(TaskStats { clones: 2, drops: 2, ..polled(1, 3, 1, 0, Some(0)) });
    tape.stats(TaskStats { clones: 2, drops: 2, ..polled(2, 3, 1, 1, Some(1)) });
    tape.stats(polled(7, 1, 0, 1, None));
    tape.stats(TaskStats { clones: 0, drops: 0, ..polled(8, 1, 0, 1, None) });
    tape.stats(TaskStats { dropped: Some(2 * S), ..polled(9, 2, 5, 1, Some(2)) });
    (100..150).for_each(|id| tape.stats(polled(id, 1, 0, 0, Some(0))));
    tape.resource(200, "Mutex", 31, None, &[]);
    tape.resource(201, "Semaphore", 31, Some(200), &[("permits", 0)]);
    tape.resource(300, "Semaphore", 51, None, &[("permits", 0)]);
    tape.resource(400, "Sleep", 91, None, &[]);
    tape.op(1, "Mutex::lock", 200, 3, (0, Some(4)), None);
    tape.op(2, "Acquire::new", 201, 3, (0, Some(4)), Some(1));
    tape.op(3, "Semaphore::acquire", 300, 5, (1, None), None);
    tape.op(5, "Sleep::new_timeout", 400, 9, (0, Some(2)), None);
    tape.tick(2);
    tape.stats(polled(3, 40, 400, 4, Some(4)));
    tape.stats(polled(4, 20, 200, 4, Some(4)));
    tape.stats(polled(5, 1, 1, 1, Some(1)));
    tape.op(4, "Mutex::lock", 200, 4, (1, None), None);
    tape.stats(TaskStats { self_wakes: 900, ..polled(6, 1000, 3000, 5, Some(5)) });
    tape.tick(6);
    tape.stats(TaskStats { self_wakes: 1900, ..polled(6, 2000, 6000, 9, Some(9)) });
    tape.tick(10);
    tape
}

/// What hooks would have counted of [`faulty`].
pub(crate) const HOOKS: HookCounts = HookCounts { spawned: 57, finished: 1, alive: 56 };
