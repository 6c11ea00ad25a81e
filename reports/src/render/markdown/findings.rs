//! Findings, before everything else.

use super::line;
use crate::render::findings::{nothing, ruled_out, shown, undecided, unused};
use crate::run::RunSummary;

/// Named causes with their evidence; what was ruled out and what could not be used, folded.
pub(super) fn section(summary: &RunSummary, out: &mut String) {
    let findings = shown(summary);
    let nothing = nothing(summary);
    if findings.is_empty() && nothing.is_none() && summary.undecided.is_empty() {
        return;
    }
    out.push_str("## Findings\n\n");
    for finding in findings {
        let place = if finding.place.is_empty() { String::new() } else { format!(", {}", line(&finding.place)) };
        out.push_str(&format!(
            "{}. **{}** ({}, {}{place}, {})\n",
            finding.rank,
            line(&finding.title),
            line(&finding.variant),
            line(&finding.rule),
            finding.share
        ));
        if !finding.path.is_empty() {
            out.push_str(&format!("   - in {}\n", line(&finding.path)));
        }
        for evidence in &finding.evidence {
            out.push_str(&format!("   - {}\n", line(evidence)));
        }
        if !finding.refuted_by.is_empty() {
            out.push_str(&format!("   - if this were wrong: {}\n", line(&finding.refuted_by)));
        }
        if !finding.next.is_empty() {
            out.push_str(&format!("   - next: {}\n", line(&finding.next)));
        }
    }
    for one in &summary.undecided {
        let (sentence, experiment) = undecided(one);
        out.push_str(&format!("- {}\n  - next: {}\n", line(&sentence), line(&experiment)));
    }
    out.extend(nothing.map(|nothing| line(&nothing) + "\n"));
    out.push('\n');
    if summary.ruled_out.is_empty() && summary.unused.is_empty() {
        return;
    }
    out.push_str("<details><summary>Ruled out, and not used</summary>\n\n");
    for one in &summary.ruled_out {
        out.push_str(&format!("- {}: {}\n", line(&one.variant), line(&ruled_out(one))));
    }
    for one in &summary.unused {
        out.push_str(&format!("- {}: {}\n", line(&one.variant), line(&unused(one))));
    }
    out.push_str("\n</details>\n\n");
}
