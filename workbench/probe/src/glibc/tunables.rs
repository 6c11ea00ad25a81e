//! `glibc.malloc.*` as the loader of this very process reads them.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Command;

const PREFIX: &str = "glibc.malloc.";

/// Why tunables could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TunablesError {
    /// No loader is mapped: linked statically, or another C library.
    #[error("no glibc loader is mapped into this process")]
    NoLoader,
    /// The loader could not be asked.
    #[error("{} --list-tunables: {source}", loader.display())]
    Loader {
        /// Its file.
        loader: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Values by name, without the prefix. 0 where nothing is set, for nearly all of them. The loader is started once more
/// with this process's environment, from which it read its own tunables: a few milliseconds.
///
/// # Errors
/// No loader, or one that does not answer.
pub fn tunables() -> Result<BTreeMap<String, u64>, TunablesError> {
    let loader = loader().ok_or(TunablesError::NoLoader)?;
    let failed = |source| TunablesError::Loader { loader: loader.clone(), source };
    let output = Command::new(&loader).arg("--list-tunables").output().map_err(failed)?;
    if !output.status.success() {
        return Err(failed(io::Error::other(output.status.to_string())));
    }
    Ok(listed(&String::from_utf8_lossy(&output.stdout)))
}

/// The loader among the files mapped into this process.
fn loader() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines()
        .filter_map(|line| Some(PathBuf::from(&line[line.find('/')?..])))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-")))
}

/// `glibc.malloc.arena_max: 0x2 (min: 0x1, max: 0xffffffffffffffff)`, one a line.
fn listed(text: &str) -> BTreeMap<String, u64> {
    let one = |line: &str| {
        let (name, rest) = line.strip_prefix(PREFIX)?.split_once(": ")?;
        let value = rest.split_whitespace().next()?;
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => value.parse().ok()?,
        };
        Some((name.to_owned(), number))
    };
    text.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_spellings() {
        let text = "glibc.rtld.nns: 0x4 (min: 0x1, max: 0x10)\n\
                    glibc.malloc.arena_max: 0x1f (min: 0x1, max: 0xffffffffffffffff)\n\
                    glibc.malloc.mmap_max: 12 (min: 0, max: 2147483647)\n\
                    glibc.malloc.odd:\nglibc.malloc.bad: x (\n";
        let expected = BTreeMap::from([("arena_max".to_owned(), 31), ("mmap_max".to_owned(), 12)]);
        assert_eq!(listed(text), expected);
    }

    #[test]
    fn this_process_has_a_loader_that_answers() {
        let all = tunables().unwrap();
        for name in ["arena_max", "mmap_threshold", "tcache_count", "perturb"] {
            assert!(all.contains_key(name), "{all:?}");
        }
    }
}
