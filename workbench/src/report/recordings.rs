//! Recordings of tokio-console of a run, looked at at one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use reports::console::{View, view};
use reports::run::RunError;
use reports::run::reader::LoadedRun;

/// Views by variant of every recording that is there, `at` after its begin or at its end.
///
/// # Errors
/// A recording that is damaged: the file and the line.
pub fn views(run: &LoadedRun, at: Option<Duration>) -> Result<BTreeMap<String, View>, RunError> {
    let at_ns = at.map(|at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
    let mut views = BTreeMap::new();
    for variant in &run.plan.variants {
        if let Some(recording) = run.console(&variant.name)? {
            views.insert(variant.name.clone(), view(&recording, at_ns));
        }
    }
    Ok(views)
}

/// What the report shows: the end of every recording that can be read, and why the others cannot.
pub(super) fn readable(run: &LoadedRun) -> BTreeMap<String, Result<View, String>> {
    let mut views = BTreeMap::new();
    for variant in &run.plan.variants {
        match run.console(&variant.name) {
            Ok(None) => {}
            Ok(Some(recording)) => {
                views.insert(variant.name.clone(), Ok(view(&recording, None)));
            }
            Err(error) => {
                views.insert(variant.name.clone(), Err(error.to_string()));
            }
        }
    }
    views
}
