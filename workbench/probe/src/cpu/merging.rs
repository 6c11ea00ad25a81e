//! Keeps samples of different lines apart.
//!
//! The `pprof` crate counts two stacks as one where `_Unwind_FindEnclosingFunction` says that their frames lie in the
//! same functions, and keeps the addresses it saw first: every sample of a function would carry one arbitrary line of
//! it. It offers no setting for that, so this program defines the function itself: while a profile runs, each address
//! is its own function; otherwise the unwinder's own is asked. As a bonus the signal handler no longer searches the
//! unwind tables for each frame.
//!
//! A definition in the executable comes before that of `libgcc_s.so`; nothing inside `libgcc_s` calls it. Programs that
//! link the unwinder statically (musl, `crt-static`) keep its own definition, and the first-seen lines.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static APART: AtomicBool = AtomicBool::new(false);

/// From now on, samples are merged only where every address is equal.
pub(super) fn keep_addresses_apart(apart: bool) {
    // Storing the address keeps the linker from leaving the definition out of the executable.
    #[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
    std::hint::black_box(interposed::_Unwind_FindEnclosingFunction as *const ());
    APART.store(apart, Relaxed);
}

#[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
mod interposed {
    use std::ffi::c_void;
    use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

    use super::APART;

    type FindEnclosingFunction = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

    static NEXT: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

    /// Start of the function around `pc`, or `pc` itself while a profile runs or where nobody knows.
    // SAFETY: takes the place of a function of the same signature that only answers a question.
    #[unsafe(no_mangle)]
    pub(super) extern "C" fn _Unwind_FindEnclosingFunction(pc: *mut c_void) -> *mut c_void {
        if APART.load(Relaxed) {
            return pc;
        }
        let mut next = NEXT.load(Relaxed);
        if next.is_null() {
            // SAFETY: the name ends in NUL; RTLD_NEXT asks for the definition behind this one.
            next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"_Unwind_FindEnclosingFunction".as_ptr()) };
            NEXT.store(next, Relaxed);
        }
        if next.is_null() {
            return pc;
        }
        // SAFETY: a symbol of this name has this signature in every unwinder (Itanium C++ ABI extension of GCC).
        let next: FindEnclosingFunction = unsafe { std::mem::transmute(next) };
        // SAFETY: takes any address.
        unsafe { next(pc) }
    }
}
