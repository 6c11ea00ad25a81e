//! The guard in a program whose `malloc` is not the C library's: this one defines its own.

use std::ffi::c_void;

use probe::allocator::{GuardError, verify};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
}

/// What an unprefixed allocator or a preloaded library does, reduced to the symbol.
// SAFETY: forwards to the C library's own malloc, whose free stays in place.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    unsafe { __libc_malloc(size) }
}

#[test]
fn a_malloc_from_elsewhere_is_named() {
    let error = verify().unwrap_err();
    let GuardError::ForeignMalloc { served_by } = &error else { panic!("{error}") };
    assert!(served_by.contains("foreign_malloc"), "{served_by}");
    assert!(error.to_string().contains("not by the C library"), "{error}");
}
