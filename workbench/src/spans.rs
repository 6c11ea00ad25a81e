//! Where the library's spans and events go: the run's `log.txt` always, standard error as loudly as asked.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Libraries below the protocol of tokio-console, which tell every frame of it.
const TALKATIVE: [&str; 5] = ["h2", "hyper", "hyper_util", "tonic", "tower"];

/// Subscribes for the life of the process. A library user's own subscriber, if there is one, stays.
pub(crate) fn subscribe(verbosity: u8, log: Option<File>) {
    let loud = match verbosity {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // A span is printed when it closes, with the time it took.
    let to_stderr = fmt::layer()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(io::stderr)
        .with_filter(mostly(loud));
    let to_log = log.map(|file| {
        fmt::layer()
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(Arc::new(file))
            .with_filter(mostly(LevelFilter::DEBUG))
    });
    let _ = tracing_subscriber::registry().with(to_stderr).with(to_log).try_init();
}

/// Everything up to `level`, of libraries that talk too much only what is wrong.
fn mostly(level: LevelFilter) -> Targets {
    let quiet = TALKATIVE.map(|library| (library, level.min(LevelFilter::WARN)));
    Targets::new().with_default(level).with_targets(quiet)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_below_us_are_heard_only_where_something_is_wrong() {
        let debug = mostly(LevelFilter::DEBUG);
        assert!(debug.would_enable("workbench::conductor", &Level::DEBUG));
        assert!(debug.would_enable("somebodys_workload", &Level::INFO));
        assert!(!debug.would_enable("h2::codec", &Level::INFO) && debug.would_enable("h2::codec", &Level::WARN));
        assert!(!mostly(LevelFilter::OFF).would_enable("tonic", &Level::ERROR));
    }
}
