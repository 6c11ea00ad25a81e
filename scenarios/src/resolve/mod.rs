//! From a scenario and the command line's wishes to the variants that run.
//!
//! Later wins: scenario < variant < `--set` < `--vary`. Where `--vary` names a setting that distinguishes the
//! scenario's own variants, the grid takes their place; else it multiplies them. `load.*` and `trial.*` change the
//! scenario itself, for every variant alike. A knob that acts with one allocator only is left out of variants of
//! another where the allocator is what distinguishes them; alone it is refused.

mod error;
mod flags;
mod grid;
#[cfg(test)]
mod tests;

pub use self::error::ResolveError;
pub use self::flags::{FlagError, parse_set, parse_vary};

use crate::knobs::{
    self, KNOBS, KnobError, Setting, acts_in, apply_to_shape, check_combination, check_for_program, check_reach,
    lookup, parameter_name,
};
use crate::problem::nearest;
use crate::spec::{Arrivals, Scenario, Settings, Variant};

/// A scenario as it will run.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// With every override applied: resolving it again, without any, gives the same. Its variants hold what
    /// they add to the scenario's settings.
    pub scenario: Scenario,
    /// The variants that run, each with all of its settings. Never empty; the first is the base.
    pub variants: Vec<Variant>,
}

/// Applies `--set` (path, value), `--vary` (path, values) and `--variant` (names; none means all).
///
/// # Errors
/// [`ResolveError`], fit for a person.
pub fn resolve(
    scenario: &Scenario,
    sets: &[(String, String)],
    vary: &[(String, Vec<String>)],
    only: &[String],
) -> Result<Resolved, ResolveError> {
    let mut scenario = scenario.clone();
    scenario.variants = selected(scenario.variants, only)?;
    let original = merged(&scenario);
    for (path, value) in sets {
        set(&mut scenario, path, value)?;
    }
    check_shape(&scenario)?;
    refuse_new_twins(&original, &merged(&scenario), sets)?;
    let axes = grid::axes(&scenario, vary)?;
    scenario.variants = grid::spread(scenario.variants, &axes)?;
    keep_where_it_acts(&mut scenario);
    let variants = merged(&scenario);
    for variant in &variants {
        let together = if scenario.subject.is_some() { check_for_program } else { check_combination };
        together(&variant.settings)
            .map_err(|problem| ResolveError::Variant { variant: variant.name.clone(), problem: Box::new(problem) })?;
    }
    Ok(Resolved { scenario, variants })
}

/// Keeps the variants named, in the scenario's order: the base stays the base.
fn selected(variants: Vec<Variant>, only: &[String]) -> Result<Vec<Variant>, ResolveError> {
    let names: Vec<String> = variants.iter().map(|variant| variant.name.clone()).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name)) {
        let nearest = nearest(unknown, names.iter().map(String::as_str)).map(str::to_owned);
        return Err(ResolveError::UnknownVariant { name: unknown.clone(), nearest, known: names });
    }
    Ok(variants.into_iter().filter(|variant| only.is_empty() || only.contains(&variant.name)).collect())
}

/// One `--set`: into the scenario, over every variant.
fn set(scenario: &mut Scenario, path: &str, value: &str) -> Result<(), ResolveError> {
    if let Setting::Knob(knob) = lookup(path)?
        && !knob.acts_on_subject()
    {
        if scenario.load.is_shaped() && matches!(knob.path, "load.rate" | "load.operations" | "load.arrivals") {
            return Err(ResolveError::Shaped { path: knob.path.to_owned() });
        }
        return Ok(apply_to_shape(&mut scenario.trial, &mut scenario.load, path, value)?);
    }
    let value = checked(scenario, path, value)?;
    for variant in &mut scenario.variants {
        variant.settings.remove(path);
    }
    scenario.settings.insert(path.to_owned(), value);
    Ok(())
}

