//! What one recording keeps at most, and what it says where that was not enough.

/// Stands in a stack for callers that were not kept: an address that nobody has, on the kernel's side, so that nobody takes
/// it for a function of the program.
pub(super) const NO_CALLERS: u64 = u64::MAX;
/// How a picture shows it.
pub(super) const NO_CALLERS_NAME: &str = "[callers not kept]";
/// Stands in a stack for the kernel's side of a system call of that number: addresses that nobody has either.
const CALLS: std::ops::Range<u64> = u64::MAX - 0x2000..u64::MAX - 0x1000;

/// The address that stands for a system call.
pub(super) fn of_call(number: u64) -> u64 {
    (CALLS.start + number).min(CALLS.end - 1)
}

/// The number of the system call that an address stands for.
pub(super) fn call_at(address: u64) -> Option<u64> {
    CALLS.contains(&address).then(|| address - CALLS.start)
}

/// How threads that are not told apart are called.
pub(super) const OTHER_THREADS: &str = "[further threads]";

/// What a sentence of [`Recording::limits_reached`](super::Recording::limits_reached) says of stacks.
pub const TOO_MANY_STACKS: &str = "there were too many different stacks";

/// So much is kept of one recording, whatever its length. Counts go on beyond; what is coarser from then on is in
/// [`Excess`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Samples whose times are kept, and as many departures and changes: 16 bytes each.
    pub times: usize,
    /// Different stacks, bytes, with what it takes to find them again. Beyond, the innermost function of a new stack is kept
    /// in an eighth of that, then none.
    pub stack_bytes: usize,
    /// Threads that are told apart, about 100 bytes each.
    pub threads: usize,
    /// Processes whose memory maps are kept, some kilobytes each.
    pub processes: usize,
    /// Pairs of thread and stack, about 32 bytes each.
    pub pairs: usize,
}

impl Default for Limits {
    /// Some 400 MiB, were all of them reached.
    fn default() -> Self {
        Self { times: 4 << 20, stack_bytes: 32 << 20, threads: 1 << 17, processes: 1 << 12, pairs: 2 << 20 }
    }
}

/// Records that were kept more coarsely, or not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coarser {
    /// How many.
    pub count: u64,
    /// `CLOCK_MONOTONIC` of the first, nanoseconds: whole until then.
    pub from_ns: u64,
}

impl Coarser {
    pub(super) fn add(&mut self, time_ns: u64) {
        self.from_ns = if self.count == 0 { time_ns } else { self.from_ns.min(time_ns) };
        self.count += 1;
    }
}

/// What was beyond [`Limits`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Excess {
    /// Samples that are counted without their callers.
    pub callers: Coarser,
    /// Samples that are counted, without their times.
    pub times: Coarser,
    /// Samples of threads that are not told apart.
    pub threads: Coarser,
    /// Departures that were not kept: waits from then on have no stack.
    pub departures: Coarser,
    /// Switches that were not kept: nothing is known of waits from then on.
    pub changes: Coarser,
}

impl Excess {
    /// A sentence for each limit that was reached; `began_ns` is the beginning of the recording.
    pub(super) fn told(&self, began_ns: u64) -> Vec<String> {
        let callers = format!("{TOO_MANY_STACKS}: samples are counted by their innermost function alone");
        let all = [
            (self.callers, callers.as_str()),
            (self.times, "samples are counted without their times"),
            (self.threads, "there were too many threads: samples are counted as of one"),
            (self.departures, "waits have no stack: there were too many"),
            (self.changes, "waits are not known: there were too many changes of threads"),
        ];
        let reached = all.into_iter().filter(|(coarser, _)| coarser.count > 0);
        let sentence = |(coarser, what): (Coarser, &str)| {
            let from_s = coarser.from_ns.saturating_sub(began_ns) as f64 * 1e-9;
            format!("from {from_s:.1} s on {what} ({} of them)", coarser.count)
        };
        reached.map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_reached_is_told_with_the_time_until_which_all_is_whole() {
        let mut excess = Excess::default();
        assert!(excess.told(0).is_empty());
        for time_ns in [3_500_000_000, 3_400_000_000, 9_000_000_000] {
            excess.callers.add(time_ns);
        }
        excess.changes.add(2_000_000_000);
        assert_eq!(
            excess.told(1_000_000_000),
            [
                "from 2.4 s on there were too many different stacks: samples are counted by their innermost function \
                 alone (3 of them)",
                "from 1.0 s on waits are not known: there were too many changes of threads (1 of them)",
            ]
        );
    }
}
