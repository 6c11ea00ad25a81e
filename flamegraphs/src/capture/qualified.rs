//! Paths for functions of which the debug information has only the last word.
//!
//! `debug = "line-tables-only"`, the setting that costs least, keeps of an inlined function its bare name (`poll`,
//! `{async_fn#0}`) and the lines that it stands on. Its crate and module follow from the file, its type, and whose closure or
//! async block it is, from the source, where that lies on this machine and is not younger than the program.

use std::collections::HashMap;
use std::path::Path;
use std::time::SystemTime;

use object::{Object as _, ObjectSymbol as _};

use super::outline::{Item, Outline};

/// A source beyond this was written by a machine, bytes.
const MOST_BYTES: u64 = 4 << 20;

/// Sources and manifests, each read once.
#[derive(Default)]
pub(super) struct Sources {
    outlines: HashMap<String, Option<Outline>>,
    crates: HashMap<(String, String), String>,
}

/// The program that a function was compiled into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Program {
    /// Its name as a crate.
    pub(super) krate: String,
    /// When it was written.
    pub(super) built: Option<SystemTime>,
}

impl Program {
    /// Of an executable: the crate whose `main` it has, or one of its own name.
    pub(super) fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let named = name.trim_end_matches(" (deleted)").replace(['-', '.'], "_");
        let mut mains = mains(path).unwrap_or_default();
        let krate = if mains.len() == 1 { mains.remove(0) } else { named };
        Self { krate, built: path.metadata().and_then(|about| about.modified()).ok() }
    }
}

/// Crates that have a `main` at their root, by the symbols of an executable: it may have been renamed since.
fn mains(path: &Path) -> Option<Vec<String>> {
    let cache = object::ReadCache::new(std::fs::File::open(path).ok()?);
    let file = object::File::parse(&cache).ok()?;
    let names = file.symbols().filter_map(|symbol| symbol.name().ok());
    let mut crates: Vec<String> = names
        .filter(|name| name.contains("4main"))
        .filter_map(|name| format!("{:#}", rustc_demangle::demangle(name)).strip_suffix("::main").map(str::to_owned))
        .filter(|krate| krate.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .collect();
    crates.sort();
    crates.dedup();
    Some(crates)
}

impl Sources {
    /// The whole path of a function of that name at a line of a file; `None` where the name has one already, or is not Rust's.
    pub(super) fn qualified(&mut self, name: &str, file: &str, line: u32, program: &Program) -> Option<String> {
        let bare = name.split('<').next().unwrap_or(name);
        // What the compiler puts in has no path: it is known by its name.
        if bare.is_empty() || bare.contains("::") || bare.starts_with("__") || !file.ends_with(".rs") {
            return None;
        }
        let (home, inside) = split_home(file)?;
        let read = || source(Path::new(file), program.built).and_then(|source| Outline::read(&source));
        let outline = self.outlines.entry(file.to_owned()).or_insert_with(read);
        let item = outline.as_ref().and_then(|outline| outline.at(line));
        let within = item_of(bare, item)?;
        let key = (home.to_owned(), program.krate.clone());
        let krate = self.crates.entry(key).or_insert_with(|| crate_of(home, inside, &program.krate)).clone();
        let module = module_of(inside);
        let around = [Some(krate.as_str()), module.as_deref(), Some(within).filter(|within| !within.is_empty())];
        let path: Vec<&str> = around.into_iter().flatten().chain([name]).collect();
        Some(path.join("::"))
    }
}

/// What of the items around it a function of that name is named within; `None` where a nameless one cannot be told from others.
fn item_of<'i>(bare: &str, item: Option<&'i Item>) -> Option<&'i str> {
    match item {
        // A closure or an async block of it, or what a type derives.
        Some(item) if bare.starts_with('{') || !item.is_function => Some(&item.path),
        None if bare.starts_with('{') => None,
        // The item itself.
        Some(Item { path, .. }) if path.rsplit("::").next() == Some(bare) => {
            Some(path.rsplit_once("::").map_or("", |(within, _)| within))
        }
        // What a macro made stands where that was called.
        _ => Some(""),
    }
}

/// The folder of a package and a file within its sources: `…/tokio-1.54.0` and `sync/mutex.rs`.
fn split_home(file: &str) -> Option<(&str, &str)> {
    let parts = ["/src/", "/tests/", "/examples/", "/benches/"];
    let split = parts.iter().filter_map(|part| file.rsplit_once(part)).max_by_key(|(home, _)| home.len());
    split.or_else(|| file.strip_prefix("src/").map(|inside| ("", inside)))
}

/// The crate of a package's sources. What was fetched lies in folders that are named by package and version; a program's own
/// is told by its manifest, or bears the name of the executable.
fn crate_of(home: &str, inside: &str, program: &str) -> String {
    let folder = home.rsplit('/').next().unwrap_or_default();
    let package = match folder.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => return name.replace('-', "_"),
        _ => folder.replace('-', "_"),
    };
    if home.contains("/rustc/") || home.contains("/rustlib/") || home.is_empty() {
        return if home.is_empty() { program.to_owned() } else { package };
    }
    let Ok(manifest) = std::fs::read_to_string(format!("{home}/Cargo.toml")) else { return package };
    let has_library = Path::new(home).join("src/lib.rs").is_file();
    let is_binary = inside == "main.rs" || inside.starts_with("bin/");
    if is_binary || !has_library { program.to_owned() } else { library(&manifest).unwrap_or(package) }
}

