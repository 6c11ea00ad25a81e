//! `report.md`: the result for a pull request or a chat.

mod attached;
mod console;
mod findings;
mod seen;
mod trace;
mod waits;

pub use console::console;
pub use trace::trace;
pub use waits::waits;

use super::table::{Row, Table};
use super::{ladder, number, slo, stalls, text, words};
use crate::run::{RunSummary, Status};

/// The result as GitHub-flavoured Markdown. Reads well as plain text too.
pub fn report(summary: &RunSummary) -> String {
    let table = Table::new(summary);
    let mut out = format!("# {}\n\n", line(&summary.scenario));
    if !summary.summary.is_empty() {
        out.push_str(&format!("{}\n\n", line(&summary.summary)));
    }
    out.push_str(&format!("**{}**\n\n", line(&summary.verdict)));
    if summary.status != Status::Complete {
        out.push_str(&format!("> Status: {}\n\n", words::status(summary.status)));
    }
    for warning in &summary.warnings {
        out.push_str(&format!("> Warning: {}\n", line(warning)));
    }
    if !summary.warnings.is_empty() {
        out.push('\n');
    }
    findings::section(summary, &mut out);
    if let Some(seen) = &summary.attached {
        attached::seen(seen, &mut out);
        evidence(summary, &mut out);
        host(summary, &mut out);
        return out;
    }
    results(&table, &mut out);
    objective(summary, &mut out);
    ladder(summary, &mut out);
    seen::seen(summary, &mut out);
    evidence(summary, &mut out);
    settings(summary, &mut out);
    method(summary, &table, &mut out);
    out
}

fn results(table: &Table, out: &mut String) {
    out.push_str("## Result\n\n");
    if table.headline.is_empty() {
        out.push_str("No measurements.\n\n");
        return;
    }
    let compared = table.headline.iter().any(|row| row.cells.iter().any(|cell| cell.compared.is_some()));
    if compared {
        out.push_str(
            "A ratio is candidate ÷ base over paired trials with its 95 % interval; `~` means nothing was shown.\n\n",
        );
    }
    grid(table, &table.headline, out);
    for (index, note) in table.notes.0.iter().enumerate() {
        out.push_str(&format!("- note {}: {}\n", index + 1, escape(note)));
    }
    if !table.notes.0.is_empty() {
        out.push('\n');
    }
    if !table.others.is_empty() {
        out.push_str("<details><summary>More metrics</summary>\n\n");
        grid(table, &table.others, out);
        out.push_str("</details>\n\n");
    }
}

fn objective(summary: &RunSummary, out: &mut String) {
    let sentences = slo::sentences(summary);
    if sentences.is_empty() {
        return;
    }
    out.push_str("## Objective\n\n");
    for sentence in sentences {
        out.push_str(&format!("- {}\n", escape(&sentence)));
    }
    out.push('\n');
}

fn ladder(summary: &RunSummary, out: &mut String) {
    let rows = ladder::rows(summary);
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("## Throughput by concurrency\n\n{}\n\n", ladder::HOW));
    out.push_str(
        "| variant | clients | answered/s | to the lowest | p50 | p99 | failed |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let (variant, failed) = (escape(&row.variant), row.failed);
        let cells = [&row.concurrency, &row.throughput, &row.gain, &row.p50, &row.p99].map(|cell| escape(cell));
        out.push_str(&format!("| {variant} | {} | {failed} |\n", cells.join(" | ")));
    }
    out.push('\n');
}

fn grid(table: &Table, rows: &[Row], out: &mut String) {
    out.push_str("| metric |");
    for head in &table.variants {
        let base = if head.base { " (base)" } else { "" };
        out.push_str(&format!(" {}{base} |", escape(&head.name)));
    }
    out.push_str("\n|---|");
    out.push_str(&"--:|".repeat(table.variants.len()));
    out.push('\n');
    for row in rows {
        out.push_str(&format!("| {} |", escape(&row.title())));
        for cell in &row.cells {
            out.push_str(&format!(" {}", escape(&cell.value)));
            if let Some(compared) = &cell.compared {
                let mut parts =
                    vec![compared.ratio_and_interval(), format!("**{}**", words::verdict(compared.verdict))];
                let note = compared.note.map(|number| format!("note {number}")).unwrap_or_default();
                let behind: Vec<_> =
                    [compared.detail.clone(), note].into_iter().filter(|part| !part.is_empty()).collect();
                if !behind.is_empty() {
                    parts.push(format!("({})", behind.join(", ")));
                }
                parts.retain(|part| !part.is_empty());
                out.push_str(&format!("<br>{}", parts.join(" ").replace('~', "\\~")));
            }
            out.push_str(" |");
        }
        out.push('\n');
    }
    out.push('\n');
}

