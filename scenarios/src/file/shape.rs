//! `[trial]` and `[load]`: their keys are the knobs `trial.*` and `load.*`.

use std::time::Duration;

use toml::de::DeValue;

use super::document::{Field, Report, Section};
use super::{arrivals, fields};
use crate::knobs::{Acts, KNOBS, Knob, apply_to_shape};
use crate::problem::Problem;
use crate::spec::{Arrivals, Connection, Ladder, Load, Protocol, Trial};

/// Reads both; `None` where a problem was reported.
pub(super) fn read(root: &Section<'_>) -> Option<(Trial, Load)> {
    let (mut trial, mut load) = defaults();
    let trial_read = match root.section("trial", "[trial]") {
        Some(section) => {
            let ladder_read = ladder(&section, &mut trial);
            apply(&section, Acts::Trial, &["ladder"], &mut trial, &mut load) && ladder_read
        }
        None => root.get("trial").is_none(),
    };
    let section = root.required("load").and_then(|field| field.as_section("[load]"))?;
    let load_read = apply(&section, Acts::Load, LOAD_ONLY, &mut trial, &mut load);
    let ca_read = match section.get("tls_ca") {
        Some(field) => {
            load.tls_ca = fields::line(&field);
            load.tls_ca.is_some()
        }
        None => true,
    };
    let arrivals_read = arrivals::read(&section, &mut load);
    let rate_given = section.get("rate").is_some() || load.is_shaped();
    if load.arrivals != Arrivals::Closed && !rate_given && arrivals_read {
        section.required("rate");
    }
    if load.operations == 0 && trial.saturated.is_zero() {
        nothing_to_measure(root.report, &section);
        return None;
    }
    (trial_read && load_read && ca_read && arrivals_read && (rate_given || load.arrivals == Arrivals::Closed))
        .then_some((trial, load))
}

/// Keys of `[load]` that are no knobs.
const LOAD_ONLY: &[&str] = &["tls_ca", "stages", "ramp", "burst", "trace", "scale"];

/// Reads the keys of one section; false where a problem was reported.
fn apply(section: &Section<'_>, acts: Acts, others: &[&str], trial: &mut Trial, load: &mut Load) -> bool {
    let knobs: Vec<&Knob> = KNOBS.iter().filter(|knob| knob.acts == acts).collect();
    let names: Vec<&str> = knobs.iter().map(|knob| knob.name()).chain(others.iter().copied()).collect();
    section.allow_only(&names);
    let mut all_read = true;
    for field in section.fields() {
        let Some(knob) = knobs.iter().find(|knob| knob.name() == field.key) else { continue };
        // The value was checked by `fields::knob`, so that the second check cannot fail.
        all_read &=
            fields::knob(&field, knob).is_some_and(|value| apply_to_shape(trial, load, knob.path, &value).is_ok());
    }
    all_read
}

/// Reads `ladder`; false where a problem was reported.
fn ladder(section: &Section<'_>, trial: &mut Trial) -> bool {
    let Some(field) = section.get("ladder") else { return true };
    let read = match field.value {
        DeValue::Array(items) => {
            let level = |item: &toml::Spanned<DeValue<'_>>| {
                let field = Field { value: item.get_ref(), span: item.span(), ..field.clone() };
                fields::integer(&field, 1, 65_535).and_then(|level| u32::try_from(level).ok())
            };
            let levels: Option<Vec<u32>> = items.iter().map(level).collect();
            let Some(levels) = levels else { return false };
            levels.is_sorted_by(|a, b| a < b).then_some(Ladder::Levels(levels))
        }
        DeValue::String(text) if text == "auto" => Some(Ladder::Auto),
        DeValue::String(text) if text == "off" => Some(Ladder::Off),
        _ => None,
    };
    let Some(read) = read else {
        let help = "write \"auto\", \"off\" or rising numbers of clients such as [1, 4, 16]".to_owned();
        field.problem("`ladder` is no list of levels", Some(help));
        return false;
    };
    trial.ladder = if read == Ladder::Levels(Vec::new()) { Ladder::Off } else { read };
    true
}

fn nothing_to_measure(report: &Report<'_>, section: &Section<'_>) {
    let message = "nothing to measure: `operations` is 0 and `saturated` is 0s";
    report.add(Problem::new(message, section.span.clone()));
}

/// What holds where the file is silent; equal to the defaults that the knob table states (there is a test).
pub(super) fn defaults() -> (Trial, Load) {
    let trial = Trial {
        blocks: 12,
        warmup: Duration::from_millis(200),
        saturated: Duration::from_millis(500),
        ladder: Ladder::Auto,
    };
    let load = Load {
        arrivals: Arrivals::Poisson,
        // Every arrival process but `closed` needs a rate of its own, and `closed` uses none.
        rate: 0.0,
        operations: 2000,
        concurrency: 32,
        max_in_flight: 4096,
        timeout: Duration::from_secs(2),
        max_lag_p99: Duration::from_micros(50),
        protocol: Protocol::Auto,
        connection: Connection::KeepAlive,
        tls_insecure: false,
        tls_ca: None,
        stages: Vec::new(),
        burst: None,
        trace: None,
    };
    (trial, load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_knob_table() {
        let (mut trial, mut load) = defaults();
        for knob in KNOBS.iter().filter(|knob| !knob.acts_on_subject()) {
            if let Some(value) = knob.default.value {
                apply_to_shape(&mut trial, &mut load, knob.path, value).unwrap();
                assert_eq!((&trial, &load), (&defaults().0, &defaults().1), "{}", knob.path);
            }
        }
    }
}
