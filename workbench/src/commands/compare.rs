//! `workbench compare`.

use std::path::{Path, PathBuf};

use reports::run::{Comparison, Movers, reader};
use reports::{compare, render};

use crate::cli::Compare;
use crate::evidence::movers::{self, Between};
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
    let between = match &flags.b {
        None => Vec::new(),
        Some(b) => profiles(&flags.a, b)?,
    };
    if let Some(file) = &flags.svg {
        draw(&between, file)?;
    }
    if flags.json {
        ui::result(&serde_json::to_string_pretty::<Vec<Comparison>>(&comparisons)?)?;
        return Ok(Exit::Done);
    }
    let between: Vec<Movers> = between.into_iter().map(|one| one.movers).collect();
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
fn profiles(a: &str, b: &str) -> anyhow::Result<Vec<Between>> {
    let load = |selector: &str| reader::load(&super::selected(selector)?).map_err(Refusal::usage);
    Ok(movers::between(&load(a)?, &load(b)?))
}

/// Writes the pictures, and says where.
fn draw(between: &[Between], file: &Path) -> anyhow::Result<()> {
    let drawn: Vec<_> = between.iter().filter_map(|one| Some((one, one.picture.as_deref()?))).collect();
    if drawn.is_empty() {
        let refused = between.iter().find_map(|one| one.movers.refused.as_deref());
        let why = refused.unwrap_or(
            "no variant that is called the same in both runs has a CPU profile in both: `workbench run --evidence cpu` \
                 gathers one, and `--vary-cmd NAME=COMMAND` names variants",
        );
        return Err(Refusal::usage(format!("`--svg`: there is nothing to draw: {why}")));
    }
    for (one, picture) in &drawn {
        let path = if drawn.len() == 1 { file.to_owned() } else { beside(file, &one.variant) };
        std::fs::write(&path, picture)
            .map_err(|error| Refusal::usage(format!("cannot write {}: {error}", path.display())))?;
        ui::remark(&format!("{}: {}", one.variant, path.display()));
    }
    Ok(())
}

/// `diff.svg` of the variant `new` is `diff-new.svg`.
fn beside(file: &Path, variant: &str) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let variant: String = variant.chars().map(safe).collect();
    let ending = file.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{stem}-{variant}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_has_a_file_of_its_own() {
        assert_eq!(beside(Path::new("out/diff.svg"), "new"), Path::new("out/diff-new.svg"));
        assert_eq!(beside(Path::new("diff"), "a/b=1"), Path::new("diff-a-b-1"));
    }
}
