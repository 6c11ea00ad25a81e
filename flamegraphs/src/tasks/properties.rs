use proptest::prelude::*;

use super::tests::event;
use super::*;

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::Spawned),
        any::<bool>().prop_map(|by_value| What::Woken { by_value }),
        Just(What::Cloned),
        Just(What::Dropped),
        (0_u32..3, 1_u64..4)
            .prop_map(|(kind, deep)| What::Polling { kind: Some(KindId(kind)), stack_pointer: 0x7000 - deep }),
        Just(What::Pending),
        Just(What::Complete { kind: None }),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec((0_u64..50, 1_u32..4, 1_u64..6, what(), proptest::option::of(0_u32..4)), 0..300).prop_map(
        |all| {
            let mut now = 0;
            let event = |(step, tid, address, what, stack): (u64, u32, u64, What, Option<u32>)| {
                now += step;
                Event { stack: stack.map(StackId), ..event(now, tid, address, what) }
            };
            all.into_iter().map(event).collect()
        },
    )
}

proptest! {
    /// Whatever is lost on the way, and in whatever order it comes: no panic, and the figures hold together.
    #[test]
    fn figures_hold_together(events in events()) {
        let end = events.last().map_or(0, |event| event.time_ns) + 10;
        let polling = events.iter().filter(|event| matches!(event.what, What::Polling { .. })).count() as u64;
        let woken = events.iter().filter(|event| matches!(event.what, What::Woken { .. })).count() as u64;
        let threads = 3;
        let mut tracker = Tracker::default();
        events.iter().for_each(|event| tracker.take(event));
        let outcome = tracker.finish(end);
        let sum = |of: fn(&KindFigures) -> u64| outcome.kinds.iter().map(|(_, figures)| of(figures)).sum::<u64>();
        prop_assert!(sum(|f| f.polls) + sum(|f| f.in_poll) <= polling);
        prop_assert!(sum(|f| f.wakes) <= woken);
        prop_assert!(sum(|f| f.delays) + sum(|f| f.unexplained) <= polling);
        for (_, figures) in &outcome.kinds {
            prop_assert!(figures.longest_poll_ns <= figures.busy_ns && figures.worst_delay_ns <= figures.delay_ns);
            prop_assert!(figures.stalls <= figures.long_polls && figures.long_polls <= figures.polls);
            prop_assert!(figures.forgotten <= figures.alive);
            // Polls within polls count in both.
            prop_assert!(figures.busy_ns <= end * threads * 3);
        }
        prop_assert_eq!(outcome.wakers.iter().map(|(.., count)| count).sum::<u64>(), sum(|f| f.wakes));
        for case in outcome.delays.iter().chain(outcome.waits.iter().flat_map(|(.., wait)| &wait.longest)) {
            prop_assert!(case.from_ns <= case.to_ns);
            for pair in case.spans.windows(2) {
                prop_assert!(pair[0].to_ns <= pair[1].from_ns, "{:?}", case.spans);
            }
            for link in &case.chain.links {
                prop_assert!(case.from_ns <= link.from_ns && link.to_ns <= case.to_ns, "{:?}", case.chain);
            }
        }
    }
}
