//! The settings that a runtime really has.

mod unstable;

use std::collections::btree_map::{BTreeMap, IntoIter};
use std::io;
use std::time::Duration;

use tokio::runtime::RuntimeFlavor;

use super::observe::blocking_threads::{MOST_THREADS, blocking_threads, stated_limit};
use super::observe::event_interval::event_interval;
use super::observe::global_queue_interval::global_queue_interval;
use super::observe::io_events::{MOST_EVENTS, Worker, io_events};
use super::observe::lifo_slot::lifo_slot;
use super::observe::thread_keep_alive::{Idle, LONGEST_WAIT, thread_keep_alive};
use super::observe::thread_stack_size::thread_stack_size;
use super::observe::{MOST_POLLS, Observed};
use super::settings::{BuildError, Flavor, Settings, builder};

/// Why settings could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadBackError {
    /// The runtime could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An observation failed.
    #[error("runtime.{knob} could not be observed: {source}")]
    Observation {
        /// Setting.
        knob: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// What a runtime does, by setting, in the spelling of a request that asks for just that (`multi_thread`, `61`,
/// `250ms`, `true`). A value that differs from the request shows what was seen instead: `61`, `>=100000`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    values: BTreeMap<&'static str, String>,
    lower_bounds: Vec<&'static str>,
}

impl Effective {
    /// Value of one setting.
    pub fn get(&self, knob: &str) -> Option<&str> {
        self.values.get(knob).map(String::as_str)
    }

    /// Every setting that was read, by name.
    pub fn values(&self) -> &BTreeMap<&'static str, String> {
        &self.values
    }

    /// Settings of which only a lower bound was checked: intervals beyond 100 000 polls, keep-alives beyond 2 s, more
    /// than 264 events a look. Their value repeats the request.
    pub fn lower_bounds(&self) -> &[&'static str] {
        &self.lower_bounds
    }
}

