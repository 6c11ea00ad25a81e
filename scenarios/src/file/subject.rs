//! `[subject]`: a program to drive in the place of a workload of the catalogue.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::document::{Field, Section};
use super::fields;
use crate::knobs::parse_duration;
use crate::problem::Problem;
use crate::spec::{PORT, Program, Ready, Scheme, Target, Variant};

const KEYS: &[&str] = &["command", "target", "folder", "env", "ready", "start_timeout", "stop_timeout"];

/// Longest patience with a program.
const HOUR: Duration = Duration::from_secs(3600);

/// A `[subject]` as read: the program, and the path of its target, where it has one.
pub(super) struct Subject {
    pub(super) program: Program,
    pub(super) path: Option<String>,
}

/// Reads `[subject]`; `Some(None)` where there is none, `None` where a problem was reported.
pub(super) fn read(root: &Section<'_>) -> Option<Option<Subject>> {
    let Some(field) = root.get("subject") else { return Some(None) };
    if let Some(workload) = root.get("workload") {
        let help = "a scenario drives a workload of the catalogue or a program: leave one out".to_owned();
        workload.key_problem("`workload` beside `[subject]`", Some(help));
    }
    let section = field.as_section("[subject]")?;
    section.allow_only(KEYS);
    let command = section.required("command").and_then(|field| command(&field));
    let target = section.required("target").and_then(|field| target(&field));
    let folder = section.get("folder").map_or(Some(None), |field| folder(&field).map(Some));
    let env = section.get("env").map_or(Some(BTreeMap::new()), |field| variables(&field));
    let ready = section.get("ready").map_or(Some(Ready::Port), |field| ready(&field));
    let start = duration(&section, "start_timeout", Duration::from_millis(1), Program::START_TIMEOUT);
    let stop = duration(&section, "stop_timeout", Duration::ZERO, Program::STOP_TIMEOUT);
    let (target, path) = target?;
    let ready = ready?;
    if matches!(ready, Ready::Http(_)) && target.scheme == Scheme::Tcp {
        let field = section.get("ready")?;
        field.problem("`ready` asks for HTTP, and the target is tcp", Some("write \"port\" or \"line:…\"".to_owned()));
        return None;
    }
    let program = Program {
        command: command?,
        target,
        folder: folder?,
        env: env?,
        ready,
        start_timeout: start?,
        stop_timeout: stop?,
    };
    Some(Some(Subject { program, path }))
}

/// Program and arguments: a list, since quoting would be guesswork.
pub(super) fn command(field: &Field<'_>) -> Option<Vec<String>> {
    let words = words(field, "for example [\"./my-service\", \"--port\", \"8080\"]")?;
    match words.first() {
        Some(program) if !program.is_empty() => Some(words),
        _ => {
            field.problem(format!("`{}` names no program", field.key), None);
            None
        }
    }
}

/// A list of words for a command line.
pub(super) fn words(field: &Field<'_>, example: &str) -> Option<Vec<String>> {
    let DeValue::Array(items) = field.value else {
        field.wrong_type("an array of strings", Some(example.to_owned()));
        return None;
    };
    let word = |item: &toml::Spanned<DeValue<'_>>| {
        let field = Field { value: item.get_ref(), span: item.span(), ..field.clone() };
        let text = fields::text(&field)?;
        if text.contains('\0') {
            field.problem("a word of a command line cannot contain a NUL", None);
            return None;
        }
        Some(text.to_owned())
    };
    items.iter().map(word).collect()
}

fn target(field: &Field<'_>) -> Option<(Target, Option<String>)> {
    let text = fields::text(field)?;
    match Target::parse(text) {
        Ok(read) => Some(read),
        Err(error) => {
            field.problem(format!("`target` is not {error}"), None);
            None
        }
    }
}

fn folder(field: &Field<'_>) -> Option<PathBuf> {
    let text = fields::text(field)?;
    if text.is_empty() || text.contains('\0') {
        field.problem("`folder` is not a path", None);
        return None;
    }
    Some(PathBuf::from(text))
}

fn variables(field: &Field<'_>) -> Option<BTreeMap<String, String>> {
    let section = field.as_section("[subject.env]")?;
    let variable = |field: Field<'_>| {
        let path = format!("env.{}", field.key);
        match crate::knobs::lookup(&path) {
            Ok(_) => {}
            Err(error) => {
                field.key_problem(error.to_string(), None);
                return None;
            }
        }
        let value = fields::scalar(&field)?;
        match crate::knobs::check(&path, &value) {
            Ok(value) => Some((field.key.to_owned(), value)),
            Err(error) => {
                field.problem(error.to_string(), None);
                None
            }
        }
    };
    section.fields().into_iter().map(variable).collect()
}

fn ready(field: &Field<'_>) -> Option<Ready> {
    let text = fields::text(field)?;
    match text.parse() {
        Ok(ready) => Some(ready),
        Err(error) => {
            field.problem(format!("`ready` is not {error}"), None);
            None
        }
    }
}

fn duration(section: &Section<'_>, key: &str, min: Duration, default: Duration) -> Option<Duration> {
    let Some(field) = section.get(key) else { return Some(default) };
    let Some(text) = field.value.as_str() else {
        field.wrong_type("a duration", Some("a duration is a string with a unit: \"30s\"".to_owned()));
        return None;
    };
    match parse_duration(text) {
        Ok(duration) if (min..=HOUR).contains(&duration) => Some(duration),
        Ok(_) => {
            let least = crate::knobs::duration_text(min);
            field.problem(format!("`{key}` = {text} is out of range: {least} to 1h"), None);
            None
        }
        Err(error) => {
            field.problem(format!("`{key}` = {text} is not {error}"), None);
            None
        }
    }
}

/// Whether the free port, where the target has one, reaches the program, and no other does; false where it does not.
pub(super) fn check_port(root: &Section<'_>, program: &Program, settings: &[&str], variants: &[Variant]) -> bool {
    let said = |text: &str| text.contains(PORT);
    let commands = variants.iter().map(|variant| variant.command.as_ref().unwrap_or(&program.command));
    let told = commands.zip(variants).map(|(command, variant)| {
        let own = variant.settings.iter().filter(|(path, _)| path.starts_with("env.")).map(|(_, value)| value.as_str());
        let words = command.iter().chain(&variant.args).chain(program.env.values()).map(String::as_str);
        words.chain(own).chain(settings.iter().copied()).any(said)
    });
    let told: Vec<bool> = told.collect();
    let Some(field) = root.get("subject").and_then(|field| field.as_section("[subject]")?.get("target")) else {
        return true;
    };
    let problem = match program.target.port {
        None if told.contains(&false) => {
            let help = "write \"${port}\" in `command` or a variable, or a fixed port in `target`".to_owned();
            Problem::new("the program is not told which port the target has", field.span).help(help)
        }
        Some(port) if told.contains(&true) => {
            let help = "write \"${port}\" in `target`, too".to_owned();
            Problem::new(format!("`{PORT}` is a free port, and the target has port {port}"), field.span).help(help)
        }
        _ => return true,
    };
    root.report.add(problem);
    false
}
