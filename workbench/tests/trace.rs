//! Tasks seen from outside, against what is known of them: the counts of the probe's hooks, which are exact, and programs
//! whose waits are made to be for one reason. The subject is this very process; where uprobes are refused the tests say so
//! and check nothing.

#![cfg(all(tokio_unstable, target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test panics, and says what it skips")]

use std::future::poll_fn;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use flamegraphs::capture::tasks::{Options, TaskTrace, TaskTracer, TraceError};
use probe::runtime::{Settings, build_recorded};
use reports::run::{Trace, TraceCase, TraceCause, TraceEndKind, TraceStep, TraceWhat};
use workbench::evidence::trace::rows;

/// All tests are one process, and each would see the others' tasks.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A tracer of this process; `None`, with a word on standard error, where there can be none.
fn tracer() -> Option<TaskTracer> {
    match TaskTracer::attach(std::process::id(), &Options::default()) {
        Ok(tracer) => Some(tracer),
        Err(refused @ (TraceError::NoSource | TraceError::Refused { .. })) => {
            eprintln!("skipped: {refused}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// Pending once, having woken itself.
async fn again() {
    let mut before = false;
    poll_fn(|context| {
        if std::mem::replace(&mut before, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn counted_work(polls: u64) {
    for _ in 1..polls {
        again().await;
    }
}

const TASKS: u64 = 40;
const POLLS: u64 = 25;

/// Runs known work under both recorders; `None` where something was lost on the way.
fn counted(mut tracer: TaskTracer) -> Option<(Vec<probe::tasks::SiteRecord>, TaskTrace)> {
    let settings = Settings { worker_threads: Some(2), ..Settings::default() };
    let (runtime, recorder) = build_recorded(&settings).unwrap();
    let recorder = recorder.unwrap();
    tracer.start().unwrap();
    recorder.start();
    let spawned: Vec<_> = (0..TASKS).map(|_| runtime.spawn(counted_work(POLLS))).collect();
    for task in spawned {
        runtime.block_on(task).unwrap();
    }
    drop(runtime);
    recorder.stop();
    let trace = tracer.stop().unwrap();
    (trace.lost == 0).then(|| (recorder.snapshot(), trace))
}

/// On a starved machine the reader may come late: then it says so, and this is tried again.
fn counted_without_loss() -> Option<(Vec<probe::tasks::SiteRecord>, TaskTrace)> {
    for _ in 0..10 {
        if let Some(whole) = counted(tracer()?) {
            return Some(whole);
        }
    }
    panic!("records were lost ten times in a row");
}

#[test]
fn counts_are_those_of_the_hooks() {
    let _alone = alone();
    let Some((sites, trace)) = counted_without_loss() else { return };
    let hooks: Vec<_> = sites.iter().filter(|site| site.file == file!()).collect();
    let sum = |of: fn(&probe::tasks::SiteRecord) -> u64| hooks.iter().map(|site| of(site)).sum::<u64>();
    let trace = rows(&trace);
    let kind = trace.kinds.iter().find(|kind| kind.name.contains("counted_work"));
    let kind = kind.unwrap_or_else(|| panic!("{:?}", trace.kinds));
    assert_eq!((kind.polls, sum(|site| site.polls)), (TASKS * POLLS, TASKS * POLLS));
    assert_eq!((kind.spawned, sum(|site| site.spawned)), (TASKS, TASKS));
    assert_eq!((kind.finished, sum(|site| site.finished)), (TASKS, TASKS));
    assert_eq!((kind.alive, kind.in_poll, kind.unexplained, kind.forgotten), (0, 0, 0, 0));
    // Each wakes itself before each poll but its first.
    assert_eq!(kind.wakes, TASKS * (POLLS - 1));
    let itself: u64 = trace.wakers.iter().filter(|waker| waker.by == "itself").map(|waker| waker.count).sum();
    assert_eq!(itself, TASKS * (POLLS - 1));
}

async fn reply(asked: Arc<tokio::sync::Notify>) {
    asked.notified().await;
}

#[inline(never)]
fn compute(until: &AtomicBool) {
    while !until.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// A thread that says so after 100 ms.
fn says_enough(enough: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let enough = Arc::clone(enough);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        enough.store(true, Ordering::Relaxed);
    })
}

/// What the links of a chain did, and the last names of their types.
fn steps(case: &TraceCase) -> Vec<(TraceStep, &str)> {
    case.links.iter().map(|link| (link.step, link.kind.rsplit("::").next().unwrap())).collect()
}

/// Wakes another task, and keeps the only worker.
async fn hog(asked: Arc<tokio::sync::Notify>, enough: Arc<AtomicBool>) {
    asked.notify_one();
    compute(&enough);
}

/// The worst case of a task whose type's name has that part.
fn worst<'a>(trace: &'a Trace, what: TraceWhat, kind: &str) -> &'a TraceCase {
    let of = |case: &&TraceCase| case.what == what && case.kind.contains(kind);
    trace.cases.iter().find(of).unwrap_or_else(|| panic!("no {what:?} of {kind} among {:?}", trace.cases))
}

#[test]
fn a_delay_is_blamed_on_the_task_that_had_the_worker() {
    let _alone = alone();
    let Some(mut tracer) = tracer() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tracer.start().unwrap();
    let (asked, enough) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicBool::new(false)));
    let timer = says_enough(&enough);
    runtime.block_on(async {
        let waiting = tokio::spawn(reply(Arc::clone(&asked)));
        tokio::task::yield_now().await;
        tokio::spawn(hog(asked, enough)).await.unwrap();
        waiting.await.unwrap();
    });
    timer.join().unwrap();
    let trace = rows(&tracer.stop().unwrap());
    if trace.head.lost > 0 {
        eprintln!("skipped: {:?}", trace.head.doubts());
        return;
    }
    let case = worst(&trace, TraceWhat::Delay, "reply");
    assert_eq!(steps(case), [(TraceStep::Ready, "reply"), (TraceStep::Polled, "hog")], "{}", case.sentence());
    assert_eq!(case.task, case.links[0].task);
    assert!(
        matches!(case.end.kind, TraceEndKind::Cpu | TraceEndKind::Preempted | TraceEndKind::Poll),
        "{}",
        case.sentence()
    );
    if case.end.kind == TraceEndKind::Cpu {
        let site = case.end.site.as_ref().unwrap();
        assert!(site.function.contains("compute") || site.function.contains("hog"), "{}", case.sentence());
    }
    // Who woke it, too.
    let waker = trace.wakers.iter().find(|waker| waker.kind.contains("reply")).unwrap();
    assert!(waker.by.contains("hog"), "{waker:?}");
}

async fn drowsy() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// Keeps the only worker, which fires the timers as well.
async fn keep(enough: Arc<AtomicBool>) {
    compute(&enough);
}

#[test]
fn what_a_timer_had_for_a_task_is_told_late_by_a_thread_that_polls_another() {
    let _alone = alone();
    let Some(mut tracer) = tracer() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tracer.start().unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let timer = says_enough(&enough);
    runtime.block_on(async {
        let waiting = tokio::spawn(drowsy());
        tokio::task::yield_now().await;
        tokio::spawn(keep(enough)).await.unwrap();
        waiting.await.unwrap();
    });
    timer.join().unwrap();
    let trace = rows(&tracer.stop().unwrap());
    if trace.head.lost > 0 {
        eprintln!("skipped: {:?}", trace.head.doubts());
        return;
    }
    let case = worst(&trace, TraceWhat::Unheard, "drowsy");
    assert_eq!(steps(case), [(TraceStep::Unheard, "drowsy"), (TraceStep::Polled, "keep")], "{}", case.sentence());
    assert!(case.sentence().contains("was told by a timer up to "), "{}", case.sentence());
}

async fn holder(lock: Arc<tokio::sync::Mutex<()>>, held: Arc<tokio::sync::Notify>, go: Arc<tokio::sync::Notify>) {
    let guard = lock.lock().await;
    held.notify_one();
    go.notified().await;
    drop(guard);
}

async fn wanting(lock: Arc<tokio::sync::Mutex<()>>) {
    drop(lock.lock().await);
}

#[test]
fn a_wait_for_a_lock_is_followed_to_what_its_holder_waits_for() {
    let _alone = alone();
    // The first stacks of a kind are learnt: one round may come before its own.
    for _ in 0..10 {
        let Some(mut tracer) = tracer() else { return };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        tracer.start().unwrap();
        runtime.block_on(async {
            for _ in 0..40 {
                let lock = Arc::new(tokio::sync::Mutex::new(()));
                let (held, go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
                let holding = tokio::spawn(holder(Arc::clone(&lock), Arc::clone(&held), Arc::clone(&go)));
                held.notified().await;
                let waiting = tokio::spawn(wanting(lock));
                // Long enough to be asked for; how long is nobody's matter.
                std::thread::sleep(Duration::from_millis(5));
                go.notify_one();
                holding.await.unwrap();
                waiting.await.unwrap();
            }
        });
        let trace = rows(&tracer.stop().unwrap());
        let case = trace.cases.iter().find(|case| case.what == TraceWhat::Wait && case.kind.ends_with("wanting"));
        let Some(case) = case.filter(|_| trace.head.lost == 0) else { continue };
        let [first, second, ..] = case.links.as_slice() else { continue };
        let (Some(lock), Some(go)) = (&first.site, &second.site) else { continue };
        assert_eq!((lock.cause, go.cause), (TraceCause::Lock, TraceCause::Notify), "{}", case.sentence());
        assert!(second.kind.ends_with("holder") && second.step == TraceStep::Waited, "{}", case.sentence());
        for site in [lock, go] {
            assert!(site.file.ends_with("tests/trace.rs") && site.line > 0, "{}", case.sentence());
        }
        assert!(lock.function.contains("wanting") && go.function.contains("holder"), "{}", case.sentence());
        return;
    }
    panic!("no round had a whole chain");
}

/// Not a test: the counted work, once somebody says so.
#[test]
#[ignore = "the subject of another test"]
fn counted_subject() {
    if std::env::var_os("TRACE_COUNTED_SUBJECT").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut line = String::new();
    println!("\nready");
    std::io::stdin().read_line(&mut line).unwrap();
    let spawned: Vec<_> = (0..TASKS).map(|_| runtime.spawn(counted_work(POLLS))).collect();
    spawned.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    println!("\ndone");
    std::io::stdin().read_line(&mut line).unwrap();
}

/// Processes that a process started.
fn children(pid: u32) -> Vec<u32> {
    let stat = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let parent = |stat: String| stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok();
    let all =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|child| stat(*child).and_then(parent) == Some(pid)).collect()
}

#[test]
fn a_program_behind_a_shell_is_traced() {
    let _alone = alone();
    if tracer().is_none() {
        return;
    }
    for _ in 0..10 {
        let mut shell = Command::new("sh")
            // Not its last command: no shell becomes it.
            .args(["-c", r#""$0" --exact counted_subject --ignored --nocapture; true"#])
            .arg(std::env::current_exe().unwrap())
            .env("TRACE_COUNTED_SUBJECT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"));
        let started = children(shell.id());
        let mut tracer = TaskTracer::attach_among(shell.id(), &started, &Options::default()).unwrap();
        tracer.start().unwrap();
        input.write_all(b"go\n").unwrap();
        assert!(lines.any(|line| line == "done"));
        let trace = tracer.stop().unwrap();
        drop(input);
        shell.wait().unwrap();
        if trace.lost > 0 {
            continue;
        }
        let trace = rows(&trace);
        let kind = trace.kinds.iter().find(|kind| kind.name.contains("counted_work")).unwrap();
        assert_eq!((kind.polls, kind.finished), (TASKS * POLLS, TASKS));
        return;
    }
    panic!("records were lost ten times in a row");
}

/// Not a test: traces its parent until it is killed.
#[test]
#[ignore = "the subject of another test"]
fn bystander() {
    let Ok(pid) = std::env::var("TRACE_BYSTANDER_OF").unwrap_or_default().parse() else { return };
    let mut tracer = TaskTracer::attach(pid, &Options::default()).unwrap();
    tracer.start().unwrap();
    println!("\ntracing");
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn no_probe_outlives_a_killed_recorder() {
    let _alone = alone();
    if tracer().is_none() {
        return;
    }
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bystander", "--ignored", "--nocapture"])
        .env("TRACE_BYSTANDER_OF", std::process::id().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(other.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "tracing"));
    // SIGKILL: it cleans nothing up.
    other.kill().unwrap();
    other.wait().unwrap();
    let listed = std::fs::read_to_string("/sys/kernel/tracing/uprobe_events").unwrap_or_default();
    assert!(!listed.contains("tokio") && !listed.contains("trace-"), "{listed}");
    let Some((_, trace)) = counted_without_loss() else { return };
    let trace = rows(&trace);
    let kind = trace.kinds.iter().find(|kind| kind.name.contains("counted_work")).unwrap();
    assert_eq!(kind.polls, TASKS * POLLS, "probed once, not twice");
}

#[test]
fn what_cannot_be_traced_says_why() {
    let gone = TaskTracer::attach(u32::MAX / 4, &Options::default()).unwrap_err();
    assert!(gone.to_string().contains("is it running"), "{gone}");
    let mut other = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused = loop {
        let refused = TaskTracer::attach(other.id(), &Options::default()).unwrap_err();
        // Until it has become `sleep` it is a copy of this program.
        let path = refused.to_string();
        if path.contains("sleep") || path.contains("coreutils") || path.contains("busybox") || Instant::now() > deadline
        {
            break refused;
        }
    };
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(
        matches!(refused, TraceError::Stripped { .. } | TraceError::NotTokio { .. } | TraceError::NoSource),
        "{refused}"
    );
}
