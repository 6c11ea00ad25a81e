//! Tasks by spawn site: the probe's records as a file of the run.

use probe::tasks::{Kind, Latency, SiteRecord};
use reports::run::writer::RunWriter;
use reports::run::{self, EvidenceKind, ProfileSummary, StallSummary, Stalls};

use super::{TaskEvidence, stalls};

/// Who recorded.
const SOURCE: &str = "tokio's task hooks in the process";

/// Writes `tasks.jsonl` and `stalls.jsonl` of a variant.
///
/// # Errors
/// A recording without a single poll, or a file that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, recorded: &TaskEvidence) -> anyhow::Result<()> {
    anyhow::ensure!(
        recorded.sites.iter().any(|site| site.polls > 0 || site.in_poll > 0),
        "not one task was polled while they were recorded"
    );
    let sites: Vec<_> = recorded.sites.iter().map(plain).collect();
    writer.tasks(variant, &sites)?;
    if let Some(caught) = &recorded.stalls {
        writer.stalls(variant, &stalls::plain(caught))?;
    }
    Ok(())
}

fn plain(site: &SiteRecord) -> run::SiteRecord {
    run::SiteRecord {
        file: site.file.clone(),
        line: site.line,
        column: site.column,
        kind: match site.kind {
            Kind::Task => run::SiteKind::Task,
            Kind::Blocking => run::SiteKind::Blocking,
        },
        spawned: site.spawned,
        finished: site.finished,
        alive: site.alive,
        polls: site.polls,
        busy_s: site.busy_s,
        longest_poll_s: site.longest_poll_s,
        long_polls: site.long_polls,
        stalls: site.stalls,
        in_poll: site.in_poll,
        bytes: site.bytes,
        allocations: site.allocations,
        latency: match site.latency {
            Latency::FirstPoll => run::Waits::FirstPoll,
            Latency::EveryPoll => run::Waits::EveryPoll,
            Latency::Untracked => run::Waits::Untracked,
        },
        waits: site.waits,
        schedule_latency_s: site.schedule_latency_s,
        worst_schedule_latency_s: site.worst_schedule_latency_s,
    }
}

/// The summary's entry for a variant whose tasks were to be recorded. `sites` and `stalls` are what its files say.
pub(crate) fn summary(
    folder: &str,
    variant: &str,
    sites: Option<&[run::SiteRecord]>,
    stalls: Option<&Stalls>,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let there = sites.filter(|_| missing.is_none());
    ProfileSummary {
        variant: variant.to_owned(),
        kind: EvidenceKind::Tasks.name().to_owned(),
        path: there.map(|_| format!("{folder}/tasks.jsonl")).unwrap_or_default(),
        svg: String::new(),
        samples: there.unwrap_or_default().iter().map(|site| site.polls).sum(),
        coverage: None,
        source: SOURCE.to_owned(),
        overhead: overhead.filter(|_| there.is_some()),
        missing: missing.or_else(|| sites.is_none().then(|| format!("{folder}/tasks.jsonl is not there"))),
        peak: None,
        stalls: stalls.filter(|_| there.is_some()).map(StallSummary::of),
        ..ProfileSummary::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(kind: Kind, polls: u64) -> SiteRecord {
        SiteRecord {
            file: "src/app.rs".into(),
            line: 7,
            column: 9,
            kind,
            spawned: 1,
            finished: 2,
            alive: 3,
            polls,
            busy_s: 0.5,
            longest_poll_s: 0.6,
            long_polls: 7,
            stalls: 8,
            in_poll: 0,
            bytes: 10,
            allocations: 11,
            latency: Latency::FirstPoll,
            waits: 12,
            schedule_latency_s: 1.2,
            worst_schedule_latency_s: 1.3,
        }
    }

    #[test]
    fn nothing_of_the_recording_is_lost() {
        for kind in [Kind::Task, Kind::Blocking] {
            let site = recorded(kind, 4);
            // Same names, same order: what one writes the other reads.
            let same = serde_json::to_string(&site).unwrap();
            assert_eq!(serde_json::to_string(&plain(&site)).unwrap(), same);
        }
    }

    #[test]
    fn the_summary_counts_polls_or_says_what_is_missing() {
        let sites = [plain(&recorded(Kind::Task, 4)), plain(&recorded(Kind::Task, 5))];
        let there = summary("evidence/a", "a", Some(&sites), Some(&Stalls::default()), None, Some(1.1));
        assert_eq!((there.samples, there.path.as_str(), there.missing), (9, "evidence/a/tasks.jsonl", None));
        let gone = summary("evidence/a", "a", None, None, None, None);
        assert_eq!(gone.missing.as_deref(), Some("evidence/a/tasks.jsonl is not there"));
        let crashed =
            summary("evidence/a", "a", Some(&sites), Some(&Stalls::default()), Some("it crashed".into()), Some(1.1));
        assert!(there.stalls.is_some() && crashed.stalls.is_none());
        assert_eq!((crashed.samples, crashed.overhead, crashed.path.as_str()), (0, None, ""));
    }
}
