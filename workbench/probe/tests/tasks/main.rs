//! Tasks by spawn site, exact against workloads whose every spawn, poll and allocation is known.

#![cfg(tokio_unstable)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod known;
mod plans;

use std::hint::black_box;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use probe::tasks::{Kind, LONG_POLL, Latency, Recorder, STALL, SiteRecord, install_with};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use self::known::{again, at, busy, ended, recorded, single, work};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

/// Spawns `tasks` of [`work`] from outside and waits for them; the line of the spawn.
fn spawn_and_join(runtime: &Runtime, tasks: usize, polls: u64, blocks: usize, bytes: usize) -> u32 {
    let spawned: Vec<_> = (0..tasks).map(|_| runtime.spawn(work(polls, blocks, bytes))).collect();
    let line = line!() - 1;
    for task in spawned {
        runtime.block_on(task).unwrap();
    }
    line
}

fn exact((runtime, recorder): (Runtime, Recorder)) {
    const TASKS: u64 = 40;
    const POLLS: u64 = 7;
    const BLOCKS: u64 = 3;
    const BYTES: u64 = 4096;
    recorder.start();
    let line = spawn_and_join(&runtime, TASKS as usize, POLLS, BLOCKS as usize, BYTES as usize);
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.kind, site.spawned, site.finished, site.alive), (Kind::Task, TASKS, TASKS, 0));
    assert_eq!((site.polls, site.in_poll), (TASKS * POLLS, 0));
    assert_eq!(site.allocations, TASKS * POLLS * BLOCKS);
    assert_eq!(site.bytes, TASKS * POLLS * BLOCKS * BYTES);
    assert!(site.busy_s > 0.0 && site.longest_poll_s > 0.0 && site.longest_poll_s <= site.busy_s);
    assert!(site.worst_schedule_latency_s > 0.0 && site.worst_schedule_latency_s <= site.schedule_latency_s);
}

#[test]
fn four_workers_are_exact() {
    exact(recorded(4));
}

#[test]
fn one_worker_is_exact() {
    exact(recorded(1));
}

#[test]
fn a_current_thread_runtime_is_exact() {
    exact(single());
}

#[test]
fn without_schedule_latency_all_else_is_exact() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let recorder = install_with(builder.worker_threads(2), Latency::Untracked).unwrap();
    assert_eq!(recorder.latency(), Latency::Untracked);
    let runtime = builder.build().unwrap();
    recorder.start();
    let line = spawn_and_join(&runtime, 20, 3, 2, 512);
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.spawned, site.finished, site.polls), (20, 20, 60));
    assert_eq!((site.allocations, site.bytes), (120, 120 * 512));
    assert_eq!((site.latency, site.waits), (Latency::Untracked, 0));
    assert_eq!((site.schedule_latency_s, site.worst_schedule_latency_s), (0.0, 0.0));
}

#[test]
fn first_waits_are_those_of_few_tasks_all_and_of_many_a_part() {
    let (runtime, recorder) = recorded(2);
    assert_eq!(recorder.latency(), Latency::FirstPoll, "the default");
    recorder.start();
    // All of a site are spawned by this one thread, and polled three times each.
    let few = spawn_and_join(&runtime, 40, 3, 0, 0);
    let many: Vec<_> = (0..2000).map(|_| runtime.spawn(async {})).collect();
    let many_line = line!() - 1;
    for task in many {
        runtime.block_on(task).unwrap();
    }
    let records = ended(runtime, &recorder);
    let few = at(&records, few);
    assert_eq!((few.latency, few.spawned, few.polls, few.waits), (Latency::FirstPoll, 40, 120, 40));
    let many = at(&records, many_line);
    assert!((64 + 1936 / 16..64 + 1936 / 4).contains(&many.waits), "{} of {}", many.waits, many.spawned);
    for site in [few, many] {
        assert!(site.worst_schedule_latency_s > 0.0);
        assert!(site.worst_schedule_latency_s <= site.schedule_latency_s);
    }
}

#[test]
fn every_wait_is_measured_where_it_is_asked_for() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let recorder = install_with(builder.worker_threads(2), Latency::EveryPoll).unwrap();
    let runtime = builder.build().unwrap();
    recorder.start();
    let line = spawn_and_join(&runtime, 20, 3, 0, 0);
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.latency, site.polls, site.waits), (Latency::EveryPoll, 60, 60));
    assert!(site.worst_schedule_latency_s > 0.0 && site.worst_schedule_latency_s <= site.schedule_latency_s);
}

