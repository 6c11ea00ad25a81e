//! tokio-console, recorded: the stream as a file of the run, with what the hooks in the same process counted.

use probe::tasks::Kind;
use reports::console::View;
use reports::run::console::HookCounts;
use reports::run::writer::RunWriter;
use reports::run::{EvidenceKind, ProfileSummary};
use serde::{Deserialize, Serialize};

/// Who recorded.
const SOURCE: &str = "tokio-console's protocol";

/// What is known of a trial under tokio-console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsoleRecord {
    /// Tasks by spawn site, since the runtime was built: a second opinion, by the process itself.
    pub sites: Vec<probe::tasks::SiteRecord>,
    /// Bytes of `console.jsonl`, or why there are none. The parent's: it never passes the pipe.
    #[serde(skip)]
    pub recording: Option<Result<Vec<u8>, String>>,
}

impl ConsoleRecord {
    /// What the hooks counted, of all sites together.
    pub fn counts(&self) -> HookCounts {
        let tasks = || self.sites.iter().filter(|site| site.kind == Kind::Task);
        HookCounts {
            spawned: tasks().map(|site| site.spawned).sum(),
            finished: tasks().map(|site| site.finished).sum(),
            alive: tasks().map(|site| site.alive).sum(),
        }
    }
}

/// Writes `console.jsonl` of a variant.
///
/// # Errors
/// Why nothing was recorded, or a file that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, record: &ConsoleRecord) -> anyhow::Result<()> {
    match &record.recording {
        Some(Ok(bytes)) => {
            writer.console(variant, bytes)?;
            Ok(())
        }
        Some(Err(because)) => anyhow::bail!("{because}"),
        None => anyhow::bail!("the process served no tokio-console"),
    }
}

/// The summary's entry for a variant whose stream was to be recorded. `view` is the end of its file, or what is wrong with
/// it.
pub(crate) fn summary(
    path: &str,
    variant: &str,
    view: Option<&Result<View, String>>,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let missing = missing.or_else(|| match view {
        None => Some(format!("{path} is not there")),
        Some(Err(problem)) => Some(problem.clone()),
        Some(Ok(_)) => None,
    });
    let there = view.and_then(|view| view.as_ref().ok()).filter(|_| missing.is_none());
    ProfileSummary {
        variant: variant.to_owned(),
        kind: EvidenceKind::Console.name().to_owned(),
        path: there.map(|_| path.to_owned()).unwrap_or_default(),
        svg: String::new(),
        samples: there.map_or(0, |view| view.polls),
        peak: None,
        stalls: None,
        coverage: None,
        source: SOURCE.to_owned(),
        overhead: overhead.filter(|_| there.is_some()),
        missing,
        ..ProfileSummary::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_is_wrong_with_a_recording() {
        let of = |view: Option<&Result<View, String>>, missing: Option<&str>| {
            let summary = summary("evidence/a/console.jsonl", "a", view, missing.map(str::to_owned), Some(5.0));
            (summary.missing.unwrap_or_default(), summary.overhead, summary.path)
        };
        let none = |because: &str| (because.to_owned(), None, String::new());
        assert_eq!(of(None, None), none("evidence/a/console.jsonl is not there"));
        assert_eq!(of(Some(&Err("line 7".into())), None), none("line 7"));
        assert_eq!(of(None, Some("it crashed")), none("it crashed"));
    }

    #[test]
    fn a_trial_without_a_recording_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = crate::session::prepare(
            &crate::session::Wish { scenario: "http-service".into(), seed: Some(1), ..Default::default() },
            &crate::Catalog::builtin(),
        )
        .unwrap();
        let name = reports::run::writer::RunName { stamp: "20260102-030405", letters: "abcd" };
        let mut writer = RunWriter::create(folder.path(), name, &prepared.plan, "", &crate::machine::read()).unwrap();
        let mut because = |recording: Option<Result<Vec<u8>, String>>| {
            let record = ConsoleRecord { sites: Vec::new(), recording };
            write(&mut writer, &prepared.plan.variants[0].name, &record).unwrap_err().to_string()
        };
        assert_eq!(because(Some(Err("refused".into()))), "refused");
        assert_eq!(because(None), "the process served no tokio-console");
    }
}
