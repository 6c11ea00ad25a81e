//! A catalogue is swapped for a fresh one now and then, and the old one is freed, node by node, on a worker.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Twin;
use crate::http::serve;

type Catalogue = BTreeMap<u64, Box<[u8; 48]>>;
type Current = Arc<Mutex<Arc<Catalogue>>>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let current: Current = Arc::new(Mutex::new(Arc::new(built(0))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        tokio::spawn(reload_often(Arc::clone(&current), twin));
        serve(port, move || read(Arc::clone(&current))).await
    })
}

async fn read(current: Current) -> String {
    let catalogue = Arc::clone(&current.lock().expect("nobody panics"));
    catalogue.len().to_string()
}

fn built(round: u64) -> Catalogue {
    (0..1_200_000).map(|key| (key, Box::new([round.to_le_bytes()[0]; 48]))).collect()
}

async fn reload_often(current: Current, twin: Twin) {
    for round in 1.. {
        tokio::time::sleep(Duration::from_millis(900)).await;
        let Ok(fresh) = tokio::task::spawn_blocking(move || Arc::new(built(round))).await else { return };
        match twin {
            Twin::Broken => swap(&current, fresh),
            Twin::Healthy => {
                let old = std::mem::replace(&mut *current.lock().expect("nobody panics"), fresh);
                tokio::task::spawn_blocking(move || drop(old));
            }
        }
    }
}

fn swap(current: &Current, fresh: Arc<Catalogue>) {
    let old = std::mem::replace(&mut *current.lock().expect("nobody panics"), fresh);
    drop(old); // guilty
}