fn evidence(summary: &RunSummary, out: &mut String) {
    if summary.profiles.is_empty() {
        return;
    }
    out.push_str("## Evidence\n\n");
    for profile in &summary.profiles {
        let what = if profile.kind == "console" { "recording" } else { "profile" };
        let head = format!("- {} {what} of {}: ", line(&profile.kind), line(&profile.variant));
        out.push_str(&head);
        match &profile.missing {
            Some(because) => out.push_str(&format!("missing, because {}\n", line(because))),
            None => {
                out.push_str(&format!(
                    "{}, {}",
                    line(&profile.path),
                    words::plural(profile.samples, "sample", "samples")
                ));
                if let Some(coverage) = profile.coverage {
                    out.push_str(&format!(", coverage {}", number::percent(coverage)));
                }
                if let Some(overhead) = profile.overhead {
                    out.push_str(&format!(", overhead {}", number::ratio(overhead)));
                }
                out.push_str(&format!(" ({})\n", line(&profile.source)));
                if let Some(stalls) = &profile.stalls {
                    out.push_str(&format!("  - {}\n", line(&stalls::caught(stalls))));
                    for stall in &stalls.longest {
                        out.push_str(&format!("    - {}\n", line(&stalls::short(stall))));
                    }
                }
                if let Some(peak) = &profile.peak {
                    out.push_str(&format!("  - {} ({})\n", words::peak(peak), line(&peak.path)));
                }
            }
        }
    }
    out.push('\n');
}

fn settings(summary: &RunSummary, out: &mut String) {
    let mut paths: Vec<&String> = summary.variants.iter().flat_map(|variant| variant.requested.keys()).collect();
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        return;
    }
    out.push_str(
        "## Settings\n\nAsked for; where the process reported another value, that follows the arrow.\n\n| setting |",
    );
    for variant in &summary.variants {
        out.push_str(&format!(" {} |", line(&variant.name)));
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(summary.variants.len()));
    out.push('\n');
    for path in paths {
        out.push_str(&format!("| {} |", line(path)));
        for variant in &summary.variants {
            let requested = variant.requested.get(path);
            let effective = variant.knobs.get(path);
            let text = match (requested, effective) {
                (Some(asked), Some(got)) if asked != got => format!("{} → {}", line(asked), line(got)),
                (Some(value), _) | (None, Some(value)) => line(value),
                (None, None) => number::ABSENT.into(),
            };
            out.push_str(&format!(" {text} |"));
        }
        out.push('\n');
    }
    out.push('\n');
}

fn method(summary: &RunSummary, table: &Table, out: &mut String) {
    out.push_str("## How it was measured\n\n");
    for head in &table.variants {
        out.push_str(&format!("- {}: {}\n", escape(&head.name), head.trials));
    }
    out.push_str(&format!("- run {}, seed {}\n", line(&summary.run), summary.seed));
    host(summary, out);
}

fn host(summary: &RunSummary, out: &mut String) {
    out.push_str(&format!(
        "- {}, {}, kernel {}\n",
        line(&summary.host.cpu),
        words::plural(u64::from(summary.host.cpus), "CPU", "CPUs"),
        line(&summary.host.kernel)
    ));
    let build = &summary.build;
    out.push_str(&format!(
        "- workbench {} at {} ({}, {})\n",
        line(&build.version),
        line(&build.commit),
        line(&build.profile),
        line(&build.rustc)
    ));
}

/// Any text as one harmless inline piece.
pub(super) fn line(raw: &str) -> String {
    escape(&text::visible(raw, 400))
}

/// Escapes everything that GitHub-flavoured Markdown or the HTML within it would act on, mentions and links included.
fn escape(visible: &str) -> String {
    let mut out = String::with_capacity(visible.len() + 16);
    for character in visible.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A backslash before a pipe or a backtick is not safe in every table or code span; a reference is.
            '|' => out.push_str("&#124;"),
            '`' => out.push_str("&#96;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '*' | '[' | ']' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(character);
            }
            c => out.push(c),
        }
    }
    out.replace("://", "&#58;//").replace("__", "\\_\\_").replace("www.", "www&#46;")
}
