//! What moved between the base and another variant: their CPU profiles by operation and trial, judged and drawn.

mod scale;

use std::collections::BTreeMap;

use flamegraphs::diff::{self, Difference, Mover, Node, Spent, Trial, What, mean};
use flamegraphs::folded::Folded;
use flamegraphs::names;
use flamegraphs::profile::Profile;
use flamegraphs::svg::difference::{Change, Judged, Options, difference as draw};
use reports::metric;
use reports::run::writer::RunWriter;
use reports::run::{EvidenceKind, LoadedRun, MoveKind, Moved, MoverRow, Movers};

use self::scale::{Scale, change, kind};
use super::{cpu, kept};

/// Picture of a candidate against the base, within the candidate's evidence folder.
const DIFFERENCE: &str = "cpu-diff.svg";
/// Frames and functions with less than this of the CPU on both sides are not looked at: a choice that does not depend on
/// their difference, and leaves fewer to correct for (Bourgon, Gentleman and Huber, PNAS 107, 2010).
const LEAST_SHARE: f64 = 0.001;
/// Rows kept of each table.
const MOST_ROWS: usize = 40;
/// Seconds in a nanosecond.
const NANO: f64 = 1e-9;
/// Position of `cpu` among the values of a CPU profile.
const CPU: usize = 1;

/// Every candidate against the first variant, where both have a CPU profile; writes the pictures, and gives them as text.
///
/// # Errors
/// Pictures that cannot be written.
pub fn write(writer: &mut RunWriter, run: &LoadedRun) -> anyhow::Result<Vec<(Movers, String)>> {
    let planned = |trial: &&reports::run::PlannedTrial| trial.kind.evidence() == Some(EvidenceKind::Cpu);
    if run.plan.trials.iter().filter(planned).count() == 0 {
        return Ok(Vec::new());
    }
    let mut sides = run.plan.variants.iter().map(|variant| Side::read(run, &variant.name));
    let Some(Some(base)) = sides.next() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for candidate in sides.flatten() {
        let (mut movers, picture) = compared(&base, &candidate);
        if let Some(picture) = &picture {
            movers.svg = writer.evidence(&candidate.variant, DIFFERENCE, picture.as_bytes())?;
        }
        all.push((movers, picture.unwrap_or_default()));
    }
    Ok(all)
}

/// The CPU evidence of a variant.
struct Side {
    variant: String,
    profile: Profile,
    sampler: String,
    /// Operations by trial.
    trials: Vec<(String, f64)>,
}

impl Side {
    fn read(run: &LoadedRun, variant: &str) -> Option<Self> {
        let file = format!("{}/{}", run.evidence_folder(variant), cpu::CPU_PROFILE);
        let bytes = std::fs::read(run.path.join(&file)).ok().filter(|_| !run.changed.contains(&file))?;
        Self::of(variant, flamegraphs::read::pprof(&bytes).ok()?)
    }

    fn of(variant: &str, profile: Profile) -> Option<Self> {
        let sampler = sampler(kept::sampler(&profile.meta));
        let trials = kept::operations(&profile.meta);
        Some(Self { variant: variant.to_owned(), profile, sampler, trials })
    }

    fn folded(&self, trial: &str) -> Folded {
        let of = |sample: &flamegraphs::profile::Sample| (sample.label(cpu::TRIAL) == Some(trial)).then_some("");
        names::fold_by(&self.profile, CPU, &names::Options::default(), of).unwrap_or_default()
    }

    fn spent(&self, pairs: usize) -> Vec<Spent<'_>> {
        let trials = self.trials.iter().take(pairs).map(|(trial, operations)| Spent {
            profile: &self.profile,
            value: CPU,
            of: Box::new(move |sample| sample.label(cpu::TRIAL) == Some(trial)),
            operations: *operations,
        });
        trials.collect()
    }
}

/// Who sampled and how often it was asked to, without what came of it: how often signals came differs from trial to trial.
fn sampler(source: &str) -> String {
    let first = source.split(';').next().unwrap_or_default();
    let parts = first.split(", ").filter(|part| !part.ends_with("signals a second of CPU"));
    parts.collect::<Vec<_>>().join(", ").trim().to_owned()
}

