//! The program of another revision: built once in a work tree of its own, kept by content.
//!
//! The tree stays between builds, so that what did not change is not built again; the user's own tree and target folder
//! are never touched. It lies outside of the repository: cargo joins the flags of every `.cargo/config.toml` from a tree
//! upwards, and a base that is built with the candidate's flags as well hides what they change.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use reports::baseline::Shelf;
use reports::limits::GateSide;
use scenarios::problem::shown;
use scenarios::spec::{Program, Scenario, Variant};
use serde::{Deserialize, Serialize};

use super::sides::with_program;
use super::{Side, building};
use crate::exit::{Exit, Refusal};
use crate::{build_info, digest, settings};

/// How often a build is told to go on.
const PERIOD: Duration = Duration::from_secs(30);
const INTERRUPTED: &str =
    "interrupted while the base was being built: nothing was measured; what is built stays for the next time";

/// What a revision was built to.
#[derive(Debug, Serialize, Deserialize)]
struct Built {
    commit: String,
    build: String,
    hash: String,
    file: String,
}

/// A repository and the folder within it where we are.
struct Repository {
    top: PathBuf,
    /// Where we are, from the top.
    inside: PathBuf,
}

/// What is built, and what comes of it.
struct Recipe {
    /// By the shell; cargo where absent.
    command: Vec<String>,
    /// From the top of the tree.
    product: PathBuf,
}

/// The side of a revision: built now, or kept since it was built before.
pub(super) fn side(
    revision: &str,
    build: Option<&str>,
    variant: &Variant,
    scenario: &Scenario,
    shelf: &Shelf,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Side> {
    let repository = Repository::around(&std::env::current_dir()?)?;
    let commit = repository.commit(revision)?;
    let recipe = match &scenario.subject {
        None => of_this_program(&repository, build)?,
        Some(program) => of_program(&repository, program, variant, build)?,
    };
    let folder = shelf.root().join("revisions");
    let built = match kept(&folder, &commit, &recipe, shelf) {
        Some(built) => built,
        None => make(&repository, &folder, &commit, &recipe, shelf, say)?,
    };
    let file = shelf.program(&built.hash, &built.file).canonicalize()?;
    let from = format!("revision {revision} (commit {})", &commit[..commit.len().min(12)]);
    let told = GateSide { variant: String::new(), original: String::new(), from, commit, binary: built.hash };
    Ok(with_program(variant, scenario, file, told))
}

impl Repository {
    fn around(folder: &Path) -> anyhow::Result<Self> {
        let top = git(folder, &["rev-parse", "--show-toplevel"]).map_err(|said| {
            Refusal::usage(format!("`--against-rev` needs a git repository around the working directory: {said}"))
        })?;
        let inside = git(folder, &["rev-parse", "--show-prefix"]).unwrap_or_default();
        Ok(Self { top: PathBuf::from(top), inside: PathBuf::from(inside) })
    }

    fn commit(&self, revision: &str) -> anyhow::Result<String> {
        let asked = format!("{revision}^{{commit}}");
        git(&self.top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &asked]).map_err(|_| {
            let branches = git(&self.top, &["for-each-ref", "--format=%(refname:short)", "--count=5", "refs/heads"]);
            let known = branches.map(|names| names.replace('\n', ", ")).unwrap_or_default();
            Refusal::usage(format!(
                "no revision `{}` in {}; branches are {known}. A shallow clone lacks older commits: \
                 `git fetch --unshallow`, or `fetch-depth: 0` in CI",
                shown(revision),
                self.top.display()
            ))
        })
    }

    /// A work tree at this commit; what git ignores there stays from the last build.
    fn tree(&self, place: &Path, commit: &str) -> anyhow::Result<()> {
        let told = |said: String| Refusal::usage(format!("git cannot lay out {commit} in {}: {said}", place.display()));
        if place.join(".git").exists() && git(place, &["checkout", "--force", "--detach", commit]).is_ok() {
            return git(place, &["clean", "-ffd"]).map(|_| ()).map_err(told);
        }
        let text = place.to_string_lossy();
        let _ = git(&self.top, &["worktree", "remove", "--force", "--force", &text]);
        let _ = fs::remove_dir_all(place);
        let _ = git(&self.top, &["worktree", "prune"]);
        git(&self.top, &["worktree", "add", "--detach", "--force", &text, commit]).map(|_| ()).map_err(told)
    }
}

/// This very program at another commit: cargo, with the profile that this one was built with.
fn of_this_program(repository: &Repository, build: Option<&str>) -> anyhow::Result<Recipe> {
    let executable = std::env::current_exe().context("this executable")?;
    let name = executable.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Not the folder's name: an installed program lies in `bin`.
    let build_profile = build_info::read().profile;
    let profile = build_profile.as_str();
    let output = if profile == "dev" { "debug" } else { profile };
    let command = match build {
        Some(build) => by_shell(build),
        None => ["cargo", "build", "--profile", profile, "--bin", &name].map(str::to_owned).to_vec(),
    };
    let manifest = repository.top.join(&repository.inside);
    if build.is_none() && !manifest.ancestors().any(|folder| folder.join("Cargo.toml").is_file()) {
        return Err(Refusal::usage(format!(
            "`--against-rev` builds `{name}` with cargo, and there is no Cargo.toml in {}: say how with `--build`",
            manifest.display()
        )));
    }
    Ok(Recipe { command, product: Path::new("target").join(output).join(name) })
}

