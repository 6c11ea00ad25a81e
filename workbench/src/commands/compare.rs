//! `workbench compare`.

use reports::run::{Comparison, Movers, reader};
use reports::{compare, render};

use crate::cli::Compare;
use crate::evidence::movers;
use crate::exit::{Exit, Refusal};
use crate::{report, ui};

/// Compares the variants of one run, or describes two.
pub(super) fn compare(flags: &Compare) -> anyhow::Result<Exit> {
    let load = |selector: &str| -> anyhow::Result<_> {
        let path = super::selected(selector)?;
        let summary = report::of(&path).map_err(Refusal::usage)?;
        if summary.attached.is_some() {
            return Err(Refusal::usage(format!(
                "{} is an attachment: nothing of it was measured, so that there is nothing to compare; `workbench show {}` \
                 shows it",
                summary.run, summary.run
            )));
        }
        Ok(summary)
    };
    let a = load(&flags.a)?;
    let (comparisons, remark) = match &flags.b {
        None => (a.comparisons.clone(), a.verdict.clone()),
        Some(b) => {
            let b = load(b)?;
            let remark = "Two separate runs were never interleaved: the table describes them, it decides nothing.\n\
                          For a verdict, run both as variants of one run (`--vary`).";
            (compare::compare_runs(&a, &b), remark.to_owned())
        }
    };
    if flags.json {
        ui::result(&serde_json::to_string_pretty::<Vec<Comparison>>(&comparisons)?)?;
        return Ok(Exit::Done);
    }
    let between = match &flags.b {
        None => Vec::new(),
        Some(b) => profiles(&flags.a, b)?,
    };
    if comparisons.is_empty() && between.is_empty() {
        ui::result(&format!("{} has one variant: nothing to compare. {remark}", a.run))?;
        return Ok(Exit::Done);
    }
    if !comparisons.is_empty() {
        ui::result(&render::terminal::comparison(&comparisons, ui::color(), ui::width()))?;
    }
    ui::result(&remark)?;
    if flags.b.is_none() && !a.movers.is_empty() {
        let told = render::terminal::moved(&a.movers, ui::width());
        ui::result(&format!("\n{told}`workbench show {} --movers` names functions and crates", a.run))?;
    }
    if !between.is_empty() {
        ui::result(&format!("\n{}", render::terminal::moved(&between, ui::width())))?;
    }
    Ok(Exit::Done)
}

/// What moved between the CPU profiles of two runs, or why they must not be set against each other.
fn profiles(a: &str, b: &str) -> anyhow::Result<Vec<Movers>> {
    let load = |selector: &str| reader::load(&super::selected(selector)?).map_err(Refusal::usage);
    Ok(movers::between(&load(a)?, &load(b)?))
}
