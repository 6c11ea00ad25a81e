//! The records of a ring buffer, as perf_event_open(2) lays them out for the sample type of [`super::event`].

/// Entry of a call chain that says: what follows is of the user's side (`PERF_CONTEXT_USER`).
const CONTEXT_USER: u64 = -512_i64 as u64;
/// Entries from here on (as unsigned numbers) are such marks, not addresses (`PERF_CONTEXT_MAX`).
const CONTEXT_MAX: u64 = -4095_i64 as u64;
/// Trailing fields that `sample_id_all` adds for `IDENTIFIER | TID | TIME | CPU`: pid, tid, time, cpu, reserved, id.
const SAMPLE_ID_BYTES: usize = 4 + 4 + 8 + 4 + 4 + 8;

/// Numbers of `enum perf_event_type`.
pub(super) mod kind {
    pub(in crate::capture) const LOST: u32 = 2;
    pub(in crate::capture) const COMM: u32 = 3;
    pub(in crate::capture) const EXIT: u32 = 4;
    pub(in crate::capture) const FORK: u32 = 7;
    pub(in crate::capture) const SAMPLE: u32 = 9;
    pub(in crate::capture) const MMAP2: u32 = 10;
    pub(in crate::capture) const LOST_SAMPLES: u32 = 13;
    pub(in crate::capture) const SWITCH: u32 = 14;
}

/// The `misc` field of a record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) struct Misc(pub(in crate::capture) u16);

impl Misc {
    /// `PERF_RECORD_MISC_COMM_EXEC`: the name is that of a program just started.
    pub(in crate::capture) fn is_exec(self) -> bool {
        self.0 & 0x2000 != 0
    }

    /// `PERF_RECORD_MISC_SWITCH_OUT`: the thread leaves its CPU.
    pub(in crate::capture) fn is_switch_out(self) -> bool {
        self.0 & 0x2000 != 0
    }

    /// `PERF_RECORD_MISC_SWITCH_OUT_PREEMPT`: and it would rather have stayed.
    pub(in crate::capture) fn is_preempted(self) -> bool {
        self.0 & 0x4000 != 0
    }
}

/// One interrupt of a thread. Borrowed from the buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::capture) struct Sample<'a> {
    /// Of the event, [`super::Event::id`].
    pub(in crate::capture) id: u64,
    pub(in crate::capture) pid: u32,
    pub(in crate::capture) tid: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub(in crate::capture) time_ns: u64,
    /// The kernel's own frames, leaf first; empty where it ran none or shows none.
    pub(in crate::capture) kernel: &'a [u8],
    /// User frames that the kernel found by frame pointers, leaf first.
    pub(in crate::capture) user: &'a [u8],
    /// Base pointer, stack pointer, instruction pointer; `None` for a thread without a user side.
    pub(in crate::capture) registers: Option<[u64; 3]>,
    /// The stack from the stack pointer upwards.
    pub(in crate::capture) stack: &'a [u8],
}

impl Sample<'_> {
    pub(in crate::capture) fn kernel(&self) -> impl Iterator<Item = u64> {
        words(self.kernel)
    }

    pub(in crate::capture) fn user(&self) -> impl Iterator<Item = u64> {
        words(self.user)
    }
}

/// What the kernel reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::capture) enum Record<'a> {
    Sample(Sample<'a>),
    /// A thread came to a CPU or left it.
    Switch {
        pid: u32,
        tid: u32,
        time_ns: u64,
        misc: Misc,
    },
    /// Executable memory was mapped.
    Map {
        pid: u32,
        start: u64,
        length: u64,
        offset: u64,
        path: &'a [u8],
    },
    /// A thread was named.
    Name {
        pid: u32,
        tid: u32,
        name: &'a [u8],
        misc: Misc,
    },
    /// A thread or process began.
    Fork {
        pid: u32,
        tid: u32,
        time_ns: u64,
    },
    /// A thread or process ended.
    Exit {
        pid: u32,
        tid: u32,
        time_ns: u64,
    },
    /// So many records found no room.
    Lost(u64),
}