#[test]
fn a_wait_lasts_from_spawn_to_first_poll() {
    const HELD: Duration = Duration::from_millis(20);
    let (runtime, recorder) = single();
    recorder.start();
    let (spawned, line) = runtime.block_on(async {
        let spawned = tokio::spawn(again());
        let line = line!() - 1;
        // Nobody else polls on this runtime.
        busy(HELD);
        (spawned, line)
    });
    runtime.block_on(spawned).unwrap();
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.polls, site.waits), (2, 1));
    assert!(site.worst_schedule_latency_s > HELD.as_secs_f64());
    assert_eq!(site.worst_schedule_latency_s, site.schedule_latency_s, "the second poll was no first one");
}

#[test]
fn tasks_spawned_before_the_recording_are_not_waited_for() {
    let (runtime, recorder) = single();
    let task = runtime.spawn(again());
    let line = line!() - 1;
    recorder.start();
    runtime.block_on(task).unwrap();
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.spawned, site.polls, site.waits), (0, 2, 0));
}

#[test]
fn threads_that_end_hand_their_sums_on() {
    let (runtime, recorder) = single();
    recorder.start();
    // Only one thread at a time runs this runtime; each takes the seat of the one before.
    let mut line = 0;
    for _ in 0..20 {
        line = std::thread::scope(|scope| scope.spawn(|| spawn_and_join(&runtime, 3, 2, 1, 128)).join().unwrap());
    }
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.spawned, site.finished, site.polls, site.bytes), (60, 60, 120, 120 * 128));
}

#[test]
fn nothing_counts_outside_a_recording_but_what_is_alive() {
    let (runtime, recorder) = single();
    let leave = Arc::new(Notify::new());
    let early: Vec<_> = (0..5)
        .map(|_| {
            let leave = Arc::clone(&leave);
            runtime.spawn(async move { leave.notified().await })
        })
        .collect();
    let line = line!() - 3;
    spawn_and_join(&runtime, 3, 2, 1, 64);
    recorder.start();
    assert_eq!(at(&recorder.snapshot(), line).alive, 5);
    leave.notify_one();
    runtime.block_on(async {
        while recorder.snapshot().iter().all(|site| site.finished == 0) {
            again().await;
        }
    });
    recorder.stop();
    spawn_and_join(&runtime, 3, 2, 1, 64);
    let records = recorder.snapshot();
    assert_eq!(records.len(), 1, "the sites outside the recording say nothing: {records:#?}");
    let site = at(&records, line);
    assert_eq!((site.spawned, site.finished, site.alive, site.polls), (0, 1, 4, 1));
    drop((early, runtime));
    assert_eq!(at(&recorder.snapshot(), line).alive, 0, "what the runtime drops has ended");
}

#[test]
fn tasks_outlive_the_snapshot() {
    let (runtime, recorder) = recorded(4);
    recorder.start();
    let gate = Arc::new(Semaphore::new(0));
    let tasks: Vec<JoinHandle<()>> = (0..100)
        .map(|_| {
            let gate = Arc::clone(&gate);
            runtime.spawn(async move { gate.acquire().await.unwrap().forget() })
        })
        .collect();
    let line = line!() - 3;
    let site = |wanted: fn(&SiteRecord) -> bool| loop {
        let records = recorder.snapshot();
        let site = at(&records, line).clone();
        if wanted(&site) {
            return site;
        }
        std::thread::yield_now();
    };
    let waiting = site(|site| site.polls == 100 && site.in_poll == 0);
    assert_eq!((waiting.spawned, waiting.finished, waiting.alive), (100, 0, 100));
    gate.add_permits(30);
    let some = site(|site| site.finished == 30);
    assert_eq!((some.spawned, some.alive), (100, 70));
    gate.add_permits(70);
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    let records = ended(runtime, &recorder);
    let all = at(&records, line);
    assert_eq!((all.finished, all.alive, all.polls), (100, 0, 200));
}

