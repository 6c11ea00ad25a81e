//! Time, pause and slow readers, without a clock: time passes when a test says so.

use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use reports::run::console::{DEFAULT_CAP, End, EndReason, FORMAT, Header, Line, Update as Recorded, Writer, parse};
use tokio_stream::StreamExt;

use super::*;

const S: u64 = 1_000_000_000;

/// Updates that arrived at these seconds.
fn recorded(seconds: &[u64]) -> Recording {
    let header = Header { format: FORMAT, started_ns: S, cap_bytes: DEFAULT_CAP };
    let mut writer = Writer::begin(Vec::new(), header).unwrap();
    for second in seconds {
        let update = Recorded { at: second * S, now: 0, dropped_tasks: *second, ..Recorded::default() };
        writer.line(&Line::Update(Box::new(update))).unwrap();
    }
    let at = seconds.last().map_or(0, |second| second * S);
    let end = End { at, reason: EndReason::Stopped, updates: 0, details: 0, without_details: 0, hooks: None };
    parse(&writer.end(end).unwrap(), std::path::Path::new("console.jsonl")).unwrap()
}

/// Lets it go on as far as it can.
fn go_on(clock: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
    clock.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn nothing_is_played_before_somebody_listens() {
    let player = Player::new(recorded(&[0, 1]), 1.0);
    let mut clock = pin!(Arc::clone(&player).advance(|_| ready(())));
    assert_eq!((go_on(clock.as_mut()), player.progress()), (Poll::Pending, (0, 2)));
    player.wanted.send_replace(true);
    assert_eq!((go_on(clock.as_mut()), player.progress()), (Poll::Ready(()), (2, 2)));
}

#[test]
fn a_second_of_the_recording_takes_as_long_as_the_speed_says() {
    for (speed, passed) in [(1.0, 8.0), (4.0, 2.0), (0.5, 16.0)] {
        let player = Player::new(recorded(&[0, 3, 3, 8]), speed);
        player.wanted.send_replace(true);
        // Time that had passed, and entries that had been played, before each step.
        let steps = Mutex::new(Vec::new());
        let clock = Mutex::new(Duration::ZERO);
        let sleep = |step: Duration| {
            assert!(step <= GLANCE, "a pause would be noticed late");
            let mut clock = clock.lock().unwrap();
            steps.lock().unwrap().push((*clock, player.progress().0));
            *clock += step;
            ready(())
        };
        let mut advance = pin!(Arc::clone(&player).advance(sleep));
        assert_eq!(go_on(advance.as_mut()), Poll::Ready(()));
        assert!((clock.lock().unwrap().as_secs_f64() - passed).abs() < 1e-6, "at {speed}: {clock:?}");
        let before = |second: f64| Duration::from_secs_f64(second / speed);
        for (at, played) in steps.lock().unwrap().iter() {
            // What is due at a moment is played as soon as that much time has passed, and not earlier.
            let due = if *at < before(3.0) { 1 } else { 3 };
            assert_eq!(*played, due, "at {at:?}, speed {speed}");
        }
    }
}

#[test]
fn while_it_is_paused_no_time_passes() {
    let player = Player::new(recorded(&[0, 1, 2]), 1.0);
    player.wanted.send_replace(true);
    let steps = AtomicUsize::new(0);
    let pausing = Arc::clone(&player);
    let sleep = |_| {
        // Half a second into the recording, which is five glances, somebody pauses it.
        if steps.fetch_add(1, Ordering::SeqCst) + 1 == 5 {
            pausing.paused.send_replace(true);
        }
        ready(())
    };
    let mut clock = pin!(Arc::clone(&player).advance(sleep));
    for _ in 0..3 {
        assert_eq!(go_on(clock.as_mut()), Poll::Pending);
        assert_eq!((steps.load(Ordering::SeqCst), player.progress().0), (5, 1));
    }
    player.paused.send_replace(false);
    assert_eq!(go_on(clock.as_mut()), Poll::Ready(()));
    assert_eq!((steps.load(Ordering::SeqCst), player.progress().0), (20, 3));
}

/// Whoever does not read holds up nobody: the recording goes on, a few messages wait, and all of them come in the end.
#[tokio::test]
async fn a_slow_reader_costs_a_few_messages_and_misses_none() {
    const UPDATES: usize = 10_000;
    let seconds: Vec<u64> = (0..UPDATES as u64).collect();
    let player = Player::new(recorded(&seconds), 1.0);
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let mut slow = player.stream(move |_, entry| {
        count.fetch_add(1, Ordering::SeqCst);
        vec![entry.at() / S]
    });
    let mut quick = player.stream(|_, entry| vec![entry.at() / S]);
    player.played.send_replace(UPDATES);
    let mut read = Vec::new();
    while read.len() < UPDATES {
        read.push(quick.next().await.unwrap().unwrap());
    }
    assert_eq!(read, seconds, "the other one has everything");
    // One message is on its way into the full buffer.
    assert!(made.load(Ordering::SeqCst) <= BUFFER + 1, "{made:?} messages wait for somebody who does not read");
    let mut late = Vec::new();
    while late.len() < UPDATES {
        late.push(slow.next().await.unwrap().unwrap());
    }
    assert_eq!(late, seconds);
    assert_eq!(player.progress(), (UPDATES, UPDATES));
}

#[tokio::test]
async fn pause_and_resume_are_told_to_whoever_watches_the_state() {
    let service = Service(Player::new(recorded(&[0, 1]), 1.0));
    let mut states = service.watch_state(Request::new(StateRequest {})).await.unwrap().into_inner();
    let mut told = Vec::new();
    let mut tell = async |states: &mut ReceiverStream<Result<State, Status>>| {
        told.push(states.next().await.unwrap().unwrap().temporality());
    };
    tell(&mut states).await;
    service.pause(Request::new(PauseRequest {})).await.unwrap();
    tell(&mut states).await;
    assert!(*service.0.paused.borrow());
    service.resume(Request::new(ResumeRequest {})).await.unwrap();
    tell(&mut states).await;
    assert_eq!(told, [Temporality::Live, Temporality::Paused, Temporality::Live]);
    assert!(!*service.0.paused.borrow());
}
