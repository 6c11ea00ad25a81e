//! `breach.json` of a variant's evidence: what ran while the service was late, against what ran in the rest of the same
//! phase of the same trial.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FORMAT, RunError, files, paths, version};

/// Everything in the file.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// [`FORMAT`].
    pub format: u32,
    /// Trial that was recorded: its position in the plan.
    pub trial: u32,
    /// Latency beyond which an operation is late, seconds, from its intended time.
    pub limit_s: f64,
    /// Where the limit is from, as a sentence.
    pub limit_from: String,
    /// Measured operations of the open-loop phase.
    pub operations: u64,
    /// Those that were late.
    pub late: u64,
    /// Length of the open-loop phase, seconds.
    pub phase_s: f64,
    /// Pieces of the phase in which an operation was waited for that turned out late; the longest, in the order of time.
    pub windows: Vec<BreachWindow>,
    /// How many there are.
    pub window_count: u64,
    /// How long they are together, seconds.
    pub within_s: f64,
    /// CPU time that a sample stands for, seconds.
    pub period_s: f64,
    /// Samples within the windows.
    pub within: u64,
    /// Samples in the rest of the phase.
    pub outside: u64,
    /// Functions, the one that stands out most first.
    pub rows: Vec<BreachRow>,
    /// What the reader should know, as sentences.
    #[serde(default)]
    pub doubts: Vec<String>,
}

/// A piece of the phase in which the service was late.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BreachWindow {
    /// When it began, seconds after the phase did.
    pub at_s: f64,
    /// Length, seconds.
    pub length_s: f64,
    /// Late operations that were waited for.
    pub late: u64,
    /// The longest of them, seconds.
    pub worst_s: f64,
    /// Samples taken.
    pub samples: u64,
}

/// A function within the windows and in the rest.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BreachRow {
    /// Readable name.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
    /// False of runtimes, the standard library and the kernel, which only pass calls on.
    pub own: bool,
    /// Samples within the windows with the function on their stack.
    pub within: u64,
    /// The same in the rest.
    pub outside: u64,
    /// Samples within the windows that were taken in the function itself.
    pub within_leaf: u64,
    /// Windows in which it was seen.
    pub windows: u64,
    /// Share of the samples within the windows, 0 to 1.
    pub within_share: f64,
    /// Share of the samples in the rest.
    pub outside_share: f64,
    /// `within_share` ÷ `outside_share`; absent where the rest has no such sample.
    pub ratio: Option<f64>,
    /// Lower end of the 95 % interval of the ratio; absent where there is one window only.
    pub low: Option<f64>,
    /// Upper end; absent also where the rest has no such sample: it is open then.
    pub high: Option<f64>,
}

impl Breach {
    /// CPUs busy within the windows: a value far below that of the rest says that the process waited, not computed.
    pub fn within_cpus(&self) -> Option<f64> {
        cpus(self.within, self.period_s, self.within_s)
    }

    /// CPUs busy in the rest of the phase.
    pub fn outside_cpus(&self) -> Option<f64> {
        cpus(self.outside, self.period_s, self.phase_s - self.within_s)
    }

    /// Functions of the program whose share is shown to be higher within the windows.
    pub fn standing_out(&self) -> impl Iterator<Item = &BreachRow> {
        self.rows.iter().filter(|row| row.own && row.low.is_some_and(|low| low > 1.0))
    }
}

#[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
fn cpus(samples: u64, period_s: f64, length_s: f64) -> Option<f64> {
    (length_s > 0.0).then(|| samples as f64 * period_s / length_s)
}

/// A document of this format, whatever the value given says.
pub(crate) fn stated(breach: &Breach) -> Breach {
    Breach { format: FORMAT, ..breach.clone() }
}

/// What the file in a variant's evidence folder says; `None` where there is none.
pub(crate) fn read(folder: &Path) -> Result<Option<Breach>, RunError> {
    let path = folder.join(paths::BREACH);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    version::document(&bytes, &path, "delete it: only the breach profile needs it").map(Some)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    /// A stall of 80 ms in a phase of 1.5 s, with a hostile name.
    pub(crate) fn breach() -> Breach {
        let row = |function: &str, line, within: u64, outside: u64| BreachRow {
            function: function.into(),
            file: "src/<shop>.rs".into(),
            line,
            own: !function.starts_with("tokio"),
            within,
            outside,
            within_leaf: within / 2,
            windows: 2,
            within_share: within as f64 / 40.0,
            outside_share: outside as f64 / 710.0,
            ratio: (outside > 0).then(|| within as f64 / 40.0 / (outside as f64 / 710.0)),
            low: Some(if outside > 500 { 0.9 } else { 11.0 }),
            high: (outside > 0).then_some(1.6),
        };
        Breach {
            format: FORMAT,
            trial: 7,
            limit_s: 0.0027,
            limit_from: "three times the median latency of the trial: the scenario names no limit".into(),
            operations: 100,
            late: 8,
            phase_s: 1.5,
            windows: vec![
                BreachWindow { at_s: 0.5, length_s: 0.08, late: 8, worst_s: 0.08, samples: 40 },
                BreachWindow { at_s: 0.9, length_s: 0.004, late: 1, worst_s: 0.004, samples: 1 },
            ],
            window_count: 2,
            within_s: 0.084,
            period_s: 0.001_001,
            within: 40,
            outside: 710,
            rows: vec![
                row("shop::stall<b>", 41, 39, 0),
                row("shop::serve", 12, 40, 700),
                row("tokio::runtime::poll", 3, 40, 710),
            ],
            doubts: vec!["the driver could not keep up".into()],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        assert_eq!(writer.breach("a", &breach()).unwrap(), "evidence/a/breach.json");
        let read = load(writer.path()).unwrap();
        assert_eq!(read.breaches["a"].record, breach());
        assert_eq!(read.breaches["a"].flamegraph, "");
        assert!(!read.breaches.contains_key("b"));
        let stands_out: Vec<_> = breach().standing_out().map(|row| row.function.clone()).collect();
        assert_eq!(stands_out, ["shop::stall<b>"]);

        std::fs::write(writer.path().join("evidence/a/breach.json"), "{\"format\":1}").unwrap();
        let because = &load(writer.path()).unwrap().unread[0].because;
        assert!(because.contains("breach.json"), "{because}");
    }
}
