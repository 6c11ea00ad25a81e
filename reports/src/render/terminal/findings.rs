//! Findings: in short before the numbers, and whole, as `explain` prints them.

use super::ink::{Ink, Look};
use super::layout::{hanging, paragraph};
use crate::render::findings::{Shown, nothing, ruled_out, shown, undecided, unused};
use crate::render::{breach, movers, text};
use crate::run::RunSummary;

/// Findings in short.
pub(super) fn brief(summary: &RunSummary, width: usize, ink: Ink) -> String {
    let mut out = String::new();
    for finding in shown(summary) {
        let head = format!("{}. {}", finding.rank, finding.title);
        out.push_str(&hanging(Look::Bold, &head, 3, width, ink));
        let of = format!("{}, {}, {}", finding.variant, finding.rule, finding.share);
        out.push_str(&format!("   {}", hanging(Look::Dim, &of, 3, width, ink)));
        if !finding.place.is_empty() {
            out.push_str(&format!("   at {}", hanging(Look::Plain, &finding.place, 6, width, ink)));
        }
        out.push_str(&path(&finding, width, ink));
        if !finding.next.is_empty() {
            // Commands are shown whole: people copy them.
            out.push_str(&format!("   next: {}\n", finding.next));
        }
    }
    for one in &summary.undecided {
        let (sentence, experiment) = undecided(one);
        out.push_str(&hanging(Look::Warn, &sentence, 3, width, ink));
        out.push_str(&format!("   next: {experiment}\n"));
    }
    if summary.undecided.is_empty()
        && let Some(nothing) = nothing(summary)
    {
        out.push_str(&hanging(Look::Dim, &format!("{nothing} `workbench explain` says more."), 0, width, ink));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Who called the culprit, and what it called.
fn path(finding: &Shown, width: usize, ink: Ink) -> String {
    match finding.path.as_str() {
        "" => String::new(),
        path => format!("   in {}", hanging(Look::Dim, path, 6, width, ink)),
    }
}

/// What `workbench explain` prints: every finding with its evidence, what was ruled out, what could not be used, and the
/// chains behind the worst delays.
pub fn explanation(summary: &RunSummary, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let width = width.max(40);
    let mut out = ink.paint(Look::Bold, &text::name(&summary.scenario));
    out.push_str("\n\n");
    for finding in shown(summary) {
        out.push_str(&hanging(Look::Bold, &format!("{}. {}", finding.rank, finding.title), 3, width, ink));
        let of = format!("{}, {}, {}", finding.variant, finding.rule, finding.share);
        out.push_str(&format!("   {}", hanging(Look::Dim, &of, 3, width, ink)));
        if !finding.place.is_empty() {
            out.push_str(&format!("   at {}", hanging(Look::Bad, &finding.place, 6, width, ink)));
        }
        out.push_str(&path(&finding, width, ink));
        for line in &finding.evidence {
            out.push_str(&format!("   - {}", hanging(Look::Plain, line, 5, width, ink)));
        }
        if !finding.refuted_by.is_empty() {
            let wrong = format!("If this were wrong: {}.", finding.refuted_by);
            out.push_str(&format!("   {}", hanging(Look::Plain, &wrong, 3, width, ink)));
        }
        if !finding.section.is_empty() {
            let proof = format!("Proof: section “{}” of report.html.", finding.section);
            out.push_str(&format!("   {}", hanging(Look::Dim, &proof, 3, width, ink)));
        }
        out.push_str(&format!("   next: {}\n\n", finding.next));
    }
    for one in &summary.undecided {
        let (sentence, experiment) = undecided(one);
        out.push_str(&hanging(Look::Warn, &sentence, 3, width, ink));
        out.push_str(&format!("   next: {experiment}\n\n"));
    }
    if let Some(nothing) = nothing(summary) {
        out.push_str(&(paragraph(&nothing, 0, width) + "\n\n"));
    }
    let several = summary.variants.len() > 1;
    let of = |variant: &str| if several { format!("{}: ", text::name(variant)) } else { String::new() };
    section(
        &mut out,
        "What the longest waits were for",
        width,
        ink,
        summary.blame.iter().map(|blame| format!("{}{}", of(&blame.variant), text::sentence(&blame.sentence))),
    );
    let late = summary.late.iter().filter_map(|one| Some(of(&one.variant) + &breach::brief(&one.breach)?));
    section(&mut out, "While it was late", width, ink, late);
    let moved = summary.movers.iter().map(|one| {
        let told = movers::brief(one).unwrap_or_else(|| movers::summary(one));
        let doubts: String = one.doubts.iter().map(|doubt| format!(" {}.", text::sentence(doubt))).collect();
        format!("{} against {}: {told}{doubts}", text::name(&one.candidate), text::name(&one.base))
    });
    section(&mut out, "What moved", width, ink, moved);
    section(&mut out, "Ruled out", width, ink, summary.ruled_out.iter().map(|one| of(&one.variant) + &ruled_out(one)));
    section(&mut out, "Not used", width, ink, summary.unused.iter().map(|one| of(&one.variant) + &unused(one)));
    out
}

/// What was ruled out and what could not be looked at, of a run that has nothing but that to be told apart by.
pub(super) fn looked_at(summary: &RunSummary, width: usize, ink: Ink) -> String {
    let mut out = String::new();
    section(&mut out, "Ruled out", width, ink, summary.ruled_out.iter().map(ruled_out));
    section(&mut out, "Not looked at, or only in part", width, ink, summary.unused.iter().map(unused));
    out
}

fn section(out: &mut String, head: &str, width: usize, ink: Ink, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("{}\n", ink.paint(Look::Bold, head)));
    for line in lines {
        out.push_str(&format!("  {}", hanging(Look::Plain, &line, 4, width, ink)));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn a_finding_is_told_with_all_that_belongs_to_it() {
        let fixture = Fixture::two_variants().with_findings();
        insta::assert_snapshot!(explanation(&fixture.summary, false, 100));
        insta::assert_snapshot!(brief(&fixture.summary, 80, Ink { color: false }));
    }

    #[test]
    fn nothing_found_is_said() {
        let mut fixture = Fixture::two_variants().with_findings();
        fixture.summary.findings.clear();
        fixture.summary.undecided.clear();
        let told = brief(&fixture.summary, 80, Ink { color: false });
        assert!(told.starts_with("Nothing found. 1 mechanism was ruled out; of 1 nothing can be said."), "{told}");
    }
}
