//! Stalls that are kept, and counts of those that are not.

use std::collections::BTreeMap;

use super::capture::Stack;
use super::record::Class;
use super::timeline::Timeline;

/// Stalls kept of one site and class: the longest.
const MOST: usize = 8;

/// A stall before its addresses have names. Times in nanoseconds on the recorder's clock.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) site: usize,
    pub(super) thread: String,
    pub(super) began: u64,
    pub(super) duration: u64,
    pub(super) ended: bool,
    pub(super) class: Class,
    pub(super) timeline: Timeline,
    pub(super) run_queue: Option<u64>,
    /// With the age of the poll at that time.
    pub(super) stack: Result<(Stack, u64), String>,
}

/// Stalls by site and class.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<(usize, Class), Group>);

/// Those of one site and class.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The longest first.
    pub(super) longest: Vec<Seen>,
    /// The others: how many, their durations summed, the longest of them.
    pub(super) others: u64,
    pub(super) others_total: u64,
    pub(super) others_longest: u64,
}

impl Kept {
    /// A stall is over.
    pub(super) fn add(&mut self, seen: Seen) {
        let group = self.0.entry((seen.site, seen.class)).or_default();
        let at = group.longest.partition_point(|kept| kept.duration >= seen.duration);
        group.longest.insert(at, seen);
        if group.longest.len() > MOST
            && let Some(shortest) = group.longest.pop()
        {
            group.others += 1;
            group.others_total += shortest.duration;
            group.others_longest = group.others_longest.max(shortest.duration);
        }
    }

    /// All of them, by site and class.
    pub(super) fn groups(self) -> impl Iterator<Item = ((usize, Class), Group)> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(site: usize, class: Class, duration: u64) -> Seen {
        Seen {
            number: duration,
            site,
            thread: String::new(),
            began: 0,
            duration,
            ended: true,
            class,
            timeline: Timeline::default(),
            run_queue: None,
            stack: Err(String::new()),
        }
    }

    #[test]
    fn the_longest_of_each_place_are_kept_and_the_rest_counted() {
        let mut kept = Kept::default();
        for duration in [3, 12, 7, 1, 9, 5, 11, 2, 8, 4, 10, 6] {
            kept.add(seen(1, Class::OnCpu, duration));
        }
        kept.add(seen(1, Class::Lock, 1));
        kept.add(seen(2, Class::OnCpu, 1));
        let groups: Vec<_> = kept.groups().collect();
        assert_eq!(groups.len(), 3);
        let busy = &groups[0].1;
        let durations: Vec<_> = busy.longest.iter().map(|one| one.duration).collect();
        assert_eq!(durations, [12, 11, 10, 9, 8, 7, 6, 5]);
        assert_eq!((busy.others, busy.others_total, busy.others_longest), (4, 1 + 2 + 3 + 4, 4));
    }
}
