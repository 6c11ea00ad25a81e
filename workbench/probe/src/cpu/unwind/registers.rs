//! The registers that unwinding needs.

use std::ffi::c_void;

/// Where a thread was interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registers {
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Frame pointer; in code without frame pointers just any value.
    pub fp: u64,
}

impl Registers {
    /// Registers of the interrupted thread; `None` on processors that we do not know.
    ///
    /// # Safety
    /// `context` is the third argument of a signal handler that was installed with `SA_SIGINFO`, and the handler has
    /// not returned yet.
    #[must_use]
    pub unsafe fn interrupted(context: *const c_void) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: the kernel passes a `ucontext_t` (sigaction(2)).
            let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
            let register = |index: i32| registers[index as usize].cast_unsigned();
            Some(Self { ip: register(libc::REG_RIP), sp: register(libc::REG_RSP), fp: register(libc::REG_RBP) })
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = context;
            None
        }
    }

    /// Registers of the caller, as they are right here.
    #[cfg(test)]
    #[inline(always)]
    pub(crate) fn here() -> Self {
        let (ip, sp, fp): (u64, u64, u64);
        // SAFETY: reads three registers.
        unsafe {
            std::arch::asm!("lea {ip}, [rip]", "mov {sp}, rsp", "mov {fp}, rbp",
                ip = out(reg) ip, sp = out(reg) sp, fp = out(reg) fp, options(nomem, nostack, preserves_flags));
        }
        Self { ip, sp, fp }
    }
}
