//! What long polls spent their time on: computing, and where; blocked, in which system call, and who kept them; without a
//! CPU.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::sites::{self, Site};
use super::spent::Doing;
use super::threads::Threads;
use crate::capture::recording::{Recording, Taken, Waiting};
use crate::capture::waits::{Wait, Why};
use crate::tasks::{KindId, LongPoll};

/// Part of a poll that makes it one of that place.
const NOTABLE_SHARE: u64 = 4;
/// So does this much of it, nanoseconds.
const NOTABLE_NS: u64 = 500_000;
/// Blocked stretches shorter than this are not asked who kept them, nanoseconds.
const NOTABLE_BLOCK_NS: u64 = 100_000;
/// Blocked stretches that are, and of one stack: connections that wait for the next request wait longer than anybody else.
const MOST_BLOCKED: usize = 4000;
const MOST_OF_STACK: usize = 400;
/// Waits of threads that are summed up, the longest ones.
const MOST_WAITS: usize = 50_000;
/// Who lets a thread go on runs within so much of the moment when it does, nanoseconds: waking takes microseconds.
const WAKING_NS: u64 = 100_000;
/// Holders that are kept of one place.
const MOST_HOLDERS: usize = 4;

/// Time within polls of one type at one place.
#[derive(Debug, Clone)]
pub struct PollShare {
    /// Type of the tasks.
    pub kind: Option<KindId>,
    /// What.
    pub doing: Doing,
    /// Where; `None` where no stack says so.
    pub site: Option<Site>,
    /// Polls that spent at least a quarter of their time so, or half a millisecond.
    pub polls: u64,
    /// Time, nanoseconds.
    pub total_ns: u64,
    /// The longest of one poll, nanoseconds.
    pub longest_ns: u64,
    /// Of time blocked: what those did meanwhile who then let it go on, the longest first.
    pub holders: Vec<Holder>,
}

/// What a thread did while others were blocked, until it let them go on.
#[derive(Debug, Clone)]
pub struct Holder {
    /// What.
    pub doing: Doing,
    /// Where.
    pub site: Site,
    /// How long, summed over those it kept, nanoseconds.
    pub total_ns: u64,
}

/// What the polls of each list spent their time on.
pub(super) fn inside<const N: usize>(
    lists: [&[LongPoll]; N],
    recording: &Recording,
    threads: &Threads,
) -> [Vec<PollShare>; N] {
    let parts: [Vec<Vec<Part>>; N] = lists.map(|polls| polls.iter().map(|poll| threads.parts(poll)).collect());
    let blocked: Vec<Part> = {
        let all = parts.iter().flatten().flatten();
        let mut all: Vec<Part> = all.filter(|part| part.is_notable()).copied().collect();
        all.sort_unstable_by_key(|part| std::cmp::Reverse(part.ns()));
        sampled(all)
    };
    let held: Vec<(Part, Vec<Part>)> = blocked.iter().map(|part| (*part, threads.holders(part))).collect();
    // Each stack gets its names once.
    let every = parts.iter().flatten().flatten().chain(held.iter().flat_map(|(_, holders)| holders));
    let wanted: Vec<u32> = every.filter_map(|part| part.stack).collect::<BTreeSet<_>>().into_iter().collect();
    let sites = sites::of_recording(recording, &wanted);
    let named: HashMap<u32, Site> = wanted.into_iter().zip(sites).collect();
    let mut keepers: HashMap<Place, HashMap<(Doing, Place), Sum>> = HashMap::new();
    for (part, holders) in &held {
        let whose = keepers.entry(Place::of(part.stack, &named)).or_default();
        for holder in holders {
            let Some(site) = holder.stack.and_then(|stack| named.get(&stack)) else { continue };
            // Who waits for the same, or for work, keeps nobody.
            if site.own.is_empty() || (holder.doing == Doing::Blocked && site.call == "futex") {
                continue;
            }
            let sum = whose.entry((holder.doing, Place::of(holder.stack, &named))).or_default();
            sum.add(holder.ns(), holder.stack);
        }
    }
    // What was asked of some of them stands for all.
    let (mut asked, mut every) = (HashMap::new(), HashMap::new());
    for (part, _) in &held {
        *asked.entry(Place::of(part.stack, &named)).or_insert(0) += part.ns();
    }
    for part in parts.iter().flatten().flatten().filter(|part| part.is_notable()) {
        *every.entry(Place::of(part.stack, &named)).or_insert(0) += part.ns();
    }
    for (place, whose) in &mut keepers {
        let (asked, every) = (asked.get(place).copied().unwrap_or(0), every.get(place).copied().unwrap_or(0));
        whose.values_mut().for_each(|sum| sum.stands_for(asked, every));
    }
    let mut at = 0;
    lists.map(|polls| {
        let of_list = &parts[at];
        at += 1;
        shares(polls, of_list, &named, &keepers)
    })
}

