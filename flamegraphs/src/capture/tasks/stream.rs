//! Hits of probes in, events in the order of time out.

use std::collections::{BTreeSet, HashMap};

use super::functions::Role;
use super::kinds::TypeNames;
use crate::capture::address_space::{AddressSpace, Images, Walk};
use crate::capture::perf::uprobe::{Hit, Note};
use crate::tasks::{Event, KindId, StackId, Tracker, What};

/// Stacks that are told apart; later ones count as not recorded.
const MOST_STACKS: usize = 1 << 16;
/// Stacks that begin with one call, at most: beyond, they are not recognised.
const MOST_PRINTS: usize = 256;
/// Bytes of stack with every waker clone: the return addresses in them tell the await site.
pub(super) const SHORT_STACK: u32 = 2048;
/// With every wake: who woke is mostly known by the task that ran.
pub(super) const SHORTER_STACK: u32 = 512;
/// Frames of a stack that are kept.
const MOST_FRAMES: usize = 128;

/// What a probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) role: Role,
    /// Its records carry stacks, and only some of its hits have a record: another probe tells of all of them.
    pub(super) stacks: bool,
}

/// Where a buffer's reader is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    time_ns: u64,
    gap: bool,
}

/// Counts of one recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Records taken of the watched processes, those with stacks aside.
    pub(super) hits: u64,
    /// Of these, at functions that may have a stack.
    pub(super) stackable: u64,
    /// Of these, those whose place is known.
    pub(super) placed: u64,
    /// Whole stacks.
    pub(super) stacks: u64,
    pub(super) lost: u64,
}

pub(super) struct Stream {
    pids: BTreeSet<u32>,
    marks: HashMap<u64, Mark>,
    path: String,
    types: TypeNames,
    images: Images,
    spaces: HashMap<u32, AddressSpace>,
    stacks: HashMap<(u32, Vec<u64>), StackId>,
    prints: HashMap<(u32, u64), Vec<Print>>,
    /// Stacks known by a piece, and the wholes that took their places.
    pieces: Vec<(StackId, StackId)>,
    kinds: HashMap<(u32, u64), Option<KindId>>,
    /// Hits that wait for older ones of other CPUs.
    waiting: Vec<Event>,
    /// Moments between which something was lost.
    gaps: Vec<u64>,
    /// When a new stretch begins, until it has.
    cut_ns: Option<u64>,
    tracker: Tracker,
    threads: HashMap<u32, String>,
    pub(super) counts: Counts,
}

/// What a stream became.
pub(super) struct Finished {
    pub(super) outcome: crate::tasks::Outcome,
    pub(super) counts: Counts,
    pub(super) types: TypeNames,
    pub(super) stacks: Vec<(u32, Vec<u64>)>,
    pub(super) spaces: HashMap<u32, AddressSpace>,
    pub(super) threads: HashMap<u32, String>,
}

impl Stream {
    /// `pid` has the file; probes are hit by those of `others` that run it too.
    pub(super) fn new(pid: u32, others: &[u32], path: String, types: TypeNames, marks: HashMap<u64, Mark>) -> Self {
        let mut images = Images::default();
        // Read while nothing is stopped yet: the executables' unwind tables take a while.
        let spaces = AddressSpace::of(pid, &mut images).ok().map(|space| (pid, space)).into_iter().collect();
        Self {
            pids: others.iter().copied().chain([pid]).collect(),
            marks,
            path,
            types,
            images,
            spaces,
            stacks: HashMap::new(),
            prints: HashMap::new(),
            pieces: Vec::new(),
            kinds: HashMap::new(),
            waiting: Vec::new(),
            gaps: Vec::new(),
            cut_ns: None,
            tracker: Tracker::default(),
            threads: HashMap::new(),
            counts: Counts::default(),
        }
    }