#[test]
fn blocking_jobs_are_told_apart_and_disturb_nothing() {
    let (runtime, recorder) = recorded(4);
    recorder.start();
    let job = |_| runtime.spawn_blocking(|| drop(black_box(Vec::<u8>::with_capacity(1 << 20))));
    let jobs_line = line!() - 1;
    let jobs: Vec<_> = (0..20).map(job).collect();
    let tasks_line = spawn_and_join(&runtime, 20, 3, 1, 256);
    for job in jobs {
        runtime.block_on(job).unwrap();
    }
    let records = ended(runtime, &recorder);
    let tasks = at(&records, tasks_line);
    assert_eq!((tasks.kind, tasks.polls, tasks.bytes, tasks.alive), (Kind::Task, 60, 60 * 256, 0));
    let jobs = at(&records, jobs_line);
    assert_eq!((jobs.kind, jobs.finished), (Kind::Blocking, 20));
    assert_eq!((jobs.spawned, jobs.alive, jobs.polls, jobs.bytes), (0, 0, 0, 0));
    // The runtime's own workers end there too.
    let workers: u64 = records.iter().filter(|site| site.file != file!()).map(|site| site.finished).sum();
    assert_eq!(workers, 4);
    assert!(records.iter().filter(|site| site.file != file!()).all(|site| site.kind == Kind::Blocking));
}

#[test]
fn long_polls_and_stalls_are_counted_by_their_length() {
    let (runtime, recorder) = single();
    recorder.start();
    let long = runtime.spawn(async {
        for _ in 0..3 {
            busy(LONG_POLL);
            again().await;
        }
    });
    let stalled = runtime.spawn(async { busy(STALL) });
    let line = line!() - 1;
    runtime.block_on(async { (long.await.unwrap(), stalled.await.unwrap()) });
    let records = ended(runtime, &recorder);
    let stalled = at(&records, line);
    assert_eq!((stalled.polls, stalled.long_polls, stalled.stalls), (1, 1, 1));
    let long = at(&records, line - 6);
    assert_eq!(long.polls, 4);
    assert!(long.long_polls >= 3);
    // Each lower bound holds however slow the machine is: `busy` goes on for longer.
    assert!(stalled.longest_poll_s > STALL.as_secs_f64() && long.busy_s > 3.0 * LONG_POLL.as_secs_f64());
}

#[test]
fn a_poll_in_progress_shows_its_age() {
    let (runtime, recorder) = recorded(2);
    recorder.start();
    let (say, hear) = std::sync::mpsc::channel::<()>();
    let task = runtime.spawn(async move { hear.recv().unwrap() });
    let line = line!() - 1;
    let seen = loop {
        let records = recorder.snapshot();
        if let Some(site) = records.iter().find(|site| site.line == line && site.longest_poll_s > 0.002) {
            break site.clone();
        }
    };
    assert_eq!((seen.in_poll, seen.polls, seen.long_polls, seen.alive), (1, 0, 0, 1));
    say.send(()).unwrap();
    runtime.block_on(task).unwrap();
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.in_poll, site.polls, site.long_polls), (0, 1, 1));
}

#[test]
fn a_task_that_panics_has_ended() {
    let (runtime, recorder) = recorded(2);
    recorder.start();
    let task = runtime.spawn(async { std::panic::resume_unwind(Box::new(())) });
    let line = line!() - 1;
    assert!(runtime.block_on(task).unwrap_err().is_panic());
    let records = ended(runtime, &recorder);
    let site = at(&records, line);
    assert_eq!((site.spawned, site.finished, site.alive, site.polls), (1, 1, 0, 1));
}

#[track_caller]
fn tracked(runtime: &Runtime) -> (JoinHandle<()>, &'static Location<'static>) {
    (runtime.spawn(async {}), Location::caller())
}

#[test]
fn a_tracked_wrapper_has_the_sites_of_its_callers() {
    let (runtime, recorder) = single();
    recorder.start();
    let (first, second) = (tracked(&runtime), tracked(&runtime));
    for task in [first.0, second.0] {
        runtime.block_on(task).unwrap();
    }
    let mut records = ended(runtime, &recorder);
    records.sort_by_key(|site| site.column);
    let places: Vec<_> = records.iter().map(|site| (site.line, site.column, site.spawned)).collect();
    assert_eq!(places, [first.1, second.1].map(|at| (at.line(), at.column(), 1)));
}

#[test]
fn two_runtimes_do_not_mix_even_on_one_thread() {
    let (a, of_a) = single();
    let (b, of_b) = single();
    of_a.start();
    of_b.start();
    let mut lines = (0, 0);
    for _ in 0..3 {
        lines.0 = spawn_and_join(&a, 2, 2, 1, 100);
        lines.1 = spawn_and_join(&b, 3, 1, 1, 1000);
    }
    let (records_a, records_b) = (ended(a, &of_a), ended(b, &of_b));
    let (in_a, in_b) = (at(&records_a, lines.0), at(&records_b, lines.1));
    assert_eq!((in_a.spawned, in_a.polls, in_a.bytes), (6, 12, 1200));
    assert_eq!((in_b.spawned, in_b.polls, in_b.bytes), (9, 9, 9000));
}
