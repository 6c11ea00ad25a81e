//! What `show --tasks` prints of tasks that were traced from outside.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::render::trace::{BLAME_HOW, HEADS, HOW, Shown, WAIT_HEADS, cause, place, shown, span};
use crate::render::{number, text};
use crate::run::{RunSummary, Trace, TraceSpan, TraceStep, TraceTask};

/// Tasks by type, where they wait, and what the worst of it was for, for each variant that was to be traced; `width` in
/// columns.
pub fn trace(summary: &RunSummary, traces: &BTreeMap<String, Trace>, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let mut out = vec![paragraph(HOW, 0, width) + "\n"];
    for profile in summary.profiles.iter().filter(|profile| profile.kind == "trace") {
        let head = ink.paint(Look::Bold, &text::name(&profile.variant));
        let body = match (&profile.missing, traces.get(&profile.variant)) {
            (Some(because), _) => missing(because, width, ink),
            (None, None) => missing("its file is not there", width, ink),
            (None, Some(trace)) => of_process(trace, profile.overhead, color, width),
        };
        out.push(format!("{head}\n{body}"));
    }
    out.join("\n")
}

fn missing(because: &str, width: usize, ink: Ink) -> String {
    let because = format!("Evidence missing, because {}.", text::sentence(because));
    ink.paint(Look::Warn, &paragraph(&because, 0, width)) + "\n"
}

/// The same of one trace; `overhead` is CPU per operation ÷ that without probes, where it was measured.
pub fn of_process(trace: &Trace, overhead: Option<f64>, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let Shown { source, doubts, kinds, notes, waits, wakers, blame } = shown(trace, overhead);
    let mut out = hanging(Look::Dim, &source, 0, width, ink);
    for doubt in doubts {
        out.push_str(&hanging(Look::Warn, &doubt, 0, width, ink));
    }
    let mut lines = vec![HEADS.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    let look = |bad| if bad { Look::Bad } else { Look::Plain };
    for row in kinds {
        let note = if row.blocking { " (blocking pool)" } else { "" };
        lines.push(vec![Piece::plain(format!("{}{note}", row.place))]);
        lines.push(row.cells.into_iter().map(|cell| Piece::new(cell.text, look(cell.bad))).collect());
    }
    out.push_str(&grid(&lines, &[Align::Right; HEADS.len()], 0, width, ink));
    for note in notes {
        out.push_str(&hanging(Look::Plain, &note, 0, width, ink));
    }
    if !waits.is_empty() {
        out.push_str(&format!("\n{}\n", ink.paint(Look::Bold, "Where tasks wait")));
        let mut lines = vec![WAIT_HEADS.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
        for row in waits {
            lines.push(vec![Piece::plain(format!("{} at {}", row.kind, row.place))]);
            lines.push(row.cells.into_iter().map(|cell| Piece::new(cell.text, look(cell.bad))).collect());
        }
        out.push_str(&grid(&lines, &[Align::Right; WAIT_HEADS.len()], 0, width, ink));
    }
    if !wakers.is_empty() {
        out.push_str(&format!("\n{}\n", ink.paint(Look::Bold, "Who wakes them")));
        for sentence in wakers {
            out.push_str(&hanging(Look::Plain, &sentence, 2, width, ink));
        }
    }
    if !blame.is_empty() {
        out.push_str(&format!("\n{}\n", ink.paint(Look::Bold, "What the longest were for")));
        out.push_str(&(paragraph(BLAME_HOW, 0, width) + "\n"));
        for row in blame {
            let length = ink.paint(Look::Bad, &row.length);
            out.push_str(&format!("{length}  {} ({})\n", row.kind, row.what));
            out.push_str(&format!("    {}", hanging(Look::Plain, &row.sentence, 4, width, ink)));
        }
    }
    out
}

/// One task's own timeline, for every variant that has it; `None` where no trace has spans of it.
pub fn task_timeline(traces: &BTreeMap<String, Trace>, id: u64, color: bool, width: usize) -> Option<String> {
    let ink = Ink { color };
    let found = traces.iter().filter_map(|(variant, trace)| {
        let task = trace.tasks.iter().find(|task| task.id == id);
        let kept = task.map(|task| task.spans.as_slice()).filter(|spans| !spans.is_empty());
        let case = || trace.cases.iter().find(|case| case.task == id).map(|case| case.spans.as_slice());
        let spans = kept.or_else(case).filter(|spans| !spans.is_empty())?;
        let head = task.map(|task| hanging(Look::Plain, &about(task), 0, width, ink)).unwrap_or_default();
        Some(format!("{}\n{head}{}", ink.paint(Look::Bold, &text::name(variant)), timeline(spans, width, ink)))
    });
    let all: Vec<String> = found.collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

/// Who it is, in a sentence.
fn about(task: &TraceTask) -> String {
    let mut head = format!(
        "task {} of {} at {}: {} polls, {} busy, longest {}, worst wait for a worker {}",
        task.id,
        text::name(&task.kind),
        text::name(&task.address),
        number::count(task.polls as f64),
        number::seconds(task.busy_s),
        number::seconds(task.longest_poll_s),
        number::seconds(task.worst_schedule_latency_s),
    );
    if let Some(by) = &task.spawned_by {
        head.push_str(&format!("; spawned by {}", text::name(by)));
    }
    match (task.ended, task.idle_now_s, &task.waits_at) {
        (true, ..) => head.push_str("; ended"),
        (false, Some(idle), Some(site)) => head.push_str(&format!(
            "; at the end it had waited {} for {} at {}",
            number::seconds(idle),
            cause(site.cause),
            place(site)
        )),
        (false, Some(idle), None) => head.push_str(&format!("; at the end it had waited {}", number::seconds(idle))),
        (false, None, _) => {}
    }
    head
}

fn timeline(spans: &[TraceSpan], width: usize, ink: Ink) -> String {
    let mut lines = vec![["at", "took", "what"].map(|head| Piece::new(head, Look::Dim)).to_vec()];
    for one in spans {
        let look = match one.step {
            TraceStep::Ready if one.length_s > 0.001 => Look::Bad,
            TraceStep::Polled if one.length_s > 0.010 => Look::Bad,
            TraceStep::Waited => Look::Dim,
            _ => Look::Plain,
        };
        lines.push(vec![
            Piece::plain(format!("{:.6} s", one.at_s)),
            Piece::new(number::seconds(one.length_s), look),
            Piece::plain(span(one)),
        ]);
    }
    grid(&lines, &[Align::Right, Align::Right, Align::Left], 0, width, ink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn every_variant_has_tables_and_chains_or_a_reason() {
        let fixture = Fixture::two_variants().with_trace();
        insta::assert_snapshot!(trace(&fixture.summary, &fixture.traces, false, 110));
    }

    #[test]
    fn a_task_has_a_timeline_of_its_own() {
        let fixture = Fixture::two_variants().with_trace();
        insta::assert_snapshot!(task_timeline(&fixture.traces, 12, false, 100).unwrap());
        assert_eq!(task_timeline(&fixture.traces, 99, false, 100), None);
    }
}
