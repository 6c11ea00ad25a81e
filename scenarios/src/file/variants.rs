//! `[[variant]]`: the configurations to compare.

use super::document::{Field, Section};
use super::{fields, settings};
use crate::problem::shown;
use crate::spec::{Settings, Variant};
use toml::de::DeValue;

const KEYS: &[&str] = &["name", "summary", "set"];

/// Name of the only variant of a scenario that declares none.
pub(crate) const ONLY: &str = "default";

/// Reads the variants; `None` where a problem was reported.
pub(super) fn read(root: &Section<'_>, shared: &Settings) -> Option<Vec<Variant>> {
    let Some(field) = root.get("variant") else {
        // Problems of the shared settings alone have no better place than their heading.
        let place = root.get("knobs").map_or(0..0, |knobs| knobs.key_span);
        let only = Variant { name: ONLY.to_owned(), summary: String::new(), settings: Settings::new() };
        return settings::check_together(root, place, ONLY, shared).then(|| vec![only]);
    };
    if let DeValue::Array(items) = field.value
        && items.is_empty()
    {
        field.problem("there are no variants", Some("leave `variant` out for a single one".to_owned()));
    }
    let sections = root.sections("variant", "[[variant]]");
    let variants: Vec<Option<Variant>> = sections.iter().map(|section| variant(section, shared)).collect();
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

fn variant(section: &Section<'_>, shared: &Settings) -> Option<Variant> {
    section.allow_only(KEYS);
    let name_field = section.required("name");
    let name = name_field.as_ref().and_then(name);
    let summary = section.get("summary").map_or(Some(String::new()), |field| fields::line(&field));
    let set = match section.get("set") {
        Some(field) => field.as_section("[variant.set]").map(|set| settings::of_variant(&set, shared)),
        None => Some(Settings::new()),
    };
    let (name, summary, set) = (name?, summary?, set?);
    let mut merged = shared.clone();
    merged.extend(set.clone());
    let place = name_field.map_or_else(|| section.span.clone(), |field| field.span);
    settings::check_together(section, place, &name, &merged).then_some(Variant { name, summary, settings: set })
}

fn name(field: &Field<'_>) -> Option<String> {
    let name = fields::line(field)?;
    if name.trim() != name || name.is_empty() {
        field.problem("a variant needs a name without blanks around it", None);
        return None;
    }
    Some(name)
}
