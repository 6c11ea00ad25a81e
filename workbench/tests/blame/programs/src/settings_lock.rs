//! A slow reader keeps the settings locked; the next writer queues behind it, and all other readers behind the writer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::RwLock;

use crate::Twin;
use crate::http::serve;

type Settings = Arc<RwLock<Arc<Vec<u64>>>>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let settings: Settings = Arc::new(RwLock::new(Arc::new(vec![1; 64])));
        tokio::spawn(report_often(Arc::clone(&settings), twin));
        tokio::spawn(reload_often(Arc::clone(&settings)));
        serve(port, move || read(Arc::clone(&settings))).await
    })
}

async fn read(settings: Settings) -> String {
    let settings = settings.read().await;
    settings.iter().sum::<u64>().to_string()
}

async fn reload_often(settings: Settings) {
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let fresh = Arc::new(vec![2; 64]);
        *settings.write().await = fresh;
    }
}

async fn report_often(settings: Settings, twin: Twin) {
    loop {
        tokio::time::sleep(Duration::from_millis(60)).await;
        match twin {
            Twin::Broken => report(&settings).await,
            Twin::Healthy => report_of_copy(&settings).await,
        }
    }
}

/// The collector is far away.
async fn send_to_collector(value: u64) {
    std::hint::black_box(value);
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn report(settings: &Settings) {
    let settings = settings.read().await;
    for value in settings.iter().take(20) {
        send_to_collector(*value).await; // guilty
    }
}

async fn report_of_copy(settings: &Settings) {
    let settings = Arc::clone(&*settings.read().await);
    for value in settings.iter().take(20) {
        send_to_collector(*value).await;
    }
}
