//! `[[variant]]`: the configurations to compare.

use super::document::{Field, Section};
use super::{fields, settings, subject};
use crate::problem::shown;
use crate::spec::{Settings, Variant};
use toml::de::DeValue;

const KEYS: &[&str] = &["name", "summary", "set", "command", "args"];

/// Name of the only variant of a scenario that declares none.
pub(crate) const ONLY: &str = "default";

/// Reads the variants; `None` where a problem was reported.
pub(super) fn read(root: &Section<'_>, shared: &Settings, external: bool) -> Option<Vec<Variant>> {
    let Some(field) = root.get("variant") else {
        // Problems of the shared settings alone have no better place than their heading.
        let place = root.get("knobs").map_or(0..0, |knobs| knobs.key_span);
        return settings::check_together(root, place, ONLY, shared, external).then(|| vec![Variant::plain(ONLY)]);
    };
    if let DeValue::Array(items) = field.value
        && items.is_empty()
    {
        field.problem("there are no variants", Some("leave `variant` out for a single one".to_owned()));
    }
    let sections = root.sections("variant", "[[variant]]");
    let variants: Vec<Option<Variant>> = sections.iter().map(|section| variant(section, shared, external)).collect();
    let mut names: Vec<&str> = Vec::new();
    for field in sections.iter().filter_map(|section| section.get("name")) {
        let Some(name) = field.value.as_str() else { continue };
        if names.contains(&name) {
            field.problem(format!("there are two variants named `{}`", shown(name)), None);
            return None;
        }
        names.push(name);
    }
    variants.into_iter().collect::<Option<Vec<_>>>().filter(|variants| !variants.is_empty())
}

fn variant(section: &Section<'_>, shared: &Settings, external: bool) -> Option<Variant> {
    section.allow_only(KEYS);
    let name_field = section.required("name");
    let name = name_field.as_ref().and_then(name);
    let summary = section.get("summary").map_or(Some(String::new()), |field| fields::line(&field));
    let set = match section.get("set") {
        Some(field) => field.as_section("[variant.set]").map(|set| settings::of_variant(&set, shared)),
        None => Some(Settings::new()),
    };
    let command = section.get("command").map_or(Some(None), |field| of_program(&field, external, subject::command));
    let args = section.get("args").map_or(Some(None), |field| of_program(&field, external, args));
    let (name, summary, set, command, args) = (name?, summary?, set?, command?, args?.unwrap_or_default());
    let mut merged = shared.clone();
    merged.extend(set.clone());
    let place = name_field.map_or_else(|| section.span.clone(), |field| field.span);
    settings::check_together(section, place, &name, &merged, external).then_some(Variant {
        name,
        summary,
        settings: set,
        command,
        args,
    })
}

/// A key that only variants of programs have.
fn of_program<T>(field: &Field<'_>, external: bool, read: impl FnOnce(&Field<'_>) -> Option<T>) -> Option<Option<T>> {
    if external {
        return read(field).map(Some);
    }
    let message = format!("`{}` needs a program to run: this scenario has no `[subject]`", field.key);
    field.key_problem(message, None);
    None
}

fn args(field: &Field<'_>) -> Option<Vec<String>> {
    subject::words(field, "for example [\"--threads\", \"4\"]")
}

fn name(field: &Field<'_>) -> Option<String> {
    let name = fields::line(field)?;
    if name.trim() != name || name.is_empty() {
        field.problem("a variant needs a name without blanks around it", None);
        return None;
    }
    Some(name)
}
