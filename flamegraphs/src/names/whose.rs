//! Whose code a function is: told by where its source lies, and by its path where no line table says so.
//!
//! No list of libraries: cargo keeps what it fetched in homes of its own, the toolchain its library, Go its module cache.
//! What lies anywhere else is the program's: members of its workspace, and what it keeps a copy of.

use std::collections::BTreeSet;

use crate::profile::Profile;

/// Whose code a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// The program's: its package, its workspace, what was copied into it.
    Program,
    /// A library's that cargo or Go fetched, or the C of one.
    Dependency,
    /// The language's: its standard library, its runtime, what the compiler brings along.
    Language,
}

/// What of a set of stacks tells whose functions are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    /// Crates that are the program's: those with a `main` of their own, and the one that is named like the executable.
    crates: BTreeSet<String>,
    /// Folders into which `cargo vendor` copied all that is fetched: those that hold the runtime.
    vendored: BTreeSet<String>,
}

/// Parts of paths below which cargo keeps what it fetched (the Cargo book, "Cargo home"); `OUT_DIR` of a build script is
/// where C of a library is built.
const FETCHED: &[&str] = &["/registry/src/", "/git/checkouts/", "/usr/share/cargo/registry/"];

/// Paths of Rust's own libraries in debug information: by the compiler's commit, or, with the component rust-src, by where
/// they lie in the toolchain; and crates that they are built from.
const LANGUAGE: &[&str] = &["/rustc/", "/rustlib/src/rust/", "/rust/deps/"];

/// Crates of the language: what is below them in a path is no program's.
const LANGUAGE_CRATES: &[&str] = &["core", "std", "alloc", "__rustc", "compiler_builtins", "rustc_demangle", "test"];

impl Owners {
    /// From all functions of some stacks, each with its source file (empty where unknown), and the paths of the programs
    /// that ran them.
    pub fn of<'a>(functions: impl IntoIterator<Item = (&'a str, &'a str)>, executables: &[&str]) -> Self {
        let mut owners = Self::default();
        let stems: Vec<String> = executables.iter().map(|path| stem(path)).collect();
        for (function, file) in functions {
            let Some(krate) = crate_of(function) else { continue };
            if krate == "tokio" {
                if let Some((home, _)) = file.split_once("/vendor/") {
                    owners.vendored.insert(format!("{home}/vendor/"));
                }
            } else if !LANGUAGE_CRATES.contains(&krate)
                && (stems.iter().any(|stem| stem == krate) || is_main(function, krate))
            {
                owners.crates.insert(krate.to_owned());
            }
        }
        owners
    }

    /// From all functions of a profile; its program is the first of its mappings.
    pub fn of_profile(profile: &Profile) -> Self {
        let functions = profile.functions().iter();
        let told: Vec<(String, &str)> =
            functions.map(|function| (super::clean_name(&function.name), function.file.as_str())).collect();
        let program: Vec<&str> = profile.mappings().first().map(|mapping| mapping.file.as_str()).into_iter().collect();
        Self::of(told.iter().map(|(function, file)| (function.as_str(), *file)), &program)
    }

    /// Whose a function is.
    pub fn whose(&self, function: &str, file: &str) -> Whose {
        if LANGUAGE.iter().any(|home| file.contains(home)) || function.is_empty() || is_shim(function) {
            return Whose::Language;
        }
        let krate = crate_of(function);
        match krate {
            Some(krate) if LANGUAGE_CRATES.contains(&krate) => return Whose::Language,
            // Installed by cargo, a program lies where its dependencies do.
            Some(krate) if self.crates.contains(krate) => return Whose::Program,
            _ => {}
        }
        if is_fetched(file) || self.vendored.iter().any(|home| file.starts_with(home)) {
            return Whose::Dependency;
        }
        if krate.is_none() && function.contains('.') && !file.ends_with(".rs") {
            return of_go(function, file);
        }
        if file.ends_with(".rs") {
            // What it implements of its runtime is the runtime's as far as names go.
            return if krate == Some("tokio") { Whose::Dependency } else { Whose::Program };
        }
        if !file.is_empty() {
            return Whose::Program;
        }
        // No line table. In a Rust program whose crate is known all else is fetched; C has no path.
        match krate {
            Some("tokio") => Whose::Dependency,
            _ if self.crates.is_empty() => Whose::Program,
            _ => Whose::Dependency,
        }
    }
}

/// Where, in a stack, leaf first, the function stands that is to be held to account: the innermost of the program; where
/// there is none, the innermost of a library.
pub fn innermost(whose: impl Iterator<Item = Option<Whose>> + Clone) -> Option<usize> {
    let at = |wanted| whose.clone().position(|whose| whose == Some(wanted));
    at(Whose::Program).or_else(|| at(Whose::Dependency))
}

