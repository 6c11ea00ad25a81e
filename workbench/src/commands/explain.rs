//! `workbench explain`.

use reports::findings::Finding;
use reports::render;
use reports::run::reader;

use crate::cli::Explain;
use crate::exit::{Exit, Refusal};
use crate::{report, ui};

/// Prints what the evidence of a run says of causes, by the rules of this build: older runs are looked at anew.
pub(super) fn explain(flags: &Explain) -> anyhow::Result<Exit> {
    let path = super::selected(&flags.run)?;
    let run = reader::load(&path).map_err(Refusal::usage)?;
    let mut summary = report::summarise(&run, run.status(), run.finished_at());
    // What moved took all profiles to find, and is the same by any rules.
    summary.movers = run.summary.as_ref().map(|kept| kept.movers.clone()).unwrap_or_default();
    summary.path = path.display().to_string();
    let text = if flags.json {
        render::json::explanation(&summary)
    } else {
        render::terminal::explanation(&summary, ui::color(), ui::width())
    };
    ui::result(&text)?;
    if run.summary.as_ref().is_some_and(|kept| differs(&kept.findings, &summary.findings)) {
        ui::remark(
            "judged anew, by the rules of this build and the sources as they are now: what was found when the run was made, and `show` prints, is not the same",
        );
    }
    Ok(Exit::Done)
}

/// Whether two builds found other causes, or elsewhere.
fn differs(kept: &[Finding], now: &[Finding]) -> bool {
    let cause = |finding: &Finding| (finding.variant.clone(), finding.rule.clone(), finding.culprit.clone());
    !kept.iter().map(cause).eq(now.iter().map(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_causes_are_told_from_other_shares() {
        let finding = |rule: &str, share| Finding { rule: rule.into(), share, ..Finding::default() };
        assert!(!differs(&[finding("throttled", 0.9)], &[finding("throttled", 0.8)]));
        assert!(differs(&[finding("throttled", 0.9)], &[finding("rare-stall", 0.9)]));
        assert!(differs(&[], &[finding("rare-stall", 0.9)]));
    }
}
