//! Records in, a recording out: stacks are unwound and counted as they come, so that memory follows the number of
//! distinct stacks and not the length of the recording.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::address_space::{AddressSpace, Images, Walk};
use super::limits::{Coarser, Excess, Limits, NO_CALLERS, OTHER_THREADS, of_call};
use super::perf::{Record, Sample};
use super::recording::{OnCpu, Recording, Stands, Taken, Thread};
use super::standing::{Look, Snapshot};

/// What a stack takes beside its addresses, bytes: its key, its place in the table, the head of its allocation.
const STACK_HEAD: usize = 64;

/// Adds up what the buffers yield.
#[derive(Default)]
pub(super) struct Collector {
    /// Our own process, whose threads may share an event with the subject.
    ours: u32,
    limits: Limits,
    /// Events that fire when a thread leaves its CPU.
    leaving: HashSet<u64>,
    images: Images,
    spaces: HashMap<u32, AddressSpace>,
    threads: Vec<Thread>,
    by_tid: HashMap<u32, u32>,
    /// When each thread was met: the time of the record that named it first, 0 for those that ran already.
    met_ns: Vec<u64>,
    stacks: HashMap<(u32, Vec<u64>), u32>,
    /// Bytes that they take.
    stack_bytes: usize,
    counts: HashMap<(u32, u32), u64>,
    taken: Vec<Taken>,
    left: Vec<Taken>,
    on_cpu: Vec<OnCpu>,
    standing: Vec<Stands>,
    standing_refused: Option<String>,
    excess: Excess,
    lost: u64,
    rootless: u64,
    /// Addresses of the sample at hand.
    scratch: Vec<u64>,
}

impl Collector {
    /// `leaving` are the marks of samples that are taken when a thread leaves its CPU; `threads` are the processes and
    /// threads that run already, whose names are read while they are there.
    pub(super) fn new(leaving: HashSet<u64>, threads: &[(u32, u32)], limits: Limits) -> Self {
        let mut collector = Self { ours: std::process::id(), limits, leaving, ..Self::default() };
        for (pid, tid) in threads {
            collector.thread(*pid, *tid, 0);
        }
        collector
    }

    pub(super) fn take(&mut self, record: Record<'_>) {
        match record {
            Record::Sample(sample) if sample.pid != self.ours => self.sample(&sample),
            Record::Switch { pid, tid, time_ns, misc } if pid != self.ours && tid != 0 => {
                let Some(thread) = self.thread(pid, tid, time_ns) else { return self.excess.changes.add(time_ns) };
                let on = !misc.is_switch_out();
                let change = OnCpu { time_ns, thread, on, preempted: !on && misc.is_preempted() };
                keep(&mut self.on_cpu, change, self.limits.times, time_ns, &mut self.excess.changes);
            }
            Record::Map { pid, start, length, offset, path } if pid != self.ours => {
                // A process that was not met yet is read whole, at its first sample.
                if let Some(space) = self.spaces.get_mut(&pid) {
                    let path = String::from_utf8_lossy(path);
                    space.add(pid, start, start.saturating_add(length), offset, &path, &mut self.images);
                }
            }
            Record::Name { pid, tid, name, misc } if pid != self.ours => {
                if misc.is_exec() {
                    // Another program: nothing of the old one is mapped any more.
                    self.spaces.remove(&pid);
                }
                if let Some(thread) = self.thread(pid, tid, u64::MAX) {
                    self.threads[thread as usize].name = String::from_utf8_lossy(name).into_owned();
                }
            }
            Record::Fork { pid, tid, time_ns } if pid != self.ours => self.born(tid, time_ns),
            Record::Exit { pid, tid, time_ns } if pid != self.ours => {
                // Of a thread that did nothing while it was watched there is nothing to say.
                if let Some(thread) = self.by_tid.get(&tid) {
                    self.threads[*thread as usize].ended_ns = Some(time_ns);
                }
            }
            Record::Lost(count) => self.lost += count,
            _ => {}
        }
    }

