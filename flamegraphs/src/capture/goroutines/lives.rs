//! What goroutines did one after the other, from hits in the order of time.

use std::collections::HashMap;

/// One hit, without what only its probe knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) time_ns: u64,
    /// What the goroutine is known by; given to the next one when it has ended.
    pub(super) address: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Parks { reason: u8, stack: u32 },
    Runs { tid: u32 },
    Ends,
}

/// A goroutine for the length of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// It was seen to end.
    pub ended: bool,
    /// What it did, in the order of time, without a gap.
    pub stretches: Vec<Stretch>,
}

/// A stretch of a goroutine's life. `CLOCK_MONOTONIC`, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub from_ns: u64,
    /// Its end: that of the recording where nobody ended it.
    pub to_ns: u64,
    /// What it did.
    pub does: Does,
}

/// What a goroutine does for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It waits.
    Waits {
        /// Why, a number of the runtime's.
        reason: u8,
        /// Where, a stack by number.
        stack: u32,
    },
    /// It runs, or would.
    Runs {
        /// The thread that went on with it.
        tid: u32,
    },
}

impl Stretch {
    /// Why it waited and in which stack; `None` where it ran.
    pub fn waits(&self) -> Option<(u8, u32)> {
        match self.does {
            Does::Waits { reason, stack } => Some((reason, stack)),
            Does::Runs { .. } => None,
        }
    }
}

/// Stretches that are kept.
const MOST: usize = 1_000_000;

/// Lives from events, which need not be in order; the last stretch of each lasts until `ended_ns`. Goroutines that did not wait since
/// the recording began are not known.
pub(super) fn of(mut events: Vec<Event>, ended_ns: u64) -> Vec<Life> {
    events.sort_by_key(|event| event.time_ns);
    let mut lives: Vec<Life> = Vec::new();
    let mut by_address: HashMap<u64, usize> = HashMap::new();
    for event in events.into_iter().take(MOST) {
        let at = *by_address.entry(event.address).or_insert_with(|| {
            lives.push(Life::default());
            lives.len() - 1
        });
        let life = &mut lives[at];
        let next = |does| Stretch { from_ns: event.time_ns, to_ns: ended_ns, does };
        if let Some(last) = life.stretches.last_mut() {
            last.to_ns = event.time_ns;
        }
        match event.what {
            What::Parks { reason, stack } => life.stretches.push(next(Does::Waits { reason, stack })),
            What::Runs { tid } => life.stretches.push(next(Does::Runs { tid })),
            What::Ends => {
                life.ended = true;
                by_address.remove(&event.address);
            }
        }
    }
    lives.retain(|life| !life.stretches.is_empty());
    lives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_follow_each_other_and_an_address_is_given_to_the_next() {
        let parks = |time_ns, address, stack| Event { time_ns, address, what: What::Parks { reason: 3, stack } };
        let event = |time_ns, address, what| Event { time_ns, address, what };
        let events = vec![
            parks(20, 7, 1),
            event(10, 7, What::Runs { tid: 4 }),
            event(50, 7, What::Runs { tid: 4 }),
            event(60, 7, What::Ends),
            event(70, 7, What::Runs { tid: 4 }),
            parks(75, 8, 2),
        ];
        let told: Vec<_> = of(events, 100)
            .iter()
            .map(|life| {
                let stretch = |one: &Stretch| (one.from_ns, one.to_ns, one.waits().map(|(_, stack)| stack));
                (life.ended, life.stretches.iter().map(stretch).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            told,
            [
                (true, vec![(10, 20, None), (20, 50, Some(1)), (50, 60, None)]),
                (false, vec![(70, 100, None)]),
                (false, vec![(75, 100, Some(2))])
            ]
        );
    }
}
