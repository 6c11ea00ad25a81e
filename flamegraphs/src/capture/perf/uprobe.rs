//! Uprobes through perf's own event source: the kernel stops a function's callers at its first instruction for a moment
//! and writes a record. Such a probe lives in a descriptor: when the process that opened it ends, however it ends, the
//! probe is gone.

use std::ffi::CStr;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use perf_event_open_sys::bindings as sys;

use super::event::Event;
use super::record::kind;
pub(in crate::capture) use super::record::{Fields, words};

/// Where the kernel says which number its source of uprobes has.
const SOURCE: &str = "/sys/bus/event_source/devices/uprobe/type";
/// Registers with each record, in the order the kernel writes them (bits of asm/perf_regs.h): rsi, rdi, rbp, rsp, rip.
pub(in crate::capture) const REGISTERS: u64 = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8;
const REGISTER_COUNT: usize = 5;

/// The number of the kernel's source of uprobes.
///
/// # Errors
/// A kernel without one.
pub(in crate::capture) fn source() -> io::Result<u32> {
    let text = std::fs::read_to_string(SOURCE)?;
    text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// One function to stop at.
#[derive(Debug, Clone, Copy)]
pub(in crate::capture) struct Probe<'a> {
    /// [`source`].
    pub(in crate::capture) source: u32,
    /// The file, as this process reaches it.
    pub(in crate::capture) path: &'a CStr,
    /// Of the function's first instruction in the file, bytes.
    pub(in crate::capture) offset: u64,
    /// Where it returns, rather than where it begins: registers are those of its caller then.
    pub(in crate::capture) returns: bool,
    /// A record for each so many hits.
    pub(in crate::capture) every: u64,
    /// Bytes of user stack with each record: a multiple of 8.
    pub(in crate::capture) stack_bytes: u32,
    /// Bytes in a buffer that wake its reader.
    pub(in crate::capture) watermark: u32,
    /// Also told when threads and processes begin.
    pub(in crate::capture) forks: bool,
    /// Registers with each record, bits of asm/perf_regs.h; [`read`] knows [`REGISTERS`].
    pub(in crate::capture) registers: u64,
    /// With the chain of frame pointers.
    pub(in crate::capture) chain: bool,
}

impl Probe<'_> {
    /// Opens it on one CPU for every process that has the file mapped, switched off. Bound to a process it could not be
    /// inherited: the kernel would read the path once more, from the memory of whoever starts a thread, and fail that.
    pub(in crate::capture) fn open(&self, cpu: u32) -> io::Result<Event> {
        let mut attr = sys::perf_event_attr {
            type_: self.source,
            size: u32::try_from(size_of::<sys::perf_event_attr>()).unwrap_or(0),
            sample_type: u64::from(
                sys::PERF_SAMPLE_IDENTIFIER
                    | sys::PERF_SAMPLE_TID
                    | sys::PERF_SAMPLE_TIME
                    | sys::PERF_SAMPLE_REGS_USER
                    | sys::PERF_SAMPLE_STACK_USER,
            ),
            sample_regs_user: self.registers,
            sample_stack_user: self.stack_bytes,
            clockid: libc::CLOCK_MONOTONIC,
            ..Default::default()
        };
        // The only bit of the source's format (`/sys/bus/event_source/devices/uprobe/format/retprobe`: `config:0`).
        attr.config = u64::from(self.returns);
        if self.chain {
            attr.sample_type |= u64::from(sys::PERF_SAMPLE_CALLCHAIN);
            attr.set_exclude_callchain_kernel(1);
        }
        attr.sample_period = self.every.max(1);
        attr.wakeup_watermark = self.watermark;
        attr.uprobe_path = self.path.as_ptr() as u64;
        attr.probe_offset = self.offset;
        attr.set_watermark(1);
        attr.set_disabled(1);
        attr.set_use_clockid(1);
        attr.set_task(u64::from(self.forks));
        let cpu = libc::c_int::try_from(cpu).map_err(|_| io::ErrorKind::InvalidInput)?;
        let flags = u64::from(sys::PERF_FLAG_FD_CLOEXEC);
        // SAFETY: `attr` is a whole `perf_event_attr` that states its own size; it and the path outlive the call, and the
        // kernel copies both.
        let fd = unsafe { perf_event_open_sys::perf_event_open(&raw mut attr, -1, cpu, -1, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        Ok(Event::owning(unsafe { OwnedFd::from_raw_fd(fd) }))
    }
}

/// A thread at a probe. Borrowed from the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) struct Hit<'a> {
    /// Of the probe, [`Event::id`].
    pub(in crate::capture) id: u64,
    pub(in crate::capture) pid: u32,
    pub(in crate::capture) tid: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub(in crate::capture) time_ns: u64,
    /// First and second argument of the function (System V ABI).
    pub(in crate::capture) arguments: [u64; 2],
    /// Base pointer, stack pointer, instruction pointer.
    pub(in crate::capture) registers: [u64; 3],
    /// The stack from the stack pointer upwards: at a first instruction it begins with the return address.
    pub(in crate::capture) stack: &'a [u8],
}

