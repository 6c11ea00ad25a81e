//! A/A on this machine: two identical programs by turns, and the smallest change that such trials would show.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use reports::noise::{FEWEST, MachineNoise, machine_noise};
use reports::run::reader;
use scenarios::catalog::Catalog;

use crate::exit::Refusal;
use crate::plan;
use crate::session::{Amount, Prepared, Wish, prepare};

/// How long to measure where nothing is said.
pub const FOR: Duration = Duration::from_secs(60);

/// Plans as many blocks as fit in `budget`, without evidence: a small web service twice, told apart by the value of a
/// variable that it never reads.
///
/// # Errors
/// A budget that is too short for anything to be said.
pub fn prepared(budget: Duration, catalog: &Catalog) -> anyhow::Result<Prepared> {
    let wish = |amount| Wish {
        scenario: "http-service".to_owned(),
        variants: vec!["fixed".to_owned()],
        vary: vec![("env.TWIN".to_owned(), vec!["1".to_owned(), "2".to_owned()])],
        evidence: Some(Vec::new()),
        amount,
        ..Wish::default()
    };
    let least = prepare(&wish(Amount::Blocks(u32::try_from(FEWEST).unwrap_or(u32::MAX))), catalog)?;
    let needed_s = plan::seconds(&least.plan, |_| true);
    if budget.as_secs_f64() < needed_s {
        return Err(Refusal::usage(format!(
            "`--for` = {budget:?} is too short: {FEWEST} pairs, the fewest that say something, take about {needed_s:.0} s"
        )));
    }
    prepare(&wish(Amount::Within(budget)), catalog)
}

/// Sets `stop` when `budget` is over, however slow the trials turn out to be here, and then says so.
pub fn bound(stop: &Arc<AtomicBool>, budget: Duration) -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    let (stop, told) = (Arc::clone(stop), Arc::clone(&over));
    std::thread::spawn(move || {
        std::thread::sleep(budget);
        told.store(true, Ordering::SeqCst);
        stop.store(true, Ordering::SeqCst);
    });
    over
}

/// What the trials of a finished or interrupted run of [`prepared`] say.
///
/// # Errors
/// A run directory that cannot be read.
pub fn read(path: &std::path::Path) -> anyhow::Result<MachineNoise> {
    let run = reader::load(path).context("reading the trials back")?;
    Ok(machine_noise(&run.plan, &run.trials))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_the_same_and_nothing_else() {
        let prepared = prepared(Duration::from_secs(120), &Catalog::builtin()).unwrap();
        let variants = &prepared.plan.variants;
        assert_eq!(variants.len(), 2);
        let differ: Vec<_> =
            variants[0].requested.iter().filter(|one| !variants[1].requested.iter().any(|two| two == *one)).collect();
        assert_eq!(differ.len(), 1, "{differ:?}");
        assert_eq!(differ[0].0, "env.TWIN");
        assert_eq!(prepared.plan.trials.len(), 2 * prepared.plan.blocks as usize);
        assert!(prepared.plan.blocks >= 12);
    }

    #[test]
    fn a_budget_for_nothing_is_refused() {
        let refused = prepared(Duration::from_secs(3), &Catalog::builtin()).unwrap_err().to_string();
        assert!(refused.contains("`--for` = 3s is too short: 6 pairs"), "{refused}");
    }
}
