//! Keeps a finished run as a baseline, with the programs that it measured.

use std::path::{Path, PathBuf};

use reports::baseline::{Baseline, KeptProgram, Shelf};
use reports::run::{Status, reader};
use scenarios::spec::{Program, Scenario, Variant};

use crate::child::protocol::PROTOCOL;
use crate::clock::{Clock, SystemClock};
use crate::exit::Refusal;
use crate::subject::external;
use crate::{binary, build_info, digest, report};

/// Whether a run of this scenario can be kept under this name, asked before anything is measured.
///
/// # Errors
/// A name that is taken or none, and programs whose file alone is not what runs.
pub fn possible(name: &str, shelf: &Shelf, scenario: &Scenario, variants: &[Variant]) -> anyhow::Result<()> {
    shelf.free(name).map_err(Refusal::usage)?;
    let Some(program) = &scenario.subject else { return Ok(()) };
    variants.iter().try_for_each(|variant| file_of(program, variant).map(|_| ()))
}

/// Keeps the run at `path` under this name.
///
/// # Errors
/// A run that is not complete, a program that changed since it was measured, and files that cannot be written.
pub fn save(name: &str, shelf: &Shelf, path: &Path) -> anyhow::Result<Baseline> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if summary.status != Status::Complete {
        return Err(Refusal::usage(format!(
            "{} is not complete, so that it is no baseline: `workbench run --resume {}` finishes it",
            run.id, run.id
        )));
    }
    if summary.variants.iter().all(|variant| variant.trials == 0) {
        return Err(Refusal::usage(format!("{} measured nothing, so that it is no baseline", run.id)));
    }
    let scenario = scenarios::file::parse("scenario.toml", &run.scenario_toml).map_err(Refusal::usage)?;
    let mut baseline = Baseline::of(name, &SystemClock.now(), &run, summary.variants);
    match &scenario.subject {
        None => keep_this_program(&mut baseline, shelf)?,
        Some(program) => {
            let resolved = scenarios::resolve::resolve(&scenario, &[], &[], &[]).map_err(Refusal::usage)?;
            for variant in &resolved.variants {
                let measured = run.trials.iter().find(|trial| trial.variant == variant.name);
                let measured = measured.and_then(|trial| trial.effective.get(external::BINARY));
                baseline.programs.push(keep(program, variant, measured, shelf)?);
            }
        }
    }
    shelf.save(&baseline).map_err(Refusal::usage)?;
    Ok(baseline)
}

/// The executable of the variants of a scenario's own workload: this one, as it was started.
fn keep_this_program(baseline: &mut Baseline, shelf: &Shelf) -> anyhow::Result<()> {
    let build = build_info::read();
    if build.binary != baseline.build.binary {
        return Err(Refusal::usage("another build of workbench measured that run: its program is not here to be kept"));
    }
    let file = std::env::current_exe()?;
    let file = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Linux names a file that was replaced meanwhile so; the link below still leads to what was started.
    let file = file.trim_end_matches(" (deleted)").to_owned();
    let running = Path::new("/proc/self/exe");
    shelf.keep(running, &file, &build.binary).map_err(Refusal::usage)?;
    baseline.protocol = Some(PROTOCOL);
    let bytes = std::fs::metadata(running)?.len();
    baseline.programs = baseline
        .variants
        .iter()
        .map(|variant| KeptProgram {
            variant: variant.name.clone(),
            hash: build.binary.clone(),
            file: file.clone(),
            bytes,
            command: Vec::new(),
        })
        .collect();
    Ok(())
}

fn keep(program: &Program, variant: &Variant, measured: Option<&String>, shelf: &Shelf) -> anyhow::Result<KeptProgram> {
    let from = file_of(program, variant)?;
    let hash = digest::of_file(std::fs::File::open(&from)?)?;
    // What was measured is said as `name hash`.
    if let Some(measured) = measured
        && !measured.ends_with(&hash)
    {
        return Err(Refusal::usage(format!(
            "the program of `{}` changed since it was measured ({measured}; now {hash}): measure again",
            variant.name
        )));
    }
    let file = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    shelf.keep(&from, &file, &hash).map_err(Refusal::usage)?;
    let bytes = std::fs::metadata(&from)?.len();
    Ok(KeptProgram { variant: variant.name.clone(), hash, file, bytes, command: program.command_of(variant) })
}

/// The file that a variant starts, where that file is the program: a copy of a script or of an interpreter would start
/// tomorrow's code.
fn file_of(program: &Program, variant: &Variant) -> anyhow::Result<PathBuf> {
    let command = program.command_of(variant);
    let folder = program.folder.as_deref().unwrap_or(Path::new("."));
    let file = external::located(&command, folder).map_err(Refusal::usage)?;
    let word = scenarios::problem::shown(&command[0]);
    let instead = "keep the versions yourself and gate them with `--vary-cmd base=… --vary-cmd new=…`";
    if external::is_script(&file) {
        return Err(Refusal::usage(format!(
            "`{word}` is a script: a copy of it would start whatever is installed by then; name the program itself, or \
             {instead}"
        )));
    }
    let name = file.canonicalize().unwrap_or_else(|_| file.clone());
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if binary::interpreter(&name).is_some() || name == "sh" || name.ends_with("sh") && name.len() <= 4 {
        return Err(Refusal::usage(format!(
            "`{word}` runs a program of another language, and a copy of it keeps nothing of that: {instead}"
        )));
    }
    Ok(file)
}