/// Of parts, the longest first, as many as are asked who kept them.
fn sampled(all: Vec<Part>) -> Vec<Part> {
    let mut of_stack: HashMap<Option<u32>, usize> = HashMap::new();
    let few = all.into_iter().filter(|part| {
        let count = of_stack.entry(part.stack).or_default();
        *count += 1;
        *count <= MOST_OF_STACK
    });
    few.take(MOST_BLOCKED).collect()
}

/// Waits of threads that were not idle and began after a moment (`CLOCK_MONOTONIC`, nanoseconds), as polls that did nothing
/// else: each with its name.
pub fn kept(recording: &Recording, waiting: &Waiting, after_ns: u64) -> Vec<(String, PollShare)> {
    let mut blocked: Vec<&Wait> = waiting.waits.iter().filter(|wait| waiting.why(wait) == Why::Blocked).collect();
    blocked.retain(|wait| wait.from_ns >= after_ns && wait.ns() >= NOTABLE_BLOCK_NS && wait.stack.is_some());
    blocked.sort_unstable_by_key(|wait| std::cmp::Reverse(wait.ns()));
    blocked.truncate(MOST_WAITS);
    let mut pools: Vec<String> = Vec::new();
    let mut polls = Vec::new();
    for wait in blocked {
        let Some(thread) = recording.threads.get(wait.thread as usize) else { continue };
        let name = crate::names::thread_name(&thread.name);
        let at = pools.iter().position(|pool| *pool == name).unwrap_or_else(|| {
            pools.push(name);
            pools.len() - 1
        });
        let kind = Some(KindId(u32::try_from(at).unwrap_or(u32::MAX)));
        polls.push(LongPoll { kind, tid: thread.tid, from_ns: wait.from_ns, to_ns: wait.to_ns });
    }
    let [shares] = inside([&polls], recording, &Threads::of(recording, &waiting.waits));
    let named = |share: PollShare| {
        let pool = share.kind.and_then(|kind| pools.get(kind.0 as usize)).cloned().unwrap_or_default();
        (pool, share)
    };
    shares.into_iter().map(named).collect()
}

fn shares(
    polls: &[LongPoll],
    parts: &[Vec<Part>],
    named: &HashMap<u32, Site>,
    keepers: &HashMap<Place, HashMap<(Doing, Place), Sum>>,
) -> Vec<PollShare> {
    let mut sums: BTreeMap<(Option<KindId>, Doing, Place), Sum> = BTreeMap::new();
    for (poll, parts) in polls.iter().zip(parts) {
        let mut of_poll: BTreeMap<(Doing, Place), Sum> = BTreeMap::new();
        for part in parts {
            of_poll.entry((part.doing, Place::of(part.stack, named))).or_default().add(part.ns(), part.stack);
        }
        let length = poll.to_ns.saturating_sub(poll.from_ns);
        for ((doing, place), part) in of_poll {
            let sum = sums.entry((poll.kind, doing, place)).or_default();
            sum.polls += u64::from(part.ns * NOTABLE_SHARE >= length || part.ns >= NOTABLE_NS);
            sum.longest_ns = sum.longest_ns.max(part.ns);
            sum.ns += part.ns;
            part.by_stack.into_iter().for_each(|(stack, ns)| *sum.by_stack.entry(stack).or_default() += ns);
        }
    }
    let mut shares: Vec<PollShare> = sums
        .into_iter()
        .map(|((kind, doing, place), sum)| {
            let mut holders: Vec<Holder> = keepers
                .get(&place)
                .filter(|_| doing == Doing::Blocked)
                .into_iter()
                .flatten()
                .filter_map(|((doing, _), sum)| {
                    Some(Holder { doing: *doing, site: sum.site(named)?, total_ns: sum.ns })
                })
                .collect();
            holders.sort_by_key(|holder| std::cmp::Reverse(holder.total_ns));
            holders.truncate(MOST_HOLDERS);
            let site = sum.site(named);
            PollShare { kind, doing, site, polls: sum.polls, total_ns: sum.ns, longest_ns: sum.longest_ns, holders }
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.total_ns));
    shares
}

