//! What `run` and `show` print.

use super::ink::{Ink, Look, of_status};
use super::layout::paragraph;
use super::{attached, findings, numbers};
use crate::render::slo::sentences;
use crate::render::table::Table;
use crate::render::{breach, ladder, movers, text, words};
use crate::run::{RunSummary, Status};

/// The result of a run: verdict, table, warnings, where to find the rest.
///
/// `width` is the terminal's in columns; two variants stand side by side where they fit, otherwise below each other.
pub fn result(summary: &RunSummary, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let width = width.max(40);
    if let Some(seen) = &summary.attached {
        return attached::attached(summary, seen, width, ink) + &whereabouts(summary);
    }
    let table = Table::new(summary);
    let mut out = String::new();
    out.push_str(&ink.paint(Look::Bold, &text::name(&summary.scenario)));
    out.push('\n');
    if !summary.summary.is_empty() {
        out.push_str(&ink.paint(Look::Dim, &paragraph(&text::sentence(&summary.summary), 0, width)));
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&ink.paint(Look::Bold, &paragraph(&text::sentence(&summary.verdict), 0, width)));
    out.push_str("\n\n");
    out.push_str(&findings::brief(summary, width, ink));
    if table.headline.is_empty() {
        out.push_str("No measurements.\n");
    } else {
        out.push_str(&numbers::numbers(&table, width, ink));
    }
    out.push_str(&concurrency(summary, width, ink));
    out.push_str(&seen(summary, width, ink));
    out.push_str(&objective(summary, width));
    out.push_str(&missing_evidence(summary, width, ink));
    for warning in &summary.warnings {
        out.push_str(&ink.paint(Look::Warn, "warning"));
        out.push_str(&format!(": {}\n", paragraph(&text::sentence(warning), 9, width)));
    }
    if !summary.warnings.is_empty() {
        out.push('\n');
    }
    out.push_str(&footer(summary, &table, width, ink));
    out
}

/// Throughput by concurrency, a line a variant.
fn concurrency(summary: &RunSummary, width: usize, ink: Ink) -> String {
    let sentences = ladder::sentences(summary);
    if sentences.is_empty() {
        return String::new();
    }
    let mut out = ink.paint(Look::Dim, "closed loops") + "\n";
    sentences.iter().for_each(|sentence| out.push_str(&format!("  {}\n", paragraph(sentence, 4, width))));
    out + "\n"
}

/// What ran while it was late and what moved, in short, followed by an empty line where there is any.
fn seen(summary: &RunSummary, width: usize, ink: Ink) -> String {
    let mut out = String::new();
    let late = summary.late.iter().filter_map(|one| Some((text::name(&one.variant), breach::brief(&one.breach)?)));
    let moved = summary.movers.iter().filter_map(|one| {
        Some((format!("{} against {}", text::name(&one.candidate), text::name(&one.base)), movers::brief(one)?))
    });
    for (head, lines) in [("while it was late", late.collect::<Vec<_>>()), ("what moved", moved.collect())] {
        if !lines.is_empty() {
            out.push_str(&(ink.paint(Look::Dim, head) + "\n"));
            lines
                .iter()
                .for_each(|(of, told)| out.push_str(&format!("  {}\n", paragraph(&format!("{of}: {told}"), 4, width))));
            out.push('\n');
        }
    }
    out
}

/// The objective, followed by an empty line where there is one.
fn objective(summary: &RunSummary, width: usize) -> String {
    let said = slo(summary, width);
    if said.is_empty() { said } else { said + "\n" }
}

/// How fast each variant burns its error budget, and what is left of it, a paragraph each.
pub fn slo(summary: &RunSummary, width: usize) -> String {
    sentences(summary).iter().map(|one| format!("{}\n", paragraph(one, 2, width))).collect()
}

fn missing_evidence(summary: &RunSummary, width: usize, ink: Ink) -> String {
    let mut out = String::new();
    for profile in &summary.profiles {
        if let Some(because) = &profile.missing {
            let line = format!(
                "{} profile of {} missing, because {}",
                text::name(&profile.kind),
                text::name(&profile.variant),
                text::sentence(because)
            );
            out.push_str(&ink.paint(Look::Dim, &paragraph(&line, 2, width)));
            out.push('\n');
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn footer(summary: &RunSummary, table: &Table, width: usize, ink: Ink) -> String {
    let mut out = String::new();
    if summary.status != Status::Complete {
        out.push_str(&ink.paint(of_status(summary.status), words::status(summary.status)));
        out.push_str(match summary.status {
            Status::Interrupted => ": finished trials are kept, `workbench run --resume` continues\n",
            _ => ": a subject failed, see the report and trials/*/log.txt\n",
        });
    }
    out.push_str(&format!("from    {}\n", paragraph(&from(table), 8, width)));
    out + &whereabouts(summary)
}

/// The run and its report.
fn whereabouts(summary: &RunSummary) -> String {
    let mut out = format!("run     {}\n", text::name(&summary.run));
    if !summary.path.is_empty() {
        // Paths are shown whole: people copy them.
        out.push_str(&format!("report  {}/report.html\n", text::sentence(summary.path.trim_end_matches('/'))));
    }
    out
}

/// `12 trials of each variant`, or which variant has how many.
fn from(table: &Table) -> String {
    let Some(first) = table.variants.first() else { return "no variants".into() };
    if table.variants.len() > 1 && table.variants.iter().all(|head| head.trials == first.trials) {
        return format!("{} of each variant", first.trials);
    }
    let each: Vec<_> = table.variants.iter().map(|head| format!("{} {}", head.name, head.trials)).collect();
    each.join("; ")
}
