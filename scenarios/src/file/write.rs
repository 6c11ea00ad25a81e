//! From a scenario back to its file.

use std::fmt::Write as _;

use toml::Value;

use super::slo::window_text;
use crate::knobs::{CONNECTIONS, PROTOCOLS, arrivals_name, name_of};
use crate::knobs::{Kind, Setting, duration_text, lookup, parameter_name};
use crate::spec::{Ladder, Load, Operation, Program, Request, Scenario, Settings, Stage};

/// Writes a scenario as TOML that [`super::parse`] reads back to an equal one. Defaults are written out.
pub fn to_toml(scenario: &Scenario) -> String {
    let mut out = String::new();
    line(&mut out, "name", &quoted(&scenario.name));
    line(&mut out, "version", &scenario.version.to_string());
    line(&mut out, "summary", &quoted(&scenario.summary));
    match &scenario.subject {
        Some(program) => write_program(&mut out, program),
        None => line(&mut out, "workload", &quoted(&scenario.workload)),
    }
    write_shape(&mut out, scenario);
    if let Some(slo) = scenario.slo {
        out.push_str("\n[slo]\n");
        line(&mut out, "objective", &number(slo.objective));
        if let Some(latency) = slo.latency {
            line(&mut out, "latency", &quoted(&duration_text(latency)));
        }
        line(&mut out, "window", &quoted(&window_text(slo.window)));
    }
    for operation in &scenario.mix {
        write_operation(&mut out, operation);
    }
    let (parameters, knobs): (Settings, Settings) =
        scenario.settings.clone().into_iter().partition(|(path, _)| parameter_name(path).is_some());
    write_settings(&mut out, "[knobs]", &knobs, |path| path);
    write_settings(&mut out, "[workload_parameters]", &parameters, |path| parameter_name(path).unwrap_or(path));
    for variant in &scenario.variants {
        out.push_str("\n[[variant]]\n");
        line(&mut out, "name", &quoted(&variant.name));
        if !variant.summary.is_empty() {
            line(&mut out, "summary", &quoted(&variant.summary));
        }
        if let Some(command) = &variant.command {
            line(&mut out, "command", &words(command));
        }
        if !variant.args.is_empty() {
            line(&mut out, "args", &words(&variant.args));
        }
        write_settings(&mut out, "[variant.set]", &variant.settings, |path| path);
    }
    out
}

fn write_program(out: &mut String, program: &Program) {
    out.push_str("\n[subject]\n");
    line(out, "command", &words(&program.command));
    line(out, "target", &quoted(&program.target.to_string()));
    if let Some(folder) = &program.folder {
        line(out, "folder", &quoted(&folder.to_string_lossy()));
    }
    line(out, "ready", &quoted(&program.ready.to_string()));
    line(out, "start_timeout", &quoted(&duration_text(program.start_timeout)));
    line(out, "stop_timeout", &quoted(&duration_text(program.stop_timeout)));
    if !program.env.is_empty() {
        out.push_str("[subject.env]\n");
        for (name, value) in &program.env {
            line(out, name, &quoted(value));
        }
    }
}

fn words(words: &[String]) -> String {
    Value::Array(words.iter().map(|word| Value::from(word.as_str())).collect()).to_string()
}

fn write_shape(out: &mut String, scenario: &Scenario) {
    let (trial, load) = (&scenario.trial, &scenario.load);
    out.push_str("\n[trial]\n");
    line(out, "blocks", &trial.blocks.to_string());
    line(out, "warmup", &quoted(&duration_text(trial.warmup)));
    line(out, "saturated", &quoted(&duration_text(trial.saturated)));
    let ladder = match &trial.ladder {
        Ladder::Auto => quoted("auto"),
        Ladder::Off => quoted("off"),
        Ladder::Levels(levels) => format!("{levels:?}"),
    };
    line(out, "ladder", &ladder);
    out.push_str("\n[load]\n");
    line(out, "arrivals", &quoted(arrivals_name(load.arrivals)));
    write_arrivals(out, load);
    line(out, "concurrency", &load.concurrency.to_string());
    line(out, "max_in_flight", &load.max_in_flight.to_string());
    line(out, "timeout", &quoted(&duration_text(load.timeout)));
    line(out, "max_lag_p99", &quoted(&duration_text(load.max_lag_p99)));
    line(out, "protocol", &quoted(name_of(&PROTOCOLS, load.protocol)));
    line(out, "connection", &quoted(name_of(&CONNECTIONS, load.connection)));
    line(out, "tls_insecure", &load.tls_insecure.to_string());
    if let Some(file) = &load.tls_ca {
        line(out, "tls_ca", &quoted(file));
    }
}

