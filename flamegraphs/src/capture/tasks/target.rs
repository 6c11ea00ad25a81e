//! The file of a process that tokio is in.

use std::ffi::CString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::TraceError;
use super::functions::{Functions, Unfit, find};
use super::kinds::TypeNames;

/// The file, and what was found in it.
#[derive(Debug)]
pub(super) struct Target {
    /// As the process sees it.
    pub(super) path: String,
    /// As we reach it, whatever the process has for a root.
    pub(super) reached: CString,
    pub(super) functions: Functions,
    pub(super) types: TypeNames,
}

/// Whether the tasks of a program can be traced, by its file alone: what a trace would lack.
///
/// # Errors
/// A file that cannot be read; no symbols, no tokio, or functions that are not there.
pub fn traceable(path: &Path) -> Result<Vec<String>, TraceError> {
    let file = File::open(path).map_err(|source| TraceError::System { doing: "opening the file", source })?;
    let path = path.display().to_string();
    find(file).map(|functions| functions.lacks).map_err(|unfit| refusal(unfit, path))
}

/// The target of a process, or of the first other one where that has nothing of tokio.
pub(super) fn among(pid: u32, others: &[u32]) -> Result<(u32, Target), TraceError> {
    let first = match of(pid) {
        Err(error @ (TraceError::NotTokio { .. } | TraceError::Stripped { .. })) => error,
        found => return found.map(|target| (pid, target)),
    };
    others.iter().find_map(|other| Some((*other, of(*other).ok()?))).ok_or(first)
}

/// Looks into the executable of a process, then into the libraries it loaded.
pub(super) fn of(pid: u32) -> Result<Target, TraceError> {
    let there = |source| TraceError::Process { pid, source };
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    let path = fs::read_link(&exe).map_err(there)?.display().to_string();
    let program = find(File::open(&exe).map_err(there)?);
    let unfit = match program {
        Ok(functions) => return target(path, exe, functions).map_err(there),
        Err(unfit) => unfit,
    };
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(there)?;
    let mut libraries: Vec<&str> =
        maps.lines().filter_map(|line| line.splitn(6, ' ').nth(5)).map(str::trim_start).collect();
    libraries.retain(|library| library.starts_with('/') && *library != path && library.contains(".so"));
    libraries.dedup();
    for library in libraries {
        let reached = PathBuf::from(format!("/proc/{pid}/root{library}"));
        let Ok(file) = File::open(&reached) else { continue };
        if let Ok(functions) = find(file) {
            return target(library.to_owned(), reached, functions).map_err(there);
        }
    }
    Err(refusal(unfit, path))
}

fn refusal(unfit: Unfit, path: String) -> TraceError {
    match unfit {
        Unfit::Stripped => TraceError::Stripped { path },
        Unfit::NotTokio => TraceError::NotTokio { path },
        Unfit::Inlined(functions) => TraceError::Inlined { path, functions },
    }
}

fn target(path: String, reached: PathBuf, functions: Functions) -> std::io::Result<Target> {
    let types = TypeNames::read(File::open(&reached)?).ok_or(std::io::ErrorKind::InvalidData)?;
    let reached = CString::new(reached.into_os_string().into_encoded_bytes())?;
    Ok(Target { path, reached, functions, types })
}
