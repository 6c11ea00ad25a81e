//! Whether tasks are recorded, and who records them.

use tokio::runtime::Builder;

use crate::tasks::{InstallError, Latency, Recorder, install_with};

/// The recorder behind `/debug/pprof/goroutine`, or why there is none.
#[derive(Debug, Clone)]
pub(super) enum Tasks {
    Recorded(Recorder),
    /// Hooks were asked for, and could not be had.
    Unavailable(InstallError),
    /// Nobody asked.
    Unrecorded,
}

impl Tasks {
    /// Puts hooks into a builder and begins to record; tokio keeps a histogram of schedule latency too.
    pub(super) fn record(builder: &mut Builder) -> Self {
        match install_with(builder, Latency::EveryPoll) {
            Ok(recorder) => {
                keep_histogram(builder);
                recorder.start();
                Self::Recorded(recorder)
            }
            Err(error) => Self::Unavailable(error),
        }
    }

    /// The recorder.
    ///
    /// # Errors
    /// Why there is none, and the nearest thing that exists.
    pub(super) fn recorder(&self) -> Result<&Recorder, String> {
        const NEAREST: &str =
            "Nearest: /debug/metrics.json has the number of live tasks (the count of the index page).";
        match self {
            Self::Recorded(recorder) => Ok(recorder),
            Self::Unavailable(error) => Err(format!("{error}. {NEAREST}")),
            Self::Unrecorded => Err(format!(
                "nobody records the tasks of this runtime, and tokio keeps no list of them: hooks must be in place before \
                 it is built, by Endpoints::start_with or Endpoints::record. {NEAREST}"
            )),
        }
    }
}

/// Four buckets for each doubling, from a microsecond to over half a minute.
#[cfg(all(tokio_unstable, target_pointer_width = "64"))]
fn keep_histogram(builder: &mut Builder) {
    use std::time::Duration;

    use tokio::runtime::{HistogramConfiguration, LogHistogram};

    let buckets = LogHistogram::builder()
        .min_value(Duration::from_micros(1))
        .max_value(Duration::from_secs(30))
        .max_error(0.5)
        .build();
    builder
        .enable_metrics_schedule_latency_histogram()
        .metrics_schedule_latency_histogram_configuration(HistogramConfiguration::log(buckets));
}

#[cfg(not(all(tokio_unstable, target_pointer_width = "64")))]
fn keep_histogram(_: &mut Builder) {}
