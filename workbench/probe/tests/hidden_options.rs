//! A program that carries jemalloc options in a symbol, as some crates advise: they must not go unnoticed.

use std::ffi::c_char;

use probe::jemalloc::{effective, hidden_sources};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

/// Read by jemalloc before `main`.
#[allow(non_upper_case_globals, reason = "the name is jemalloc's")]
// SAFETY: the type is that of jemalloc's `const char *`, and the string ends in NUL.
#[unsafe(no_mangle)]
pub static _rjem_malloc_conf: Option<&'static c_char> = Some(first(c"narenas:3,tcache:false"));

const fn first(text: &'static std::ffi::CStr) -> &'static c_char {
    // SAFETY: a CStr has at least its NUL.
    unsafe { &*text.as_ptr() }
}

#[test]
fn options_in_a_symbol_are_in_force_and_named() {
    // Keeps the linker from leaving the symbol out of a program that never reads it.
    assert!(std::hint::black_box(_rjem_malloc_conf).is_some());
    assert_eq!(hidden_sources(), ["symbol _rjem_malloc_conf: narenas:3,tcache:false"]);
    let effective = effective().unwrap();
    assert_eq!((effective["narenas"].as_str(), effective["tcache"].as_str()), ("3", "false"));
}