/// What the crate of an executable is called, if it is called as the file is.
fn stem(executable: &str) -> String {
    let name = executable.trim_end_matches(" (deleted)").rsplit('/').next().unwrap_or_default();
    unhashed(name).replace('-', "_")
}

/// The name of an executable without the hash that cargo gives to those of tests: `shop-0123456789abcdef`.
fn unhashed(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => stem,
    }
}

/// The crate of a path: `shop` of `<shop::Cart as core::fmt::Debug>::fmt`; `None` where the name has no path of Rust's.
pub(super) fn crate_of(function: &str) -> Option<&str> {
    let mut path = function;
    loop {
        let rest = path.trim_start_matches(['<', '&', '(', '[', '*']);
        let rest = ["mut ", "dyn ", "const ", "drop ", "impl "]
            .iter()
            .find_map(|word| rest.strip_prefix(word))
            .unwrap_or(rest);
        if rest.len() == path.len() {
            break;
        }
        path = rest;
    }
    let (krate, _) = path.split_once("::")?;
    let krate = krate.split_once('[').map_or(krate, |(krate, _)| krate);
    (!krate.is_empty() && krate.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(krate)
}

/// `shop::main`, or what is inlined of it: `shop::main::{{closure}}`.
fn is_main(function: &str, krate: &str) -> bool {
    let rest = function.strip_prefix(krate).and_then(|rest| rest.strip_prefix("::main"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What the compiler puts between a program and its allocator or its panics.
fn is_shim(function: &str) -> bool {
    ["__rust", "__rdl_", "__rg_", "rust_begin_unwind", "rust_eh_personality", "rust_panic"]
        .iter()
        .any(|begin| function.starts_with(begin))
}

fn is_fetched(file: &str) -> bool {
    // `/…/target/release/build/zstd-sys-0123456789abcdef/out/…`.
    let built = file.split_once("/build/").is_some_and(|(_, rest)| {
        let mut parts = rest.split('/');
        let package = parts.next().unwrap_or_default();
        package != unhashed(package) && parts.next() == Some("out") && package.contains("-sys-")
    });
    built || FETCHED.iter().any(|home| file.contains(home)) || is_trimmed(file)
}

/// `tokio-1.54.1/src/…`: paths of dependencies as cargo trims them (`-Ztrim-paths`).
fn is_trimmed(file: &str) -> bool {
    let Some((package, rest)) = file.split_once('/') else { return false };
    let version = package.rsplit_once('-').map(|(_, version)| version).unwrap_or_default();
    let numbers = version.split('.').take(3).filter(|part| part.starts_with(|c: char| c.is_ascii_digit())).count();
    numbers == 3 && rest.starts_with("src/")
}

/// Of Go, whose functions are `PACKAGE.NAME` and always have a file: the module cache has versions in its paths
/// (`/pkg/mod/example.org/shop@v1.2.3/`), a vendored module lies under its import path, and packages of the standard library
/// have no dot in the first part of theirs but lie where `runtime` does.
fn of_go(function: &str, file: &str) -> Whose {
    let package = package_of(function);
    let first = package.split('/').next().unwrap_or_default();
    if first == "_" || GO_STANDARD.contains(&first) {
        return Whose::Language;
    }
    let versioned = file.split_once("@v").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    if versioned || file.contains(&format!("/vendor/{package}/")) { Whose::Dependency } else { Whose::Program }
}

/// The import path of a function of Go: `net/http` of `net/http.(*conn).serve`.
fn package_of(function: &str) -> &str {
    let last = function.rfind('/').map_or(0, |at| at + 1);
    let end = function[last..].find('.').map_or(function.len(), |at| last + at);
    &function[..end]
}

/// Top-level folders of Go's standard library (`go list std`): the language, not a library that a program chose.
const GO_STANDARD: &[&str] = &[
    "archive",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "vendor",
    "weak",
];

#[cfg(test)]
mod tests {
    use super::Whose::{Dependency, Language, Program};
    use super::*;

    const REGISTRY: &str = "/home/u/.cargo/registry/src/index-1/";

    fn of(frames: &[(&str, &str)], executable: &str) -> Vec<Whose> {
        let owners = Owners::of(frames.iter().copied(), &[executable]);
        frames.iter().map(|(function, file)| owners.whose(function, file)).collect()
    }

    #[test]
    fn with_a_line_table_the_file_decides_whatever_the_crate_is_called() {
        let hyper = format!("{REGISTRY}hyper-1.8.0/src/proto/h1/conn.rs");
        let frames = [
            ("core::ptr::read", "/rustc/59807616/library/core/src/ptr/mod.rs"),
            ("std::thread::sleep", "/root/.rustup/toolchains/x/lib/rustlib/src/rust/library/std/src/thread/mod.rs"),
            ("hyper::proto::h1::conn::Conn<I>::poll_read_head", &hyper),
            ("acme_codec::decode", "/home/u/.cargo/git/checkouts/acme-0a1b2c/77aa/src/lib.rs"),
            // A crate of the workspace, a copy in the tree, and a module that bears the name of a library.
            ("shop_core::price", "/home/u/shop/core/src/lib.rs"),
            ("acme_hash::fold", "/home/u/shop/vendor/acme-hash/src/lib.rs"),
            ("hyper::mine", "/home/u/shop/src/hyper.rs"),
            // What was inlined may lack its path.
            ("{async_fn#0}", "src/main.rs"),
            ("decode_block", "/home/u/shop/target/release/build/zip-sys-0123456789abcdef/out/zip.c"),
            ("decode_block", "/home/u/shop/native/zip.c"),
            ("serde::de::visit", "serde-1.0.219/src/de/mod.rs"),
        ];
        assert_eq!(
            of(&frames, "/home/u/shop/target/release/shop"),
            [
                Language, Language, Dependency, Dependency, Program, Program, Program, Program, Dependency, Program,
                Dependency
            ]
        );
    }

    #[test]
    fn without_one_the_crate_that_has_main_is_the_program() {
        let frames = [
            ("<shop::Cart as core::fmt::Debug>::fmt", ""),
            ("hyper::proto::h1::conn::Conn<I>::poll_read_head", ""),
            ("<&mut acme::Reader as std::io::Read>::read", ""),
            ("core::ptr::drop_in_place<shop::Cart>", ""),
            ("tokio::net::tcp::stream::TcpStream::poll_read", ""),
            ("_rjem_je_arena_malloc", ""),
            ("__rust_alloc", ""),
        ];
        let told = [Program, Dependency, Dependency, Language, Dependency, Dependency, Language];
        // Named like its executable, or with a main among the stacks.
        assert_eq!(of(&frames, "/srv/bin/shop"), told);
        assert_eq!(of(&frames, "/srv/target/release/deps/shop-0123456789abcdef"), told);
        let with_main: Vec<_> = frames.into_iter().chain([("shop::main", "")]).collect();
        assert_eq!(of(&with_main, "/srv/bin/start")[..7], told);
        // Neither: all but the language and the runtime may be its own.
        assert_eq!(of(&frames, "/srv/bin/start")[..3], [Program, Program, Program]);
    }

    #[test]
    fn a_program_that_cargo_installed_lies_where_libraries_do() {
        let (shop, hyper) = (format!("{REGISTRY}shop-0.3.1/src/pay.rs"), format!("{REGISTRY}hyper-1.8.0/src/lib.rs"));
        let frames = [("shop::pay", shop.as_str()), ("hyper::serve", hyper.as_str())];
        assert_eq!(of(&frames, "/home/u/.cargo/bin/shop"), [Program, Dependency]);
    }

    #[test]
    fn where_the_runtime_was_vendored_so_was_all_that_lies_beside_it() {
        let frames = [
            ("tokio::runtime::park", "/w/shop/vendor/tokio/src/runtime/park.rs"),
            ("hyper::serve", "/w/shop/vendor/hyper/src/lib.rs"),
            ("shop::pay", "/w/shop/src/pay.rs"),
        ];
        assert_eq!(of(&frames, "/w/shop/target/release/shop"), [Dependency, Dependency, Program]);
    }

    #[test]
    fn go_is_told_by_its_packages_and_its_module_cache() {
        let frames = [
            ("main.work", "/w/shop/main.go"),
            ("shop/store.(*Ledger).Add", "/w/shop/store/ledger.go"),
            ("net/http.(*conn).serve", "/usr/local/go/src/net/http/server.go"),
            ("runtime.gopark", "/usr/local/go/src/runtime/proc.go"),
            ("_.goready.func1", ""),
            ("github.com/x/sync.(*Pool).Get", "/root/go/pkg/mod/github.com/x/sync@v1.2.3/pool.go"),
            ("gopkg.in/y.v3.F", "/w/shop/vendor/gopkg.in/y/f.go"),
            ("github.com/me/shop/sync.Post", "/w/shop/sync/post.go"),
        ];
        assert_eq!(
            of(&frames, "/w/shop/shop"),
            [Program, Program, Language, Language, Language, Dependency, Dependency, Program]
        );
    }

    #[test]
    fn programs_in_c_have_no_paths() {
        assert_eq!(of(&[("ngx_http_handler", ""), ("work", "/w/work.c")], "/usr/sbin/nginx"), [Program, Program]);
    }

    #[test]
    fn the_innermost_of_the_program_stands_before_any_library() {
        let at = |whose: &[Whose]| innermost(whose.iter().copied().map(Some));
        assert_eq!(at(&[Language, Dependency, Program, Program]), Some(2));
        assert_eq!(at(&[Language, Dependency, Dependency]), Some(1));
        assert_eq!(at(&[Language]), None);
        assert_eq!(innermost([None, None].into_iter()), None);
    }
}