/// Reads the body of a record of type `kind`; `None` for kinds that do not matter here, and for bodies too short to be
/// what they claim.
pub(super) fn parse(kind: u32, misc: Misc, body: &[u8]) -> Option<Record<'_>> {
    match kind {
        kind::SAMPLE => sample(body),
        kind::SWITCH => {
            let (pid, tid, time_ns) = trailer(body)?;
            Some(Record::Switch { pid, tid, time_ns, misc })
        }
        kind::MMAP2 => {
            let mut fields = Fields(body);
            let (pid, _tid) = (fields.u32()?, fields.u32()?);
            let (start, length, offset) = (fields.u64()?, fields.u64()?, fields.u64()?);
            // Device and inode, or a build id: 24 bytes; protection and flags: 8.
            fields.skip(32)?;
            Some(Record::Map { pid, start, length, offset, path: text(fields.0) })
        }
        kind::COMM => {
            let mut fields = Fields(body);
            Some(Record::Name { pid: fields.u32()?, tid: fields.u32()?, name: text(fields.0), misc })
        }
        kind::FORK => {
            let mut fields = Fields(body);
            let (pid, _parent_pid, tid, _parent_tid) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
            Some(Record::Fork { pid, tid, time_ns: fields.u64()? })
        }
        kind::EXIT => {
            let mut fields = Fields(body);
            let (pid, _parent_pid, tid, _parent_tid) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
            Some(Record::Exit { pid, tid, time_ns: fields.u64()? })
        }
        kind::LOST => {
            let mut fields = Fields(body);
            let _id = fields.u64()?;
            Some(Record::Lost(fields.u64()?))
        }
        kind::LOST_SAMPLES => Some(Record::Lost(Fields(body).u64()?)),
        _ => None,
    }
}

fn sample(body: &[u8]) -> Option<Record<'_>> {
    let mut fields = Fields(body);
    let id = fields.u64()?;
    let (pid, tid, time_ns) = (fields.u32()?, fields.u32()?, fields.u64()?);
    let _cpu = fields.u64()?;
    let entries = usize::try_from(fields.u64()?).ok()?;
    let chain = fields.bytes(entries.checked_mul(8)?)?;
    let (kernel, user) = sides(chain);
    let abi = fields.u64()?;
    let registers = if abi == 0 { None } else { Some([fields.u64()?, fields.u64()?, fields.u64()?]) };
    let room = usize::try_from(fields.u64()?).ok()?;
    let copied = fields.bytes(room)?;
    // Of the room, so much was filled; the field is there only where there was room.
    let filled = if room == 0 { 0 } else { usize::try_from(fields.u64()?).ok()?.min(room) };
    Some(Record::Sample(Sample { id, pid, tid, time_ns, kernel, user, registers, stack: &copied[..filled] }))
}

/// The kernel's part of a call chain and the user's, without the marks between them.
fn sides(chain: &[u8]) -> (&[u8], &[u8]) {
    let user = chain.chunks_exact(8).position(|entry| word(entry) == CONTEXT_USER);
    let kernel_end = user.unwrap_or(chain.len() / 8);
    let user = user.map_or(&[][..], |at| &chain[(at + 1) * 8..]);
    (&chain[..kernel_end * 8], user)
}

/// Addresses of a part of a call chain.
pub(in crate::capture) fn words(part: &[u8]) -> impl Iterator<Item = u64> {
    part.chunks_exact(8).map(word).filter(|entry| *entry < CONTEXT_MAX)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Process, thread and time that `sample_id_all` puts at the end of every record but samples.
fn trailer(body: &[u8]) -> Option<(u32, u32, u64)> {
    let mut fields = Fields(body.get(body.len().checked_sub(SAMPLE_ID_BYTES)?..)?);
    Some((fields.u32()?, fields.u32()?, fields.u64()?))
}

/// A text up to its terminating zero.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Little-endian fields, taken from the front: every machine we sample on is.
pub(in crate::capture) struct Fields<'a>(pub(in crate::capture) &'a [u8]);