/// The name of the library that a manifest describes.
fn library(manifest: &str) -> Option<String> {
    let mut section = String::new();
    let mut names: HashMap<String, String> = HashMap::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            let name = value.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            names.entry(section.clone()).or_insert_with(|| name.replace('-', "_"));
        }
    }
    names.remove("lib").or_else(|| names.remove("package"))
}

/// The module of a file within its sources; roots of crates have none.
fn module_of(inside: &str) -> Option<String> {
    let path = inside.strip_suffix(".rs").unwrap_or(inside);
    let path = if path.starts_with("bin/") { path.splitn(3, '/').nth(2).unwrap_or_default() } else { path };
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let is_root = matches!(path, "" | "main" | "lib" | "mod");
    (!is_root).then(|| path.replace('/', "::"))
}

/// The text of a source, unless it is younger than the program (`built`): it may say something else than what ran.
pub fn source(path: &Path, built: Option<SystemTime>) -> Option<String> {
    let about = path.metadata().ok().filter(|about| about.is_file() && about.len() <= MOST_BYTES)?;
    let is_younger = matches!((about.modified(), built), (Ok(written), Some(built)) if written > built);
    if is_younger { None } else { std::fs::read_to_string(path).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, file: &str, line: u32) -> Option<String> {
        let program = Program { krate: "shop".into(), built: None };
        Sources::default().qualified(name, file, line, &program)
    }

    #[test]
    fn without_a_source_the_file_tells_crate_and_module() {
        let tokio = "/r/registry/src/index-1/tokio-1.54.0/src/sync/oneshot.rs";
        assert_eq!(named("poll<u64>", tokio, 900).as_deref(), Some("tokio::sync::oneshot::poll<u64>"));
        let core = "/rustc/59807616/library/core/src/ptr/mod.rs";
        assert_eq!(
            named("drop_in_place<shop::Cart>", core, 805).as_deref(),
            Some("core::ptr::drop_in_place<shop::Cart>")
        );
        assert_eq!(named("price", "/w/core-shop/src/lib.rs", 3).as_deref(), Some("core_shop::price"));
        assert_eq!(named("price", "src/bin/till/cart.rs", 3).as_deref(), Some("shop::cart::price"));
        // Nobody knows whose async block it is.
        assert_eq!(named("{async_fn#0}", tokio, 900), None);
    }

    #[test]
    fn an_executable_that_was_renamed_keeps_its_crate() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("shop.rs");
        std::fs::write(&source, "fn main() { println!(\"open\"); }").unwrap();
        let built = folder.path().join("till-2");
        let compiled = std::process::Command::new("rustc").arg(&source).arg("-o").arg(&built).status().unwrap();
        assert!(compiled.success());
        assert_eq!(Program::of(&built).krate, "shop");
        assert_eq!(Program::of(Path::new("/no/such/till-2")).krate, "till_2");
    }

    #[test]
    fn names_with_a_path_and_of_other_languages_stay() {
        for (name, file) in [
            ("shop::price", "/w/src/lib.rs"),
            ("<shop::Cart as core::fmt::Debug>::fmt", "/w/src/lib.rs"),
            ("main", "/w/src/main.c"),
            ("main.work", "/w/src/main.go"),
            ("", "/w/src/lib.rs"),
            ("__rdl_alloc", "/rustc/59807616/library/std/src/alloc.rs"),
            ("price", ""),
        ] {
            assert_eq!(named(name, file, 1), None, "{name}");
        }
    }

    #[test]
    fn a_source_tells_whose_closure_it_is_unless_it_is_younger() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"acme\"\n").unwrap();
        let file = folder.path().join("src/till.rs");
        std::fs::write(
            &file,
            "#[derive(Clone)]\nstruct Cart;\nimpl Cart {\n    fn pay(&self) {\n        go()\n    }\n}\n",
        )
        .unwrap();
        let file = file.display().to_string();
        let of = |name: &str, line| named(name, &file, line);
        assert_eq!(of("{closure#0}", 5).as_deref(), Some("shop::till::Cart::pay::{closure#0}"));
        assert_eq!(of("pay<T>", 5).as_deref(), Some("shop::till::Cart::pay<T>"));
        assert_eq!(of("clone", 2).as_deref(), Some("shop::till::Cart::clone"));
        assert_eq!(of("made_by_a_macro", 5).as_deref(), Some("shop::till::made_by_a_macro"));
        let built = Program { krate: "shop".into(), built: Some(SystemTime::UNIX_EPOCH) };
        assert_eq!(Sources::default().qualified("{closure#0}", &file, 5, &built), None);
        assert_eq!(Sources::default().qualified("pay", &file, 5, &built).as_deref(), Some("shop::till::pay"));
        // With a library the file is the library's.
        std::fs::write(folder.path().join("src/lib.rs"), "").unwrap();
        assert_eq!(of("pay", 5).as_deref(), Some("acme::till::Cart::pay"));
    }

    #[test]
    fn a_library_is_called_as_its_manifest_says() {
        assert_eq!(library("[package]\nname = \"a-b\" # x\n[[bin]]\nname = \"c\"\n").as_deref(), Some("a_b"));
        assert_eq!(library("[package]\nname = \"a\"\n[lib]\nname='d'\n").as_deref(), Some("d"));
        assert_eq!(library("[workspace]\n"), None);
    }
}
