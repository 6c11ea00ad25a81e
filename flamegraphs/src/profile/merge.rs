//! Several profiles of the same kind as one.

use super::{Builder, Function, Line, Location, Profile, ValueType};
use crate::coverage::Coverage;

/// Why profiles cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing to merge.
    #[error("no profile to merge")]
    Empty,
    /// Values that mean different things.
    #[error("profile {position} has the sample types {got}, the first has {expected}")]
    SampleTypes {
        /// 1-based position of the profile that differs.
        position: usize,
        /// Types of the first profile.
        expected: String,
        /// Types of the one that differs.
        got: String,
    },
    /// Periods of different things.
    #[error("profile {position} was sampled by {got}, the first by {expected}")]
    PeriodType {
        /// 1-based position of the profile that differs.
        position: usize,
        /// Period type of the first profile.
        expected: String,
        /// Period type of the one that differs.
        got: String,
    },
}

fn listed<'a>(types: impl IntoIterator<Item = &'a ValueType>) -> String {
    let names: Vec<String> = types.into_iter().map(|one| format!("{}/{}", one.kind, one.unit)).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Adds profiles up: equal stacks with equal labels become one sample.
///
/// As `go tool pprof` does, the period is the longest, the start the earliest, the length the sum; comments are kept
/// once each. Coverages add up where every profile has one, otherwise the result has none.
///
/// # Errors
/// Where there is none, or their sample types or period types differ.
pub fn merge(profiles: &[Profile]) -> Result<Profile, MergeError> {
    let first = profiles.first().ok_or(MergeError::Empty)?;
    for (at, other) in profiles.iter().enumerate() {
        if other.sample_types != first.sample_types {
            let (expected, got) = (listed(&first.sample_types), listed(&other.sample_types));
            return Err(MergeError::SampleTypes { position: at + 1, expected, got });
        }
        if other.meta.period_type != first.meta.period_type {
            let (expected, got) = (listed(&first.meta.period_type), listed(&other.meta.period_type));
            return Err(MergeError::PeriodType { position: at + 1, expected, got });
        }
    }
    let mut builder = Builder::new(first.sample_types.iter().cloned());
    *builder.meta() = first.meta.clone();
    builder.meta().comments.clear();
    for profile in profiles {
        add_metadata(&mut builder, profile);
        add_samples(&mut builder, profile);
    }
    let coverages: Option<Vec<Coverage>> = profiles.iter().map(Profile::coverage).collect();
    if let Some(sum) = coverages.and_then(|all| all.into_iter().reduce(|a, b| a.and(&b))) {
        builder.meta().set_coverage(&sum);
    }
    let first_at = profiles.iter().map(|profile| profile.meta.time_nanos).filter(|at| *at != 0).min();
    builder.meta().time_nanos = first_at.unwrap_or(0);
    let durations = profiles.iter().map(|profile| profile.meta.duration_nanos);
    builder.meta().duration_nanos = durations.fold(0, i64::saturating_add);
    builder.meta().period = profiles.iter().map(|profile| profile.meta.period).max().unwrap_or(0);
    Ok(builder.finish())
}

fn add_metadata(builder: &mut Builder, profile: &Profile) {
    for comment in &profile.meta.comments {
        if Coverage::from_comment(comment).is_none() && !builder.meta().comments.contains(comment) {
            builder.meta().comments.push(comment.clone());
        }
    }
}

fn add_samples(builder: &mut Builder, profile: &Profile) {
    let functions: Vec<_> = profile.functions.iter().cloned().map(|one: Function| builder.function(one)).collect();
    let mappings: Vec<_> = profile.mappings.iter().cloned().map(|one| builder.mapping(one)).collect();
    let locations: Vec<_> = profile
        .locations
        .iter()
        .map(|location| {
            let lines = location
                .lines
                .iter()
                .map(|line| Line { function: functions[line.function.index()], ..*line })
                .collect();
            let mapping = location.mapping.map(|id| mappings[id.index()]);
            builder.exact_location(Location { lines, mapping, ..*location })
        })
        .collect();
    for sample in &profile.samples {
        let stack: Vec<_> = sample.stack.iter().map(|id| locations[id.index()]).collect();
        builder.sample(&stack, &sample.values, &sample.labels).expect("types are equal and the stack was just added");
    }
}