    /// Takes what a buffer holds; `last` is when its last hit was, kept by the caller, one for each buffer.
    pub(super) fn take(&mut self, note: Note<'_>, last: &mut Seen) {
        match note {
            Note::Lost(count) => {
                self.counts.lost += count;
                // It was lost between the last hit of this buffer and the next.
                self.gaps.push(last.time_ns);
                last.gap = true;
            }
            Note::Fork { parent, child } => {
                if self.pids.contains(&parent) {
                    self.pids.insert(child);
                }
            }
            Note::Hit(hit) => {
                last.time_ns = hit.time_ns;
                if std::mem::take(&mut last.gap) {
                    self.gaps.push(hit.time_ns);
                }
                if let Some(mark) = self.marks.get(&hit.id).copied().filter(|_| self.pids.contains(&hit.pid)) {
                    self.hit(&hit, mark);
                }
            }
        }
    }

    fn hit(&mut self, hit: &Hit<'_>, mark: Mark) {
        let name = || std::fs::read_to_string(format!("/proc/{}/task/{}/comm", hit.pid, hit.tid)).unwrap_or_default();
        self.threads.entry(hit.tid).or_insert_with(|| name().trim_end().to_owned());
        if mark.stacks {
            self.counts.stacks += 1;
            self.learn(hit);
            return;
        }
        self.counts.hits += 1;
        let mut stack = None;
        if mark.role.has_stack() {
            self.counts.stackable += 1;
            stack = self.recognise(hit).map(|print| print.stack).or_else(|| self.learn_from_piece(hit, mark.role));
            self.counts.placed += u64::from(stack.is_some());
        }
        let what = match mark.role {
            Role::Spawned => What::Spawned,
            Role::WokenByValue => What::Woken { by_value: true },
            Role::WokenByRef => What::Woken { by_value: false },
            Role::Cloned => What::Cloned,
            Role::Dropped => What::Dropped,
            Role::Polling => What::Polling { kind: self.kind_of_caller(hit), stack_pointer: hit.registers[1] },
            Role::Pending => What::Pending,
            Role::Complete => What::Complete { kind: self.kind_of_caller(hit) },
            Role::Called => {
                What::Polling { kind: self.kind(hit.pid, hit.registers[2]), stack_pointer: hit.registers[1] }
            }
            Role::Returned => What::Returned { stack_pointer: hit.registers[1] },
            Role::Freed => What::Complete { kind: None },
        };
        // A return says nothing of whose it is.
        let header = if mark.role == Role::Returned { 0 } else { hit.arguments[mark.role.argument()] };
        let address = self.address(hit.pid, header);
        self.waiting.push(Event { time_ns: hit.time_ns, tid: hit.tid, address, what, stack });
    }

    /// Addresses of several processes kept apart: user space ends at bit 47.
    fn address(&self, pid: u32, header: u64) -> u64 {
        let place = self.pids.iter().position(|known| *known == pid).unwrap_or(0) as u64;
        header ^ place << 48
    }

    fn space(&mut self, pid: u32) -> &AddressSpace {
        let images = &mut self.images;
        self.spaces.entry(pid).or_insert_with(|| AddressSpace::of(pid, images).unwrap_or_default())
    }

    /// The type of the task that the caller of this function is made for.
    fn kind_of_caller(&mut self, hit: &Hit<'_>) -> Option<KindId> {
        self.kind(hit.pid, u64::from_le_bytes(*hit.stack.first_chunk()?).wrapping_sub(1))
    }

    /// The type of the task that the function at an address is made for.
    fn kind(&mut self, pid: u32, code: u64) -> Option<KindId> {
        if let Some(known) = self.kinds.get(&(pid, code)) {
            return *known;
        }
        let path = self.path.clone();
        let at = self.space(pid).place_of(code);
        let at = at.filter(|(file, _)| file.to_string_lossy() == path).map(|(_, at)| at);
        let (kind, new) = at.map_or((None, None), |at| self.types.at(at));
        if let (Some(kind), Some(what)) = (kind, new) {
            self.tracker.declare(kind, what);
        }
        self.kinds.insert((pid, code), kind);
        kind
    }

    /// What the stack of a hit with only the beginning of one is, if the like was unwound before.
    fn recognise(&self, hit: &Hit<'_>) -> Option<&Print> {
        let prints = self.prints.get(&(hit.pid, word(hit.stack, 0)?))?;
        prints.iter().find(|print| print.fits(hit.stack))
    }

