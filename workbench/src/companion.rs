//! Programs beside this one, built from the same source with something compiled in that no measuring program may carry: this
//! very one where it has it, else the one beside it that is named after it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{build_info, settings};

/// What a program beside this one is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Companion {
    /// tokio's instrumentation, for tokio-console.
    Console,
    /// jemalloc's own heap profiler.
    HeapProfiler,
}

/// Why there is none, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {what}: {why}; build it with `{command}`")]
pub struct Missing {
    /// What is missing.
    pub what: &'static str,
    /// What was looked for and not found.
    pub why: String,
    /// What would make it.
    pub command: String,
}

impl Companion {
    /// In words, with what it has.
    fn what(self) -> &'static str {
        match self {
            Self::Console => "console child (the program with tokio's instrumentation)",
            Self::HeapProfiler => "heap-profiling child (the program with the feature `jemalloc-profiling`)",
        }
    }

    /// What its name has beyond ours.
    fn suffix(self) -> &'static str {
        match self {
            Self::Console => "-console",
            Self::HeapProfiler => "-heapprof",
        }
    }

    /// The word in `--version` by which it is known.
    fn flag(self) -> &'static str {
        match self {
            Self::Console => ", tokio-tracing",
            Self::HeapProfiler => ", jemalloc-profiling",
        }
    }

    /// Whether this program can take its place.
    fn is_here(self) -> bool {
        match self {
            Self::Console => probe::console::is_available(),
            Self::HeapProfiler => probe::jemalloc::profiling::is_available(),
        }
    }

    /// What to tell cargo to build of the crate `stem`.
    fn target(self, stem: &str) -> Vec<String> {
        let bin = format!("{stem}{}", self.suffix());
        match self {
            Self::Console if stem == "workbench" => ["-p", &bin].map(str::to_owned).into(),
            Self::Console => ["-p", stem, "--features", "console", "--bin", &bin].map(str::to_owned).into(),
            Self::HeapProfiler => {
                ["-p", stem, "--features", "jemalloc-profiling", "--bin", &bin].map(str::to_owned).into()
            }
        }
    }

    /// Where it is, without building anything.
    ///
    /// # Errors
    /// It is not there, or is another version.
    pub fn find(self) -> Result<PathBuf, Missing> {
        let search = Search::here(self)?;
        if search.is_here {
            return Ok(search.executable);
        }
        search.sibling()
    }

    /// Where it is; built first where that is possible. `say` hears what takes long.
    ///
    /// # Errors
    /// It is not there, or is another version, and could not be built.
    pub fn find_or_build(self, say: &mut dyn FnMut(&str)) -> Result<PathBuf, Missing> {
        let search = Search::here(self)?;
        if search.is_here {
            return Ok(search.executable);
        }
        let missing = match search.sibling() {
            // What two builds of a changed tree have in common is no more than that it was changed.
            Ok(sibling) if !search.version.contains("-dirty") => return Ok(sibling),
            Ok(_) => None,
            Err(missing) => Some(missing),
        };
        let Some(tree) = search.tree.as_deref().filter(|_| settings::program("cargo").is_some()) else {
            return missing.map_or_else(|| search.sibling(), Err);
        };
        let what = self.what();
        say(&match &missing {
            Some(_) => format!("building the {what}, once, about 3 minutes: {}", search.command()),
            None => format!("bringing the {what} up to date with uncommitted changes: {}", search.command()),
        });
        search.build(tree)?;
        search.sibling()
    }
}

/// What is known before looking.
#[derive(Debug)]
struct Search {
    companion: Companion,
    executable: PathBuf,
    /// Whether this program is one itself.
    is_here: bool,
    /// As `--version` prints it.
    version: String,
    /// Folder of the source that it was built from, where that is still there.
    tree: Option<PathBuf>,
}

impl Search {
    fn here(companion: Companion) -> Result<Self, Missing> {
        let executable = std::env::current_exe().map_err(|error| Missing {
            what: companion.what(),
            why: format!("cannot tell where this program is: {error}"),
            command: format!("cargo build --release {}", companion.target("workbench").join(" ")),
        })?;
        let tree = tree_of(&executable);
        let version = build_info::version_line().to_owned();
        Ok(Self { companion, executable, is_here: companion.is_here(), version, tree })
    }

    fn stem(&self) -> String {
        self.executable.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn missing(&self, why: String) -> Missing {
        Missing { what: self.companion.what(), why, command: self.command() }
    }

    /// The command that builds it with the profile of this program.
    fn command(&self) -> String {
        format!("cargo {}", self.arguments().join(" "))
    }

    fn arguments(&self) -> Vec<String> {
        let folder = self.executable.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let profile = match &*folder {
            "debug" => Vec::new(),
            "deps" | "release" | "bin" | "" => vec!["--release".to_owned()],
            other if self.tree.is_some() => vec!["--profile".to_owned(), other.to_owned()],
            _ => vec!["--release".to_owned()],
        };
        let what = self.companion.target(&self.stem());
        ["build".to_owned()].into_iter().chain(profile).chain(what).collect()
    }

    /// The program beside this one, where it is of the same build but for what it is there for.
    fn sibling(&self) -> Result<PathBuf, Missing> {
        let missing = |why| self.missing(why);
        let flag = self.companion.flag();
        let path = self.executable.with_file_name(format!("{}{}", self.stem(), self.companion.suffix()));
        if !path.is_file() {
            return Err(missing(format!("{} is not there", path.display())));
        }
        let answer = Command::new(&path)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| missing(format!("{} does not start: {error}", path.display())))?;
        let answer = String::from_utf8_lossy(&answer.stdout);
        // `workbench 0.1.0 (commit …)`: the name is no matter.
        let theirs = answer.trim().split_once(' ').map_or("", |(_, version)| version);
        if !theirs.contains(flag) {
            return Err(missing(format!("{} has not that compiled in", path.display())));
        }
        if theirs.replace(flag, "") != self.version {
            return Err(missing(format!("{} is another build ({theirs}; this is {})", path.display(), self.version)));
        }
        Ok(path)
    }