impl<'a> Fields<'a> {
    pub(in crate::capture) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes(count).map(drop)
    }

    pub(in crate::capture) fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|bytes| word(bytes) as u32)
    }

    pub(in crate::capture) fn u64(&mut self) -> Option<u64> {
        self.bytes(8).map(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn pair(low: u32, high: u32) -> u64 {
        u64::from(high) << 32 | u64::from(low)
    }

    #[test]
    fn a_sample_keeps_both_sides_registers_and_the_filled_part_of_the_stack() {
        let context_kernel = -128_i64 as u64;
        let bytes = body(&[
            6, // id
            pair(7, 8),
            99,
            1, // pid, tid; time; cpu
            5,
            context_kernel,
            0xffff_0001,
            CONTEXT_USER,
            0x1000,
            0x2000, // chain
            2,
            11,
            12,
            13, // abi; bp, sp, ip
            16,
            0xaaaa,
            0xbbbb,
            8, // room, stack, filled
        ]);
        let Some(Record::Sample(sample)) = parse(kind::SAMPLE, Misc(0), &bytes) else { panic!("no sample") };
        assert_eq!((sample.id, sample.pid, sample.tid, sample.time_ns), (6, 7, 8, 99));
        assert_eq!(sample.kernel().collect::<Vec<_>>(), [0xffff_0001]);
        assert_eq!(sample.user().collect::<Vec<_>>(), [0x1000, 0x2000]);
        assert_eq!(sample.registers, Some([11, 12, 13]));
        assert_eq!(sample.stack, 0xaaaa_u64.to_le_bytes());
    }

    #[test]
    fn a_kernel_thread_has_no_registers_and_no_stack() {
        let bytes = body(&[6, pair(7, 8), 99, 1, 1, 0xffff_0001, 0, 0]);
        let Some(Record::Sample(sample)) = parse(kind::SAMPLE, Misc(0), &bytes) else { panic!("no sample") };
        assert_eq!((sample.registers, sample.stack.len(), sample.user().count()), (None, 0, 0));
    }

    #[test]
    fn other_records_are_read_from_either_end() {
        let switch = body(&[pair(1, 2), 5, 0, 6]);
        let out = Misc(0x2000);
        assert_eq!(parse(kind::SWITCH, out, &switch), Some(Record::Switch { pid: 1, tid: 2, time_ns: 5, misc: out }));
        assert!(out.is_switch_out() && !out.is_preempted());
        let mut map = body(&[pair(1, 2), 0x1000, 0x2000, 0x3000, 0, 0, 0, 0]);
        map.extend(b"/bin/app\0\0\0\0\0\0\0\0trailer");
        assert_eq!(
            parse(kind::MMAP2, Misc(0), &map),
            Some(Record::Map { pid: 1, start: 0x1000, length: 0x2000, offset: 0x3000, path: b"/bin/app" })
        );
        assert_eq!(parse(kind::LOST, Misc(0), &body(&[1, 42, 0, 0, 0, 0])), Some(Record::Lost(42)));
        assert_eq!(
            parse(kind::FORK, Misc(0), &body(&[pair(1, 2), pair(3, 4), 7])),
            Some(Record::Fork { pid: 1, tid: 3, time_ns: 7 })
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0_u32..24, misc: u16, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(Record::Sample(sample)) = parse(kind, Misc(misc), &bytes) {
                prop_assert!(sample.kernel().count() + sample.user().count() <= bytes.len() / 8);
            }
        }

        #[test]
        fn a_cut_record_is_no_record(cut in 0_usize..111) {
            let whole = body(&[6, pair(7, 8), 99, 1, 2, CONTEXT_USER, 0x1000, 2, 11, 12, 13, 8, 0xaaaa, 8]);
            prop_assert!(parse(kind::SAMPLE, Misc(0), &whole).is_some());
            prop_assert_eq!(parse(kind::SAMPLE, Misc(0), &whole[..cut.min(whole.len() - 1)]), None);
        }
    }
}