/// What the buffer of a probe holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum Note<'a> {
    Hit(Hit<'a>),
    /// A process began.
    Fork {
        parent: u32,
        child: u32,
    },
    /// So many records found no room.
    Lost(u64),
}

/// Whether a record is of a probe.
pub(in crate::capture) fn is_sample(of: u32) -> bool {
    of == kind::SAMPLE
}

/// Reads the body of a record; `None` for kinds that do not matter here, and for bodies too short to be what they claim.
pub(in crate::capture) fn read(of: u32, body: &[u8]) -> Option<Note<'_>> {
    let mut fields = Fields(body);
    match of {
        kind::SAMPLE => hit(fields).map(Note::Hit),
        kind::FORK => {
            let (child, parent) = (fields.u32()?, fields.u32()?);
            Some(Note::Fork { parent, child })
        }
        kind::LOST => {
            let _id = fields.u64()?;
            Some(Note::Lost(fields.u64()?))
        }
        kind::LOST_SAMPLES => Some(Note::Lost(fields.u64()?)),
        _ => None,
    }
}

fn hit(mut fields: Fields<'_>) -> Option<Hit<'_>> {
    let id = fields.u64()?;
    let (pid, tid, time_ns) = (fields.u32()?, fields.u32()?, fields.u64()?);
    let abi = fields.u64()?;
    let mut registers = [0; REGISTER_COUNT];
    if abi != 0 {
        for register in &mut registers {
            *register = fields.u64()?;
        }
    }
    let room = usize::try_from(fields.u64()?).ok()?;
    let copied = fields.bytes(room)?;
    let filled = if room == 0 { 0 } else { usize::try_from(fields.u64()?).ok()?.min(room) };
    let [si, di, bp, sp, ip] = registers;
    Some(Hit { id, pid, tid, time_ns, arguments: [di, si], registers: [bp, sp, ip], stack: &copied[..filled] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_hit_has_arguments_registers_and_the_filled_part_of_the_stack() {
        let bytes = body(&[6, 8 << 32 | 7, 99, 2, 11, 12, 13, 14, 15, 16, 0xaaaa, 0xbbbb, 8]);
        let Some(Note::Hit(hit)) = read(kind::SAMPLE, &bytes) else { panic!("no hit") };
        assert_eq!((hit.id, hit.pid, hit.tid, hit.time_ns), (6, 7, 8, 99));
        assert_eq!((hit.arguments, hit.registers), ([12, 11], [13, 14, 15]));
        assert_eq!(hit.stack, 0xaaaa_u64.to_le_bytes());
    }

    #[test]
    fn what_began_and_what_was_lost_is_told() {
        assert_eq!(read(kind::FORK, &body(&[3 << 32 | 5, 4 << 32 | 6, 0])), Some(Note::Fork { parent: 3, child: 5 }));
        assert_eq!(read(kind::LOST, &body(&[1, 42])), Some(Note::Lost(42)));
        assert_eq!(read(kind::LOST_SAMPLES, &body(&[7])), Some(Note::Lost(7)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0_u32..24, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(kind, &bytes);
        }

        #[test]
        fn a_cut_record_is_no_record(cut in 0_usize..104) {
            let whole = body(&[6, 8 << 32 | 7, 99, 2, 11, 12, 13, 14, 15, 16, 0xaaaa, 0xbbbb, 8]);
            prop_assert!(read(kind::SAMPLE, &whole).is_some());
            prop_assert_eq!(read(kind::SAMPLE, &whole[..cut.min(whole.len() - 1)]), None);
        }
    }
}