fn write_arrivals(out: &mut String, load: &Load) {
    if let Some(trace) = &load.trace {
        line(out, "trace", &quoted(&trace.file));
        return line(out, "scale", &number(trace.scale));
    }
    if load.stages.is_empty() {
        if load.rate > 0.0 {
            line(out, "rate", &number(load.rate));
        }
        return line(out, "operations", &load.operations.to_string());
    }
    let stage = |stage: &Stage| {
        let rates = match (number(stage.from), number(stage.to)) {
            (from, to) if from == to => format!("rate = {from}"),
            (from, to) => format!("from = {from}, to = {to}"),
        };
        format!("{{ {rates}, for = {} }}", quoted(&duration_text(stage.span)))
    };
    let stages: Vec<String> = load.stages.iter().map(stage).collect();
    line(out, "stages", &format!("[{}]", stages.join(", ")));
    if let Some(burst) = load.burst {
        let every = quoted(&duration_text(burst.every));
        line(out, "burst", &format!("{{ size = {}, every = {every} }}", burst.size));
    }
}

fn write_operation(out: &mut String, operation: &Operation) {
    out.push_str("\n[[mix]]\n");
    line(out, "operation", &quoted(&operation.name));
    match operation.rate {
        Some(rate) => line(out, "rate", &number(rate)),
        None => line(out, "weight", &number(operation.weight)),
    }
    if !operation.measured {
        line(out, "background", "true");
    }
    if let Some(request) = &operation.request {
        write_request(out, request);
    }
    if let Some(asked) = &operation.line {
        line(out, "send", &quoted(&asked.send));
        if let Some(text) = &asked.expect {
            line(out, "expect", &quoted(text));
        }
    }
}

fn write_request(out: &mut String, request: &Request) {
    line(out, "method", &quoted(&request.method));
    line(out, "path", &quoted(&request.path));
    if !request.headers.is_empty() {
        let headers = request.headers.iter().map(|(name, value)| Value::from(format!("{name}: {value}")));
        line(out, "headers", &Value::Array(headers.collect()).to_string());
    }
    if let Some(body) = &request.body {
        line(out, "body", &quoted(body));
    }
    line(out, "expect_status", &request.expect_status.to_string());
    if let Some(text) = &request.expect_body {
        line(out, "expect_body", &quoted(text));
    }
}

/// Writes a table of settings as dotted keys, unless it is empty. Every part of a path is a bare key.
fn write_settings<'a>(out: &mut String, heading: &str, settings: &'a Settings, key: impl Fn(&'a str) -> &'a str) {
    if settings.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}");
    for (path, value) in settings {
        line(out, key(path), &setting(path, value));
    }
}

fn setting(path: &str, value: &str) -> String {
    let bare = match lookup(path) {
        Ok(Setting::Knob(knob)) => {
            matches!(knob.kind, Kind::Integer { .. } | Kind::Milliseconds { .. } | Kind::Number { .. } | Kind::Boolean)
        }
        // Only what comes back with the same spelling may go without quotes.
        _ => matches!(value, "true" | "false") || value.parse().is_ok_and(|n: i64| n.to_string() == value),
    };
    if bare { value.to_owned() } else { quoted(value) }
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {value}");
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A whole number without its `.0`, as a person would write it.
fn number(value: f64) -> String {
    // Rust's Display prints the shortest digits that read back to the same number, and no exponent.
    value.to_string()
}
