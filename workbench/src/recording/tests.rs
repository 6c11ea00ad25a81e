//! A recording is played and recorded again; servers that misbehave.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use console_api::instrument::instrument_server::{Instrument, InstrumentServer};
use console_api::instrument::{
    InstrumentRequest, PauseRequest, PauseResponse, ResumeRequest, ResumeResponse, State, StateRequest,
    TaskDetailsRequest, Update,
};
use console_api::tasks::{TaskDetails, TaskUpdate};
use reports::console::{Agreement, view};
use reports::run::console::{EndReason, Ending, Entry, HookCounts, Recording, parse};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};

use super::{Limits, Player, Recorder, RecordingError, listen};

type Script = Box<dyn Fn(usize) -> Act + Send + Sync>;

/// What the server does on one connection: the updates that it sends, then whether the stream ends or stays.
struct Act {
    updates: Vec<Update>,
    stays: bool,
    /// Goes on with empty updates.
    ticks: bool,
}

/// A console server that follows a script, by the number of the connection.
struct Scripted {
    script: Script,
    watched: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Instrument for Scripted {
    type WatchUpdatesStream = ReceiverStream<Result<Update, Status>>;
    type WatchTaskDetailsStream = ReceiverStream<Result<TaskDetails, Status>>;
    type WatchStateStream = ReceiverStream<Result<State, Status>>;

    async fn watch_updates(&self, _: Request<InstrumentRequest>) -> Result<Response<Self::WatchUpdatesStream>, Status> {
        let act = (self.script)(self.watched.fetch_add(1, Ordering::SeqCst));
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            for update in act.updates {
                if sender.send(Ok(update)).await.is_err() {
                    return;
                }
            }
            while act.ticks && sender.send(Ok(Update::default())).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if act.stays {
                sender.closed().await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn watch_task_details(
        &self,
        _: Request<TaskDetailsRequest>,
    ) -> Result<Response<Self::WatchTaskDetailsStream>, Status> {
        Err(Status::not_found("no details"))
    }

    async fn watch_state(&self, _: Request<StateRequest>) -> Result<Response<Self::WatchStateStream>, Status> {
        Err(Status::unimplemented("no state"))
    }

    async fn pause(&self, _: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        Err(Status::unimplemented("no pause"))
    }

    async fn resume(&self, _: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        Err(Status::unimplemented("no resume"))
    }
}

/// Starts something that serves, on a runtime that lives as long as what is returned.
fn serve<F>(start: impl FnOnce(TcpListener) -> F) -> (tokio::runtime::Runtime, SocketAddr)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (listener, address) = runtime.block_on(listen(0)).unwrap();
    let serving = {
        let _inside = runtime.enter();
        start(listener)
    };
    runtime.spawn(serving);
    (runtime, address)
}

fn scripted(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> (tokio::runtime::Runtime, SocketAddr) {
    let service = Scripted { script: Box::new(script), watched: Arc::default() };
    serve(|listener| async move {
        let server = tonic::transport::Server::builder();
        let _ = server.serve_with_incoming(InstrumentServer::new(service), TcpListenerStream::new(listener)).await;
    })
}

fn playing(recording: Recording, speed: f64) -> (tokio::runtime::Runtime, SocketAddr) {
    let player = Player::new(recording, speed);
    serve(|listener| async move {
        let _ = player.serve(listener, std::future::pending()).await;
    })
}

fn read(bytes: &[u8]) -> Recording {
    parse(bytes, Path::new("console.jsonl")).unwrap()
}

/// So many new tasks.
fn tasks(count: u64) -> Update {
    let task = |id| console_api::tasks::Task {
        id: Some(console_api::Id { id }),
        location: Some(console_api::Location { file: Some("a.rs".into()), line: Some(3), ..Default::default() }),
        ..Default::default()
    };
    let stats = |id| (id, console_api::tasks::Stats { wakes: id, ..Default::default() });
    Update {
        task_update: Some(TaskUpdate {
            new_tasks: (1..=count).map(task).collect(),
            stats_update: (1..=count).map(stats).collect(),
            dropped_events: 0,
        }),
        ..Update::default()
    }
}

/// Waits until it has come to something, then stops the recording.
fn stop_when(recorder: Recorder, ready: impl Fn(&Recorder) -> bool) -> Recording {
    for _ in 0..3000 {
        if ready(&recorder) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(ready(&recorder), "it never came to that");
    read(&recorder.stop(None).unwrap())
}

#[test]
fn a_hundred_thousand_tasks_fit_under_the_default_cap() {
    let (_server, address) = scripted(|_| Act { updates: vec![tasks(100_000)], stays: true, ticks: true });
    let recorder = Recorder::start(address, Limits::default()).unwrap();
    let hooks = HookCounts { spawned: 100_000, finished: 0, alive: 100_000 };
    let recording = read(&recorder.stop(Some(hooks)).unwrap());
    assert_eq!(recording.end().map(|end| &end.reason), Some(&EndReason::Stopped));
    let view = view(&recording, None);
    assert_eq!((view.tasks, view.sites.len(), view.sites[0].seen), (100_000, 1, 100_000));
    assert_eq!(view.agreement, Agreement::Agree { recorded: 100_000, hooks: 100_000 });
    assert!(view.doubts.iter().any(|doubt| doubt.starts_with("histograms of 99872 tasks")), "{:?}", view.doubts);
}

#[test]
fn at_the_cap_the_recording_ends_and_says_so() {
    let (_server, address) = scripted(|_| Act { updates: vec![tasks(10), tasks(100_000)], stays: true, ticks: true });
    let limits = Limits { cap_bytes: 1 << 20, streams: 4 };
    let recorder = Recorder::start(address, limits).unwrap();
    let recording = stop_when(recorder, Recorder::has_ended);
    let end = recording.end().unwrap();
    assert_eq!((&end.reason, end.updates), (&EndReason::Cap, 1));
    let view = view(&recording, None);
    assert_eq!(view.tasks, 10, "what came before is there");
    assert!(view.doubts[0].contains("because the cap of 1 MiB was reached"), "{:?}", view.doubts);
}

#[test]
fn a_stream_that_breaks_off_is_taken_up_again_with_a_gap() {
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let (_server, address) = scripted(move |connection| {
        seen.store(connection + 1, Ordering::SeqCst);
        Act { updates: vec![tasks(connection as u64 + 1)], stays: connection > 0, ticks: connection > 0 }
    });
    let recorder = Recorder::start(address, Limits::default()).unwrap();
    let recording = stop_when(recorder, |_| connections.load(Ordering::SeqCst) == 2);
    assert_eq!(recording.end().map(|end| &end.reason), Some(&EndReason::Stopped));
    let gaps: Vec<_> = recording.entries.iter().filter(|entry| matches!(entry, Entry::Gap(_))).collect();
    assert_eq!(gaps.len(), 1);
    let view = view(&recording, None);
    assert_eq!(view.tasks, 2);
    assert!(view.doubts[0].contains("broke off and was taken up again"), "{:?}", view.doubts);
}

#[test]
fn a_server_that_is_gone_cuts_the_recording_off_and_keeps_what_it_said() {
    let (server, address) = scripted(|_| Act { updates: vec![tasks(3)], stays: true, ticks: false });
    let recorder = Recorder::start(address, Limits::default()).unwrap();
    server.shutdown_background();
    let recording = stop_when(recorder, Recorder::has_ended);
    let Some(EndReason::CutOff { .. }) = recording.end().map(|end| &end.reason) else {
        panic!("{:?}", recording.ending)
    };
    assert_eq!(view(&recording, None).tasks, 3);
}

#[test]
fn a_server_that_keeps_breaking_off_is_given_up() {
    let (_server, address) = scripted(|_| Act { updates: vec![tasks(1)], stays: false, ticks: false });
    let recorder = Recorder::start(address, Limits::default()).unwrap();
    let recording = stop_when(recorder, Recorder::has_ended);
    let Some(EndReason::CutOff { because }) = recording.end().map(|end| &end.reason) else { panic!("no end") };
    assert!(because.contains("it broke off 21 times"), "{because}");
}

#[test]
fn without_a_server_there_is_no_recording() {
    // Bound, so that nobody else gets it, but closed before anyone connects.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (listener, address) = runtime.block_on(listen(0)).unwrap();
    drop(listener);
    let error = Recorder::start(address, Limits::default()).unwrap_err();
    assert!(matches!(error, RecordingError::Silent { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

/// What the model makes of the same thing heard twice, without the clocks: they tell different arrivals.
fn told(recording: &Recording) -> serde_json::Value {
    let mut view = serde_json::to_value(view(recording, None)).unwrap();
    forget_times(&mut view);
    view
}

fn forget_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            // What is still going on at the end lasts until the end, which comes later the second time.
            fields.retain(|name, _| !name.ends_with("_s") && !["says", "updates", "doubts"].contains(&name.as_str()));
            fields.values_mut().for_each(forget_times);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

/// Two updates, histograms between them, and an end.
fn small() -> Recording {
    let server = scripted(|_| Act { updates: vec![tasks(5), tasks(7)], stays: true, ticks: true });
    let recorder = Recorder::start(server.1, Limits::default()).unwrap();
    stop_when(recorder, |recorder| recorder.heard() > 3)
}

#[test]
fn what_is_replayed_and_recorded_again_says_the_same() {
    let original = small();
    let updates = original.entries.iter().filter(|entry| matches!(entry, Entry::Update(_))).count() as u64;
    let (_server, address) = playing(original.clone(), 20.0);
    let recorder = Recorder::start(address, Limits::default()).unwrap();
    // At its end the replay stands still, and no last update comes: two seconds later the recorder gives up.
    let again = stop_when(recorder, |recorder| recorder.heard() == updates);
    assert!(matches!(again.ending, Ending::Stated(_)));
    assert_eq!(told(&again), told(&original));
}
