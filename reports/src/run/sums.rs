//! `SHA256SUMS`: what each file of evidence held when the run wrote it, as `sha256sum -c` reads it in the run's folder. Evidence
//! of another run, or changed since, says nothing of this one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{RunError, files, paths};

/// What is wrong with a file whose sum is another one.
pub(crate) const ANOTHER: &str = "not what this run recorded: it was changed since, or is of another run";

/// What is said of such a file, and what to do about it.
pub(crate) fn not_recorded(file: &str) -> String {
    format!("{file} is {ANOTHER}; restore it from a copy of this run, or measure again")
}

/// Digests (SHA-256, hex) by path within the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<String, String>);

impl Sums {
    /// Those of a run; none where it wrote none, as versions before this file did. A line that is no sum says nothing.
    pub(crate) fn read(run: &Path) -> Result<Self, RunError> {
        let bytes = files::read(&run.join(paths::SUMS))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let sum = |line: &str| line.split_once("  ").map(|(sum, file)| (file.to_owned(), sum.to_owned()));
        Ok(Self(text.lines().filter_map(sum).collect()))
    }

    /// Keeps what a file holds now.
    pub(crate) fn keep(&mut self, run: &Path, file: &str, bytes: &[u8]) -> Result<(), RunError> {
        self.0.insert(file.to_owned(), digest(bytes));
        let mut text = String::new();
        for (file, sum) in &self.0 {
            // A string takes all that is written to it.
            let _ = writeln!(text, "{sum}  {file}");
        }
        files::write(&run.join(paths::SUMS), text.as_bytes())
    }

    /// Whether these bytes are what a file held, as far as that was kept.
    pub(crate) fn is(&self, file: &str, bytes: &[u8]) -> bool {
        self.0.get(file).is_none_or(|sum| digest(bytes) == *sum)
    }

    /// Files that are there and hold something else.
    pub(crate) fn changed(&self, run: &Path) -> Result<BTreeSet<String>, RunError> {
        let mut changed = BTreeSet::new();
        for (file, sum) in &self.0 {
            // A line of somebody else's must not lead out of the evidence.
            let inside = file.strip_prefix(paths::EVIDENCE).is_some_and(|rest| !rest.contains(".."));
            let path = run.join(file);
            if inside && path.is_file() && files::read(&path)?.is_some_and(|bytes| digest(&bytes) != *sum) {
                changed.insert(file.clone());
            }
        }
        Ok(changed)
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // As above.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_changed_is_told_and_one_that_is_gone_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path();
        let mut sums = Sums::default();
        std::fs::create_dir(run.join("evidence")).expect("a folder");
        for file in ["evidence/a", "evidence/b", "evidence/c"] {
            std::fs::write(run.join(file), "abc").expect("written");
            sums.keep(run, file, b"abc").expect("kept");
        }
        // FIPS 180-2, appendix B.1.
        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  evidence/a\n";
        let text = std::fs::read_to_string(run.join(paths::SUMS)).expect("sums");
        assert!(text.starts_with(line), "{text}");
        std::fs::write(run.join("evidence/b"), "abd").expect("written");
        std::fs::remove_file(run.join("evidence/c")).expect("removed");
        let read = Sums::read(run).expect("read");
        assert_eq!(read, sums);
        assert_eq!(read.changed(run).expect("looked at"), BTreeSet::from(["evidence/b".to_owned()]));
        assert!(read.is("evidence/a", b"abc") && !read.is("evidence/a", b"abd") && read.is("evidence/new", b""));
        let outside = Sums(
            [("/dev/zero", "x"), ("evidence", "x"), ("evidence/../a", "x")]
                .map(|(file, sum)| (file.into(), sum.into()))
                .into(),
        );
        assert_eq!(outside.changed(run).expect("looked at"), BTreeSet::new());
        std::fs::write(run.join(paths::SUMS), "torn").expect("written");
        assert_eq!(Sums::read(run).expect("read"), Sums::default());
    }
}
