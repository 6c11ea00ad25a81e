//! One perf event: on one thread, for as long as it is on one CPU, and on every thread it starts.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use perf_event_open_sys::bindings as sys;

/// What makes the kernel take a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum Trigger {
    /// So many CPU nanoseconds of the thread (`PERF_COUNT_SW_CPU_CLOCK`).
    CpuTime(u64),
    /// The thread leaves its CPU (`PERF_COUNT_SW_CONTEXT_SWITCHES`). Happens within the kernel: without its side there
    /// are no such samples.
    Leaving,
}

/// What an event is to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) struct Wanted {
    /// When to take a sample.
    pub(in crate::capture) trigger: Trigger,
    /// Bytes of user stack with each sample: a multiple of 8 below 64 KiB.
    pub(in crate::capture) stack_bytes: u32,
    /// The kernel's frames, and samples within the kernel.
    pub(in crate::capture) kernel: bool,
    /// When threads come to a CPU and leave it.
    pub(in crate::capture) switches: bool,
    /// Samples from the next `exec` on, instead of from [`Event::enable`] on.
    pub(in crate::capture) from_exec: bool,
    /// Bytes in a buffer that wake its reader.
    pub(in crate::capture) watermark: u32,
}

/// An open event.
#[derive(Debug)]
pub(in crate::capture) struct Event {
    fd: OwnedFd,
}

/// Bits of `sample_regs_user` in the order the kernel writes them (asm/perf_regs.h of each architecture): base
/// pointer, stack pointer, instruction pointer.
#[cfg(target_arch = "x86_64")]
const REGISTERS: u64 = 1 << 6 | 1 << 7 | 1 << 8;
/// x29, sp, pc. The link register (x30) would come between; a chain of frame pointers does without.
#[cfg(target_arch = "aarch64")]
const REGISTERS: u64 = 1 << 29 | 1 << 31 | 1 << 32;

impl Event {
    /// Opens it for thread `tid` (0 for the calling thread) on `cpu`, switched off.
    pub(in crate::capture) fn open(wanted: &Wanted, tid: u32, cpu: u32) -> io::Result<Self> {
        let (config, period) = match wanted.trigger {
            Trigger::CpuTime(period_ns) => (sys::PERF_COUNT_SW_CPU_CLOCK, period_ns),
            Trigger::Leaving => (sys::PERF_COUNT_SW_CONTEXT_SWITCHES, 1),
        };
        let mut attr = sys::perf_event_attr {
            type_: sys::PERF_TYPE_SOFTWARE,
            size: u32::try_from(size_of::<sys::perf_event_attr>()).unwrap_or(0),
            config: u64::from(config),
            sample_type: u64::from(
                sys::PERF_SAMPLE_IDENTIFIER
                    | sys::PERF_SAMPLE_TID
                    | sys::PERF_SAMPLE_TIME
                    | sys::PERF_SAMPLE_CPU
                    | sys::PERF_SAMPLE_CALLCHAIN
                    | sys::PERF_SAMPLE_REGS_USER
                    | sys::PERF_SAMPLE_STACK_USER,
            ),
            sample_regs_user: REGISTERS,
            sample_stack_user: wanted.stack_bytes,
            clockid: libc::CLOCK_MONOTONIC,
            ..Default::default()
        };
        attr.sample_period = period;
        attr.wakeup_watermark = wanted.watermark;
        attr.set_watermark(1);
        attr.set_disabled(1);
        attr.set_inherit(1);
        attr.set_enable_on_exec(u64::from(wanted.from_exec));
        attr.set_exclude_kernel(u64::from(!wanted.kernel));
        attr.set_exclude_hv(1);
        // One event of a thread tells what else happens to it.
        let clock = u64::from(matches!(wanted.trigger, Trigger::CpuTime(_)));
        attr.set_mmap(clock);
        attr.set_mmap2(clock);
        attr.set_comm(clock);
        attr.set_comm_exec(clock);
        attr.set_task(clock);
        attr.set_sample_id_all(1);
        attr.set_use_clockid(1);
        attr.set_context_switch(u64::from(wanted.switches));
        let cpu = libc::c_int::try_from(cpu).map_err(|_| io::ErrorKind::InvalidInput)?;
        let tid = libc::pid_t::try_from(tid).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: `attr` is a whole `perf_event_attr` that states its own size and outlives the call.
        let fd = unsafe {
            perf_event_open_sys::perf_event_open(&raw mut attr, tid, cpu, -1, u64::from(sys::PERF_FLAG_FD_CLOEXEC))
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// An event that was opened elsewhere.
    pub(in crate::capture) fn owning(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Samples the thread and all that it started, from now on.
    pub(in crate::capture) fn enable(&self) -> io::Result<()> {
        // SAFETY: the descriptor is open and of a perf event; the argument 0 means this event, not its group.
        answered(unsafe { perf_event_open_sys::ioctls::ENABLE(self.fd.as_raw_fd(), 0) })
    }

    /// No longer.
    pub(in crate::capture) fn disable(&self) -> io::Result<()> {
        // SAFETY: as above.
        answered(unsafe { perf_event_open_sys::ioctls::DISABLE(self.fd.as_raw_fd(), 0) })
    }

    /// From now on a record for each so many hits.
    pub(in crate::capture) fn set_every(&self, every: u64) -> io::Result<()> {
        let mut every = every.max(1);
        // SAFETY: the descriptor is open and of a perf event, and the kernel reads one number.
        answered(unsafe { perf_event_open_sys::ioctls::PERIOD(self.fd.as_raw_fd(), (&raw mut every) as u64) })
    }

    /// What its samples are marked with; those of inherited events, too.
    pub(in crate::capture) fn id(&self) -> io::Result<u64> {
        let mut id = 0;
        // SAFETY: the descriptor is open and of a perf event, and the kernel writes one number to `id`.
        answered(unsafe { perf_event_open_sys::ioctls::ID(self.fd.as_raw_fd(), &raw mut id) })?;
        Ok(id)
    }

    /// Sends its records to the buffer of `other`, which must be of the same CPU.
    pub(in crate::capture) fn join(&self, other: &Self) -> io::Result<()> {
        // SAFETY: both descriptors are open and of perf events.
        answered(unsafe { perf_event_open_sys::ioctls::SET_OUTPUT(self.fd.as_raw_fd(), other.fd.as_raw_fd()) })
    }

    pub(in crate::capture) fn fd(&self) -> &OwnedFd {
        &self.fd
    }
}

fn answered(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
