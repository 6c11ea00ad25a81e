//! Once a second a task folds the whole store together in one go, on the workers that answer requests.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let store: Arc<Vec<u64>> = Arc::new((0..200_000).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        match twin {
            Twin::Broken => drop(tokio::spawn(compact_often(Arc::clone(&store)))),
            Twin::Healthy => {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    loop {
                        std::thread::sleep(Duration::from_secs(1));
                        std::hint::black_box(compact(&store));
                    }
                });
            }
        }
        serve(port, move || read(Arc::clone(&store))).await
    })
}

async fn read(store: Arc<Vec<u64>>) -> String {
    store[17].to_string()
}

async fn compact_often(store: Arc<Vec<u64>>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        std::hint::black_box(compact(&store)); // guilty
    }
}

fn compact(store: &[u64]) -> u64 {
    let mut sum = 0_u64;
    for round in 0..300_u64 {
        for value in store {
            sum = sum.wrapping_mul(31) ^ std::hint::black_box(value ^ round); // guilty
        }
    }
    sum
}
