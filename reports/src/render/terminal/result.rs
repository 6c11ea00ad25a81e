//! What `run` and `show` print.

use super::ink::{Ink, Look, of_status, of_verdict};
use super::layout::{Align, Piece, grid, needed, paragraph};
use crate::render::table::{Head, Row, Table};
use crate::render::{number, text, words};
use crate::run::{RunSummary, Status};

/// Columns that the verdict needs behind the numbers for the wide form to be readable.
const ROOM_FOR_VERDICT: usize = 16;

/// The result of a run: verdict, table, warnings, where to find the rest.
///
/// `width` is the terminal's in columns; two variants stand side by side where they fit, otherwise below each other.
pub fn result(summary: &RunSummary, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let width = width.max(40);
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
    if table.headline.is_empty() {
        out.push_str("No measurements.\n");
    } else {
        out.push_str(&numbers(&table, width, ink));
    }
    out.push_str(&findings(summary, width, ink));
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

fn numbers(table: &Table, width: usize, ink: Ink) -> String {
    let mut out = match table.variants.len() {
        0 | 1 => single(table, width, ink),
        2 => {
            let rows = pair(table);
            if needed(&rows, 5) + ROOM_FOR_VERDICT <= width {
                grid(&rows, &[Align::Left, Align::Right, Align::Right, Align::Left, Align::Left], 0, width, ink)
            } else {
                stacked(table, width, ink)
            }
        }
        _ => stacked(table, width, ink),
    };
    if !table.others.is_empty() {
        let more = words::plural(table.others.len() as u64, "more metric", "more metrics");
        out.push_str(&ink.paint(Look::Dim, &format!("{more} in the report and with --json")));
        out.push('\n');
    }
    out.push('\n');
    out
}

fn single(table: &Table, width: usize, ink: Ink) -> String {
    let mut rows = Vec::new();
    for head in &table.variants {
        rows.push(vec![Piece::new("metric", Look::Dim), Piece::new(&head.name, Look::Dim)]);
    }
    for row in &table.headline {
        rows.push(vec![Piece::plain(&row.metric), Piece::plain(value(row, 0))]);
    }
    grid(&rows, &[Align::Left, Align::Right], 0, width, ink)
}

fn value(row: &Row, index: usize) -> &str {
    row.cells.get(index).map_or(number::ABSENT, |cell| cell.value.as_str())
}

fn heading(head: &Head) -> String {
    if head.base { format!("{} (base)", head.name) } else { head.name.clone() }
}

/// Two variants side by side.
fn pair(table: &Table) -> Vec<Vec<Piece>> {
    let mut rows = vec![vec![
        Piece::new("metric", Look::Dim),
        Piece::new(heading(&table.variants[0]), Look::Dim),
        Piece::new(heading(&table.variants[1]), Look::Dim),
        Piece::new("ratio [95 %]", Look::Dim),
        Piece::plain(""),
    ]];
    for row in &table.headline {
        let compared = row.cells.iter().find_map(|cell| cell.compared.as_ref());
        let look = compared.map_or(Look::Plain, |compared| of_verdict(compared.verdict));
        rows.push(vec![
            Piece::plain(&row.metric),
            Piece::plain(value(row, 0)),
            Piece::plain(value(row, 1)),
            Piece::new(compared.map(|compared| compared.ratio_and_interval()).unwrap_or_default(), look),
            Piece::new(compared.map(|compared| compared.verdict_and_note()).unwrap_or_default(), look),
        ]);
    }
    rows
}

/// One line per metric and variant.
fn stacked(table: &Table, width: usize, ink: Ink) -> String {
    let mut rows = Vec::new();
    for row in &table.headline {
        rows.push(vec![Piece::new(&row.metric, Look::Bold)]);
        for (head, cell) in table.variants.iter().zip(&row.cells) {
            let compared = cell.compared.as_ref();
            let look = compared.map_or(Look::Dim, |compared| of_verdict(compared.verdict));
            let verdict = match compared {
                Some(compared) => compared.verdict_and_note(),
                None if head.base => "base".into(),
                None => String::new(),
            };
            rows.push(vec![
                Piece::plain(format!("  {}", head.name)),
                Piece::plain(&cell.value),
                Piece::new(compared.map(|compared| compared.ratio_and_interval()).unwrap_or_default(), look),
                Piece::new(verdict, look),
            ]);
        }
    }
    grid(&rows, &[Align::Left, Align::Right, Align::Left, Align::Left], 0, width, ink)
}

fn findings(summary: &RunSummary, width: usize, ink: Ink) -> String {
    let mut findings: Vec<_> = summary.findings.iter().collect();
    findings.sort_by_key(|finding| finding.rank);
    let mut out = String::new();
    for finding in &findings {
        let head = format!("{}. {}", finding.rank, text::sentence(&finding.title));
        out.push_str(&ink.paint(Look::Bold, &paragraph(&head, 3, width)));
        out.push('\n');
        if let Some(culprit) = &finding.culprit {
            out.push_str(&format!(
                "   at {}:{} in {}\n",
                text::name(&culprit.file),
                culprit.line,
                text::name(&culprit.function)
            ));
        }
        if !finding.next.is_empty() {
            out.push_str(&format!("   next: {}\n", text::sentence(&finding.next)));
        }
    }
    if !findings.is_empty() {
        out.push('\n');
    }
    out
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
    let trials: Vec<_> = table.variants.iter().map(|head| format!("{} {}", head.name, head.trials)).collect();
    out.push_str(&format!("from    {}\n", paragraph(&trials.join("; "), 8, width)));
    out.push_str(&format!("run     {}\n", text::name(&summary.run)));
    if !summary.path.is_empty() {
        // Paths are shown whole: people copy them.
        out.push_str(&format!("report  {}/report.html\n", text::sentence(summary.path.trim_end_matches('/'))));
    }
    out
}
