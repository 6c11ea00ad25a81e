//! Threads over time: from switch records to shares of time slices.

use flamegraphs::capture::{Recording, Waiting, Why};
use reports::run::{LaneShares, ThreadLane};

/// Slices of a recording: as many as a wide picture has room for.
pub(super) const SLICES: usize = 240;
/// Threads that are kept over time: more than anybody looks at.
const MOST_LANES: usize = 64;
/// Threads that are kept at all.
const MOST_THREADS: usize = 1000;

/// One stretch of a thread's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from_ns: u64,
    to_ns: u64,
    /// `None` on a CPU.
    away: Option<Why>,
}

/// Threads, the busiest first: those that ran or wanted to run longest.
pub(super) fn lanes(recording: &Recording, waiting: &Waiting) -> Vec<ThreadLane> {
    let mut rest = waiting.waits.as_slice();
    let (began, known_until) = (recording.began_ns(), recording.changes_until_ns());
    let mut first: Vec<Option<(u64, bool)>> = vec![None; recording.threads.len()];
    let mut last = first.clone();
    for change in &recording.on_cpu {
        let at = change.thread as usize;
        let this = Some((change.time_ns, change.on));
        if first[at].is_none_or(|(time, _)| change.time_ns < time) {
            first[at] = this;
        }
        if last[at].is_none_or(|(time, _)| change.time_ns >= time) {
            last[at] = this;
        }
    }
    let mut all: Vec<(ThreadLane, Vec<Stretch>)> = Vec::new();
    for (index, thread) in recording.threads.iter().enumerate() {
        let mine = rest.partition_point(|wait| wait.thread as usize <= index);
        let (waits, others) = rest.split_at(mine);
        rest = others;
        let end = thread.ended_ns.unwrap_or(known_until).min(known_until);
        // Who left a CPU before coming to one was there from the beginning on.
        let mut on_since = first[index].map(|(time, on)| if on { time } else { began });
        let mut stretches = Vec::with_capacity(2 * waits.len() + 1);
        for wait in waits {
            if let Some(from_ns) = on_since {
                stretches.push(Stretch { from_ns, to_ns: wait.from_ns, away: None });
            }
            stretches.push(Stretch { from_ns: wait.from_ns, to_ns: wait.to_ns, away: Some(waiting.why(wait)) });
            on_since = Some(wait.to_ns);
        }
        if let Some(from_ns) = on_since.filter(|_| last[index].is_some_and(|(_, on)| on)) {
            stretches.push(Stretch { from_ns, to_ns: end, away: None });
        }
        let mut lane =
            ThreadLane { name: thread.name.clone(), pid: thread.pid, tid: thread.tid, ..ThreadLane::default() };
        add_up(&mut lane, &stretches);
        all.push((lane, stretches));
        if all.len() >= 2 * MOST_THREADS {
            keep_busiest(&mut all);
        }
    }
    keep_busiest(&mut all);
    let ends = began..recording.ended_ns;
    let lanes = all.into_iter().enumerate().map(|(rank, (lane, stretches))| ThreadLane {
        shares: (rank < MOST_LANES).then(|| shares(&stretches, &ends)),
        ..lane
    });
    lanes.collect()
}

