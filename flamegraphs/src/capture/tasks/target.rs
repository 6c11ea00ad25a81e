//! The file of a process that tokio is in.

use std::ffi::CString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::TraceError;
use super::functions::{Functions, Unfit, find};
use super::kinds::TypeNames;
use crate::capture::allowed;

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

/// Whether the tasks of a process, or of one of `others`, can be traced; nothing is set in it.
///
/// # Errors
/// What [`TaskTracer::attach_among`](super::TaskTracer::attach_among) would answer, as far as that follows from the files and
/// from what this process may do.
pub fn traceable_among(pid: u32, others: &[u32]) -> Result<(), TraceError> {
    if !cfg!(target_arch = "x86_64") {
        return Err(TraceError::Processor);
    }
    match located(pid) {
        Err(error @ (TraceError::NotTokio { .. } | TraceError::Stripped { .. })) => {
            others.iter().any(|other| located(*other).is_ok()).then_some(()).ok_or(error)?;
        }
        found => drop(found?),
    }
    allowed::uprobes()
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
    let (path, reached, functions) = located(pid)?;
    target(path, reached, functions).map_err(|source| TraceError::Process { pid, source })
}

/// The file as the process sees it, as we reach it, and the functions in it.
fn located(pid: u32) -> Result<(String, PathBuf, Functions), TraceError> {
    let there = |source| TraceError::Process { pid, source };
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    let path = fs::read_link(&exe).map_err(there)?.display().to_string();
    let program = find(File::open(&exe).map_err(there)?);
    let unfit = match program {
        Ok(functions) => return Ok((path, exe, functions)),
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
            return Ok((library.to_owned(), reached, functions));
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
