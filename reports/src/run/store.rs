//! Finds runs: the store of a project, and selectors of people.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use super::{Plan, RunError, RunHead, Status, files, head, paths, version};

/// The `.workbench` folder of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// A run as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Run id.
    pub id: String,
    /// Its directory.
    pub path: PathBuf,
    /// Scenario; empty where the plan cannot be read.
    pub scenario: String,
    /// How it ended; [`Status::Interrupted`] also for a run still under way. `None` where it cannot be read.
    pub status: Option<Status>,
    /// Its verdict sentence, or what is wrong with it.
    pub verdict: String,
}

impl Store {
    /// The store under this `.workbench` folder, whether it exists yet or not.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The store of the nearest folder at or above `start` that has one; otherwise a new one in `start`.
    pub fn discover(start: &Path) -> Self {
        let found = start.ancestors().map(|folder| folder.join(paths::ROOT)).find(|root| root.is_dir());
        Self::at(found.unwrap_or_else(|| start.join(paths::ROOT)))
    }

    /// The `.workbench` folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every run, newest first; damaged ones too, with what is wrong with them.
    ///
    /// # Errors
    /// [`RunError::Io`] where the folder itself cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, RunError> {
        let runs = self.newest_first()?;
        let heads = head::heads(&self.root, &runs);
        Ok(runs.into_iter().zip(heads).map(|((id, path), head)| listed(id, path, head)).collect())
    }

    /// Heads of all finished runs, by the index that the folder keeps of them.
    ///
    /// # Errors
    /// [`RunError::Io`] where the folder itself cannot be read.
    pub fn heads(&self) -> Result<Heads, RunError> {
        let runs = self.newest_first()?;
        let mut found = Heads::default();
        for head in head::heads(&self.root, &runs).into_iter().flatten() {
            match head {
                Ok(head) => found.runs.push(head),
                Err(error) => found.unreadable.push(error),
            }
        }
        Ok(found)
    }

    /// Resolves `@` (newest), `@-1` (the one before), a run's id, the beginning of exactly one id, or a path (what
    /// holds a separator or is itself a run directory, relative to `folder`).
    ///
    /// # Errors
    /// [`RunError::Unknown`] and [`RunError::Ambiguous`] list the candidates; [`RunError::NotARun`] for a path.
    pub fn resolve(&self, selector: &str, folder: &Path) -> Result<PathBuf, RunError> {
        let runs = self.newest_first()?;
        let unknown = |candidates| RunError::Unknown { selector: selector.to_owned(), candidates };
        if let Some(steps) = selector.strip_prefix('@') {
            let back = match steps.strip_prefix('-') {
                Some(digits) => digits.parse().ok(),
                None => steps.is_empty().then_some(0_usize),
            };
            let newest = || runs.iter().map(|(id, _)| id.clone()).collect();
            let found = back.and_then(|back| runs.get(back));
            return found.map(|(_, path)| path.clone()).ok_or_else(|| unknown(newest()));
        }
        if let Some((_, path)) = runs.iter().find(|(id, _)| id == selector) {
            return Ok(path.clone());
        }
        let fitting: Vec<&(String, PathBuf)> =
            runs.iter().filter(|(id, _)| !selector.is_empty() && id.starts_with(selector)).collect();
        match fitting.as_slice() {
            [(_, path)] => return Ok(path.clone()),
            [] => {}
            several => {
                let candidates = several.iter().map(|(id, _)| id.clone()).collect();
                return Err(RunError::Ambiguous { selector: selector.to_owned(), candidates });
            }
        }
        let path = folder.join(selector);
        if !selector.is_empty() && path.join(paths::PLAN).is_file() {
            return Ok(path);
        }
        let names_a_place = Path::new(selector).components().count() > 1
            || matches!(Path::new(selector).components().next(), Some(c) if !matches!(c, Component::Normal(_)));
        if names_a_place {
            return Err(RunError::NotARun { path });
        }
        Err(unknown(nearest(selector, &runs)))
    }

    /// Ids and paths, newest first: by the time in the id, then by when the plan was written (two runs in one second).
    fn newest_first(&self) -> Result<Vec<(String, PathBuf)>, RunError> {
        let folder = self.root.join(paths::RUNS);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(RunError::io("read", folder)(error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(RunError::io("read", &folder))?;
            let Ok(id) = entry.file_name().into_string() else {
                continue;
            };
            let plan = entry.path().join(paths::PLAN);
            // Without a plan it is not a run: something else, or one that was killed while it was created.
            if let Ok(about) = fs::metadata(&plan) {
                let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let stamp = id.get(..STAMP).unwrap_or(&id).to_owned();
                runs.push(((stamp, written, id), entry.path()));
            }
        }
        runs.sort_by(|a, b| b.0.cmp(&a.0));
        Ok(runs.into_iter().map(|((_, _, id), path)| (id, path)).collect())
    }
}

/// Finished runs in short, newest first.
#[derive(Debug, Default)]
pub struct Heads {
    /// Those that can be read.
    pub runs: Vec<RunHead>,
    /// What is wrong with the others.
    pub unreadable: Vec<RunError>,
}

/// Length of `yyyymmdd-hhmmss`.
const STAMP: usize = 15;

/// The ids most like `selector`, best first; any part of an id may be what was meant.
fn nearest(selector: &str, runs: &[(String, PathBuf)]) -> Vec<String> {
    let mut ids: Vec<(bool, f64, &String)> =
        runs.iter().map(|(id, _)| (id.contains(selector), strsim::jaro_winkler(selector, id), id)).collect();
    ids.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    ids.into_iter().take(3).map(|(_, _, id)| id.clone()).collect()
}

fn listed(id: String, path: PathBuf, head: Option<Result<RunHead, RunError>>) -> Listed {
    let told = match head {
        Some(head) => head.map(|head| (head.scenario, head.status, head.verdict)),
        None => describe(&path),
    };
    let (scenario, status, verdict) = match told {
        Ok((scenario, status, verdict)) => (scenario, Some(status), verdict),
        Err(error) => (String::new(), None, error.to_string()),
    };
    Listed { id, path, scenario, status, verdict }
}

/// A run that was never finished.
fn describe(run: &Path) -> Result<(String, Status, String), RunError> {
    let plan = run.join(paths::PLAN);
    let bytes = files::read(&plan)?.ok_or_else(|| RunError::NotARun { path: run.to_owned() })?;
    let plan: Plan = version::document(&bytes, &plan, "measure again")?;
    Ok((plan.scenario, Status::Interrupted, "not finished: `workbench run --resume` goes on with it".to_owned()))
}

#[cfg(test)]
mod tests;
