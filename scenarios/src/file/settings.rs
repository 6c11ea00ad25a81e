//! `[knobs]`, `[workload_parameters]` and `[variant.set]`: tables whose leaves are settings.

use std::ops::Range;

use toml::de::DeValue;

use super::document::{Field, Section};
use super::fields;
use crate::knobs::{Acts, KnobError, Setting, check_combination, check_for_program, lookup, parameter_name};
use crate::problem::{Problem, nearest};
use crate::spec::Settings;

/// A setting with the field that made it.
pub(super) struct Leaf<'a> {
    pub(super) path: String,
    pub(super) field: Field<'a>,
}

/// Settings of `[knobs]` and `[workload_parameters]`; what is wrong is reported and left out.
pub(super) fn shared(root: &Section<'_>, external: bool) -> Settings {
    let mut settings = Settings::new();
    if external && let Some(field) = root.get("workload_parameters") {
        let help = "give it arguments in `command`, or variables in `env`".to_owned();
        field.key_problem("a program has no workload parameters", Some(help));
    } else if let Some(section) = root.section("workload_parameters", "[workload_parameters]") {
        for field in section.fields() {
            let path = format!("workload.{}", field.key);
            match lookup(&path) {
                Ok(_) => settings.extend(fields::scalar(&field).map(|value| (path, value))),
                Err(error) => field.key_problem(error.to_string(), None),
            }
        }
    }
    if let Some(section) = root.section("knobs", "[knobs]") {
        for leaf in leaves(&section) {
            if parameter_name(&leaf.path).is_some() {
                let help = "move it to `[workload_parameters]`, without `workload.`".to_owned();
                leaf.field.key_problem(format!("`{}` is not a knob but a parameter", leaf.path), Some(help));
            } else {
                insert(&mut settings, leaf, &[]);
            }
        }
    }
    settings
}

/// Settings of one variant. `shared` declares the parameters there are.
pub(super) fn of_variant(section: &Section<'_>, shared: &Settings) -> Settings {
    let declared: Vec<&str> = shared.keys().filter_map(|path| parameter_name(path)).collect();
    let mut settings = Settings::new();
    for leaf in leaves(section) {
        insert(&mut settings, leaf, &declared);
    }
    settings
}

/// Checks one setting and adds it, or reports what is wrong with it.
fn insert(settings: &mut Settings, leaf: Leaf<'_>, declared: &[&str]) {
    let Leaf { path, field } = leaf;
    let value = match lookup(&path) {
        Ok(Setting::Knob(knob)) if !knob.acts_on_subject() => {
            let section = if knob.acts == Acts::Load { "[load]" } else { "[trial]" };
            let message = format!("`{path}` does not change the subject, and must be equal for every variant");
            field.key_problem(message, Some(format!("write `{}` under `{section}`", knob.name())));
            None
        }
        Ok(Setting::Knob(knob)) => fields::knob(&Field { key: knob.path, ..field.clone() }, knob),
        Ok(Setting::Parameter(name)) if !declared.contains(&name) => {
            let error = KnobError::UnknownParameter {
                name: name.to_owned(),
                nearest: nearest(name, declared.iter().copied()).map(str::to_owned),
                known: declared.iter().map(|&name| format!("workload.{name}")).collect(),
            };
            let help = "declare it with its default under `[workload_parameters]`".to_owned();
            field.key_problem(error.to_string(), error.nearest().is_none().then_some(help));
            None
        }
        Ok(Setting::Parameter(_)) => fields::scalar(&field),
        Ok(Setting::Environment(_)) => fields::scalar(&field).filter(|value| match crate::knobs::check(&path, value) {
            Ok(_) => true,
            Err(error) => {
                field.problem(error.to_string(), None);
                false
            }
        }),
        Err(error) => {
            field.key_problem(error.to_string(), None);
            None
        }
    };
    let Some(value) = value else { return };
    if settings.insert(path.clone(), value).is_some() {
        field.key_problem(format!("`{path}` is set twice"), None);
    }
}

/// Every value below a table, with its path; tables that hold nothing are left out.
pub(super) fn leaves<'a>(section: &Section<'a>) -> Vec<Leaf<'a>> {
    let mut found = Vec::new();
    for field in section.fields() {
        let path = field.key.to_owned();
        collect(field.clone(), path, field.key_span.clone(), &mut found);
    }
    found.sort_by_key(|leaf| leaf.field.key_span.end);
    found
}

fn collect<'a>(field: Field<'a>, path: String, whole_key: Range<usize>, found: &mut Vec<Leaf<'a>>) {
    // An empty table where a knob should be is a value of the wrong type; only known groups may be empty.
    let DeValue::Table(table) = field.value else {
        found.push(Leaf { path, field: Field { key_span: whole_key, ..field } });
        return;
    };
    let section = Section { title: "", table, span: field.span.clone(), report: field.report };
    for inner in section.fields() {
        let path = format!("{path}.{}", inner.key);
        let key = joined(field.report.text, &whole_key, &inner.key_span);
        collect(inner, path, key, found);
    }
}

/// The span of a dotted key where both ends stand in one key, else that of its last part.
fn joined(text: &str, first: &Range<usize>, last: &Range<usize>) -> Range<usize> {
    let between = text.get(first.end..last.start).unwrap_or("\n");
    if between.trim() == "." && !between.contains('\n') { first.start..last.end } else { last.clone() }
}

/// Reports settings that are right one by one and wrong together, at the `place` of the variant.
pub(super) fn check_together(
    section: &Section<'_>,
    place: Range<usize>,
    name: &str,
    merged: &Settings,
    external: bool,
) -> bool {
    let checked = if external { check_for_program(merged) } else { check_combination(merged) };
    match checked {
        Ok(()) => true,
        Err(error) => {
            section.report.add(Problem::new(format!("variant `{name}`: {error}"), place));
            false
        }
    }
}
