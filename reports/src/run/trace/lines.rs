//! `trace.jsonl`: a line for each row of a trace.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Trace, TraceCase, TraceHead, TraceInstead, TraceKind, TracePolls, TraceSaturated, TraceTask, TraceWait, TraceWaker,
};
use crate::run::{RunError, files, paths};

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
enum Line {
    Head(TraceHead),
    Kind(TraceKind),
    Wait(TraceWait),
    Waker(TraceWaker),
    Instead(TraceInstead),
    Case(TraceCase),
    Task(TraceTask),
    Polls(TracePolls),
    Saturated(Box<TraceSaturated>),
}

/// The file's bytes.
pub(in crate::run) fn write(trace: &Trace) -> serde_json::Result<Vec<u8>> {
    let head = std::iter::once(Line::Head(trace.head.clone()));
    files::lines(
        head.chain(trace.kinds.iter().cloned().map(Line::Kind))
            .chain(trace.waits.iter().cloned().map(Line::Wait))
            .chain(trace.wakers.iter().cloned().map(Line::Waker))
            .chain(trace.instead.iter().cloned().map(Line::Instead))
            .chain(trace.cases.iter().cloned().map(Line::Case))
            .chain(trace.polls.iter().cloned().map(Line::Polls))
            .chain(trace.saturated.iter().cloned().map(Line::Saturated))
            .chain(trace.tasks.iter().cloned().map(Line::Task)),
    )
}

/// The trace in a variant's evidence folder; `None` where there is no such file.
pub(crate) fn read(folder: &Path) -> Result<Option<Trace>, RunError> {
    let Some(lines) = files::read_headed_lines(&folder.join(paths::TRACE))? else { return Ok(None) };
    let mut trace = Trace::default();
    for line in lines {
        match line {
            Line::Head(head) => trace.head = head,
            Line::Kind(kind) => trace.kinds.push(kind),
            Line::Wait(wait) => trace.waits.push(wait),
            Line::Waker(waker) => trace.wakers.push(waker),
            Line::Instead(instead) => trace.instead.push(instead),
            Line::Case(case) => trace.cases.push(case),
            Line::Task(task) => trace.tasks.push(task),
            Line::Polls(polls) => trace.polls.push(polls),
            Line::Saturated(phase) => trace.saturated = Some(phase),
        }
    }
    Ok(Some(trace))
}
