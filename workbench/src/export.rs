//! Results for other programs, as files: each format of [`reports::render::export`], where it belongs.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use reports::render::export::{FORMATS, Format, STEP_SUMMARY_ROOM, export, frozen, step_summary};
use reports::run::{BudgetRecord, RunSummary, TrialRecord, reader};

use crate::{settings, ui};

/// GitHub's file for a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// GitHub's folder of the repository.
const WORKSPACE: &str = "GITHUB_WORKSPACE";

/// A format and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Format.
    pub format: Format,
    /// Where it goes.
    pub to: Destination,
}

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Printed,
    /// Standard error, where another result is printed: GitHub reads both.
    Said,
    /// A file, which is replaced.
    File(PathBuf),
    /// A file, at its end: others write job summaries, too.
    Appended(PathBuf),
}

impl FromStr for Output {
    type Err = String;

    /// Reads `junit=out/junit.xml` or `annotations`. The error says what would be right.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name.trim(), Some(file.trim())),
            None => (text.trim(), None),
        };
        let format = Format::named(name).ok_or_else(|| {
            let known: Vec<String> = FORMATS.iter().map(|(_, name, _)| format!("`{name}`")).collect();
            let near = Format::nearest(name).map(|near| format!(": did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| format!(": there are {}", known.join(", ")));
            format!("unknown format `{}`{help}", name.escape_debug())
        })?;
        let to = match (file, format) {
            (Some(""), _) => return Err(format!("`{}=` names no file", name.escape_debug())),
            (Some("-"), _) => Destination::Printed,
            (Some(file), Format::StepSummary) => Destination::Appended(file.into()),
            (Some(file), _) => Destination::File(file.into()),
            (None, _) => Destination::Printed,
        };
        if let Destination::File(file) | Destination::Appended(file) = &to
            && file.is_dir()
        {
            return Err(format!("`{}` is a folder: name a file in it", file.display()));
        }
        Ok(Self { format, to })
    }
}

/// Reads the outputs of `run` and `gate`, whose result is printed already: a job summary without a file goes where GitHub
/// reads it, annotations are printed, everything else needs a file.
///
/// # Errors
/// What would be right.
pub fn beside(texts: &[String]) -> Result<Vec<Output>, String> {
    let one = |text: &String| {
        let output: Output = text.parse()?;
        match (output.format, &output.to) {
            (Format::StepSummary, Destination::Printed) => {
                let file = settings::variable(STEP_SUMMARY).filter(|file| !file.is_empty()).ok_or_else(|| {
                    format!("`--output {text}`: {STEP_SUMMARY} is not set, so that this is no step of a GitHub workflow: name a file, `step-summary=FILE`")
                })?;
                Ok(Output { to: Destination::Appended(file.into()), ..output })
            }
            (Format::Annotations, Destination::Printed) => Ok(Output { to: Destination::Said, ..output }),
            (_, Destination::File(_) | Destination::Appended(_)) => Ok(output),
            (_, Destination::Printed | Destination::Said) => {
                Err(format!("`--output {text}` needs a file: `{text}=FILE`; `workbench export` prints"))
            }
        }
    };
    texts.iter().map(one).collect()
}

/// Writes the run at `path` in every format asked for.
///
/// # Errors
/// Files that cannot be written, and a run that cannot be read.
pub fn write(outputs: &[Output], summary: &RunSummary, path: &Path) -> anyhow::Result<()> {
    if outputs.is_empty() {
        return Ok(());
    }
    let run = reader::load(path)?;
    let summary = in_repository(summary);
    for output in outputs {
        match &output.to {
            Destination::Printed => {
                let text = export(output.format, &summary, &run.trials);
                if !text.is_empty() {
                    ui::result(&text)?;
                }
            }
            Destination::Said => ui::remark(export(output.format, &summary, &run.trials).trim_end()),
            Destination::File(file) => {
                make_folder(file)?;
                let text = export(output.format, &summary, &run.trials);
                fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
            }
            Destination::Appended(file) => append(file, &summary, &run.trials)?,
        }
    }
    Ok(())
}

/// Writes what a gate leaves that measured nothing, since the error budget is spent, wherever somebody may look for it.
///
/// # Errors
/// Files that cannot be written.
pub fn write_frozen(outputs: &[Output], scenario: &str, budget: &BudgetRecord) -> anyhow::Result<()> {
    for output in outputs {
        let Some(text) = frozen(output.format, scenario, budget) else { continue };
        match &output.to {
            Destination::Printed => ui::result(&text)?,
            Destination::Said => ui::remark(text.trim_end()),
            Destination::File(file) => {
                make_folder(file)?;
                fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
            }
            Destination::Appended(file) => add(file, &text)?,
        }
    }
    Ok(())
}

/// Adds to a job summary what still fits.
fn append(file: &Path, summary: &RunSummary, trials: &[TrialRecord]) -> anyhow::Result<()> {
    let there = fs::metadata(file).map_or(0, |metadata| metadata.len());
    let room = STEP_SUMMARY_ROOM.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
    let text = step_summary(summary, trials, room);
    if text.is_empty() {
        ui::remark(&format!("warning: {} is full (1 MiB): nothing was added to it", file.display()));
        return Ok(());
    }
    add(file, &text)
}

fn add(file: &Path, text: &str) -> anyhow::Result<()> {
    make_folder(file)?;
    let append = || OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes());
    append().with_context(|| format!("cannot append to {}", file.display()))
}

fn make_folder(file: &Path) -> anyhow::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The summary with paths as the repository has them: a viewer of annotations knows no others.
fn in_repository(summary: &RunSummary) -> RunSummary {
    let workspace = settings::variable(WORKSPACE).map(PathBuf::from);
    let Some(root) = workspace.or_else(|| std::env::current_dir().ok()).and_then(|root| root.canonicalize().ok())
    else {
        return summary.clone();
    };
    let mut summary = summary.clone();
    let rename = |file: &mut String| {
        if let Ok(whole) = Path::new(file.as_str()).canonicalize()
            && let Ok(within) = whole.strip_prefix(&root)
        {
            *file = within.to_string_lossy().into_owned();
        }
    };
    for limit in summary.gate.iter_mut().flat_map(|gate| &mut gate.limits) {
        if let Some(source) = &mut limit.source {
            rename(&mut source.file);
        }
    }
    for culprit in summary.findings.iter_mut().filter_map(|finding| finding.culprit.as_mut()) {
        rename(&mut culprit.file);
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read() {
        let read = |text: &str| text.parse::<Output>();
        let file = Output { format: Format::Junit, to: Destination::File("a/b=c.xml".into()) };
        assert_eq!(read("junit=a/b=c.xml"), Ok(file));
        assert_eq!(read("csv").unwrap().to, Destination::Printed);
        assert_eq!(read("step-summary=x.md").unwrap().to, Destination::Appended("x.md".into()));
        insta::assert_snapshot!(read("junt=a").unwrap_err(), @"unknown format `junt`: did you mean `junit`?");
        insta::assert_snapshot!(read("junit=").unwrap_err(), @"`junit=` names no file");
        insta::assert_snapshot!(read("junit=/").unwrap_err(), @"`/` is a folder: name a file in it");
        assert!(read("zzz").unwrap_err().contains("there are `junit`, `annotations`"));
    }

    #[test]
    fn beside_a_printed_result_files_are_needed() {
        let beside = |text: &str| beside(&[text.to_owned()]);
        assert_eq!(beside("annotations").unwrap()[0].to, Destination::Said);
        insta::assert_snapshot!(beside("junit").unwrap_err(), @"`--output junit` needs a file: `junit=FILE`; `workbench export` prints");
    }
}