impl IntoIterator for Effective {
    type Item = (&'static str, String);
    type IntoIter = IntoIter<&'static str, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

/// Builds runtimes by the code of [`super::build`] and reports what they do.
///
/// Flavour, worker threads and the limit of blocking threads are always reported; each other setting only where
/// `settings` ask for it. Everything but `thread_keep_alive` is read off exact counts. Takes well below a second,
/// except for a keep-alive between 0.2 and 2 s, which is waited for.
///
/// # Errors
/// The settings make no runtime, or the operating system refused what an observation needs.
pub fn read_back(settings: &Settings) -> Result<Effective, ReadBackError> {
    let mut effective = Effective::default();
    whole(settings, &mut effective)?;
    let blocking = settings.max_blocking_threads;
    // One setting at a time on one worker: no other setting can disturb the count.
    let flavor = settings.flavor;
    let worker_threads = (flavor != Some(Flavor::CurrentThread)).then_some(1);
    let alone = Settings { flavor, worker_threads, ..Settings::default() };
    if let Some(expected) = blocking.filter(|&threads| threads <= MOST_THREADS) {
        let mut builder = builder(&Settings { max_blocking_threads: blocking, ..alone })?;
        let seen = observed("max_blocking_threads", blocking_threads(&mut builder, expected))?;
        effective.values.insert("max_blocking_threads", seen.to_string());
    }
    if let Some(expected) = settings.event_interval {
        let mut builder = builder(&Settings { event_interval: Some(expected), ..alone })?;
        let seen = observed("event_interval", event_interval(&mut builder, expected))?;
        effective.interval("event_interval", seen, expected);
    }
    if let Some(expected) = settings.global_queue_interval {
        let mut builder = builder(&Settings { global_queue_interval: Some(expected), ..alone })?;
        let seen = observed("global_queue_interval", global_queue_interval(&mut builder, expected))?;
        effective.interval("global_queue_interval", seen, expected);
    }
    if settings.lifo_slot.is_some() {
        let mut builder = builder(&Settings { lifo_slot: settings.lifo_slot, ..alone })?;
        let seen = observed("lifo_slot", lifo_slot(&mut builder))?;
        effective.values.insert("lifo_slot", seen.to_string());
    }
    if let Some(expected) = settings.thread_keep_alive {
        // The blocking pool is the same in both flavours; without workers, every thread that ends is one of it.
        let flavor = Some(Flavor::CurrentThread);
        let mut builder = builder(&Settings { flavor, thread_keep_alive: Some(expected), ..Settings::default() })?;
        let seen = observed("thread_keep_alive", thread_keep_alive(&mut builder, expected))?;
        effective.keep_alive(seen, expected);
    }
    if settings.thread_stack_size.is_some() {
        let mut builder = builder(&Settings { thread_stack_size: settings.thread_stack_size, ..alone })?;
        let seen = observed("thread_stack_size", thread_stack_size(&mut builder))?;
        effective.values.insert("thread_stack_size", seen.to_string());
    }
    let (tick, busy) = (settings.max_io_events_per_tick, settings.max_io_events_per_busy_tick);
    let events = Settings { max_io_events_per_tick: tick, max_io_events_per_busy_tick: busy, ..alone };
    for (knob, asked, worker) in
        [("max_io_events_per_tick", tick, Worker::Idle), ("max_io_events_per_busy_tick", busy, Worker::Busy)]
    {
        match asked {
            None => {}
            Some(expected) if expected <= MOST_EVENTS => {
                let seen = observed(knob, io_events(&mut builder(&events)?, expected, worker))?;
                effective.values.insert(knob, seen.to_string());
            }
            Some(expected) => {
                let seen = observed(knob, io_events(&mut builder(&events)?, MOST_EVENTS, worker))?;
                effective.beyond(knob, seen, expected as u64);
            }
        }
    }
    unstable::read_back(settings, &alone, &mut effective)?;
    Ok(effective)
}

/// What can be read from one runtime of exactly these settings.
fn whole(settings: &Settings, effective: &mut Effective) -> Result<(), ReadBackError> {
    let mut builder = builder(settings)?;
    let runtime = builder.build().map_err(BuildError::from)?;
    let flavor = match runtime.handle().runtime_flavor() {
        RuntimeFlavor::CurrentThread => Flavor::CurrentThread.name().to_owned(),
        RuntimeFlavor::MultiThread => Flavor::MultiThread.name().to_owned(),
        other => format!("{other:?}"),
    };
    effective.values.insert("flavor", flavor);
    effective.values.insert("worker_threads", runtime.metrics().num_workers().to_string());
    if let Some(limit) = stated_limit(&builder) {
        effective.values.insert("max_blocking_threads", limit.to_string());
    }
    Ok(())
}

fn observed<T>(knob: &'static str, outcome: io::Result<T>) -> Result<T, ReadBackError> {
    outcome.map_err(|source| ReadBackError::Observation { knob, source })
}

impl Effective {
    fn interval(&mut self, knob: &'static str, seen: Observed, expected: u32) {
        let beyond = u64::from(expected) > MOST_POLLS && matches!(seen, Observed::AtLeast(_));
        if beyond {
            self.lower_bounds.push(knob);
        }
        self.values.insert(knob, if beyond { expected.to_string() } else { seen.to_string() });
    }

    /// A number larger than what was tried: the request where that much was seen and no limit below.
    fn beyond(&mut self, knob: &'static str, seen: Observed, expected: u64) {
        let unlimited = matches!(seen, Observed::AtLeast(_));
        if unlimited {
            self.lower_bounds.push(knob);
        }
        self.values.insert(knob, if unlimited { expected.to_string() } else { seen.to_string() });
    }

    fn keep_alive(&mut self, seen: Idle, expected: Duration) {
        let value = match seen {
            Idle::AsExpected => duration_text(expected),
            Idle::StillThere(_) if expected > LONGEST_WAIT => {
                self.lower_bounds.push("thread_keep_alive");
                duration_text(expected)
            }
            Idle::StillThere(watched) => format!(">={}", duration_text(watched)),
            Idle::Ended(lived) => {
                duration_text(Duration::from_millis(lived.as_millis().try_into().unwrap_or(u64::MAX)))
            }
        };
        self.values.insert("thread_keep_alive", value);
    }
}

/// One spelling for each duration, hours down to nanoseconds, parts of zero left out: `10s`, `1m30s`, `1s500ms`.
fn duration_text(duration: Duration) -> String {
    let (seconds, nanoseconds) = (duration.as_secs(), u64::from(duration.subsec_nanos()));
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (nanoseconds / 1_000_000, "ms"),
        (nanoseconds / 1_000 % 1_000, "us"),
        (nanoseconds % 1_000, "ns"),
    ];
    let text: String =
        parts.iter().filter(|(amount, _)| *amount > 0).map(|(amount, unit)| format!("{amount}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
