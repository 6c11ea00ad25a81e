//! Records what a console server says: a thread of its own in the parent, never in the process that is watched.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, TaskDetailsRequest};
use console_api::tasks::TaskDetails;
use reports::run::console::{
    DEFAULT_CAP, Details, End, EndReason, FORMAT, Gap, Header, HookCounts, Line, Update, Writer, Written,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use super::from_wire::FromWire;
use super::streams::Streams;

/// Largest message that is taken: the first one holds every task (the stock user interface gives up at 4 MiB).
const MESSAGE: usize = 512 << 20;
/// Time for the server to answer at first.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time in which a stream that broke off must be taken up again.
const RECONNECT: Duration = Duration::from_secs(2);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// Time to wait, once the load is over, for the update that tells of its end.
const LAST: Duration = Duration::from_secs(2);
/// Times that a stream is taken up again.
const GAPS: u32 = 20;

/// How much is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the recording.
    pub cap_bytes: u64,
    /// Tasks whose histograms are asked for at a time.
    pub streams: usize,
}

impl Default for Limits {
    /// [`DEFAULT_CAP`], and 128 streams: the prototype's 150 were no trouble (design 04 §2).
    fn default() -> Self {
        Self { cap_bytes: DEFAULT_CAP, streams: 128 }
    }
}

/// Why there is no recording at all.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The thread or its runtime could not be started, or writing failed.
    #[error("recording tokio-console: {0}")]
    Ours(#[from] io::Error),
    /// The server did not answer.
    #[error("the console server at {address} said nothing within {patience:?}: {because}")]
    Silent {
        /// Where it should be.
        address: SocketAddr,
        /// How long it was waited for.
        patience: Duration,
        /// What the last attempt came to.
        because: String,
    },
    /// The recorder itself failed.
    #[error("the recorder of tokio-console panicked")]
    Panicked,
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    stop: oneshot::Sender<()>,
    heard: Arc<AtomicU64>,
    thread: JoinHandle<Result<Tape, RecordingError>>,
}

impl Recorder {
    /// Connects to the server at `address` and returns once its first update is written: whatever happens next is recorded.
    ///
    /// # Errors
    /// [`RecordingError::Silent`] after ten seconds without a first update, [`RecordingError::Ours`].
    pub fn start(address: SocketAddr, limits: Limits) -> Result<Self, RecordingError> {
        let (stop, stopped) = oneshot::channel();
        let (begun, beginning) = std::sync::mpsc::channel();
        let heard = Arc::new(AtomicU64::new(0));
        let hears = Arc::clone(&heard);
        let thread = std::thread::Builder::new().name("console-recorder".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let session = Session::open(address, limits, hears).await?;
                // Nobody waits for it any more where this fails.
                let _ = begun.send(());
                session.record(stopped).await
            })
        })?;
        match beginning.recv() {
            Ok(()) => Ok(Self { stop, heard, thread }),
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                Ok(Ok(_)) | Err(_) => Err(RecordingError::Panicked),
            },
        }
    }

    /// Updates heard so far.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Whether the recording has ended by itself: cut off, or at its cap.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the update that tells of the end, and hands over the bytes of `console.jsonl`. `hooks` is what the hooks in
    /// the same process counted.
    ///
    /// # Errors
    /// [`RecordingError::Ours`], [`RecordingError::Panicked`].
    pub fn stop(self, hooks: Option<HookCounts>) -> Result<Vec<u8>, RecordingError> {
        // It has ended by itself where this fails: cut off, or the cap was reached.
        let _ = self.stop.send(());
        let tape = self.thread.join().map_err(|_| RecordingError::Panicked)??;
        Ok(tape.writer.end(End { hooks, ..tape.end })?)
    }
}

/// What was recorded.
struct Tape {
    writer: Writer<Vec<u8>>,
    end: End,
}

/// Why the loop ended.
enum Broken {
    /// The stream did; what it said.
    Off(String),
    /// The cap was reached.
    Full,
    /// The load is over.
    Stopped,
}

struct Session {
    address: SocketAddr,
    clock: Instant,
    wire: FromWire,
    writer: Writer<Vec<u8>>,
    streams: Streams<Stream>,
    client: InstrumentClient<Channel>,
    updates: Streaming<console_api::instrument::Update>,
    details: mpsc::Receiver<TaskDetails>,
    sender: mpsc::Sender<TaskDetails>,
    /// Last histograms written by task: most do not change between two updates.
    last: HashMap<u64, Details>,
    heard: Arc<AtomicU64>,
    full: bool,
}