    /// The number may have belonged to another thread before. Buffers are emptied CPU by CPU, though: what the new thread
    /// did on one may be known before its birth on another.
    fn born(&mut self, tid: u32, time_ns: u64) {
        if self.by_tid.get(&tid).is_some_and(|known| self.met_ns[*known as usize] < time_ns) {
            self.by_tid.remove(&tid);
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        let time_ns = sample.time_ns;
        let mut addresses = std::mem::take(&mut self.scratch);
        addresses.clear();
        let inner = sample.kernel().enumerate();
        addresses.extend(inner.map(|(index, at)| if index == 0 { at } else { at.saturating_sub(1) }));
        let images = &mut self.images;
        if !self.spaces.contains_key(&sample.pid) && self.spaces.len() < self.limits.processes {
            // A process that is gone already leaves its addresses unexplained.
            self.spaces.insert(sample.pid, AddressSpace::of(sample.pid, images).unwrap_or_default());
        }
        let space = self.spaces.get(&sample.pid);
        let mut coarse = space.is_none();
        let walk = match space {
            Some(space) => space.walk(sample, images, &mut addresses),
            None => {
                addresses.push(NO_CALLERS);
                Walk::Whole
            }
        };
        let known = self.thread(sample.pid, sample.tid, time_ns);
        let left = self.leaving.contains(&sample.id);
        if left && (known.is_none() || self.left.len() >= self.limits.times) {
            self.scratch = addresses;
            return self.excess.departures.add(time_ns);
        }
        let thread = known.unwrap_or_else(|| {
            self.excess.threads.add(time_ns);
            self.others()
        });
        let mut stack = self.stack(sample.pid, &mut addresses, &mut coarse);
        self.scratch = addresses;
        if left {
            self.left.push(Taken { time_ns, thread, stack });
        } else {
            stack = self.count(thread, stack, &mut coarse);
            self.rootless += u64::from(walk == Walk::Cut);
            self.threads[thread as usize].samples += 1;
            keep(&mut self.taken, Taken { time_ns, thread, stack }, self.limits.times, time_ns, &mut self.excess.times);
        }
        if coarse {
            self.excess.callers.add(time_ns);
        }
    }

    /// Takes threads that were looked at as they stand, as if each were a sample.
    pub(super) fn stand(&mut self, look: &Look) {
        self.standing_refused = look.refused.as_ref().map(|(count, said)| {
            let threads =
                if *count == 1 { "thread that stands".to_owned() } else { format!("{count} threads that stand") };
            format!("the {threads} still could not be looked into (ptrace: {said})")
        });
        // Those of one process share its memory.
        let known: Vec<(&Snapshot, u32, u32)> = look
            .found
            .iter()
            .filter_map(|seen| self.stood(seen).map(|(thread, stack)| (seen, thread, stack)))
            .collect();
        let words: BTreeSet<u64> = known.iter().filter_map(|(seen, ..)| seen.word()).collect();
        let knows: Vec<BTreeSet<u64>> = known.iter().map(|(seen, ..)| seen.knows(&words)).collect();
        let all = known.iter().map(|(seen, thread, stack)| {
            let holds = |at: &usize| {
                let word = seen.word().filter(|_| known[*at].0.pid == seen.pid);
                word.is_some_and(|word| knows[*at].contains(&word))
            };
            Stands { thread: *thread, stack: *stack, held_by: (0..known.len()).filter(holds).collect() }
        });
        self.standing = all.collect();
    }

    /// Thread and stack of one of them, where there is room for both.
    fn stood(&mut self, seen: &Snapshot) -> Option<(u32, u32)> {
        let images = &mut self.images;
        if let Entry::Vacant(unread) = self.spaces.entry(seen.pid) {
            unread.insert(AddressSpace::of(seen.pid, images).ok()?);
        }
        let mut addresses = vec![of_call(seen.call)];
        self.spaces.get(&seen.pid)?.walk_standing(seen, images, &mut addresses);
        let thread = self.thread(seen.pid, seen.tid, 0)?;
        let most = self.limits.stack_bytes + self.limits.stack_bytes / 8;
        Some((thread, self.numbered(seen.pid, &mut addresses, most)?))
    }

    /// Number of a stack. Where there is no room for another one, its innermost function stands for it, and where there is
    /// none for that, nothing.
    fn stack(&mut self, pid: u32, addresses: &mut Vec<u64>, coarse: &mut bool) -> u32 {
        let most = self.limits.stack_bytes;
        if let Some(known) = self.numbered(pid, addresses, most) {
            return known;
        }
        *coarse = true;
        addresses.truncate(1);
        addresses.push(NO_CALLERS);
        self.numbered(pid, addresses, most + most / 8).unwrap_or_else(|| self.nothing())
    }

    /// One of a thread's samples was at a stack: which one it is counted at.
    fn count(&mut self, thread: u32, mut stack: u32, coarse: &mut bool) -> u32 {
        if self.counts.len() >= self.limits.pairs && !self.counts.contains_key(&(thread, stack)) {
            *coarse = true;
            stack = self.nothing();
        }
        *self.counts.entry((thread, stack)).or_default() += 1;
        stack
    }

    /// The stack of which nothing is known, one for all processes.
    fn nothing(&mut self) -> u32 {
        self.numbered(0, &mut vec![NO_CALLERS], usize::MAX).unwrap_or(u32::MAX)
    }

    /// Number of a stack, if it is known or there is room for it.
    fn numbered(&mut self, pid: u32, addresses: &mut Vec<u64>, most_bytes: usize) -> Option<u32> {
        let key = (pid, std::mem::take(addresses));
        let number = self.stacks.get(&key).copied().or_else(|| {
            let bytes = self.stack_bytes + key.1.len() * size_of::<u64>() + STACK_HEAD;
            if bytes > most_bytes {
                return None;
            }
            self.stack_bytes = bytes;
            let next = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
            self.stacks.insert(key.clone(), next);
            Some(next)
        });
        *addresses = key.1;
        number
    }

    /// The thread that stands for those that are not told apart.
    fn others(&mut self) -> u32 {
        // No thread has that number.
        *self.by_tid.entry(u32::MAX).or_insert_with(|| {
            self.threads.push(Thread { name: OTHER_THREADS.to_owned(), ..Thread::default() });
            self.met_ns.push(0);
            u32::try_from(self.threads.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Position of a thread; `None` where there are too many to tell it from others.
    fn thread(&mut self, pid: u32, tid: u32, time_ns: u64) -> Option<u32> {
        if self.threads.len() >= self.limits.threads && !self.by_tid.contains_key(&tid) {
            return None;
        }
        let thread = *self.by_tid.entry(tid).or_insert_with(|| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).unwrap_or_default();
            self.threads.push(Thread { pid, tid, name: name.trim_end().to_owned(), samples: 0, ended_ns: None });
            self.met_ns.push(time_ns);
            u32::try_from(self.threads.len() - 1).unwrap_or(u32::MAX)
        });
        let met = &mut self.met_ns[thread as usize];
        *met = time_ns.min(*met);
        Some(thread)
    }

    /// Processes that were seen.
    pub(super) fn processes(&self) -> Vec<u32> {
        let mut pids: Vec<u32> = self.threads.iter().map(|thread| thread.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Everything, but for what only the recorder knows.
    pub(super) fn finish(self) -> Recording {
        let mut stacks = vec![(0, Vec::new()); self.stacks.len()];
        for (stack, at) in self.stacks {
            stacks[at as usize] = stack;
        }
        let mut counts: Vec<(u32, u32, u64)> =
            self.counts.into_iter().map(|((thread, stack), count)| (thread, stack, count)).collect();
        counts.sort_unstable();
        Recording {
            threads: self.threads,
            stacks,
            counts,
            taken: self.taken,
            left: self.left,
            on_cpu: self.on_cpu,
            standing: self.standing,
            standing_refused: self.standing_refused,
            excess: self.excess,
            lost: self.lost,
            rootless: self.rootless,
            areas: self.spaces.into_iter().map(|(pid, space)| (pid, space.areas)).collect(),
            ..Recording::default()
        }
    }
}

/// Keeps one more, while there is room.
fn keep<T>(all: &mut Vec<T>, one: T, most: usize, time_ns: u64, excess: &mut Coarser) {
    if all.len() < most {
        all.push(one);
    } else {
        excess.add(time_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::super::perf::Misc;
    use super::*;

    fn switch(tid: u32, time_ns: u64) -> Record<'static> {
        Record::Switch { pid: 1, tid, time_ns, misc: Misc(0) }
    }

    #[test]
    fn a_thread_whose_birth_is_read_late_stays_one_thread() {
        let mut collector = Collector::new(HashSet::new(), &[], Limits::default());
        collector.take(switch(7, 20));
        collector.take(Record::Name { pid: 1, tid: 7, name: b"worker", misc: Misc(0) });
        collector.take(Record::Fork { pid: 1, tid: 7, time_ns: 10 });
        collector.take(switch(7, 30));
        let recording = collector.finish();
        assert_eq!(recording.threads.iter().map(|thread| thread.name.as_str()).collect::<Vec<_>>(), ["worker"]);
        assert!(recording.on_cpu.iter().all(|change| change.thread == 0));
    }

    #[test]
    fn a_number_that_is_given_again_is_another_thread() {
        let mut collector = Collector::new(HashSet::new(), &[(1, 7)], Limits::default());
        collector.take(switch(7, 20));
        collector.take(Record::Fork { pid: 1, tid: 7, time_ns: 30 });
        collector.take(switch(7, 40));
        let recording = collector.finish();
        assert_eq!(recording.on_cpu.iter().map(|change| change.thread).collect::<Vec<_>>(), [0, 1]);
    }

    /// A sample at that place, whose callers are the numbers given.
    fn with_sample(collector: &mut Collector, tid: u32, time_ns: u64, kernel: &[u64]) {
        let kernel: Vec<u8> = kernel.iter().flat_map(|at| at.to_le_bytes()).collect();
        let sample = Sample {
            id: 1,
            // No process has that number: what it maps is not known.
            pid: u32::MAX / 4,
            tid,
            time_ns,
            kernel: &kernel,
            user: &[],
            registers: None,
            stack: &[],
        };
        collector.take(Record::Sample(sample));
    }

    const LEAF: u64 = 1 << 63;

    #[test]
    fn beyond_the_limit_samples_are_counted_by_their_innermost_function_and_nothing_before_is_lost() {
        let room = STACK_HEAD + 3 * 8;
        let limits = Limits { stack_bytes: 16 * room, ..Limits::default() };
        let mut collector = Collector::new(HashSet::new(), &[], limits);
        for caller in 0..1000 {
            with_sample(&mut collector, 7, caller, &[LEAF, LEAF + 10 * (caller + 1), LEAF + 7]);
        }
        // What is known already is counted as before.
        with_sample(&mut collector, 7, 1000, &[LEAF, LEAF + 10, LEAF + 7]);
        assert!(collector.stack_bytes <= 18 * room);
        let recording = collector.finish();
        assert_eq!(recording.samples(), 1001);
        assert_eq!(recording.excess.callers, Coarser { count: 1000 - 16, from_ns: 16 });
        let counts: Vec<(&[u64], u64)> = recording
            .counts
            .iter()
            .map(|(_, stack, count)| (recording.stacks[*stack as usize].1.as_slice(), *count))
            .collect();
        assert_eq!(counts.len(), 17);
        assert_eq!(counts[0], (&[LEAF, LEAF + 10 - 1, LEAF + 6][..], 2));
        assert!(counts[1..16].iter().all(|(stack, count)| stack.len() == 3 && *count == 1), "{counts:?}");
        assert_eq!(counts[16], (&[LEAF, NO_CALLERS][..], 1000 - 16));
        // Each sample has its time and the stack that it is counted at.
        assert_eq!(recording.taken.len(), 1001);
        let profile = recording.profile(&[]).unwrap();
        assert_eq!(profile.total(0), Some(1001));
        assert!(profile.functions().iter().any(|function| function.name == "[callers not kept]"));
    }

    #[test]
    fn no_limit_loses_a_sample() {
        let limits = Limits { times: 10, stack_bytes: 500, threads: 3, processes: 0, pairs: 5 };
        let mut collector = Collector::new(HashSet::new(), &[], limits);
        for at in 0..200_u64 {
            with_sample(&mut collector, at as u32 % 8 + 1, at, &[LEAF + 10 * (at % 50), LEAF + 5]);
            collector.take(switch(at as u32 % 8 + 1, at));
        }
        let recording = collector.finish();
        assert_eq!(recording.samples(), 200);
        assert_eq!(recording.threads.iter().map(|thread| thread.samples).sum::<u64>(), 200);
        let excess = recording.excess;
        assert_eq!((recording.taken.len(), excess.times), (10, Coarser { count: 190, from_ns: 10 }));
        assert_eq!((recording.threads.len(), recording.threads[3].name.as_str()), (4, OTHER_THREADS));
        assert_eq!(excess.threads, Coarser { count: 200 / 8 * 5, from_ns: 3 });
        assert_eq!((recording.on_cpu.len() as u64 + excess.changes.count, excess.changes.from_ns), (200, 3));
        assert_eq!(recording.profile(&[]).unwrap().total(0), Some(200));
        assert_eq!(recording.limits_reached().len(), 4);
    }
}
