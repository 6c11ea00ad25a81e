//! Rows for `list knobs`.

use serde::Serialize;

use super::{Acts, KNOBS, Knob};

/// One knob in words; nothing here is for machines to parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Path.
    pub path: &'static str,
    /// Type, e.g. `integer`.
    pub kind: &'static str,
    /// Range or choices.
    pub range: String,
    /// Default in words.
    pub default: &'static str,
    /// One paragraph.
    pub doc: &'static str,
    /// Go's equivalent, empty where there is none.
    pub go: &'static str,
    /// Where the likeness to Go ends, empty where there is none.
    pub go_difference: &'static str,
    /// Where it acts.
    pub acts: String,
    /// What it needs, empty where it always works.
    pub needs: String,
    /// Environment variable that makes the setting in a program that is not ours, empty where there is none.
    pub variable: String,
    /// How it is read back.
    pub read_back: &'static str,
}

/// Every knob of the table, then the two free name spaces.
pub fn describe() -> Vec<Row> {
    KNOBS.iter().map(row).chain(free_names()).collect()
}

fn row(knob: &Knob) -> Row {
    Row {
        path: knob.path,
        kind: kind_name(knob),
        range: knob.kind.range(),
        default: knob.default.prose,
        doc: knob.doc,
        go: knob.go.map_or("", |go| go.name),
        go_difference: knob.go.map_or("", |go| go.difference),
        acts: match knob.acts {
            Acts::TokioBuilder => "tokio's runtime builder".to_owned(),
            Acts::AllocatorKind => "the subject's global allocator".to_owned(),
            Acts::Jemalloc(option) => format!("jemalloc option {option}"),
            Acts::Mimalloc(option) => format!("mimalloc option {option}"),
            Acts::Glibc(tunable) => format!("glibc tunable glibc.malloc.{tunable}"),
            Acts::Go(variable) => format!("Go's runtime, by {variable}"),
            Acts::MemoryLimit => "the subject's memory limit".to_owned(),
            Acts::Affinity => "CPUs of the subject".to_owned(),
            Acts::Load => "the load driver".to_owned(),
            Acts::Trial => "the plan".to_owned(),
        },
        needs: needs(knob),
        variable: knob.variable().map_or_else(String::new, |place| place.to_string()),
        read_back: knob.read_back,
    }
}

fn kind_name(knob: &Knob) -> &'static str {
    use super::Kind;
    match knob.kind {
        Kind::Integer { .. } | Kind::Signed { .. } => "integer",
        Kind::Number { .. } => "number",
        Kind::Boolean => "boolean",
        Kind::Duration { .. } => "duration",
        Kind::Milliseconds { .. } => "milliseconds",
        Kind::Choice(_) => "choice",
        Kind::CpuSet => "CPU list",
        Kind::Size { .. } | Kind::Bytes { .. } => "size",
        Kind::Percent { .. } => "percent",
        Kind::Pairs => "list",
    }
}

fn needs(knob: &Knob) -> String {
    let condition = knob.condition.map(|condition| format!("{} {}", condition.path, condition.needed));
    let go = matches!(knob.acts, Acts::Go(_)).then(|| "a program written in Go".to_owned());
    let unstable = knob.unstable.then(|| "a build with tokio_unstable".to_owned());
    condition.into_iter().chain(go).chain(unstable).collect::<Vec<_>>().join(" and ")
}

fn free_names() -> [Row; 2] {
    let free = |path, doc, acts: &str, read_back| Row {
        path,
        kind: "text",
        range: String::new(),
        default: "not set",
        doc,
        go: "",
        go_difference: "",
        acts: acts.to_owned(),
        needs: String::new(),
        variable: String::new(),
        read_back,
    };
    [
        free(
            "workload.NAME",
            "A parameter of the workload. The scenario declares it, with its default, under [workload_parameters].",
            "the workload",
            "not read back: a workload refuses a value that it does not take",
        ),
        free(
            "env.NAME",
            "An environment variable of the subject, set after inherited allocator, tokio and Go variables are removed.",
            "the subject's environment",
            "not read back",
        ),
    ]
}
