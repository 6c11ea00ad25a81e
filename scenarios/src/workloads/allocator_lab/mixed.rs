//! Short-lived blocks between replacements in a long-lived set: what most services do to their allocator.

use std::hint::black_box;

use super::block::Block;
use super::long_lived::LongLived;
use super::sizes::Sizes;
use crate::workloads::splitmix::SplitMix;

/// Short-lived blocks alive at a time.
const SHORT_ALIVE: usize = 16;

/// The `mixed` operation.
#[derive(Debug)]
pub(super) struct Mixed {
    pub(super) short: Sizes,
    pub(super) replacements: Sizes,
    pub(super) long_lived: LongLived,
}

/// One step of an operation; sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Short(usize),
    /// `pick` chooses the block that makes room.
    Replace {
        bytes: usize,
        pick: u64,
    },
}

impl Mixed {
    /// Performs the operation of one call.
    #[inline(never)]
    pub(super) fn mix(&self, seed: u64) {
        let mut alive: [Option<Block>; SHORT_ALIVE] = [const { None }; SHORT_ALIVE];
        for (index, step) in steps(&self.short, &self.replacements, seed).enumerate() {
            match step {
                Step::Short(bytes) => alive[index % SHORT_ALIVE] = Some(Block::touched(bytes)),
                Step::Replace { bytes, pick } => self.long_lived.replace(Block::touched(bytes), pick),
            }
        }
        black_box(&alive);
    }
}

/// The steps of the call with this seed: the replacements spread evenly among the short-lived blocks.
fn steps(short: &Sizes, replacements: &Sizes, seed: u64) -> impl Iterator<Item = Step> {
    let (shorts, replaced) = (short.count, replacements.count);
    let mut short = short.of(seed);
    // A stream of its own: the long-lived set must not depend on how many short-lived blocks there are.
    let mut long = replacements.of(!seed);
    let mut picks = SplitMix::new(!seed.rotate_left(32));
    (0..shorts + replaced).filter_map(move |step| {
        // Bresenham's line: step `i` is a replacement where `i × replaced ÷ all` passes a whole number.
        let passed = |step: usize| step * replaced / (shorts + replaced);
        if passed(step + 1) > passed(step) {
            long.next().map(|bytes| Step::Replace { bytes, pick: picks.next() })
        } else {
            short.next().map(Step::Short)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(count: usize, range: std::ops::RangeInclusive<usize>) -> Sizes {
        Sizes { count, range }
    }

    fn replaced(steps: &[Step]) -> Vec<Step> {
        steps.iter().copied().filter(|s| matches!(s, Step::Replace { .. })).collect()
    }

    #[test]
    fn steps_are_a_pure_function_of_the_seed() {
        let of = |seed| steps(&sizes(50, 16..=1024), &sizes(5, 64..=4096), seed).collect::<Vec<_>>();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn every_block_is_allocated_whatever_the_proportion() {
        for (short, long) in [(512, 16), (1, 0), (3, 7), (1, 10_000), (10, 10)] {
            let steps: Vec<Step> = steps(&sizes(short, 16..=1024), &sizes(long, 64..=4096), 9).collect();
            assert_eq!((steps.len(), replaced(&steps).len()), (short + long, long));
        }
    }

    #[test]
    fn replacements_are_spread_and_do_not_depend_on_the_short_lived() {
        let of = |short| steps(&sizes(short, 16..=1024), &sizes(4, 64..=4096), 9).collect::<Vec<_>>();
        assert_eq!(replaced(&of(12)), replaced(&of(400)));
        let places: Vec<usize> = of(12)
            .iter()
            .enumerate()
            .filter(|(_, step)| matches!(step, Step::Replace { .. }))
            .map(|(place, _)| place)
            .collect();
        assert_eq!(places, [3, 7, 11, 15]);
    }
}
