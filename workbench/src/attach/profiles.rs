//! A profile as files of the run: kept as it is, drawn by each sample type that says something, its hottest places named.

use std::collections::HashMap;

use flamegraphs::profile::{LabelValue, Profile, Sample, ValueType};
use flamegraphs::{names, svg};
use reports::run::writer::RunWriter;
use reports::run::{AttachedProfile, LabelShare, Picture};

use super::hot::{self, Blame};

/// Labels kept.
const MOST_LABELS: usize = 12;
/// Labels that are ours, or say what a table says already.
const NOT_TOLD: &[&str] = &["thread", "tid", "pid", "why", "site", "variant"];

/// Sample types to draw of each kind, the most telling first; all of them where a kind is not known.
fn wanted(kind: &str) -> &'static [&'static str] {
    match kind {
        "cpu" => &["cpu"],
        "wait" => &["delay"],
        "heap" => &["inuse_space", "inuse_objects"],
        "allocs" => &["alloc_space", "alloc_objects"],
        "block" | "mutex" => &["delay", "contentions"],
        _ => &[],
    }
}

/// Writes `bytes` as `KIND.pb.gz` with a flamegraph for each sample type.
///
/// # Errors
/// Files that cannot be written.
pub(super) fn keep(
    writer: &mut RunWriter,
    program: &str,
    kind: &str,
    profile: &Profile,
    bytes: &[u8],
    source: String,
) -> anyhow::Result<AttachedProfile> {
    let name = slug(kind);
    let file = format!("{name}.pb.gz");
    writer.evidence(program, &file, bytes)?;
    let types = types(kind, profile.sample_types());
    let mut pictures = Vec::new();
    for (order, index) in types.iter().copied().enumerate() {
        let ValueType { kind: sample_type, unit } = profile.sample_types()[index].clone();
        let picture_file =
            if order == 0 { format!("{name}.svg") } else { format!("{name}-{}.svg", slug(&sample_type)) };
        let blame = if kind == "cpu" { Blame::Leaf } else { Blame::Own };
        let hot = hot::places(profile, index, blame);
        let own = if kind == "cpu" { hot::places(profile, index, Blame::Own) } else { Vec::new() };
        let mut picture = Picture {
            total: profile.total(index).unwrap_or(0),
            // Where nothing is told apart, one table is enough.
            own: if own == hot { Vec::new() } else { own },
            hot,
            sample_type,
            unit,
            ..Picture::default()
        };
        if let Some(drawn) = draw(kind, program, profile, index, &source) {
            writer.evidence(program, &picture_file, drawn.as_bytes())?;
            picture.file = picture_file;
        }
        pictures.push(picture);
    }
    let first = types.first().copied();
    Ok(AttachedProfile {
        kind: kind.to_owned(),
        file,
        samples: samples(kind, profile),
        coverage: profile.coverage().and_then(|coverage| coverage.ratio()),
        source,
        missing: None,
        pictures,
        labels: first.map(|index| labels(profile, index)).unwrap_or_default(),
    })
}

/// A profile that is not there.
pub(super) fn missing(kind: &str, because: impl Into<String>) -> AttachedProfile {
    AttachedProfile { kind: kind.to_owned(), missing: Some(because.into()), ..AttachedProfile::default() }
}

/// Positions of the sample types to draw.
fn types(kind: &str, there: &[ValueType]) -> Vec<usize> {
    let position = |wanted: &&str| there.iter().position(|one| one.kind == **wanted);
    let found: Vec<usize> = wanted(kind).iter().filter_map(position).collect();
    if found.is_empty() { (0..there.len()).rev().collect() } else { found }
}

/// `None` where there is nothing to draw: no value, or a negative one, as differences have.
fn draw(kind: &str, program: &str, profile: &Profile, index: usize, source: &str) -> Option<String> {
    let options = if matches!(kind, "heap" | "allocs") { names::Options::heap() } else { names::Options::default() };
    let others = |sample: &Sample| (!hot::is_asking(profile, sample)).then_some("");
    let stacks = names::fold_by(profile, index, &options, others).ok()?;
    let ValueType { kind: sample_type, unit } = &profile.sample_types()[index];
    let coverage = profile.coverage().map(|coverage| format!("{coverage}; ")).unwrap_or_default();
    let options = svg::Options {
        title: format!("{sample_type} of {program}"),
        subtitle: format!("{coverage}{source}"),
        unit: unit.clone(),
        ..svg::Options::default()
    };
    svg::render(&stacks, &options).ok()
}