/// A variant in one run and in another.
#[derive(Debug)]
pub struct Between {
    /// Its name in both.
    pub variant: String,
    /// What moved.
    pub movers: Movers,
    /// Both profiles, as an SVG document.
    pub picture: Option<String>,
}

/// What the variants that two runs have in common spend, as the second ran against as the first did, where both have a CPU
/// profile: with the picture of each, unless they must not be set against each other.
pub fn between(base: &LoadedRun, candidate: &LoadedRun) -> Vec<Between> {
    let both = candidate.plan.variants.iter().filter_map(|variant| {
        let [base, candidate] = [base, candidate].map(|run| {
            let side = Side::read(run, &variant.name)?;
            Some(Side { variant: format!("{} of {}", variant.name, run.id), ..side })
        });
        let (mut movers, picture) = compared(&base?, &candidate?);
        if movers.refused.is_none() {
            movers.doubts.push(NOT_INTERLEAVED.to_owned());
        }
        Some(Between { variant: variant.name.clone(), movers, picture })
    });
    both.collect()
}

/// What speaks against differences between two runs.
const NOT_INTERLEAVED: &str =
    "two separate runs were never interleaved: whatever else changed between them is in the difference";

/// The movers, and the picture of both.
fn compared(base: &Side, candidate: &Side) -> (Movers, Option<String>) {
    let mut movers = Movers { base: base.variant.clone(), candidate: candidate.variant.clone(), ..Movers::default() };
    let alike = diff::comparable([&base.profile, &candidate.profile], [&base.sampler, &candidate.sampler]);
    movers.refused = alike.err().map(|differs| differs.to_string());
    let pairs = base.trials.len().min(candidate.trials.len());
    let answered = |side: &Side| side.trials.iter().take(pairs).all(|(_, operations)| *operations > 0.0);
    if movers.refused.is_none() && (pairs == 0 || !answered(base) || !answered(candidate)) {
        movers.refused = Some("a trial answered nothing, so that there is no CPU per operation".to_owned());
    }
    if movers.refused.is_some() {
        return (movers, None);
    }
    movers.pairs = u32::try_from(pairs).unwrap_or(u32::MAX);
    if pairs < 2 {
        movers.doubts.push(
            "everything is grey, because one evidence trial a side cannot tell a difference from chance: the same \
             `workbench run` with `--evidence-trials 6` gives the colours"
                .to_owned(),
        );
    } else if pairs < 4 {
        movers
            .doubts
            .push(format!("{pairs} trials a side show large differences only: `--evidence-trials 6` shows smaller"));
    }
    let scale = Scale {
        pairs,
        period: [base.profile.meta.period as f64, candidate.profile.meta.period as f64],
        operations: [base, candidate]
            .map(|side| side.trials.iter().take(pairs).map(|(_, operations)| *operations).collect()),
    };
    let folded = [base, candidate].map(|side| {
        let trials = side.trials.iter().take(pairs);
        trials.map(|(trial, operations)| (side.folded(trial), *operations)).collect::<Vec<_>>()
    });
    let [one, two] = [0, 1].map(|side| {
        let trials = folded[side].iter().map(|(stacks, operations)| Trial { stacks, operations: *operations });
        trials.collect::<Vec<_>>()
    });
    let found = Difference::new([&one, &two]);
    let all = found.nodes.first().map(|root| root.mean_total()).unwrap_or_default();
    let least = LEAST_SHARE * all[0].max(all[1]);
    if let Some(root) = found.nodes.first() {
        movers.all = scale.moved(&root.total, Change::Unsure, None);
        let told = scale.difference(&root.total);
        movers.all.change = kind(told.map_or(Change::Unsure, |told| change(&told, told.p)));
        movers.all.p_adjusted = told.map(|told| told.p);
    }
    let spent = [base.spent(pairs), candidate.spent(pairs)];
    let (functions, crates) = rows(diff::movers([&spent[0], &spent[1]]), least, &scale);
    (movers.functions, movers.crates) = (functions, crates);
    let picture = picture(&found, least, &scale, &movers);
    (movers, picture)
}

