//! Keeps baselines in files.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Baseline, FORMAT, KeptProgram};
use crate::run::{RunError, files, version};

const BASELINES: &str = "baselines";
const BINARIES: &str = "binaries";
/// The file of an exported baseline.
const EXPORTED: &str = "baseline.json";

const RESTORE: &str = "restore it from a copy, or save another: `workbench run … --save-as NAME`";

/// Why a baseline could not be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// A name that is no file name.
    #[error("`{}` is not a name of a baseline: one has letters, digits, `-`, `_` and `.`, begins with a letter or a digit, and is at most 80 long", .0.escape_debug())]
    Name(String),
    /// There is one of this name.
    #[error(
        "baseline `{name}` exists already (run {run}): give another name, or remove it first: `workbench baseline rm {name}`"
    )]
    Exists {
        /// Name.
        name: String,
        /// Its run.
        run: String,
    },
    /// There is none of this name.
    #[error("no baseline `{}`{}", name.escape_debug(), hint(known))]
    Unknown {
        /// As given.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A program that the baseline names is not there.
    #[error("baseline `{name}`: its program {} is missing; {RESTORE}", file.display())]
    NoProgram {
        /// Baseline.
        name: String,
        /// Where it should be.
        file: PathBuf,
    },
    /// The folder to export to holds something.
    #[error("{} exists already: a baseline is exported into a new folder", .0.display())]
    Occupied(PathBuf),
    /// The file itself cannot be read or is damaged.
    #[error(transparent)]
    File(#[from] RunError),
}

fn hint(known: &[String]) -> String {
    match known {
        [] => "; there are none yet: `workbench run … --save-as NAME` keeps one".to_owned(),
        known => format!("; there are {}", known.join(", ")),
    }
}

/// Name of a baseline, and what it says or what is wrong with it.
pub type Shelved = (String, Result<Baseline, BaselineError>);

/// A place for baselines: a project's `.workbench`.
#[derive(Debug, Clone)]
pub struct Shelf {
    root: PathBuf,
}

/// A baseline and where its programs lie.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it says.
    pub baseline: Baseline,
    /// Folder of its binaries.
    binaries: PathBuf,
}

impl Found {
    /// Where the kept program lies.
    ///
    /// # Errors
    /// [`BaselineError::NoProgram`].
    pub fn file(&self, program: &KeptProgram) -> Result<PathBuf, BaselineError> {
        let file = self.binaries.join(&program.hash).join(&program.file);
        match file.is_file() {
            true => Ok(file),
            false => Err(BaselineError::NoProgram { name: self.baseline.name.clone(), file }),
        }
    }
}

impl Shelf {
    /// The shelf of this `.workbench` folder, whether it exists yet or not.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The `.workbench` folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a kept program of this hash and file name lies, if it was kept.
    pub fn program(&self, hash: &str, file: &str) -> PathBuf {
        self.root.join(BINARIES).join(hash).join(file)
    }

    /// Whether a baseline may be saved under this name: asked before anything is measured.
    ///
    /// # Errors
    /// [`BaselineError::Name`] and [`BaselineError::Exists`].
    pub fn free(&self, name: &str) -> Result<(), BaselineError> {
        let file = self.file(name)?;
        match files::read(&file)? {
            None => Ok(()),
            Some(bytes) => {
                let run = read(&bytes, &file).map_or_else(|_| "unreadable".to_owned(), |found| found.run);
                Err(BaselineError::Exists { name: name.to_owned(), run })
            }
        }
    }

    /// Copies a program, unless its content is there already. `from` may be any readable file.
    ///
    /// # Errors
    /// [`BaselineError::File`].
    pub fn keep(&self, from: &Path, file: &str, hash: &str) -> Result<(), BaselineError> {
        copy(from, &self.root.join(BINARIES), file, hash)
    }

    /// Saves a baseline whose programs were kept before.
    ///
    /// # Errors
    /// As [`Shelf::free`].
    pub fn save(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        self.free(&baseline.name)?;
        let file = self.file(&baseline.name)?;
        create(&self.root.join(BASELINES))?;
        Ok(files::json(&file, baseline)?)
    }

    /// A baseline by name, or exported, by the path of its folder.
    ///
    /// # Errors
    /// Any [`BaselineError`]; a damaged file is named with its line.
    pub fn find(&self, name_or_path: &str, folder: &Path) -> Result<Found, BaselineError> {
        if name_or_path.contains('/') {
            let place = folder.join(name_or_path);
            let place = place.parent().filter(|_| place.ends_with(EXPORTED)).unwrap_or(&place).to_owned();
            let file = place.join(EXPORTED);
            let Some(bytes) = files::read(&file)? else {
                return Err(RunError::Damaged {
                    file,
                    line: None,
                    problem: "there is no exported baseline here".to_owned(),
                    fix: "`workbench baseline export NAME FOLDER` makes one".to_owned(),
                }
                .into());
            };
            return Ok(Found { baseline: read(&bytes, &file)?, binaries: place.join(BINARIES) });
        }
        let file = self.file(name_or_path)?;
        match files::read(&file)? {
            Some(bytes) => Ok(Found { baseline: read(&bytes, &file)?, binaries: self.root.join(BINARIES) }),
            None => Err(BaselineError::Unknown { name: name_or_path.to_owned(), known: self.names()? }),
        }
    }

