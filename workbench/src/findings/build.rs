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

/// The file behind a variant: of a program that is not ours; `None` where there is none, or it is gone.
pub(super) fn of(run: &LoadedRun, variant: &str) -> Option<Build> {
    let trials = run.trials.iter().filter(|trial| trial.variant == variant);
    let started = trials.filter_map(|trial| trial.effective.get(COMMAND)).next();
    let traced = run.traces.get(variant).map(|trace| trace.head.program.clone());
    let path = match (traced, &run.plan.attached) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(origin)) => PathBuf::from(format!("/proc/{}/exe", origin.pid?)),
        (None, None) => PathBuf::from(shlex::split(started?)?.into_iter().next()?),
    };
    read(&path)
}

fn read(path: &Path) -> Option<Build> {
    let cache = ReadCache::new(std::fs::File::open(path).ok()?);
    let file = object::File::parse(&cache).ok()?;
    let (mut symbols, mut checks) = (0, 0);
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition()) {
        symbols += 1;
        checks += usize::from(symbol.name().unwrap_or_default().contains(CHECK));
    }
    let lines = file.section_by_name(".debug_line").is_some_and(|section| section.size() > 0);
    Some(Build {
        path: path.display().to_string(),
        debug_assertions: checks >= MANY_CHECKS,
        symbols: symbols > 0,
        lines,
    })
}
