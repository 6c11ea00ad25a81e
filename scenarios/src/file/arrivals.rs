//! Keys of `[load]` that say when operations are due, where that is not one rate throughout.

use std::time::Duration;

use toml::de::DeValue;

use super::document::{Field, Section};
use super::fields;
use crate::knobs::parse_duration;
use crate::spec::{Arrivals, Burst, Load, Stage, Trace};

/// What a stage looks like.
const EXAMPLE: &str = "for example [{ rate = 200, for = \"5s\" }, { from = 200, to = 800, for = \"10s\" }]";

/// Keys that say it each in its own way.
const WAYS: [&str; 3] = ["stages", "ramp", "trace"];

/// Reads stages, ramp, trace and bursts into the load, whose other keys were read already; false where a problem was
/// reported.
pub(super) fn read(section: &Section<'_>, load: &mut Load) -> bool {
    let given: Vec<Field<'_>> = WAYS.iter().filter_map(|way| section.get(way)).collect();
    if let [first, second, ..] = &given[..] {
        let message = format!("`{}` beside `{}`: one of them says when operations are due", second.key, first.key);
        second.key_problem(message, None);
        return false;
    }
    let burst = section.get("burst");
    let Some(shaped) = given.first().or(burst.as_ref()) else {
        return match section.get("scale") {
            Some(scale) => {
                scale.key_problem("`scale` without `trace`", None);
                false
            }
            None => true,
        };
    };
    if load.arrivals == Arrivals::Closed {
        let message = format!("`{}` with closed arrivals: clients send when they were answered", shaped.key);
        shaped.key_problem(message, Some("leave `arrivals` out".to_owned()));
        return false;
    }
    if !given.is_empty()
        && let Some(stray) = ["rate", "operations"].iter().find_map(|key| section.get(key))
    {
        let message = format!("`{}` beside `{}`, from which it follows", stray.key, shaped.key);
        stray.key_problem(message, Some("leave it out".to_owned()));
        return false;
    }
    let read = match given.first() {
        Some(field) if field.key == "trace" => trace(section, field, burst.as_ref(), load),
        Some(field) => stages(section, field, load),
        None => true,
    };
    read && self::burst(burst.as_ref(), load) && settle(shaped, load)
}

fn settle(shaped: &Field<'_>, load: &mut Load) -> bool {
    match load.settle() {
        Ok(()) => true,
        Err(problem) => {
            shaped.problem(problem, None);
            false
        }
    }
}

fn stages(section: &Section<'_>, field: &Field<'_>, load: &mut Load) -> bool {
    if let Some(scale) = section.get("scale") {
        scale.key_problem("`scale` without `trace`", None);
        return false;
    }
    let read = match (field.key, field.value) {
        ("ramp", DeValue::Table(_)) => field.as_section("ramp").and_then(|ramp| stage(&ramp)).map(|stage| vec![stage]),
        ("stages", DeValue::Array(items)) if !items.is_empty() => items
            .iter()
            .map(|item| {
                let item = Field { value: item.get_ref(), span: item.span(), ..field.clone() };
                stage(&item.as_section("a stage")?)
            })
            .collect(),
        ("ramp", _) => {
            field.wrong_type("a table", Some("for example { from = 100, to = 800, for = \"30s\" }".to_owned()));
            None
        }
        _ => {
            field.wrong_type("an array of stages", Some(EXAMPLE.to_owned()));
            None
        }
    };
    load.stages = read.unwrap_or_default();
    !load.stages.is_empty()
}

fn stage(section: &Section<'_>) -> Option<Stage> {
    section.allow_only(&["rate", "from", "to", "for"]);
    let number = |key: &str| section.get(key).map(|field| fields::number(&field));
    let rates = match (number("rate"), number("from"), number("to")) {
        (Some(rate), None, None) => rate.map(|rate| (rate, rate)),
        (None, Some(from), Some(to)) => from.zip(to),
        _ => {
            let message = "a stage has a `rate`, or `from` and `to`";
            section.report.add(crate::problem::Problem::new(message, section.span.clone()).help(EXAMPLE));
            None
        }
    };
    let span = section.required("for").and_then(|field| span(&field));
    let ((from, to), span) = rates.zip(span)?;
    checked(section, Stage { from, to, span }, Stage::check)
}

fn burst(field: Option<&Field<'_>>, load: &mut Load) -> bool {
    let Some(field) = field else { return true };
    if load.stages.is_empty() && load.rate <= 0.0 {
        let help = "add `rate`, `stages` or `ramp`".to_owned();
        field.key_problem("`burst` without a rate to be on top of", Some(help));
        return false;
    }
    let Some(section) = field.as_section("burst") else { return false };
    section.allow_only(&["size", "every"]);
    let size = section.required("size").and_then(|field| fields::integer(&field, 1, 1_000_000));
    let every = section.required("every").and_then(|field| span(&field));
    let burst = size.zip(every).and_then(|(size, every)| {
        let burst = Burst { size: u32::try_from(size).ok()?, every };
        checked(&section, burst, Burst::check)
    });
    let Some(burst) = burst else { return false };
    load.add_burst(burst);
    true
}

fn trace(section: &Section<'_>, field: &Field<'_>, burst: Option<&Field<'_>>, load: &mut Load) -> bool {
    if let Some(burst) = burst {
        burst.key_problem("`burst` beside `trace`, which has bursts of its own", None);
        return false;
    }
    let file = fields::line(field).filter(|file| !file.is_empty());
    let scale = match section.get("scale") {
        None => Some(1.0),
        Some(scale) => fields::number(&scale).filter(|value| {
            let right = *value > 0.0 && *value <= 1000.0;
            if !right {
                scale.problem("`scale` is out of range: more than 0, at most 1000", None);
            }
            right
        }),
    };
    let Some((file, scale)) = file.zip(scale) else { return false };
    load.trace = Some(Trace { file, scale, arrivals: Vec::new() });
    true
}

fn span(field: &Field<'_>) -> Option<Duration> {
    let text = fields::text(field)?;
    match parse_duration(text) {
        Ok(span) => Some(span),
        Err(error) => {
            field.problem(format!("`{}` = {text} is not {error}", field.key), None);
            None
        }
    }
}

fn checked<T>(section: &Section<'_>, read: T, check: impl Fn(&T) -> Result<(), String>) -> Option<T> {
    match check(&read) {
        Ok(()) => Some(read),
        Err(problem) => {
            section.report.add(crate::problem::Problem::new(problem, section.span.clone()));
            None
        }
    }
}