/// What a thread did for a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    thread: u32,
    doing: Doing,
    from_ns: u64,
    to_ns: u64,
    stack: Option<u32>,
}

impl Part {
    fn ns(&self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }

    fn is_notable(&self) -> bool {
        self.doing == Doing::Blocked && self.ns() >= NOTABLE_BLOCK_NS
    }
}

/// What stacks have in common that a person would call the same place: the program's function and the system call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place(String, String, String);

impl Place {
    fn of(stack: Option<u32>, named: &HashMap<u32, Site>) -> Self {
        let Some(site) = stack.and_then(|stack| named.get(&stack)) else { return Self::default() };
        let frame = site.own.first().or(site.place.as_ref());
        let (function, file) = frame.map(|frame| (frame.function.clone(), frame.file.clone())).unwrap_or_default();
        Self(function, file, site.call.clone())
    }
}

/// Time at one place, and the stacks it was seen by.
#[derive(Debug, Default)]
struct Sum {
    ns: u64,
    polls: u64,
    longest_ns: u64,
    by_stack: BTreeMap<Option<u32>, u64>,
}

impl Sum {
    fn add(&mut self, ns: u64, stack: Option<u32>) {
        self.ns += ns;
        *self.by_stack.entry(stack).or_default() += ns;
    }

    /// It was seen in `asked` nanoseconds of `every`.
    fn stands_for(&mut self, asked: u64, every: u64) {
        if asked > 0 && every > asked {
            let whole = u128::from(self.ns) * u128::from(every) / u128::from(asked);
            self.ns = u64::try_from(whole).unwrap_or(u64::MAX);
        }
    }

    /// The site of the stack that has most of it: its line stands for all.
    fn site(&self, named: &HashMap<u32, Site>) -> Option<Site> {
        let (stack, _) = self.by_stack.iter().max_by_key(|(_, ns)| **ns)?;
        stack.and_then(|stack| named.get(&stack)).cloned()
    }
}

impl Threads {
    fn parts(&self, poll: &LongPoll) -> Vec<Part> {
        let Some(thread) = self.numbered(poll.tid) else { return Vec::new() };
        self.within(thread, poll.from_ns, poll.to_ns)
    }

    /// What a thread did within a window. Times off the CPU are whole; those on it are shared among the samples.
    fn within(&self, thread: u32, from_ns: u64, to_ns: u64) -> Vec<Part> {
        let (taken, away) = (self.taken(thread), self.away(thread));
        let mut parts = Vec::new();
        let mut at = from_ns;
        let first = away.partition_point(|wait| wait.to_ns <= from_ns);
        let computed = |parts: &mut Vec<Part>, from_ns: u64, to_ns: u64| {
            let begin = taken.partition_point(|one| one.time_ns < from_ns);
            let end = taken.partition_point(|one| one.time_ns < to_ns);
            let samples = taken.get(begin..end).unwrap_or_default();
            let part = |from_ns, to_ns, stack| Part { thread, doing: Doing::Computed, from_ns, to_ns, stack };
            let each = (to_ns - from_ns) / (samples.len() as u64).max(1);
            for (count, sample) in (0..).zip(samples) {
                let begin = from_ns + count * each;
                parts.push(part(begin, begin + each, Some(sample.stack)));
            }
            if samples.is_empty() && to_ns > from_ns {
                parts.push(part(from_ns, to_ns, None));
            }
        };
        for wait in away[first..].iter().take_while(|wait| wait.from_ns < to_ns) {
            let (begin, end) = (wait.from_ns.max(from_ns), wait.to_ns.min(to_ns));
            computed(&mut parts, at, begin.max(at));
            let doing = if wait.preempted { Doing::Preempted } else { Doing::Blocked };
            let stack = wait.stack.filter(|_| !wait.preempted);
            parts.push(Part { thread, doing, from_ns: begin, to_ns: end, stack });
            at = end.max(at);
        }
        computed(&mut parts, at, to_ns.max(at));
        parts
    }

