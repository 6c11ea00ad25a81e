//! Objectives from wherever they are stated, and a run judged by one.

use std::path::Path;
use std::time::Duration;

use reports::run::writer::RunWriter;
use reports::run::{BudgetRecord, RunSummary, Slo, SloSummary, SloVerdict, reader};
use reports::{budget, render};
use scenarios::catalog::Catalog;
use scenarios::objectives::{self, WrittenObjective};

use crate::exit::{Exit, Refusal};
use crate::report;

/// An objective that takes the place of the scenario's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// Part of operations that must be good.
    pub objective: Option<f64>,
    /// An operation answered later is bad.
    pub latency: Option<Duration>,
    /// Window of the budget.
    pub window: Option<Duration>,
    /// A sloth or OpenSLO file, and the name of one of its objectives where it has several.
    pub from: Option<(std::path::PathBuf, Option<String>)>,
}

/// Four weeks and a bit, where nobody says.
const WINDOW: Duration = Duration::from_secs(30 * 86_400);

impl Wish {
    /// The objective that the wish makes of the scenario's.
    ///
    /// # Errors
    /// A [`Refusal`] with exit code 2.
    pub fn over(&self, own: Option<scenarios::spec::Slo>) -> anyhow::Result<Option<scenarios::spec::Slo>> {
        let mut slo = match (&self.from, self.objective) {
            (Some((file, name)), _) => Some(one_of(file, name.as_deref())?.slo(own.and_then(|own| own.latency))),
            (None, Some(objective)) if objective > 0.0 && objective < 1.0 => Some(scenarios::spec::Slo {
                objective,
                latency: own.and_then(|own| own.latency),
                window: own.map_or(WINDOW, |own| own.window),
            }),
            (None, Some(objective)) => {
                let help = if objective > 1.0 {
                    format!(": a part, not per cent: {}", objective / 100.0)
                } else {
                    String::new()
                };
                return Err(Refusal::usage(format!("`--objective` = {objective} must be above 0 and below 1{help}")));
            }
            (None, None) => own,
        };
        if let Some(slo) = &mut slo {
            slo.latency = self.latency.or(slo.latency);
            slo.window = self.window.unwrap_or(slo.window);
        }
        Ok(slo)
    }
}

/// The objective of a file by its name, or its only one.
///
/// # Errors
/// A [`Refusal`] that lists the names there are.
pub fn one_of(file: &Path, name: Option<&str>) -> anyhow::Result<WrittenObjective> {
    let all = objectives::read(file).map_err(Refusal::usage)?;
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let listed = scenarios::problem::listed(&names);
    let found = match name {
        Some(name) => all.iter().find(|one| one.name == name),
        None => all.first().filter(|_| all.len() == 1),
    };
    found.cloned().ok_or_else(|| {
        let file = file.display();
        Refusal::usage(match name {
            Some(name) => format!("{file} has no objective `{}`: it has {listed}", name.escape_debug()),
            None => format!("{file} has several objectives: say which by `--name`: {listed}"),
        })
    })
}

/// The objective of a scenario of the catalogue or of a file.
///
/// # Errors
/// A [`Refusal`] for a scenario that cannot be used.
pub fn of_scenario(scenario: &str, catalog: &Catalog) -> anyhow::Result<Option<scenarios::spec::Slo>> {
    Ok(catalog.load(scenario).map_err(Refusal::usage)?.slo)
}

/// As reports know it.
pub fn plain(slo: &scenarios::spec::Slo) -> Slo {
    Slo {
        objective: slo.objective,
        latency_s: slo.latency.map(|latency| latency.as_secs_f64()),
        window_s: slo.window.as_secs_f64(),
    }
}

/// Judges the run at `path` by its scenario's objective or by the wish, all variants or those named: its summary with the
/// objective in it.
///
/// # Errors
/// A [`Refusal`] for a run without an objective, and for variants that it does not have.
pub fn check(path: &Path, wish: &Wish, variants: &[String]) -> anyhow::Result<RunSummary> {
    let mut summary = report::of(path).map_err(Refusal::usage)?;
    summary.path = path.display().to_string();
    let run = reader::load(path).map_err(Refusal::usage)?;
    let own = scenarios::file::parse("scenario.toml", &run.scenario_toml).ok().and_then(|scenario| scenario.slo);
    let Some(slo) = wish.over(own)?.map(|slo| plain(&slo)) else {
        return Err(Refusal::usage(format!(
            "{} has no objective: write `[slo]` into its scenario, or give `--objective 0.999 --latency 350ms` or `--from FILE`",
            summary.run
        )));
    };
    if let Some(unknown) = variants.iter().find(|name| !summary.variants.iter().any(|variant| variant.name == **name)) {
        let names: Vec<&str> = summary.variants.iter().map(|variant| variant.name.as_str()).collect();
        let listed = scenarios::problem::listed(&names);
        return Err(Refusal::usage(format!("{} has no variant `{unknown}`: it has {listed}", summary.run)));
    }
    let counted = reader::load_for(path, slo).map_err(Refusal::usage)?;
    let mut burn = report::burn(&counted, &slo);
    burn.retain(|burn| variants.is_empty() || variants.contains(&burn.variant));
    summary.slo = Some(SloSummary { slo, burn });
    Ok(summary)
}

