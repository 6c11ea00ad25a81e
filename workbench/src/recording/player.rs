//! Plays a recording to whoever speaks tokio-console's protocol, with the timing it was recorded with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use console_api::instrument::instrument_server::{Instrument, InstrumentServer};
use console_api::instrument::{
    InstrumentRequest, PauseRequest, PauseResponse, ResumeRequest, ResumeResponse, State, StateRequest,
    TaskDetailsRequest, Temporality, Update,
};
use console_api::tasks::TaskDetails;
use reports::run::console::{Entry, Recording};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};

use super::to_wire::ToWire;

/// Messages on their way to one client; a slow one waits, and holds up nobody else.
const BUFFER: usize = 64;
/// How often the clock of the replay looks whether it was stopped.
const GLANCE: Duration = Duration::from_millis(100);

/// A recording that is being played.
#[derive(Debug)]
pub struct Player {
    recording: Arc<Recording>,
    speed: f64,
    /// Entries played so far.
    played: watch::Sender<usize>,
    paused: watch::Sender<bool>,
    /// Somebody listens: playing begins.
    wanted: watch::Sender<bool>,
}

impl Player {
    /// A player that begins when its first client comes; a second of the recording takes `1 / speed` seconds.
    pub fn new(recording: Recording, speed: f64) -> Arc<Self> {
        Arc::new(Self {
            recording: Arc::new(recording),
            speed,
            played: watch::channel(0).0,
            paused: watch::channel(false).0,
            wanted: watch::channel(false).0,
        })
    }

    /// Serves on `listener` until `stop` resolves. At its end the recording stands still.
    ///
    /// # Errors
    /// A socket that fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let clock = tokio::spawn(Arc::clone(&self).advance(tokio::time::sleep));
        let server = tonic::transport::Server::builder()
            .serve_with_incoming(InstrumentServer::new(Service(self)), TcpListenerStream::new(listener));
        // Streams stand still at the end and never close by themselves: a graceful shutdown would wait for them.
        let result = tokio::select! {
            served = server => served.map_err(io::Error::other),
            () = stop => Ok(()),
        };
        clock.abort();
        result
    }

    /// Where the replay stands: entries played, of how many.
    pub fn progress(&self) -> (usize, usize) {
        (*self.played.borrow(), self.recording.entries.len())
    }

    /// Moves the clock of the replay, but not while it is paused. `sleep` lets time pass.
    async fn advance<S: Future<Output = ()>>(self: Arc<Self>, sleep: impl Fn(Duration) -> S) {
        let mut wanted = self.wanted.subscribe();
        // The sender lives as long as the player.
        let _ = wanted.wait_for(|wanted| *wanted).await;
        let mut paused = self.paused.subscribe();
        let mut clock = Duration::ZERO;
        for (index, entry) in self.recording.entries.iter().enumerate() {
            let due = Duration::from_nanos(entry.at()).div_f64(self.speed);
            while clock < due {
                let _ = paused.wait_for(|paused| !*paused).await;
                let step = (due - clock).min(GLANCE);
                sleep(step).await;
                clock += step;
            }
            self.played.send_replace(index + 1);
        }
    }

    /// A stream of what `say` makes of each entry, from the first to the last played, then as they are played.
    fn stream<M: Send + 'static>(
        &self,
        say: impl Fn(&Recording, &Entry) -> Vec<M> + Send + 'static,
    ) -> ReceiverStream<Result<M, Status>> {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let mut played = self.played.subscribe();
        let recording = Arc::clone(&self.recording);
        tokio::spawn(async move {
            let mut next = 0;
            loop {
                let until = *played.borrow_and_update();
                while next < until {
                    for message in say(&recording, &recording.entries[next]) {
                        if sender.send(Ok(message)).await.is_err() {
                            return;
                        }
                    }
                    next += 1;
                }
                tokio::select! {
                    changed = played.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        ReceiverStream::new(receiver)
    }

    /// Whether the recording knows a task.
    fn knows(&self, task: u64) -> bool {
        self.recording.entries.iter().any(|entry| match entry {
            Entry::Update(update) => update.tasks.iter().any(|known| known.id == task),
            _ => false,
        })
    }
}

/// The service that the protocol describes.
struct Service(Arc<Player>);

#[tonic::async_trait]
impl Instrument for Service {
    type WatchUpdatesStream = ReceiverStream<Result<Update, Status>>;
    type WatchTaskDetailsStream = ReceiverStream<Result<TaskDetails, Status>>;
    type WatchStateStream = ReceiverStream<Result<State, Status>>;

    async fn watch_updates(&self, _: Request<InstrumentRequest>) -> Result<Response<Self::WatchUpdatesStream>, Status> {
        self.0.wanted.send_replace(true);
        Ok(Response::new(self.0.stream(|recording, entry| match entry {
            Entry::Update(update) => ToWire(recording).update(update),
            Entry::Details(_) | Entry::Gap(_) => Vec::new(),
        })))
    }

    async fn watch_task_details(
        &self,
        request: Request<TaskDetailsRequest>,
    ) -> Result<Response<Self::WatchTaskDetailsStream>, Status> {
        let task = request.into_inner().id.ok_or_else(|| Status::invalid_argument("missing task id"))?.id;
        if !self.0.knows(task) {
            return Err(Status::not_found("the recording has no such task"));
        }
        Ok(Response::new(self.0.stream(move |recording, entry| match entry {
            Entry::Details(details) if details.task == task => vec![ToWire(recording).details(details)],
            _ => Vec::new(),
        })))
    }

    async fn watch_state(&self, _: Request<StateRequest>) -> Result<Response<Self::WatchStateStream>, Status> {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let mut paused = self.0.paused.subscribe();
        tokio::spawn(async move {
            loop {
                let temporality = if *paused.borrow_and_update() { Temporality::Paused } else { Temporality::Live };
                if sender.send(Ok(State { temporality: temporality.into() })).await.is_err() {
                    return;
                }
                tokio::select! {
                    changed = paused.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn pause(&self, _: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        self.0.paused.send_replace(true);
        Ok(Response::new(PauseResponse {}))
    }

    async fn resume(&self, _: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        self.0.paused.send_replace(false);
        Ok(Response::new(ResumeResponse {}))
    }
}

/// Listens on a loopback port; 0 for any that is free.
///
/// # Errors
/// A port that is taken.
pub async fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests;
