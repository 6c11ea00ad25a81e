//! Which function of a stack is to blame.

use super::record::Culprit;
use crate::cpu::{Frame, Symbol};

/// Parts of the path of a source file that is not the program's own: the standard library, as distributed and as
/// installed beside a compiler, and dependencies.
const FOREIGN: [&str; 4] = ["/rustc/", "/lib/rustlib/src/", "/registry/src/", "/git/checkouts/"];

/// Allocators of ours stand between a program and every block it asks for.
const ALLOCATOR: [&str; 2] = ["probe/src/allocator/", "probe/src/heap/"];

/// The innermost function of the program itself; where there is none, the innermost with a name.
pub(super) fn culprit(stack: &[Frame]) -> Option<Culprit> {
    let functions = || stack.iter().flat_map(|frame| &frame.symbols);
    functions().find(|function| is_own(function)).or_else(|| functions().next()).map(plain)
}

/// Whether the stack is within `tokio::task::block_in_place`.
pub(super) fn in_place(stack: &[Frame]) -> bool {
    let functions = || stack.iter().flat_map(|frame| &frame.symbols);
    functions().any(|function| names_block_in_place(&function.name))
}

/// `tokio::task::blocking::block_in_place::<…>`, however it is mangled; where the compiler inlined it and kept no paths
/// of inlined functions, the bare name.
fn names_block_in_place(name: &str) -> bool {
    let path = name.split(['<', '{']).next().unwrap_or_default().trim_end_matches("::");
    path == "block_in_place" || path.starts_with("tokio::") && path.ends_with("::block_in_place")
}

fn is_own(function: &Symbol) -> bool {
    let Some(file) = function.file.as_ref().map(|file| file.to_string_lossy()) else { return false };
    let rust = file.ends_with(".rs");
    // The compiler's own entry to the allocator has the line of `#[global_allocator]`.
    let entry = function.name.starts_with("__rustc::") || function.name.starts_with("__rust_");
    rust && !entry && !FOREIGN.iter().chain(&ALLOCATOR).any(|foreign| file.contains(foreign))
}

fn plain(function: &Symbol) -> Culprit {
    Culprit {
        function: function.name.clone(),
        file: function.file.as_ref().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default(),
        line: function.line.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(functions: &[(&str, Option<&str>)]) -> Frame {
        let symbol = |(name, file): &(&str, Option<&str>)| Symbol {
            name: (*name).to_owned(),
            file: file.map(Into::into),
            line: file.map(|_| 7),
        };
        Frame { address: 1, symbols: functions.iter().map(symbol).collect() }
    }

    #[test]
    fn the_innermost_own_function_is_to_blame() {
        let stack = [
            frame(&[("__clock_nanosleep", None)]),
            frame(&[("realloc<true, true>", Some("/w/workbench/probe/src/allocator/layers.rs"))]),
            frame(&[("__rustc::__rust_realloc", Some("src/main.rs"))]),
            frame(&[("std::thread::sleep", Some("/rustc/59807616/library/std/src/thread/mod.rs"))]),
            frame(&[("argon2::fill", Some("/home/x/.cargo/registry/src/index-1/argon2-0.6.0/src/lib.rs"))]),
            frame(&[("shop::pay::{closure#0}", Some("src/pay.rs")), ("shop::serve", Some("src/main.rs"))]),
        ];
        assert_eq!(culprit(&stack).unwrap().to_string(), "shop::pay::{closure#0} (src/pay.rs:7)");
        assert_eq!(culprit(&stack[..4]).unwrap().to_string(), "__clock_nanosleep");
        assert_eq!(culprit(&[frame(&[])]), None);
    }

    #[test]
    fn block_in_place_is_known_by_its_name() {
        for name in [
            "tokio::task::blocking::block_in_place::<shop::pay::{closure#0}, ()>",
            "tokio::runtime::scheduler::multi_thread::worker::block_in_place",
            "block_in_place<shop::pay, ()>",
        ] {
            assert!(in_place(&[frame(&[(name, None)])]), "{name}");
        }
        for name in ["shop::block_in_place_of", "shop::block_in_place", "<tokio::X>::poll", "f::<block_in_place>"] {
            assert!(!in_place(&[frame(&[(name, None)])]), "{name}");
        }
    }
}