    /// Every baseline by name, in order; damaged ones with what is wrong with them.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn list(&self) -> Result<Vec<Shelved>, BaselineError> {
        let each = |name: String| {
            let found = self.find(&name, &self.root).map(|found| found.baseline);
            (name, found)
        };
        Ok(self.names()?.into_iter().map(each).collect())
    }

    /// Removes a baseline, and programs that no other needs. Returns the bytes given back.
    ///
    /// # Errors
    /// [`BaselineError::Unknown`], and files that cannot be removed.
    pub fn remove(&self, name: &str) -> Result<u64, BaselineError> {
        let file = self.file(name)?;
        if !file.is_file() {
            return Err(BaselineError::Unknown { name: name.to_owned(), known: self.names()? });
        }
        fs::remove_file(&file).map_err(RunError::io("remove", &file))?;
        let left = self.list()?;
        if left.iter().any(|(_, baseline)| baseline.is_err()) {
            // A damaged one may need any of them.
            return Ok(0);
        }
        let needed: Vec<&str> = left
            .iter()
            .filter_map(|(_, baseline)| baseline.as_ref().ok())
            .flat_map(|baseline| baseline.programs.iter().map(|program| program.hash.as_str()))
            .collect();
        let mut freed = 0;
        for (name, folder) in folders(&self.root.join(BINARIES))? {
            if !needed.contains(&name.as_str()) {
                freed += size(&folder);
                fs::remove_dir_all(&folder).map_err(RunError::io("remove", &folder))?;
            }
        }
        Ok(freed)
    }

    /// Writes a baseline with its programs into a new folder.
    ///
    /// # Errors
    /// [`BaselineError::Occupied`], and any of [`Shelf::find`].
    pub fn export(&self, name: &str, to: &Path) -> Result<(), BaselineError> {
        let found = self.find(name, &self.root)?;
        if to.exists() {
            return Err(BaselineError::Occupied(to.to_owned()));
        }
        create(to)?;
        for program in &found.baseline.programs {
            copy(&found.file(program)?, &to.join(BINARIES), &program.file, &program.hash)?;
        }
        Ok(files::json(&to.join(EXPORTED), &found.baseline)?)
    }

    fn names(&self) -> Result<Vec<String>, BaselineError> {
        let folder = self.root.join(BASELINES);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(RunError::io("read", folder)(error).into()),
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn file(&self, name: &str) -> Result<PathBuf, BaselineError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 80 || name.starts_with(['.', '-']) || !name.chars().all(good) {
            return Err(BaselineError::Name(name.to_owned()));
        }
        Ok(self.root.join(BASELINES).join(format!("{name}.json")))
    }
}

fn read(bytes: &[u8], file: &Path) -> Result<Baseline, RunError> {
    let baseline: Baseline = version::document(bytes, file, RESTORE)?;
    debug_assert_eq!(FORMAT, crate::run::FORMAT, "the reader of versions knows one");
    // Names become paths: what came by mail must not lead out of its folder.
    let plain = |text: &str| !text.is_empty() && !text.contains(['/', '\0']) && text != "." && text != "..";
    match baseline.programs.iter().find(|kept| !plain(&kept.hash) || !plain(&kept.file)) {
        None => Ok(baseline),
        Some(kept) => Err(RunError::Damaged {
            file: file.to_owned(),
            line: None,
            problem: format!("`{}` is not the name of a kept program", kept.file.escape_debug()),
            fix: RESTORE.to_owned(),
        }),
    }
}

fn copy(from: &Path, binaries: &Path, file: &str, hash: &str) -> Result<(), BaselineError> {
    let folder = binaries.join(hash);
    let to = folder.join(file);
    if to.is_file() {
        return Ok(());
    }
    create(&folder)?;
    let temporary = folder.join(format!("{file}.tmp"));
    let copied = || -> io::Result<()> {
        fs::copy(from, &temporary)?;
        fs::File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, &to)
    };
    copied().map_err(RunError::io("copy a program to", &to))?;
    Ok(())
}

fn create(folder: &Path) -> Result<(), BaselineError> {
    fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
    Ok(())
}

fn folders(place: &Path) -> Result<Vec<(String, PathBuf)>, BaselineError> {
    let Ok(entries) = fs::read_dir(place) else { return Ok(Vec::new()) };
    let named = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, entry.path()));
    Ok(entries.flatten().filter_map(named).collect())
}

fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

#[cfg(test)]
mod tests;
