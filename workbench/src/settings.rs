//! The only code that reads environment variables.

use std::path::PathBuf;

/// A variable, where it is set and UTF-8.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Names of all variables of this process.
pub fn variable_names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// Where runs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `WORKBENCH_DIR` is set: `.workbench` in that folder.
    Given(PathBuf),
    /// The nearest `.workbench` from the working directory upwards, or a new one in it.
    Nearest(PathBuf),
}

/// Reads `WORKBENCH_DIR`, else the working directory.
///
/// # Errors
/// Where the working directory is gone.
pub fn place() -> std::io::Result<Place> {
    match std::env::var_os("WORKBENCH_DIR") {
        Some(path) if !path.is_empty() => Ok(Place::Given(PathBuf::from(path))),
        _ => std::env::current_dir().map(Place::Nearest),
    }
}

/// The user's folder for what can be made again (XDG Base Directory Specification 0.8): `XDG_CACHE_HOME`, else `.cache` in
/// `HOME`.
pub fn cache_folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))
}

/// Whether colour is unwanted (<https://no-color.org>).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The folders of `PATH`.
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The first executable file of this name in the folders of `PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok())
}