/// A program of somebody's: what its command starts, in the tree.
fn of_program(
    repository: &Repository,
    program: &Program,
    variant: &Variant,
    build: Option<&str>,
) -> anyhow::Result<Recipe> {
    let command = program.command_of(variant);
    let word = command.first().map_or("", String::as_str);
    let folder = program.folder.clone().unwrap_or_else(|| repository.top.join(&repository.inside));
    let file = folder.join(word);
    // `./target` and `target` are one place; what is built may not be there yet, so that it has no canonical path.
    let file: PathBuf = file.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect();
    let product = match file.strip_prefix(&repository.top) {
        Ok(product) if word.contains('/') => product.to_owned(),
        _ => {
            return Err(Refusal::usage(format!(
                "`{}` is not in the repository {}: no revision of it changes that program",
                shown(word),
                repository.top.display()
            )));
        }
    };
    let cargo = repository.top.join(&repository.inside).join("Cargo.toml").is_file();
    let command = match build {
        Some(build) => by_shell(build),
        None if cargo => ["cargo", "build", "--release"].map(str::to_owned).to_vec(),
        None => {
            return Err(Refusal::usage(format!(
                "how is `{}` built? Say so with `--build`, as in `--build 'make release'`",
                shown(word)
            )));
        }
    };
    Ok(Recipe { command, product })
}

fn by_shell(build: &str) -> Vec<String> {
    ["sh", "-c", build].map(str::to_owned).to_vec()
}

/// What was built before, if its program is still there.
fn kept(folder: &Path, commit: &str, recipe: &Recipe, shelf: &Shelf) -> Option<Built> {
    let built: Built = serde_json::from_slice(&fs::read(entry(folder, commit, recipe)).ok()?).ok()?;
    let file = shelf.program(&built.hash, &built.file);
    let intact = fs::File::open(file).and_then(digest::of_file).is_ok_and(|hash| hash == built.hash);
    intact.then_some(built)
}

/// Names what was built by commit and recipe.
fn entry(folder: &Path, commit: &str, recipe: &Recipe) -> PathBuf {
    let recipe = digest::of(&format!("{:?} {}", recipe.command, recipe.product.display()));
    folder.join(format!("{commit}-{recipe}.json"))
}

fn make(
    repository: &Repository,
    folder: &Path,
    commit: &str,
    recipe: &Recipe,
    shelf: &Shelf,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Built> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    // Nothing below is for git; runs write this file too.
    let ignore = shelf.root().join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").with_context(|| format!("writing {}", ignore.display()))?;
    }
    let place = place(repository, folder);
    fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
    let lock = fs::File::create(place.join("lock")).context("the lock of the tree for revisions")?;
    if lock.try_lock().is_err() {
        say("another gate builds a revision of this repository: waiting for it");
        lock.lock().context("waiting for another build of a revision")?;
    }
    let tree = place.canonicalize()?.join("tree");
    repository.tree(&tree, commit)?;
    let target = tree.join("target");
    let short = &commit[..commit.len().min(12)];
    say(&format!("building commit {short}: {}", recipe.command.join(" ")));
    // What another commit left there must not pass for this one's.
    let product = tree.join(&recipe.product);
    let _ = fs::remove_file(&product);
    let program = &recipe.command[0];
    let mut command = Command::new(program);
    command.args(&recipe.command[1..]).current_dir(tree.join(&repository.inside)).env("CARGO_TARGET_DIR", &target);
    let ended = building::run(command, PERIOD, say)
        .map_err(|error| Refusal::usage(format!("`{program}` cannot be started to build commit {short}: {error}")))?;
    if ended.status.signal() == Some(libc::SIGINT) {
        return Err(Refusal { exit: Exit::Interrupted, message: INTERRUPTED.to_owned() }.into());
    }
    if !ended.status.success() {
        let tail = ended.tail.iter().map(|line| format!("    {}", reports::render::printable(line)));
        return Err(Refusal::usage(format!(
            "commit {short} does not build: `{}` ended with {}\n{}",
            recipe.command.join(" "),
            ended.status,
            tail.collect::<Vec<_>>().join("\n")
        )));
    }
    if !product.is_file() {
        return Err(Refusal::usage(format!(
            "`{}` built commit {short}, but made no {}",
            recipe.command.join(" "),
            recipe.product.display()
        )));
    }
    let hash = digest::of_file(fs::File::open(&product)?)?;
    let file = product.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    shelf.keep(&product, &file, &hash)?;
    let built = Built { commit: commit.to_owned(), build: recipe.command.join(" "), hash, file };
    fs::write(entry(folder, commit, recipe), serde_json::to_vec_pretty(&built)?).context("the record of the build")?;
    Ok(built)
}

/// Where the tree of a repository lies; within the repository only where the user has no folder for such things.
fn place(repository: &Repository, folder: &Path) -> PathBuf {
    let own = digest::of(&repository.top.to_string_lossy());
    match settings::cache_folder() {
        Some(cache) => cache.join("workbench/revisions").join(own),
        None => folder.to_owned(),
    }
}

/// What git prints, or what it complains of.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    Err(reports::render::printable(line.trim()))
}