    /// What threads did while one was blocked that were on a CPU when it could go on: one of them let it.
    fn holders(&self, blocked: &Part) -> Vec<Part> {
        let near = blocked.to_ns.saturating_sub(WAKING_NS);
        let others = self.all_away().filter(|(thread, _)| *thread != blocked.thread);
        let on = others.filter(|(thread, away)| {
            let at = away.partition_point(|wait| wait.to_ns <= near);
            let gone = away.get(at).is_some_and(|wait| wait.from_ns <= near && wait.to_ns >= blocked.to_ns);
            let seen = |one: &Taken| (blocked.from_ns..=blocked.to_ns).contains(&one.time_ns);
            let sampled = || self.taken(*thread).iter().any(seen);
            !gone && (away.iter().any(|wait| wait.from_ns <= blocked.to_ns) || sampled())
        });
        on.flat_map(|(thread, _)| self.within(thread, blocked.from_ns, blocked.to_ns))
            .filter(|part| part.doing != Doing::Preempted && part.stack.is_some())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(thread: u32, from_ns: u64, to_ns: u64, stack: u32) -> Wait {
        Wait { thread, from_ns, to_ns, stack: Some(stack), preempted: false }
    }

    fn threads(taken: &[(u32, u64, u32)], away: &[Wait]) -> Threads {
        let taken =
            taken.iter().map(|(thread, time_ns, stack)| Taken { time_ns: *time_ns, thread: *thread, stack: *stack });
        Threads::sorted(HashMap::from([(70, 0), (71, 1)]), taken, away)
    }

    #[test]
    fn of_one_stack_only_so_many_are_asked_who_kept_them() {
        let part = |stack, ns| Part { thread: 0, doing: Doing::Blocked, from_ns: 0, to_ns: ns, stack: Some(stack) };
        let idle = std::iter::repeat_n(part(1, 9_000_000), MOST_BLOCKED);
        let all: Vec<Part> = idle.chain([part(2, 3_000_000), part(2, 2_000_000)]).collect();
        let asked = sampled(all);
        assert_eq!(asked.len(), MOST_OF_STACK + 2);
        assert_eq!(asked.last(), Some(&part(2, 2_000_000)));
        let mut sum = Sum { ns: 30, ..Sum::default() };
        sum.stands_for(10, 40);
        assert_eq!(sum.ns, 120);
    }

    #[test]
    fn a_poll_is_made_of_what_its_thread_did() {
        let all = threads(&[(0, 110, 1), (0, 120, 2), (0, 190, 2)], &[wait(0, 130, 170, 7)]);
        let poll = LongPoll { kind: None, tid: 70, from_ns: 100, to_ns: 200 };
        let told: Vec<_> = all.parts(&poll).iter().map(|part| (part.doing, part.ns(), part.stack)).collect();
        assert_eq!(
            told,
            [
                (Doing::Computed, 15, Some(1)),
                (Doing::Computed, 15, Some(2)),
                (Doing::Blocked, 40, Some(7)),
                (Doing::Computed, 30, Some(2))
            ]
        );
        assert_eq!(all.parts(&LongPoll { tid: 99, ..poll }), []);
    }

    #[test]
    fn who_ran_when_a_thread_could_go_on_is_asked_what_it_did() {
        let away = [wait(0, 1_000_000, 3_000_000, 7), wait(1, 0, 900_000, 8), wait(1, 3_050_000, 9_000_000, 8)];
        let all = threads(&[(1, 2_000_000, 4)], &away);
        let blocked = Part { thread: 0, doing: Doing::Blocked, from_ns: 1_000_000, to_ns: 3_000_000, stack: Some(7) };
        let told: Vec<_> = all.holders(&blocked).iter().map(|part| (part.thread, part.ns(), part.stack)).collect();
        assert_eq!(told, [(1, 2_000_000, Some(4))]);
        let elsewhere = threads(&[], &[wait(0, 1_000_000, 3_000_000, 7), wait(1, 0, 9_000_000, 8)]);
        assert_eq!(elsewhere.holders(&blocked), [], "who was away all the while let nobody go on");
    }
}