fn keep_busiest(all: &mut Vec<(ThreadLane, Vec<Stretch>)>) {
    let wanted = |lane: &ThreadLane| lane.running_s + lane.preempted_s;
    all.sort_by(|(a, _), (b, _)| {
        wanted(b).total_cmp(&wanted(a)).then(b.blocked_s.total_cmp(&a.blocked_s)).then(a.tid.cmp(&b.tid))
    });
    all.truncate(MOST_THREADS);
    all.iter_mut().skip(MOST_LANES).for_each(|(_, stretches)| *stretches = Vec::new());
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
fn add_up(lane: &mut ThreadLane, stretches: &[Stretch]) {
    for stretch in stretches {
        let seconds = stretch.to_ns.saturating_sub(stretch.from_ns) as f64 * 1e-9;
        match stretch.away {
            None => lane.running_s += seconds,
            Some(Why::Preempted) => {
                lane.preempted_s += seconds;
                lane.preemptions += 1;
            }
            Some(Why::Blocked) => {
                lane.blocked_s += seconds;
                lane.longest_s = lane.longest_s.max(seconds);
                lane.waits += 1;
            }
            Some(Why::Parked) => {
                lane.parked_s += seconds;
                lane.waits += 1;
            }
        }
    }
}

/// Thousandths of each slice.
fn shares(stretches: &[Stretch], ends: &std::ops::Range<u64>) -> LaneShares {
    let slice = (ends.end.saturating_sub(ends.start) / SLICES as u64).max(1);
    let mut sums = [[0_u64; SLICES]; 4];
    for stretch in stretches {
        let kind = match stretch.away {
            None => 0,
            Some(Why::Preempted) => 1,
            Some(Why::Blocked) => 2,
            Some(Why::Parked) => 3,
        };
        let (from, to) = (stretch.from_ns.max(ends.start) - ends.start, stretch.to_ns.max(ends.start) - ends.start);
        let mut at = from;
        while at < to {
            let index = at / slice;
            let until = to.min((index + 1) * slice);
            // What is beyond the last whole slice has none.
            let Some(sum) = usize::try_from(index).ok().and_then(|index| sums[kind].get_mut(index)) else { break };
            *sum += until - at;
            at = until;
        }
    }
    let thousandths = |sums: [u64; SLICES]| {
        sums.iter().map(|sum| u16::try_from((sum * 1000 / slice).min(1000)).unwrap_or(1000)).collect()
    };
    let [running, preempted, blocked, parked] = sums;
    LaneShares {
        running: thousandths(running),
        preempted: thousandths(preempted),
        blocked: thousandths(blocked),
        parked: thousandths(parked),
    }
}

#[cfg(test)]
mod tests {
    use flamegraphs::capture::{OnCpu, Thread};

    use super::*;

    fn thread(tid: u32, ended_ns: Option<u64>) -> Thread {
        Thread { pid: 1, tid, name: format!("t{tid}"), samples: 0, ended_ns }
    }

    fn change(thread: u32, ms: u64, on: bool, preempted: bool) -> OnCpu {
        OnCpu { time_ns: 1_000_000_000 + ms * 1_000_000, thread, on, preempted }
    }

    /// 240 ms from second one on.
    fn recording(threads: Vec<Thread>, on_cpu: Vec<OnCpu>) -> Recording {
        let mut recording = Recording::default();
        (recording.wall_s, recording.ended_ns) = (0.24, 1_240_000_000);
        (recording.threads, recording.on_cpu) = (threads, on_cpu);
        recording
    }

    #[test]
    fn every_moment_of_a_thread_is_one_of_running_waiting_or_unknown() {
        let changes = vec![
            // Ran from the beginning on, was preempted from 20 to 60, blocked from 100 to 190, ran to the end.
            change(0, 20, false, true),
            change(0, 60, true, false),
            change(0, 100, false, false),
            change(0, 190, true, false),
            // Born at 120, ended at 180.
            change(1, 120, true, false),
        ];
        let recording = recording(vec![thread(7, None), thread(8, Some(1_180_000_000))], changes);
        let waiting = recording.waiting(&[]).unwrap();
        let lanes = lanes(&recording, &waiting);
        let times = |lane: &ThreadLane| {
            [lane.running_s, lane.preempted_s, lane.blocked_s, lane.parked_s].map(|s| (s * 1000.0).round() as u64)
        };
        assert_eq!((lanes[0].tid, times(&lanes[0])), (7, [110, 40, 90, 0]));
        assert_eq!((lanes[0].waits, lanes[0].preemptions, (lanes[0].longest_s * 1000.0).round()), (1, 1, 90.0));
        assert_eq!((lanes[1].tid, times(&lanes[1])), (8, [60, 0, 0, 0]));
        let shares = lanes[0].shares.as_ref().unwrap();
        assert_eq!(
            (shares.running[0], shares.running[30], shares.preempted[30], shares.blocked[150]),
            (1000, 0, 1000, 1000)
        );
        let born = lanes[1].shares.as_ref().unwrap();
        assert_eq!((born.running[119], born.running[120], born.running[179], born.running[180]), (0, 1000, 1000, 0));
    }

    #[test]
    fn nothing_is_drawn_after_the_last_change_that_was_kept() {
        let changes = vec![change(0, 20, true, false), change(1, 10, true, false), change(1, 30, false, false)];
        let mut recording = recording(vec![thread(7, None), thread(8, None)], changes);
        recording.excess.changes = flamegraphs::capture::Coarser { count: 9, from_ns: 1_100_000_000 };
        let lanes = lanes(&recording, &recording.waiting(&[]).unwrap());
        let times = |lane: &ThreadLane| [lane.running_s, lane.blocked_s].map(|s| (s * 1000.0).round() as u64);
        assert_eq!(lanes.iter().map(times).collect::<Vec<_>>(), [[80, 0], [20, 70]]);
    }

    #[test]
    fn thousands_of_threads_leave_a_bounded_record() {
        let many = 5000;
        let threads = (0..many).map(|n| thread(n, None)).collect();
        let on_cpu = (0..many).map(|n| change(n, 239 - u64::from(n % 240), true, false)).collect();
        let recording = recording(threads, on_cpu);
        let lanes = lanes(&recording, &recording.waiting(&[]).unwrap());
        assert_eq!(lanes.len(), MOST_THREADS);
        assert_eq!(lanes.iter().filter(|lane| lane.shares.is_some()).count(), MOST_LANES);
        assert!(lanes.windows(2).all(|pair| pair[0].running_s >= pair[1].running_s));
    }
}