fn is_seen(values: &[Vec<f64>; 2], least: f64) -> bool {
    mean(&values[0]).max(mean(&values[1])) >= least
}

/// Tables of functions and of crates; one family for the correction.
fn rows(movers: Vec<Mover>, least: f64, scale: &Scale) -> (Vec<MoverRow>, Vec<MoverRow>) {
    let seen: Vec<Mover> = movers.into_iter().filter(|mover| is_seen(&mover.inclusive, least)).collect();
    let family: Vec<&[Vec<f64>; 2]> = seen.iter().flat_map(|mover| [&mover.exclusive, &mover.inclusive]).collect();
    let judged = scale.judged(&family);
    let mut tables: BTreeMap<What, Vec<MoverRow>> = BTreeMap::new();
    for (mover, judged) in seen.iter().zip(judged.chunks(2)) {
        let row = MoverRow {
            name: mover.name.clone(),
            file: mover.file.clone(),
            line: u32::try_from(mover.line).unwrap_or(0),
            own: mover.own,
            exclusive: scale.moved(&mover.exclusive, judged[0].0, judged[0].1),
            inclusive: scale.moved(&mover.inclusive, judged[1].0, judged[1].1),
        };
        tables.entry(mover.what).or_default().push(row);
    }
    for rows in tables.values_mut() {
        // What only passes calls on has moved only where it did something itself.
        let sure = |moved: &Moved| if moved.change == MoveKind::Unsure { 0.0 } else { moved.difference().abs() };
        let size = |row: &MoverRow| sure(&row.exclusive).max(if row.own { sure(&row.inclusive) } else { 0.0 });
        rows.sort_by(|a, b| {
            let weight = |row: &MoverRow| row.inclusive.base.max(row.inclusive.candidate);
            size(b).total_cmp(&size(a)).then(weight(b).total_cmp(&weight(a))).then_with(|| a.name.cmp(&b.name))
        });
        rows.truncate(MOST_ROWS);
    }
    let mut table = |what| tables.remove(&what).unwrap_or_default();
    (table(What::Function), table(What::Crate))
}

fn picture(found: &Difference, least: f64, scale: &Scale, movers: &Movers) -> Option<String> {
    let seen: Vec<usize> = (1..found.nodes.len()).filter(|at| is_seen(&found.nodes[*at].total, least)).collect();
    let family: Vec<&[Vec<f64>; 2]> =
        seen.iter().flat_map(|at| [&found.nodes[*at].total, &found.nodes[*at].own]).collect();
    let mut judged = vec![Judged::default(); found.nodes.len()];
    for (at, told) in seen.iter().zip(scale.judged(&family).chunks(2)) {
        judged[*at] = Judged { total: told[0].0, own: told[1].0, words: words(&found.nodes[*at], scale, told[0].1) };
    }
    let value = |nanoseconds: f64| metric::format_value(nanoseconds * NANO, "s");
    let options = Options {
        title: format!("CPU per operation: {} against {}", movers.candidate, movers.base),
        subtitle: match movers.pairs {
            1 => "one trial a side: nothing is sure, and everything grey".to_owned(),
            pairs => {
                format!("{pairs} trials a side; coloured where the difference is shown (Benjamini and Hochberg, 5 %)")
            }
        },
        sides: [format!("{} (base)", movers.base), movers.candidate.clone()],
        value: &value,
    };
    draw(found, &judged, &options).ok()
}

/// The interval of a frame's difference.
fn words(node: &Node, scale: &Scale, p: Option<f64>) -> String {
    let (Some(told), Some(p)) = (scale.difference(&node.total), p) else { return String::new() };
    let value = |nanoseconds: f64| {
        let sign = if nanoseconds > 0.0 { "+" } else { "" };
        format!("{sign}{}", metric::format_value(nanoseconds * NANO, "s"))
    };
    let p = if p < 0.001 { "p < 0.001".to_owned() } else { format!("p {p:.3}") };
    format!("{} [{}, {}], {p}", value(told.mean), value(told.low), value(told.high))
}

#[cfg(test)]
mod tests;