/// Keeps in `run.json` what was left of the budget, and why somebody went on all the same. A run that has no `run.json` was
/// killed, and must not look whole for it.
///
/// # Errors
/// A file that cannot be written.
pub fn keep(path: &Path, judged: &RunSummary) -> anyhow::Result<()> {
    if let Some(mut summary) = reader::load(path)?.summary {
        summary.budget.clone_from(&judged.budget);
        RunWriter::reopen(path)?.finish(&summary)?;
    }
    Ok(())
}

/// What a gate makes of it: a frozen budget first, then what was missed, then what cannot be told.
pub fn exit(judged: &RunSummary) -> Exit {
    let any = |verdict| judged.slo.iter().flat_map(|judged| &judged.burn).any(|burn| burn.verdict == verdict);
    if judged.budget.as_ref().is_some_and(is_frozen) {
        Exit::BudgetFrozen
    } else if any(SloVerdict::Missed) {
        Exit::Regressed
    } else if any(SloVerdict::CannotTell) {
        Exit::CannotTell
    } else {
        Exit::Done
    }
}

/// Whether nothing may be released: the budget is spent and nobody said why to go on.
pub fn is_frozen(budget: &BudgetRecord) -> bool {
    budget.frozen && budget.overridden.is_none()
}

/// Why a gate measures nothing: exit code 13.
pub fn frozen(budget: &BudgetRecord) -> anyhow::Error {
    let said = render::budget(budget);
    let message =
        format!("{said}; `--override-budget REASON` measures all the same, and the reason is kept with the run");
    Refusal { exit: Exit::BudgetFrozen, message }.into()
}

/// Rules for Prometheus that watch an objective.
///
/// # Errors
/// A [`Refusal`] where a query is missing or has a fixed range.
pub fn rules(slo: &Slo, name: &str, bad: Option<String>, total: Option<String>) -> anyhow::Result<String> {
    let needed = |query: Option<String>, flag: &str, example: &str| {
        query.ok_or_else(|| {
            Refusal::usage(format!(
                "no query for {flag} operations: give `--{flag} '{example}'`, or `--from` a file that has one"
            ))
        })
    };
    let bad = needed(bad, "bad", "sum(rate(http_requests_total{code=~\"5..\"}[{{.window}}]))")?;
    let total = needed(total, "total", "sum(rate(http_requests_total[{{.window}}]))")?;
    budget::rules(slo, &budget::Sli { name: name.to_owned(), bad, total }).map_err(Refusal::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: scenarios::spec::Slo = scenarios::spec::Slo {
        objective: 0.99,
        latency: Some(Duration::from_millis(50)),
        window: Duration::from_secs(86_400),
    };

    #[test]
    fn flags_change_what_the_scenario_says() {
        let wish = Wish { objective: Some(0.999), ..Wish::default() };
        let slo = wish.over(Some(OWN)).unwrap().unwrap();
        assert_eq!((slo.objective, slo.latency, slo.window), (0.999, OWN.latency, OWN.window));
        assert_eq!(wish.over(None).unwrap().unwrap().window, WINDOW);
        assert_eq!(Wish::default().over(Some(OWN)).unwrap(), Some(OWN));
        assert_eq!(Wish::default().over(None).unwrap(), None);
        let refused = Wish { objective: Some(99.9), ..Wish::default() }.over(None).unwrap_err().to_string();
        assert!(refused.contains("a part, not per cent: 0.999"), "{refused}");
    }

    #[test]
    fn a_file_of_several_objectives_wants_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slos.yaml");
        let text =
            "version: prometheus/v1\nservice: shop\nslos:\n- {name: a, objective: 99}\n- {name: b, objective: 99.5}\n";
        std::fs::write(&file, text).unwrap();
        assert_eq!(one_of(&file, Some("shop-b")).unwrap().objective, 0.995);
        assert!(one_of(&file, None).unwrap_err().to_string().ends_with("say which by `--name`: `shop-a`, `shop-b`"));
        assert!(one_of(&file, Some("c")).unwrap_err().to_string().contains("has no objective `c`"));
    }

    #[test]
    fn frozen_is_what_nobody_overrode() {
        let frozen = |remaining, reason: Option<&str>| {
            is_frozen(&budget::decide(remaining, "given".into(), reason.map(str::to_owned)))
        };
        assert!(frozen(0.01, None) && !frozen(0.01, Some("hotfix")) && !frozen(0.5, None));
    }
}
