//! Memory that is allocated by a worker and freed by another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::sync::mpsc;

use super::block::Block;
use super::sizes::Sizes;
use crate::workload::{OperationError, WorkloadError};

/// Sends batches of blocks to a thread of its own that frees them.
#[derive(Debug)]
pub(super) struct Handoff {
    batch: Sizes,
    /// `None` only while dropping: closing the queue is what ends the thread.
    queue: Option<mpsc::Sender<Vec<Block>>>,
    freed: Arc<Freed>,
    consumer: Option<thread::JoinHandle<()>>,
}

/// What the freeing thread has freed.
#[derive(Debug, Default)]
pub(super) struct Freed {
    pub(super) batches: AtomicU64,
    pub(super) bytes: AtomicU64,
}

impl Handoff {
    /// Starts the freeing thread; at most `queue` batches wait for it.
    pub(super) fn start(batch: Sizes, queue: usize) -> Result<Self, WorkloadError> {
        let (sender, receiver) = mpsc::channel(queue);
        let freed = Arc::new(Freed::default());
        let consumer = thread::Builder::new()
            .name("handoff-consumer".to_owned())
            .spawn({
                let freed = freed.clone();
                move || free_batches(receiver, &freed)
            })
            .map_err(|source| WorkloadError::Io { what: "starting the freeing thread".to_owned(), source })?;
        Ok(Self { batch, queue: Some(sender), freed, consumer: Some(consumer) })
    }

    /// Allocates a batch and queues it; waits for room, so memory is bounded by the queue.
    ///
    /// The operation ends when the batch is queued. Freeing it is part of its CPU, not of its latency.
    pub(super) async fn hand_over(&self, seed: u64) -> Result<(), OperationError> {
        let ended = || OperationError("the freeing thread has ended".to_owned());
        let room = self.queue.as_ref().ok_or_else(ended)?.reserve().await.map_err(|_| ended())?;
        // After there is room: tasks that wait must not hold memory.
        room.send(allocate(&self.batch, seed));
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn batch(&self) -> &Sizes {
        &self.batch
    }

    #[cfg(test)]
    pub(super) fn freed(&self) -> &Arc<Freed> {
        &self.freed
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(consumer) = self.consumer.take()
            && consumer.join().is_err()
        {
            tracing::error!(batches = self.freed.batches.load(Ordering::Relaxed), "the freeing thread panicked");
        }
    }
}

#[inline(never)]
fn allocate(batch: &Sizes, seed: u64) -> Vec<Block> {
    batch.of(seed).map(Block::touched).collect()
}

#[inline(never)]
fn free_batches(mut queue: mpsc::Receiver<Vec<Block>>, freed: &Freed) {
    while let Some(batch) = queue.blocking_recv() {
        let bytes: usize = batch.iter().map(Block::bytes).sum();
        drop(batch);
        freed.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        freed.batches.fetch_add(1, Ordering::Relaxed);
    }
}
