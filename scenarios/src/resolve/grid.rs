//! The cartesian product of `--vary`.

use super::{ResolveError, checked};
use crate::knobs::{Setting, lookup};
use crate::problem::shown;
use crate::spec::{Scenario, Settings, Variant};

/// Most variants of a plan: at a second a trial and 12 blocks, an hour's worth is 300.
const MOST: usize = 256;

/// One varied setting.
pub(super) struct Axis {
    path: String,
    /// As names of variants spell the setting.
    label: String,
    /// Canonical values, in the order given. Never empty.
    values: Vec<String>,
}

/// Checks every `--vary`.
pub(super) fn axes(scenario: &Scenario, vary: &[(String, Vec<String>)]) -> Result<Vec<Axis>, ResolveError> {
    let mut axes: Vec<Axis> = Vec::new();
    for (path, given) in vary {
        if matches!(lookup(path)?, Setting::Knob(knob) if !knob.acts_on_subject()) {
            return Err(ResolveError::NotVariable { path: path.clone() });
        }
        if axes.iter().any(|axis| axis.path == *path) {
            return Err(ResolveError::VariedTwice { path: path.clone() });
        }
        let mut values: Vec<String> = Vec::new();
        for value in given {
            let value = checked(scenario, path, value)?;
            if values.contains(&value) {
                return Err(ResolveError::RepeatedValue { path: path.clone(), value });
            }
            values.push(value);
        }
        if values.is_empty() {
            return Err(ResolveError::NoValues { path: path.clone() });
        }
        axes.push(Axis { path: path.clone(), label: label(path, vary), values });
    }
    Ok(axes)
}

/// The last part of a path, or all of it where another varied path ends alike.
fn label(path: &str, vary: &[(String, Vec<String>)]) -> String {
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let alike = vary.iter().filter(|(other, _)| last(other) == last(path)).count();
    if alike > 1 { path.to_owned() } else { last(path) }
}

/// Puts the grid in the place of the variants, or multiplies them by it.
pub(super) fn spread(variants: Vec<Variant>, axes: &[Axis]) -> Result<Vec<Variant>, ResolveError> {
    if axes.is_empty() {
        return Ok(variants);
    }
    // Where a variant sets what is varied, keeping both would make the variant's name a lie. A single variant without
    // settings of its own is no more than the scenario itself.
    let sets_varied = |variant: &Variant| axes.iter().any(|axis| variant.settings.contains_key(&axis.path));
    let is_program = |variant: &Variant| variant.command.is_some() || !variant.args.is_empty();
    let nothing = |variant: &Variant| variant.settings.is_empty() && !is_program(variant);
    // A variant that is a program of its own is never replaced.
    let replaced = (variants.iter().any(sets_varied) && !variants.iter().any(is_program))
        || matches!(&variants[..], [one] if nothing(one));
    let bases = if replaced { vec![None] } else { variants.iter().map(Some).collect() };
    let count = axes.iter().try_fold(bases.len(), |count, axis| count.checked_mul(axis.values.len()));
    match count {
        Some(..=MOST) => {}
        _ => return Err(ResolveError::TooMany { count: count.unwrap_or(usize::MAX), most: MOST }),
    }
    let points = points(axes);
    let mut spread: Vec<Variant> = Vec::new();
    for variant in bases.iter().flat_map(|base| points.iter().map(|point| variant(*base, axes, point))) {
        // Points that differ in nothing that acts are one.
        if !spread.contains(&variant) {
            spread.push(variant);
        }
    }
    refuse_same_names(&spread)?;
    Ok(spread)
}

/// Every combination of values, the last axis turning fastest.
fn points(axes: &[Axis]) -> Vec<Vec<&str>> {
    let mut points: Vec<Vec<&str>> = vec![Vec::new()];
    for axis in axes {
        let values = || axis.values.iter().map(String::as_str);
        points = points.iter().flat_map(|point| values().map(|value| [&point[..], &[value]].concat())).collect();
    }
    points
}

fn variant(base: Option<&Variant>, axes: &[Axis], point: &[&str]) -> Variant {
    let mut settings = base.map_or_else(Settings::new, |base| base.settings.clone());
    let mut name: Vec<String> = base.iter().map(|base| base.name.clone()).collect();
    for (axis, value) in axes.iter().zip(point).filter(|(axis, value)| acts(axis, value, axes, point)) {
        settings.insert(axis.path.clone(), (*value).to_owned());
        // A comma separates settings in the name.
        name.push(format!("{}={}", axis.label, shown(value).replace(',', "+")));
    }
    let plain = Variant::plain(name.join(","));
    let base = base.map_or_else(|| plain.clone(), Variant::clone);
    Variant { name: plain.name, settings, ..base }
}

/// Whether a value has an effect at this point, as far as that depends on another axis.
fn acts(axis: &Axis, value: &str, axes: &[Axis], point: &[&str]) -> bool {
    let Ok(Setting::Knob(knob)) = lookup(&axis.path) else { return true };
    let Some(condition) = knob.condition else { return true };
    let other = axes.iter().position(|other| other.path == condition.path);
    condition.except == Some(value) || other.is_none_or(|other| condition.needed.is_met_by(point[other]))
}

fn refuse_same_names(variants: &[Variant]) -> Result<(), ResolveError> {
    for (index, variant) in variants.iter().enumerate() {
        if variants[..index].iter().any(|earlier| earlier.name == variant.name) {
            return Err(ResolveError::SameName { name: variant.name.clone() });
        }
    }
    Ok(())
}
