//! The interval log: readable by every HdrHistogram tool.

use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::outcome::PhaseOutcome;

impl PhaseOutcome {
    /// Writes latencies from the intended time as an `.hlog`: one line for every second and operation kind, tagged
    /// with its name. Values are nanoseconds, the maximum column is in milliseconds. `started_at_s` is the begin of
    /// the phase, seconds since 1970.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write_hlog(&self, to: &mut impl Write, started_at_s: f64) -> io::Result<()> {
        let mut serializer = V2DeflateSerializer::new();
        let started = Duration::try_from_secs_f64(started_at_s).unwrap_or_default();
        let mut builder = IntervalLogWriterBuilder::new();
        builder
            .add_comment("latency from the intended time, nanoseconds, tagged with the operation")
            .with_start_time(std::time::UNIX_EPOCH + started)
            .with_base_time(std::time::UNIX_EPOCH + started)
            .with_max_value_divisor(1e6);
        let mut log = builder.begin_log_with(to, &mut serializer)?;
        for interval in &self.intervals {
            let Some(latency) = interval.latency.decode() else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an interval holds no histogram"));
            };
            // Tags end at a comma or a space.
            let name: String = interval
                .operation
                .chars()
                .map(|c| if c == ',' || c.is_whitespace() || c.is_control() { '_' } else { c })
                .collect();
            log.write_histogram(
                &latency,
                Duration::from_secs_f64(interval.at_s),
                Duration::from_secs_f64(interval.length_s),
                Tag::new(&name),
            )
            .map_err(|e| io::Error::other(format!("{e:?}")))?;
        }
        Ok(())
    }
}
