//! What a program's file says of how it was built.

use std::path::{Path, PathBuf};

use object::{Object, ObjectSection, ObjectSymbol, ReadCache, SymbolKind};
use reports::findings::Build;
use reports::run::LoadedRun;

use crate::subject::external::COMMAND;

/// Checks of the standard library that only programs with debug assertions compile for themselves: the library as it is
/// shipped has none (`core::ub_checks::assert_unsafe_precondition`).
const CHECK: &str = "precondition_check";
/// A dependency alone may be built with assertions; a program that is has many.
const MANY_CHECKS: usize = 12;

/// The file behind a variant: of a program that is not ours; `Ok(None)` where there is none, or it is gone.
///
/// # Errors
/// Why what lies there now says nothing of the run: it is another build than the one that was profiled.
pub(super) fn of(run: &LoadedRun, variant: &str, profiled: Option<&str>) -> Result<Option<Build>, String> {
    path_of(run, variant).map_or(Ok(None), |path| of_file(&path, profiled))
}

/// What a file says, unless it is another build than the one that was profiled.
fn of_file(path: &Path, profiled: Option<&str>) -> Result<Option<Build>, String> {
    let Some((build, found)) = read(path) else { return Ok(None) };
    match profiled.filter(|profiled| !profiled.is_empty() && !found.is_empty() && *profiled != found) {
        Some(profiled) => Err(format!(
            "{} is another build now ({found}) than the one that ran ({profiled}): what it was built with is not known",
            path.display()
        )),
        None => Ok(Some(build)),
    }
}

pub(super) fn path_of(run: &LoadedRun, variant: &str) -> Option<PathBuf> {
    let trials = run.trials.iter().filter(|trial| trial.variant == variant);
    let started = trials.filter_map(|trial| trial.effective.get(COMMAND)).next();
    let traced = run.traces.get(variant).map(|trace| trace.head.program.clone());
    Some(match (traced, &run.plan.attached) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(origin)) => PathBuf::from(format!("/proc/{}/exe", origin.pid?)),
        (None, None) => PathBuf::from(shlex::split(started?)?.into_iter().next()?),
    })
}

/// What a file says, and its build id (hex; empty without).
fn read(path: &Path) -> Option<(Build, String)> {
    let cache = ReadCache::new(std::fs::File::open(path).ok()?);
    let file = object::File::parse(&cache).ok()?;
    let (mut symbols, mut checks) = (0, 0);
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition()) {
        symbols += 1;
        checks += usize::from(symbol.name().unwrap_or_default().contains(CHECK));
    }
    let has = |name: &str| file.section_by_name(name).is_some_and(|section| section.size() > 0);
    // Go brings tables of its own, which no stripping takes.
    let go = has(".gopclntab");
    let id = file.build_id().ok().flatten().unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
    let lines = has(".debug_line") || has(".zdebug_line");
    let build = Build {
        path: path.display().to_string(),
        debug_assertions: checks >= MANY_CHECKS,
        symbols: symbols > 0 || go,
        lines: lines || go,
        go,
    };
    Some((build, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_built_again_says_nothing_of_the_run() {
        let file = std::env::current_exe().expect("this test");
        let (build, id) = read(&file).expect("an executable");
        assert!(build.debug_assertions && build.symbols && build.lines && !build.go && !id.is_empty());
        assert_eq!(of_file(&file, Some(&id)), Ok(Some(build.clone())));
        assert_eq!(of_file(&file, None), Ok(Some(build)), "what was profiled has no build id");
        let because = of_file(&file, Some("0123")).expect_err("another build");
        assert!(because.contains(&format!("is another build now ({id}) than the one that ran (0123)")), "{because}");
    }

    #[test]
    fn a_file_that_is_gone_or_no_program_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("service");
        assert_eq!(of_file(&file, Some("0123")), Ok(None));
        std::fs::write(&file, "#!/bin/sh\n").expect("written");
        assert_eq!(of_file(&file, Some("0123")), Ok(None));
    }
}