/// The number of samples where the profile counts them, else of its stacks: blocks of memory are estimates.
fn samples(kind: &str, profile: &Profile) -> u64 {
    if matches!(kind, "heap" | "allocs") {
        return profile.samples().len() as u64;
    }
    let counted = profile.sample_types().iter().position(|one| one.unit == "count").and_then(|at| profile.total(at));
    counted.and_then(|count| u64::try_from(count).ok()).unwrap_or(profile.samples().len() as u64)
}

/// What the program's own labels share of a value.
fn labels(profile: &Profile, index: usize) -> Vec<LabelShare> {
    let mut sums: HashMap<(&str, &str), i64> = HashMap::new();
    for sample in profile.samples() {
        for label in &sample.labels {
            if let LabelValue::Text(text) = &label.value
                && !NOT_TOLD.contains(&label.key.as_str())
            {
                let sum = sums.entry((&label.key, text)).or_default();
                *sum = sum.saturating_add(sample.values[index]);
            }
        }
    }
    let whole = profile.total(index).unwrap_or(0).max(1);
    let mut all: Vec<((&str, &str), i64)> = sums.into_iter().filter(|(_, value)| *value > 0).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(MOST_LABELS);
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let share = |value: i64| value as f64 / whole as f64;
    all.into_iter()
        .map(|((key, text), value)| LabelShare { key: key.to_owned(), value: text.to_owned(), share: share(value) })
        .collect()
}

/// A name as part of a file's.
pub(super) fn slug(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(40).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "unnamed".to_owned() } else { kept.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(bytes: &[u8]) -> Profile {
        flamegraphs::read::pprof(bytes).unwrap()
    }

    #[test]
    fn each_kind_is_drawn_by_what_it_tells() {
        let heap = fixture(include_bytes!("fixtures/heap.pb.gz"));
        let named = |kind: &str, profile: &Profile| {
            let types = types(kind, profile.sample_types());
            types.into_iter().map(|at| profile.sample_types()[at].kind.clone()).collect::<Vec<_>>()
        };
        assert_eq!(named("heap", &heap), ["inuse_space", "inuse_objects"]);
        assert_eq!(named("allocs", &heap), ["alloc_space", "alloc_objects"]);
        assert_eq!(named("mutex", &fixture(include_bytes!("fixtures/mutex.pb.gz"))), ["delay", "contentions"]);
        assert_eq!(named("my_own", &heap), ["inuse_space", "inuse_objects", "alloc_space", "alloc_objects"]);
    }

    #[test]
    fn labels_of_go_are_told_with_their_share() {
        let cpu = fixture(include_bytes!("fixtures/cpu.pb.gz"));
        let told = labels(&cpu, 1);
        assert!(told.iter().all(|label| label.key == "worker"), "{told:?}");
        assert_eq!(told.len(), 4);
        assert!(told.iter().map(|label| label.share).sum::<f64>() > 0.8, "{told:?}");
    }

    #[test]
    fn flamegraphs_of_go_name_its_methods() {
        let mutex = fixture(include_bytes!("fixtures/mutex.pb.gz"));
        let drawn = draw("mutex", "faulty", &mutex, 1, "Go").unwrap();
        assert!(drawn.contains("main.(*Ledger).Add"), "{}", &drawn[drawn.len().saturating_sub(3000)..]);
        let empty = fixture(include_bytes!("fixtures/block-off.pb.gz"));
        assert_eq!(draw("block", "faulty", &empty, 1, "Go"), None);
    }

    #[test]
    fn names_become_files() {
        assert_eq!(slug("../my profile/1"), "my-profile-1");
        assert_eq!(slug("…"), "unnamed");
    }
}
