//! Every order is synced to disk by the task that answers it; the twin syncs many orders at once, on a thread of its own.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, mpsc};

use tokio::sync::oneshot;

use crate::Twin;
use crate::http::serve;

struct Record {
    line: String,
    durable: oneshot::Sender<()>,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("faulty-journal-{}", std::process::id()));
    let file = File::create(&path)?;
    // Nobody needs the name: the file is gone with the process.
    std::fs::remove_file(&path)?;
    match twin {
        Twin::Broken => {
            let journal = Arc::new(Mutex::new(file));
            crate::http::runtime()?.block_on(serve(port, move || order(Arc::clone(&journal))))
        }
        Twin::Healthy => {
            let (records, queue) = mpsc::channel();
            std::thread::spawn(move || write_groups(file, &queue));
            crate::http::runtime()?.block_on(serve(port, move || order_in_group(records.clone())))
        }
    }
}

async fn order(journal: Arc<Mutex<File>>) -> String {
    match record(&mut journal.lock().expect("no writer panics"), "order\n") {
        Ok(()) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn record(journal: &mut File, line: &str) -> io::Result<()> {
    journal.write_all(&[line.as_bytes(), &[b' '; 16 * 1024]].concat())?;
    journal.sync_all() // guilty
}

async fn order_in_group(records: mpsc::Sender<Record>) -> String {
    let (durable, waiting) = oneshot::channel();
    if records.send(Record { line: "order\n".to_owned(), durable }).is_ok() && waiting.await.is_ok() {
        return "accepted".to_owned();
    }
    "the journal is gone".to_owned()
}

/// Writes what has queued up, syncs once, and tells everybody.
fn write_groups(mut journal: File, queue: &mpsc::Receiver<Record>) {
    while let Ok(first) = queue.recv() {
        let group: Vec<Record> = std::iter::once(first).chain(queue.try_iter()).collect();
        let lines: String = group.iter().map(|record| record.line.as_str()).collect();
        if journal.write_all(lines.as_bytes()).and_then(|()| journal.sync_data()).is_err() {
            return;
        }
        for record in group {
            let _ = record.durable.send(());
        }
    }
}