    /// Unwinds a stack that is not known yet, so that the next of its kind is.
    fn learn(&mut self, hit: &Hit<'_>) {
        if self.recognise(hit).is_some_and(|print| print.whole) {
            return;
        }
        self.unwind(hit);
    }

    /// The same with the piece of stack that a hit brings, where that is long enough: what happens a few times only, as it is where
    /// everybody stalls, is over before a whole stack of it was asked for.
    fn learn_from_piece(&mut self, hit: &Hit<'_>, role: Role) -> Option<StackId> {
        let is_long = matches!(role, Role::Cloned | Role::Spawned);
        let prints = self.prints.get(&(hit.pid, word(hit.stack, 0)?)).map_or(0, Vec::len);
        if is_long && prints < MOST_PRINTS { self.unwind(hit) } else { None }
    }

    fn unwind(&mut self, hit: &Hit<'_>) -> Option<StackId> {
        let mut addresses = Vec::new();
        self.space(hit.pid);
        let (space, returns_to) = self.spaces.get(&hit.pid).zip(word(hit.stack, 0))?;
        let walk = space.walk_stack(hit.registers, hit.stack, &mut self.images, &mut addresses);
        // More of it than this nobody brings.
        let whole = walk == Walk::Whole || hit.stack.len() > SHORT_STACK as usize;
        addresses.truncate(MOST_FRAMES);
        let words = Print::words(&addresses, hit.stack);
        if words.is_empty() {
            // It broke off at once: that would fit everything.
            return None;
        }
        let next = self.stacks.len();
        if next >= MOST_STACKS {
            return None;
        }
        let new = StackId(u32::try_from(next).unwrap_or(u32::MAX));
        let stack = *self.stacks.entry((hit.pid, addresses)).or_insert(new);
        let prints = self.prints.entry((hit.pid, returns_to)).or_default();
        if let Some(piece) = keep(prints, Print { words, stack, whole }, hit.stack).filter(|piece| *piece != stack) {
            self.pieces.push((piece, stack));
        }
        Some(stack)
    }

    /// Keeps what comes from `at_ns` on apart from what was before; once, before that moment is handed on.
    pub(super) fn cut(&mut self, at_ns: u64) {
        self.cut_ns = Some(at_ns);
    }

    /// Hands everything before `until` to the tracker: nothing older can come any more.
    pub(super) fn pass(&mut self, until: u64) {
        self.waiting.sort_by_key(|event| event.time_ns);
        self.gaps.sort_unstable();
        let ready = self.waiting.partition_point(|event| event.time_ns < until);
        let mut gaps = self.gaps.iter().take_while(|gap| **gap < until).peekable();
        let mut passed = 0;
        for event in self.waiting.drain(..ready) {
            while gaps.next_if(|gap| **gap <= event.time_ns).is_some() {
                self.tracker.gap();
                passed += 1;
            }
            if self.cut_ns.is_some_and(|cut| cut <= event.time_ns) {
                self.tracker.cut();
                self.cut_ns = None;
            }
            self.tracker.take(&event);
        }
        self.gaps.drain(..passed);
    }

    pub(super) fn finish(mut self, now: u64) -> Finished {
        self.pass(u64::MAX);
        let mut stacks = vec![(0, Vec::new()); self.stacks.len()];
        for (stack, id) in self.stacks {
            stacks[id.0 as usize] = stack;
        }
        // What was known by a piece first is the same place.
        for (piece, whole) in self.pieces {
            stacks[piece.0 as usize] = stacks[whole.0 as usize].clone();
        }
        Finished {
            outcome: self.tracker.finish(now),
            counts: self.counts,
            types: self.types,
            stacks,
            spaces: self.spaces,
            threads: self.threads,
        }
    }
}