    fn build(&self, tree: &Path) -> Result<(), Missing> {
        let status = Command::new("cargo")
            .args(self.arguments())
            .current_dir(tree)
            .stdin(Stdio::null())
            // Standard output is for results.
            .stdout(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.missing(format!("building it in {} failed ({status})", tree.display()))),
            Err(error) => Err(self.missing(format!("cargo does not start: {error}"))),
        }
    }
}

/// The nearest folder above the executable that holds a `Cargo.toml`, which it has while it lies in its `target`; for
/// `workbench` itself also the folder that it was compiled in.
fn tree_of(executable: &Path) -> Option<PathBuf> {
    let above = executable.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file());
    let compiled_in = || {
        let ours = executable.file_stem().is_some_and(|stem| stem == "workbench");
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().filter(|tree| ours && tree.join("Cargo.toml").is_file())
    };
    above.or_else(compiled_in).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const VERSION: &str = "0.1.0 (commit abc of 2026-11-26; release build, tokio_unstable)";

    fn search(folder: &Path, name: &str) -> Search {
        let companion = Companion::Console;
        Search { companion, executable: folder.join(name), is_here: false, version: VERSION.into(), tree: None }
    }

    fn sibling(folder: &Path, name: &str, version: &str) {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho 'workbench {version}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_program_beside_it_counts_only_with_the_same_build() {
        let folder = tempfile::tempdir().unwrap();
        let shown = |missing: Missing| missing.to_string().replace(&*folder.path().to_string_lossy(), "FOLDER");
        let search = search(folder.path(), "workbench");
        let absent = shown(search.sibling().unwrap_err());
        sibling(folder.path(), "workbench-console", VERSION);
        let plain = shown(search.sibling().unwrap_err());
        let instrumented = VERSION.replace("tokio_unstable", "tokio_unstable, tokio-tracing");
        sibling(folder.path(), "workbench-console", &instrumented.replace("abc", "def"));
        let other = shown(search.sibling().unwrap_err());
        insta::assert_snapshot!([absent, plain, other].join("\n"), @r"
        no console child (the program with tokio's instrumentation): FOLDER/workbench-console is not there; build it with `cargo build --release -p workbench-console`
        no console child (the program with tokio's instrumentation): FOLDER/workbench-console has not that compiled in; build it with `cargo build --release -p workbench-console`
        no console child (the program with tokio's instrumentation): FOLDER/workbench-console is another build (0.1.0 (commit def of 2026-11-26; release build, tokio_unstable, tokio-tracing); this is 0.1.0 (commit abc of 2026-11-26; release build, tokio_unstable)); build it with `cargo build --release -p workbench-console`
        ");
        sibling(folder.path(), "workbench-console", &instrumented);
        assert_eq!(search.sibling().unwrap(), folder.path().join("workbench-console"));
    }

    #[test]
    fn the_command_builds_with_the_profile_of_the_program() {
        let of = |companion, path: &str, tree: bool| {
            let tree = tree.then(|| PathBuf::from("/src"));
            Search { companion, tree, ..search(Path::new("/src/target"), path) }.command()
        };
        let command = |path: &str, tree| of(Companion::Console, path, tree);
        let commands = [
            command("release/workbench", true),
            command("debug/workbench", true),
            command("profiling/workbench", true),
            command("bin/workbench", false),
            command("somewhere/own-workload", false),
            of(Companion::HeapProfiler, "release/workbench", true),
            of(Companion::HeapProfiler, "somewhere/own-workload", false),
        ];
        insta::assert_snapshot!(commands.join("\n"), @r"
        cargo build --release -p workbench-console
        cargo build -p workbench-console
        cargo build --profile profiling -p workbench-console
        cargo build --release -p workbench-console
        cargo build --release -p own-workload --features console --bin own-workload-console
        cargo build --release -p workbench --features jemalloc-profiling --bin workbench-heapprof
        cargo build --release -p own-workload --features jemalloc-profiling --bin own-workload-heapprof
        ");
    }

    #[test]
    fn the_source_is_above_the_executable() {
        let tree = tree_of(&std::env::current_exe().unwrap()).unwrap();
        assert!(tree.join("Cargo.toml").is_file());
        assert_eq!(tree_of(Path::new("/nowhere/own-workload")), None);
    }
}
