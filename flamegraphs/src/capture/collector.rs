//! Records in, a recording out: stacks are unwound and counted as they come, so that memory follows the number of
//! distinct stacks and not the length of the recording.

use std::collections::{HashMap, HashSet};

use super::address_space::{AddressSpace, Images, Walk};
use super::perf::{Record, Sample};
use super::recording::{OnCpu, Recording, Taken, Thread};

/// Samples, departures and switches whose times are kept: 16 bytes each, 192 MiB in all.
const MOST_TIMES: usize = 4 << 20;

/// Adds up what the buffers yield.
#[derive(Default)]
pub(super) struct Collector {
    /// Our own process, whose threads may share an event with the subject.
    ours: u32,
    /// Events that fire when a thread leaves its CPU.
    leaving: HashSet<u64>,
    images: Images,
    spaces: HashMap<u32, AddressSpace>,
    threads: Vec<Thread>,
    by_tid: HashMap<u32, u32>,
    /// When each thread was met: the time of the record that named it first, 0 for those that ran already.
    met_ns: Vec<u64>,
    stacks: HashMap<(u32, Vec<u64>), u32>,
    counts: HashMap<(u32, u32), u64>,
    taken: Vec<Taken>,
    left: Vec<Taken>,
    on_cpu: Vec<OnCpu>,
    forgotten: u64,
    lost: u64,
    rootless: u64,
    /// Addresses of the sample at hand.
    scratch: Vec<u64>,
}

impl Collector {
    /// `leaving` are the marks of samples that are taken when a thread leaves its CPU; `threads` are the processes and
    /// threads that run already, whose names are read while they are there.
    pub(super) fn new(leaving: HashSet<u64>, threads: &[(u32, u32)]) -> Self {
        let mut collector = Self { ours: std::process::id(), leaving, ..Self::default() };
        for (pid, tid) in threads {
            collector.thread(*pid, *tid, 0);
        }
        collector
    }

    pub(super) fn take(&mut self, record: Record<'_>) {
        match record {
            Record::Sample(sample) if sample.pid != self.ours => self.sample(&sample),
            Record::Switch { pid, tid, time_ns, misc } if pid != self.ours && tid != 0 => {
                let thread = self.thread(pid, tid, time_ns);
                let on = !misc.is_switch_out();
                let change = OnCpu { time_ns, thread, on, preempted: !on && misc.is_preempted() };
                keep(&mut self.on_cpu, change, &mut self.forgotten);
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
                let thread = self.thread(pid, tid, u64::MAX) as usize;
                self.threads[thread].name = String::from_utf8_lossy(name).into_owned();
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
        let thread = self.thread(sample.pid, sample.tid, sample.time_ns);
        let mut addresses = std::mem::take(&mut self.scratch);
        addresses.clear();
        let inner = sample.kernel().enumerate();
        addresses.extend(inner.map(|(index, at)| if index == 0 { at } else { at.saturating_sub(1) }));
        let images = &mut self.images;
        let space = self
            .spaces
            .entry(sample.pid)
            // A process that is gone already leaves its addresses unexplained.
            .or_insert_with(|| AddressSpace::of(sample.pid, images).unwrap_or_default());
        let walk = space.walk(sample, images, &mut addresses);
        let key = (sample.pid, addresses);
        let stack = match self.stacks.get(&key) {
            Some(stack) => *stack,
            None => {
                let next = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
                self.stacks.insert(key.clone(), next);
                next
            }
        };
        self.scratch = key.1;
        let taken = Taken { time_ns: sample.time_ns, thread, stack };
        if self.leaving.contains(&sample.id) {
            keep(&mut self.left, taken, &mut self.forgotten);
            return;
        }
        self.rootless += u64::from(walk == Walk::Cut);
        *self.counts.entry((thread, stack)).or_default() += 1;
        self.threads[thread as usize].samples += 1;
        keep(&mut self.taken, taken, &mut self.forgotten);
    }

    fn thread(&mut self, pid: u32, tid: u32, time_ns: u64) -> u32 {
        let thread = *self.by_tid.entry(tid).or_insert_with(|| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).unwrap_or_default();
            self.threads.push(Thread { pid, tid, name: name.trim_end().to_owned(), samples: 0, ended_ns: None });
            self.met_ns.push(time_ns);
            u32::try_from(self.threads.len() - 1).unwrap_or(u32::MAX)
        });
        let met = &mut self.met_ns[thread as usize];
        *met = time_ns.min(*met);
        thread
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
            forgotten: self.forgotten,
            lost: self.lost,
            rootless: self.rootless,
            areas: self.spaces.into_iter().map(|(pid, space)| (pid, space.areas)).collect(),
            ..Recording::default()
        }
    }
}

/// Keeps one more, while there is room.
fn keep<T>(all: &mut Vec<T>, one: T, forgotten: &mut u64) {
    if all.len() < MOST_TIMES {
        all.push(one);
    } else {
        *forgotten += 1;
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
        let mut collector = Collector::new(HashSet::new(), &[]);
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
        let mut collector = Collector::new(HashSet::new(), &[(1, 7)]);
        collector.take(switch(7, 20));
        collector.take(Record::Fork { pid: 1, tid: 7, time_ns: 30 });
        collector.take(switch(7, 40));
        let recording = collector.finish();
        assert_eq!(recording.on_cpu.iter().map(|change| change.thread).collect::<Vec<_>>(), [0, 1]);
    }
}
