//! `load.*` and `trial.*`: settings that change the scenario itself.

use std::time::Duration;

use super::{KnobError, Setting, lookup, parse_duration};
use crate::spec::{Arrivals, Connection, Load, Protocol, Trial};

/// Checks a `load.*` or `trial.*` value and puts it into the scenario's load or trial.
///
/// # Errors
/// As [`super::check`]; [`KnobError::Unknown`] for a path that belongs to neither.
pub fn apply_to_shape(trial: &mut Trial, load: &mut Load, path: &str, value: &str) -> Result<(), KnobError> {
    let elsewhere = || KnobError::Unknown { path: path.to_owned(), nearest: None };
    let Setting::Knob(knob) = lookup(path)? else { return Err(elsewhere()) };
    let text = knob.check(value)?;
    match knob.path {
        "trial.blocks" => trial.blocks = whole(&text),
        "trial.warmup" => trial.warmup = span(&text),
        "trial.saturated" => trial.saturated = span(&text),
        "load.arrivals" => load.arrivals = arrivals(&text),
        "load.rate" => load.rate = text.parse().expect("the check admits finite numbers only"),
        "load.operations" => load.operations = u64::from(whole(&text)),
        "load.concurrency" => load.concurrency = whole(&text),
        "load.max_in_flight" => load.max_in_flight = whole(&text),
        "load.timeout" => load.timeout = span(&text),
        "load.max_lag_p99" => load.max_lag_p99 = span(&text),
        "load.protocol" => load.protocol = named(&PROTOCOLS, &text),
        "load.connection" => load.connection = named(&CONNECTIONS, &text),
        "load.tls_insecure" => load.tls_insecure = text == "true",
        _ => return Err(elsewhere()),
    }
    Ok(())
}

/// The name of an arrival process, as scenario files spell it.
pub(crate) fn arrivals_name(arrivals: Arrivals) -> &'static str {
    match arrivals {
        Arrivals::Poisson => "poisson",
        Arrivals::Constant => "constant",
        Arrivals::Closed => "closed",
    }
}

fn arrivals(checked: &str) -> Arrivals {
    match checked {
        "closed" => Arrivals::Closed,
        "constant" => Arrivals::Constant,
        _ => Arrivals::Poisson,
    }
}

/// Protocols as scenario files spell them.
pub(crate) const PROTOCOLS: [(&str, Protocol); 4] =
    [("auto", Protocol::Auto), ("http1", Protocol::Http1), ("http2", Protocol::Http2), ("lines", Protocol::Lines)];

/// Lives of connections as scenario files spell them.
pub(crate) const CONNECTIONS: [(&str, Connection); 2] =
    [("keep-alive", Connection::KeepAlive), ("close", Connection::Close)];

/// The name of one of these.
pub(crate) fn name_of<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}

fn named<T: Copy + Default>(names: &[(&str, T)], checked: &str) -> T {
    names.iter().find(|(name, _)| *name == checked).map_or_else(T::default, |(_, value)| *value)
}

fn whole(checked: &str) -> u32 {
    checked.parse().expect("the check admits whole numbers up to 2^32 - 1 only")
}

fn span(checked: &str) -> Duration {
    parse_duration(checked).expect("the check admits durations only")
}
