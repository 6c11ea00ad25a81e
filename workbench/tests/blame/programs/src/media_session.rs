//! Short recordings: every request opens a session, whose samples a thread of its own writes down.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::sleep;

use crate::Twin;

/// What was written of all sessions.
#[derive(Default)]
struct Store {
    samples: AtomicU64,
    indexed: AtomicU64,
}

impl Store {
    fn append(&self, samples: &[i16]) {
        self.samples.fetch_add(samples.len() as u64, Ordering::Relaxed);
    }

    /// The index of a recording lies on the archive, which is far away.
    fn index(&self) {
        thread::sleep(Duration::from_millis(14));
        self.indexed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A recording under way. Dropped, it is complete.
struct Recorder {
    samples: Option<Sender<Vec<i16>>>,
    writer: Option<JoinHandle<()>>,
}

impl Recorder {
    fn open(store: &Arc<Store>) -> io::Result<Self> {
        let (samples, written) = channel::<Vec<i16>>();
        let store = Arc::clone(store);
        let writer = thread::Builder::new().name("recorder".into()).spawn(move || {
            for samples in written {
                store.append(&samples);
            }
            store.index();
        })?;
        Ok(Self { samples: Some(samples), writer: Some(writer) })
    }

    fn feed(&self, samples: Vec<i16>) {
        if let Some(sender) = &self.samples {
            let _ = sender.send(samples);
        }
    }

    /// Completes the recording without holding up a worker.
    async fn close(mut self) {
        self.samples = None;
        if let Some(writer) = self.writer.take() {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.samples = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join(); // guilty
        }
    }
}

/// Where sound comes from.
struct Microphone {
    phase: i16,
}

impl Microphone {
    fn listen(&mut self) -> Vec<i16> {
        (0..480)
            .map(|_| {
                self.phase = self.phase.wrapping_mul(31).wrapping_add(7);
                self.phase
            })
            .collect()
    }
}

struct Media {
    store: Arc<Store>,
    twin: Twin,
}

impl Media {
    async fn record(&self) -> io::Result<String> {
        let recorder = Recorder::open(&self.store)?;
        let mut microphone = Microphone { phase: 1 };
        for _ in 0..3 {
            sleep(Duration::from_millis(2)).await;
            recorder.feed(microphone.listen());
        }
        if self.twin == Twin::Healthy {
            recorder.close().await;
        }
        Ok(self.receipt())
    }

    fn receipt(&self) -> String {
        let (samples, indexed) =
            (self.store.samples.load(Ordering::Relaxed), self.store.indexed.load(Ordering::Relaxed));
        format!("{samples} samples in {indexed} recordings")
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let media = Arc::new(Media { store: Arc::default(), twin });
    crate::http::runtime()?.block_on(crate::http::serve(port, move || {
        let media = Arc::clone(&media);
        async move { media.record().await.unwrap_or_else(|error| error.to_string()) }
    }))
}
