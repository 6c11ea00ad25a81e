//! From what was seen to what a person reads: addresses get names, numbers units.

use super::culprit::{culprit, in_place};
use super::kept::{Kept, Seen};
use super::record::{Class, Others, Site, Stall};
use super::syscalls;
use crate::cpu::{Frame, Symbol, Symbols};
use crate::tasks::Threads;

/// Bytes that are looked back for a line.
const NEARBY: u64 = 64;

/// Gives names; slow, and never on the thread that watches.
#[derive(Debug)]
pub(super) struct Names {
    threads: Threads,
    symbols: Symbols,
    /// When the watch began, nanoseconds on the recorder's clock.
    epoch: u64,
}

impl Names {
    pub(super) fn new(threads: Threads, epoch: u64) -> Self {
        Self { threads, symbols: Symbols::default(), epoch }
    }

    /// Reads debug information before it is needed: the first look takes half a second in a large program.
    pub(super) fn warm_up(&mut self) {
        self.symbols.exact(&[Self::warm_up as *const () as u64]);
    }

    pub(super) fn stall(&mut self, seen: &Seen) -> Stall {
        let (stack, rooted, stack_at, no_stack) = match &seen.stack {
            Ok((stack, at)) => (self.frames(&stack.addresses), stack.rooted, Some(*at), None),
            Err(because) => (Vec::new(), false, None, Some(because.clone())),
        };
        let place = seen.timeline.place();
        Stall {
            number: seen.number,
            site: self.site(seen.site),
            thread: seen.thread.clone(),
            began_s: seconds(seen.began) - seconds(self.epoch),
            duration_s: seconds(seen.duration),
            ended: seen.ended,
            class: if in_place(&stack) { Class::BlockInPlace } else { seen.class },
            cpu_s: seconds(seen.timeline.on_cpu),
            blocked_s: seconds(seen.timeline.asleep),
            waiting_s: seconds(seen.timeline.waiting),
            run_queue_s: seen.run_queue.map(seconds),
            looks: seen.timeline.looks,
            wchan: place.and_then(|place| place.wchan.clone()),
            syscall: place.and_then(|place| place.syscall).map(syscalls::name),
            stack_at_s: stack_at.map(seconds),
            culprit: culprit(&stack),
            stack,
            rooted,
            no_stack,
        }
    }

    /// All that was kept, the longest first, and the rest.
    pub(super) fn all(&mut self, kept: Kept) -> (Vec<Stall>, Vec<Others>) {
        let (mut stalls, mut others) = (Vec::new(), Vec::new());
        for ((site, class), group) in kept.groups() {
            stalls.extend(group.longest.iter().map(|seen| self.stall(seen)));
            if group.others > 0 {
                others.push(Others {
                    site: self.site(site),
                    class,
                    count: group.others,
                    total_s: seconds(group.others_total),
                    longest_s: seconds(group.others_longest),
                });
            }
        }
        stalls.sort_by(|a, b| b.duration_s.total_cmp(&a.duration_s));
        others.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
        (stalls, others)
    }

    fn frames(&mut self, addresses: &[u64]) -> Vec<Frame> {
        let mut frames = self.symbols.exact(addresses);
        for (index, frame) in frames.iter_mut().enumerate() {
            let lineless = |symbol: &Symbol| symbol.line.is_none_or(|line| line == 0);
            // Only where a thread was interrupted an instruction may be of no line; C libraries have no lines at all.
            if frame.symbols.first().is_some_and(|symbol| lineless(symbol) && (index == 0 || symbol.file.is_some())) {
                self.place_nearby(frame);
            }
        }
        frames
    }

    /// Some instructions belong to no line of the source (DWARF line 0). Those just before them in the same function
    /// do.
    fn place_nearby(&mut self, frame: &mut Frame) {
        let Some(function) = frame.symbols.last().map(|symbol| symbol.name.clone()) else { return };
        for back in 1..=NEARBY {
            let mut earlier = self.symbols.exact(&[frame.address.saturating_sub(back)]);
            let symbols = earlier.pop().map(|frame| frame.symbols).unwrap_or_default();
            if symbols.last().is_none_or(|symbol| symbol.name != function) {
                return;
            }
            if symbols.first().is_some_and(|symbol| symbol.line.is_some_and(|line| line > 0)) {
                frame.symbols = symbols;
                return;
            }
        }
    }

    fn site(&self, number: usize) -> Site {
        let location = self.threads.location(number);
        let (file, line, column) = location.map_or(("", 0, 0), |at| (at.file(), at.line(), at.column()));
        Site { file: file.to_owned(), line, column }
    }
}

pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