/// The canonical spelling of a value. A parameter must be one that the scenario declares.
fn checked(scenario: &Scenario, path: &str, value: &str) -> Result<String, KnobError> {
    let value = knobs::check(path, value)?;
    if scenario.subject.is_some() {
        check_reach(path)?;
    }
    match parameter_name(path) {
        Some(name) if !scenario.settings.contains_key(path) => {
            let declared: Vec<&str> = scenario.settings.keys().filter_map(|path| parameter_name(path)).collect();
            Err(KnobError::UnknownParameter {
                name: name.to_owned(),
                nearest: nearest(name, declared.iter().copied()).map(str::to_owned),
                known: declared.iter().map(|name| format!("workload.{name}")).collect(),
            })
        }
        _ => Ok(value),
    }
}

/// A knob for all variants that acts in some of them only, since what it depends on distinguishes them
/// (`allocator.mimalloc.purge_delay` beside `--vary allocator.kind=jemalloc,mimalloc`), belongs to those.
fn keep_where_it_acts(scenario: &mut Scenario) {
    if scenario.subject.is_some() {
        // Which allocator a program has is not ours to know.
        return;
    }
    let variants = merged(scenario);
    for knob in KNOBS {
        let (Some(value), Some(condition)) = (scenario.settings.get(knob.path).cloned(), knob.condition) else {
            continue;
        };
        let acting: Vec<bool> = variants.iter().map(|variant| acts_in(condition, &value, &variant.settings)).collect();
        let told_apart =
            variants.iter().any(|v| v.settings.get(condition.path) != variants[0].settings.get(condition.path));
        if !told_apart || acting.iter().all(|acts| *acts) || !acting.contains(&true) {
            continue;
        }
        scenario.settings.remove(knob.path);
        for (variant, _) in scenario.variants.iter_mut().zip(&acting).filter(|(_, acts)| **acts) {
            variant.settings.entry(knob.path.to_owned()).or_insert_with(|| value.clone());
        }
    }
}

/// What `--set` may have broken in the load.
fn check_shape(scenario: &Scenario) -> Result<(), ResolveError> {
    let (trial, load) = (&scenario.trial, &scenario.load);
    if load.operations == 0 && trial.saturated.is_zero() {
        return Err(ResolveError::NothingToMeasure);
    }
    if load.arrivals != Arrivals::Closed && load.rate <= 0.0 {
        return Err(ResolveError::NoRate);
    }
    if load.arrivals == Arrivals::Closed
        && let Some(background) = scenario.mix.iter().find(|operation| operation.rate.is_some())
    {
        return Err(ResolveError::BackgroundOfClosed { operation: background.name.clone() });
    }
    Ok(())
}

/// The variants with all of their settings.
fn merged(scenario: &Scenario) -> Vec<Variant> {
    let all = |own: &Settings| {
        let mut settings = scenario.settings.clone();
        settings.extend(own.clone());
        settings
    };
    let variants = scenario.variants.iter();
    variants.map(|variant| Variant { settings: all(&variant.settings), ..variant.clone() }).collect()
}

/// Two variants that were different and are no longer would be measured for nothing. Two that are equal in the file
/// are meant to be: they show the noise.
fn refuse_new_twins(before: &[Variant], after: &[Variant], sets: &[(String, String)]) -> Result<(), ResolveError> {
    for (index, first) in after.iter().enumerate() {
        for (later, second) in after.iter().enumerate().skip(index + 1) {
            let same = |one: &Variant, other: &Variant| (&one.command, &one.args) == (&other.command, &other.args);
            if first.settings == second.settings
                && same(first, second)
                && before[index].settings != before[later].settings
            {
                let paths = sets.iter().map(|(path, _)| path.clone());
                let differ = |path: &String| before[index].settings.get(path) != before[later].settings.get(path);
                return Err(ResolveError::Twins {
                    first: first.name.clone(),
                    second: second.name.clone(),
                    paths: paths.filter(differ).collect(),
                });
            }
        }
    }
    Ok(())
}