/// The stream of one task's histograms; closed on drop.
struct Stream(AbortHandle);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    async fn open(address: SocketAddr, limits: Limits, heard: Arc<AtomicU64>) -> Result<Self, RecordingError> {
        let clock = Instant::now();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let started_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let header = Header { format: FORMAT, started_ns, cap_bytes: limits.cap_bytes };
        let (client, updates, first) = connected(address, PATIENCE)
            .await
            .map_err(|because| RecordingError::Silent { address, patience: PATIENCE, because })?;
        let (sender, details) = mpsc::channel(limits.streams.max(1));
        let mut session = Self {
            address,
            clock,
            wire: FromWire::new(started_ns),
            writer: Writer::begin(Vec::new(), header)?,
            streams: Streams::new(limits.streams),
            client,
            updates,
            details,
            sender,
            last: HashMap::new(),
            heard,
            full: false,
        };
        session.update(&first)?;
        Ok(session)
    }

    async fn record(mut self, mut stopped: oneshot::Receiver<()>) -> Result<Tape, RecordingError> {
        let mut gaps = 0;
        let reason = loop {
            match self.listen(&mut stopped).await? {
                Broken::Full => break EndReason::Cap,
                Broken::Stopped => break self.last_update().await?,
                Broken::Off(because) => {
                    self.streams.clear();
                    gaps += 1;
                    match connected(self.address, RECONNECT).await {
                        Ok((client, updates, first)) if gaps <= GAPS => {
                            (self.client, self.updates) = (client, updates);
                            self.line(&Line::Gap(Gap { at: self.at(), because }))?;
                            self.update(&first)?;
                        }
                        Ok(_) => break EndReason::CutOff { because: format!("{because}; it broke off {gaps} times") },
                        Err(again) => break EndReason::CutOff { because: format!("{because}; then {again}") },
                    }
                }
            }
        };
        let at = self.at();
        let end = End { at, reason, updates: 0, details: 0, without_details: self.streams.without(), hooks: None };
        Ok(Tape { writer: self.writer, end })
    }

    async fn listen(&mut self, stopped: &mut oneshot::Receiver<()>) -> io::Result<Broken> {
        loop {
            if self.full {
                return Ok(Broken::Full);
            }
            tokio::select! {
                // A recorder that was dropped stops as well.
                _ = &mut *stopped => return Ok(Broken::Stopped),
                message = self.updates.message() => match message {
                    Ok(Some(update)) => self.update(&update)?,
                    Ok(None) => return Ok(Broken::Off("the server closed the stream".to_owned())),
                    Err(status) => return Ok(Broken::Off(said(&status))),
                },
                Some(details) = self.details.recv() => self.histograms(&details)?,
            }
        }
    }

    /// The update that was made after the load had ended.
    async fn last_update(&mut self) -> io::Result<EndReason> {
        let deadline = tokio::time::Instant::now() + LAST;
        // One may have been on its way: the second is surely made later.
        for _ in 0..2 {
            if self.full {
                return Ok(EndReason::Cap);
            }
            match tokio::time::timeout_at(deadline, self.updates.message()).await {
                Ok(Ok(Some(update))) => self.update(&update)?,
                Ok(Ok(None)) => return Ok(cut_off("the server closed the stream before its last update")),
                Ok(Err(status)) => return Ok(cut_off(&said(&status))),
                Err(_) => return Ok(cut_off("no last update came within two seconds after the load")),
            }
        }
        while let Ok(details) = self.details.try_recv() {
            self.histograms(&details)?;
        }
        Ok(if self.full { EndReason::Cap } else { EndReason::Stopped })
    }

    fn update(&mut self, update: &console_api::instrument::Update) -> io::Result<()> {
        let line: Update = self.wire.update(update, self.at());
        self.heard.fetch_add(1, Ordering::Relaxed);
        let (client, sender) = (&self.client, &self.sender);
        self.streams.update(&line, |task| open(client.clone(), sender.clone(), task));
        self.line(&Line::Update(Box::new(line)))
    }

    fn histograms(&mut self, details: &TaskDetails) -> io::Result<()> {
        let Some(line) = self.wire.details(details, self.at()) else { return Ok(()) };
        let same = |last: &Details| last.polls == line.polls && last.scheduled == line.scheduled;
        if self.last.get(&line.task).is_some_and(same) {
            return Ok(());
        }
        self.last.insert(line.task, line.clone());
        self.line(&Line::Details(Box::new(line)))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        // Once full, nothing more is written: a smaller line would leave a hole before it.
        if !self.full && self.writer.line(line)? == Written::Full {
            self.full = true;
        }
        Ok(())
    }

    fn at(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn cut_off(because: &str) -> EndReason {
    EndReason::CutOff { because: because.to_owned() }
}

/// A client, its stream and the first update on it; tried again until the patience ends.
async fn connected(
    address: SocketAddr,
    patience: Duration,
) -> Result<
    (InstrumentClient<Channel>, Streaming<console_api::instrument::Update>, console_api::instrument::Update),
    String,
> {
    let deadline = tokio::time::Instant::now() + patience;
    let mut because = "it did not answer".to_owned();
    while tokio::time::Instant::now() < deadline {
        match tokio::time::timeout_at(deadline, connect(address)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => because = error,
            Err(_) => break,
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(because)
}

async fn connect(
    address: SocketAddr,
) -> Result<
    (InstrumentClient<Channel>, Streaming<console_api::instrument::Update>, console_api::instrument::Update),
    String,
> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
    let channel = endpoint.connect().await.map_err(|error| deepest(&error))?;
    let mut client = InstrumentClient::new(channel).max_decoding_message_size(MESSAGE);
    let stream = client.watch_updates(InstrumentRequest {}).await.map_err(|status| said(&status))?;
    let mut updates = stream.into_inner();
    match updates.message().await {
        Ok(Some(first)) => Ok((client, updates, first)),
        Ok(None) => Err("the server closed the stream".to_owned()),
        Err(status) => Err(said(&status)),
    }
}

/// Opens the stream of a task's histograms, which pour into `sender`.
fn open(mut client: InstrumentClient<Channel>, sender: mpsc::Sender<TaskDetails>, task: u64) -> Stream {
    let pour = async move {
        let request = TaskDetailsRequest { id: Some(console_api::Id { id: task }) };
        // A task that has ended meanwhile is not found: nothing is amiss.
        let Ok(stream) = client.watch_task_details(request).await else { return };
        let mut stream = stream.into_inner();
        while let Ok(Some(details)) = stream.message().await {
            if sender.send(details).await.is_err() {
                return;
            }
        }
    };
    Stream(tokio::spawn(pour).abort_handle())
}

/// What a failed call says.
fn said(status: &tonic::Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// The innermost cause: `Connection refused` rather than `transport error`.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
