//! When threads were off their CPU, and from where they had left it.

use std::collections::HashMap;

use super::recording::{OnCpu, Recording, Taken};

/// One stretch of time that a thread spent off its CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Position in [`Recording::threads`].
    pub thread: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds: it left its CPU.
    pub from_ns: u64,
    /// It was on a CPU again, or the recording ended.
    pub to_ns: u64,
    /// Where it left, position in [`Recording::stacks`], where that is known.
    pub stack: Option<u32>,
    /// It would have gone on: another thread got its CPU.
    pub preempted: bool,
}

impl Wait {
    /// How long, nanoseconds.
    pub fn ns(&self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// Why a thread was off its CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It gave the CPU up: for a lock, for input, to sleep. Until it had a CPU again, so that the time in which it was
    /// woken but not yet running is in it: switch records do not show it.
    Blocked,
    /// The CPU was taken from it.
    Preempted,
    /// It gave the CPU up because its runtime had no work for it. Told by the stack.
    Parked,
}

impl Why {
    pub(super) fn of(preempted: bool, parked: bool) -> Self {
        match (preempted, parked) {
            (true, _) => Self::Preempted,
            (false, true) => Self::Parked,
            (false, false) => Self::Blocked,
        }
    }

    /// `blocked`, `preempted` or `parked`: the label `why` of a wait profile.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Preempted => "preempted",
            Self::Parked => "parked",
        }
    }
}

/// Every wait of a recording, thread by thread, in the order of time. Waits that had not ended with the recording end
/// with it, or with their thread, or when changes were no longer kept; what a thread did before its first change is not
/// known.
pub fn waits(recording: &Recording) -> Vec<Wait> {
    let known_until = recording.changes_until_ns();
    let mut threads: Vec<(u32, Vec<OnCpu>)> = by(&recording.on_cpu, |change| change.thread).into_iter().collect();
    threads.sort_unstable_by_key(|(thread, _)| *thread);
    let mut departures = by(&recording.left, |taken| taken.thread);
    for left in departures.values_mut() {
        left.sort_unstable_by_key(|taken| taken.time_ns);
    }
    let mut waits = Vec::new();
    for (thread, mut changes) in threads {
        // Buffers are emptied CPU by CPU: what a thread did on one may come before what it did on another.
        changes.sort_by_key(|change| change.time_ns);
        let left = departures.get(&thread).map(Vec::as_slice).unwrap_or_default();
        let mut since: Option<(OnCpu, u64)> = None;
        let mut on_since = 0;
        for change in changes {
            if change.on {
                if let Some((away, on)) = since.take() {
                    waits.push(wait(&away, on, change.time_ns, left));
                }
                on_since = change.time_ns;
            } else {
                since = Some((change, on_since));
            }
        }
        if let Some((away, on)) = since {
            let end = recording.threads.get(thread as usize).and_then(|thread| thread.ended_ns);
            waits.push(wait(&away, on, end.unwrap_or(known_until).min(known_until).max(away.time_ns), left));
        }
    }
    waits
}

fn wait(away: &OnCpu, on_since: u64, to_ns: u64, left: &[Taken]) -> Wait {
    // The departure is noted just before the thread leaves: the last one since it came.
    let before = left.partition_point(|taken| taken.time_ns <= away.time_ns);
    let taken = before.checked_sub(1).map(|at| &left[at]).filter(|taken| taken.time_ns >= on_since);
    Wait {
        thread: away.thread,
        from_ns: away.time_ns,
        to_ns,
        stack: taken.map(|taken| taken.stack),
        preempted: away.preempted,
    }
}

fn by<T: Copy>(all: &[T], key: impl Fn(&T) -> u32) -> HashMap<u32, Vec<T>> {
    let mut groups: HashMap<u32, Vec<T>> = HashMap::new();
    for one in all {
        groups.entry(key(one)).or_default().push(*one);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(thread: u32, time_ns: u64, on: bool) -> OnCpu {
        OnCpu { time_ns, thread, on, preempted: false }
    }

    fn left(thread: u32, time_ns: u64, stack: u32) -> Taken {
        Taken { time_ns, thread, stack }
    }

    #[test]
    fn a_wait_goes_from_leaving_to_coming_back_and_knows_where_it_began() {
        let recording = Recording {
            // Out of order, as two buffers yield them.
            on_cpu: vec![change(1, 50, true), change(1, 10, true), change(1, 30, false), change(2, 40, false)],
            left: vec![left(1, 29, 7), left(2, 12, 9)],
            ended_ns: 100,
            ..Recording::default()
        };
        let wait = |thread, from_ns, to_ns, stack| Wait { thread, from_ns, to_ns, stack, preempted: false };
        assert_eq!(waits(&recording), [wait(1, 30, 50, Some(7)), wait(2, 40, 100, Some(9))]);
    }

    #[test]
    fn a_departure_from_an_earlier_stay_does_not_explain_a_later_one() {
        let recording = Recording {
            on_cpu: vec![change(1, 10, true), change(1, 20, false), change(1, 30, true), change(1, 40, false)],
            left: vec![left(1, 19, 7)],
            ended_ns: 60,
            ..Recording::default()
        };
        let stacks: Vec<_> = waits(&recording).iter().map(|wait| wait.stack).collect();
        assert_eq!(stacks, [Some(7), None]);
    }

    #[test]
    fn beyond_the_last_change_that_was_kept_nothing_is_a_wait() {
        let mut recording = Recording {
            on_cpu: vec![change(1, 10, true), change(1, 30, false), change(2, 60, false)],
            ended_ns: 1000,
            ..Recording::default()
        };
        recording.excess.changes = super::super::Coarser { count: 3, from_ns: 50 };
        let lengths: Vec<u64> = waits(&recording).iter().map(Wait::ns).collect();
        // The second was kept though it is later: its buffer was emptied first.
        assert_eq!(lengths, [20, 0]);
    }

    proptest! {
        #[test]
        fn waits_of_a_thread_never_overlap(changes in proptest::collection::vec((0_u32..3, 0_u64..1000, any::<bool>()), 0..60)) {
            let on_cpu = changes.into_iter().map(|(thread, at, on)| change(thread, at, on)).collect();
            let recording = Recording { on_cpu, ended_ns: 1000, ..Recording::default() };
            for pair in waits(&recording).windows(2) {
                prop_assert!(pair[0].from_ns <= pair[0].to_ns);
                prop_assert!(pair[0].thread < pair[1].thread || pair[0].to_ns <= pair[1].from_ns);
            }
        }
    }
}
