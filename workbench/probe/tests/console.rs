//! The console as a client sees it, over its own protocol. One process, one subscriber: one test.
#![cfg(tokio_unstable)]
#![allow(clippy::unwrap_used, reason = "a test: helpers outside of test functions may panic too")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use console_api::field::Value;
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use probe::console::{Console, ConsoleError, Options};
use probe::tasks;

#[global_allocator]
static ALLOCATOR: probe::allocator::Selectable = probe::allocator::Selectable;

/// Far beyond the 128 events that a task may take of a channel in one poll.
const TASKS: u64 = 5_000;
/// Those, the one that stalls, and the future of `block_on`, which the console counts as one.
const SEEN: u64 = TASKS + 2;

/// What a client has heard so far.
#[derive(Default)]
struct Heard {
    tasks: u64,
    dropped_events: u64,
    /// Our resources by number: type and location.
    resources: BTreeMap<u64, (String, String)>,
    /// Their attributes, by resource and name.
    attributes: BTreeMap<u64, BTreeMap<String, String>>,
}

impl Heard {
    fn take(&mut self, update: Update) {
        if let Some(tasks) = update.task_update {
            let of_ours = tasks.new_tasks.iter().filter(|task| {
                task.location.as_ref().and_then(|location| location.file.as_deref()).is_some_and(|f| f == file!())
            });
            self.tasks += of_ours.count() as u64;
            self.dropped_events += tasks.dropped_events;
        }
        let Some(resources) = update.resource_update else { return };
        for resource in resources.new_resources {
            let location = resource.location.map(|location| location.to_string()).unwrap_or_default();
            self.resources.insert(resource.id.unwrap().id, (resource.concrete_type, location));
        }
        for (id, stats) in resources.stats_update {
            let attributes = self.attributes.entry(id).or_default();
            for field in stats.attributes.into_iter().filter_map(|attribute| attribute.field) {
                let Some(console_api::field::Name::StrName(name)) = field.name else { continue };
                let value = match field.value {
                    Some(Value::StrVal(text)) => text,
                    Some(Value::U64Val(number)) => number.to_string(),
                    other => format!("{other:?}"),
                };
                attributes.insert(name, value);
            }
        }
    }

    /// Attributes of the first resource of this type.
    fn of(&self, concrete_type: &str) -> Option<&BTreeMap<String, String>> {
        let (id, _) = self.resources.iter().find(|(_, (name, _))| name == concrete_type)?;
        self.attributes.get(id)
    }

    fn has_all(&self) -> bool {
        let stalled = self.of("Stall detector").is_some_and(|a| a.get("count").is_some_and(|count| count != "0"));
        let sites = self.of("Spawn site").is_some_and(|a| a.contains_key("unfinished"));
        let spawned = self.attributes.values().any(|a| a.get("spawned").is_some_and(|n| *n == TASKS.to_string()));
        self.tasks >= SEEN && stalled && sites && spawned && self.of("Allocator (jemalloc)").is_some()
    }
}

#[test]
fn a_client_sees_every_task_and_our_resources() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = |address: SocketAddr| Options { address, ..Options::default() };
    let refused = Console::start(&options(taken.local_addr().unwrap())).unwrap_err();
    assert!(matches!(refused, ConsoleError::PortTaken(_)), "{refused}");
    assert_eq!(refused.to_string(), format!("port {} is taken by another program", taken.local_addr().unwrap().port()));

    let console = Console::start(&options("127.0.0.1:0".parse().unwrap())).unwrap();
    let again = Console::start(&options("127.0.0.1:0".parse().unwrap())).unwrap_err();
    assert!(matches!(again, ConsoleError::Subscribed), "{again}");

    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let recorder = tasks::install(builder.worker_threads(2).enable_all()).unwrap();
    recorder.start();
    console.show_tasks(recorder.clone());
    let subject = builder.build().unwrap();

    let heard = listen(console.address(), || {
        let stalling = subject.spawn(async { std::thread::sleep(Duration::from_millis(30)) });
        subject.block_on(async {
            // All alive at once: what ends is forgotten after the retention, and could do so before it is told.
            let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
            let each = (0..TASKS).map(|_| {
                let gate = std::sync::Arc::clone(&gate);
                tokio::spawn(async move {
                    let _ = gate.acquire().await;
                    std::hint::black_box(vec![0_u8; 2_000]).len()
                })
            });
            let all: Vec<_> = each.collect();
            gate.close();
            for one in all {
                one.await.unwrap();
            }
            stalling.await.unwrap();
        });
    });

    assert_eq!(heard.dropped_events, 0);
    assert_eq!(heard.tasks, SEEN, "no task is lost on the way");
    let allocator = heard.of("Allocator (jemalloc)").unwrap();
    for name in ["allocated", "resident", "retained"] {
        assert!(allocator[name].ends_with('B'), "{allocator:?}");
    }
    let stalls = heard.of("Stall detector").unwrap();
    assert!(stalls["most_recent"].starts_with("console.rs:"), "{stalls:?}");
    assert!(stalls["longest"].ends_with("ms") || stalls["longest"].ends_with(" s"), "{stalls:?}");
    let sites: Vec<_> = heard.resources.values().filter(|(name, _)| name == "Spawn site").collect();
    assert!(sites.iter().all(|(_, location)| location.starts_with(file!())), "{sites:?}");
}

/// Connects, lets the work be done, and listens until everything has been said.
fn listen(address: SocketAddr, work: impl FnOnce() + Send) -> Heard {
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (connected, go) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            // The client is not the subject.
            let _unseen = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
            client.block_on(async {
                let connection = InstrumentClient::connect(format!("http://{address}")).await.unwrap();
                let mut connection = connection.max_decoding_message_size(64 << 20);
                let mut stream = connection.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
                let mut heard = Heard::default();
                heard.take(stream.message().await.unwrap().unwrap());
                connected.send(()).unwrap();
                let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
                while !heard.has_all() {
                    match tokio::time::timeout_at(deadline, stream.message()).await {
                        Ok(update) => heard.take(update.unwrap().unwrap()),
                        Err(_) => break,
                    }
                }
                heard
            })
        });
        go.recv().unwrap();
        work();
        listening.join().unwrap()
    })
}
