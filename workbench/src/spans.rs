//! Where the library's spans and events go: the run's `log.txt` always, standard error as loudly as asked.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Subscribes for the life of the process. A library user's own subscriber, if there is one, stays.
pub(crate) fn subscribe(verbosity: u8, log: Option<File>) {
    let loud = match verbosity {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // A span is printed when it closes, with the time it took.
    let to_stderr =
        fmt::layer().with_ansi(false).with_span_events(FmtSpan::CLOSE).with_writer(io::stderr).with_filter(loud);
    let to_log = log.map(|file| {
        fmt::layer()
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(Arc::new(file))
            .with_filter(LevelFilter::DEBUG)
    });
    let _ = tracing_subscriber::registry().with(to_stderr).with(to_log).try_init();
}