/// Keeps what a stack is recognised by; of one that was known by a piece, which is returned, the whole takes its place. Where there are
/// too many it takes that of another's piece.
fn keep(prints: &mut Vec<Print>, print: Print, stack: &[u8]) -> Option<StackId> {
    if let Some(known) = prints.iter_mut().find(|known| !known.whole && known.fits(stack)) {
        return Some(std::mem::replace(known, print).stack);
    }
    if prints.len() < MOST_PRINTS {
        prints.push(print);
    } else if let Some(piece) = prints.iter_mut().find(|known| !known.whole && print.whole) {
        *piece = print;
    }
    None
}

/// What a stack is recognised by: its return addresses, and how far above the stack pointer each lies. Calls of one path
/// lay their frames out alike, so that a look at a few words saves unwinding.
#[derive(Debug)]
struct Print {
    words: Vec<(usize, u64)>,
    stack: StackId,
    /// It was unwound to its end.
    whole: bool,
}

impl Print {
    /// Where the return addresses of unwound frames lie in the part of a stack that every hit brings.
    fn words(frames: &[u64], stack: &[u8]) -> Vec<(usize, u64)> {
        let (mut words, mut at) = (Vec::new(), 0);
        // The first frame is the probed function itself; the others are told as one less than where they return to.
        for frame in frames.iter().skip(1) {
            let found = (at..SHORT_STACK as usize).step_by(8).find(|at| word(stack, *at) == Some(frame + 1));
            let Some(found) = found else { break };
            words.push((found, frame + 1));
            at = found + 8;
        }
        words
    }

    fn fits(&self, stack: &[u8]) -> bool {
        // Words beyond what this hit brings are not compared.
        self.words.iter().all(|(at, address)| word(stack, *at).is_none_or(|found| found == *address))
    }
}

fn word(stack: &[u8], at: usize) -> Option<u64> {
    stack.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_of_a_stack_takes_the_place_of_a_piece() {
        let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let print = |stack, whole| Print { words: vec![(0, 0x101), (8, 0x201)], stack: StackId(stack), whole };
        let mut prints = Vec::new();
        assert_eq!(keep(&mut prints, print(1, false), &bytes(&[0x101, 0x201])), None);
        assert_eq!(keep(&mut prints, print(2, true), &bytes(&[0x101, 0x201, 0x301])), Some(StackId(1)));
        assert_eq!(prints.iter().map(|print| print.stack).collect::<Vec<_>>(), [StackId(2)]);
        // One that is whole stays.
        keep(&mut prints, print(3, true), &bytes(&[0x101, 0x201, 0x401]));
        assert_eq!(prints.iter().map(|print| print.stack).collect::<Vec<_>>(), [StackId(2), StackId(3)]);
        // Of too many a whole takes the place of a piece of another, and a piece that of none.
        let other = |stack, whole| Print { words: vec![(0, 0x101), (8, 0x999)], stack: StackId(stack), whole };
        prints.resize_with(MOST_PRINTS - 1, || other(4, true));
        prints.push(other(5, false));
        let last = |prints: &[Print]| prints.last().map(|print| print.stack);
        keep(&mut prints, print(6, false), &bytes(&[0x101, 0x201]));
        assert_eq!((prints.len(), last(&prints)), (MOST_PRINTS, Some(StackId(5))));
        keep(&mut prints, print(7, true), &bytes(&[0x101, 0x201]));
        assert_eq!((prints.len(), last(&prints)), (MOST_PRINTS, Some(StackId(7))));
    }

    #[test]
    fn a_stack_is_recognised_by_its_return_addresses() {
        let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let learnt = bytes(&[0x101, 7, 0x201, 8, 9, 0x301]);
        let words = Print::words(&[0x50, 0x100, 0x200, 0x300], &learnt);
        assert_eq!(words, [(0, 0x101), (16, 0x201), (40, 0x301)]);
        let print = Print { words, stack: StackId(1), whole: true };
        // What lies between return addresses differs from call to call.
        assert!(print.fits(&bytes(&[0x101, 70, 0x201, 80, 90, 0x301, 4])));
        assert!(!print.fits(&bytes(&[0x101, 7, 0x202, 8, 9, 0x301])));
        // Of a shorter piece only what is there counts.
        assert!(print.fits(&bytes(&[0x101, 7, 0x201])));
    }
}
