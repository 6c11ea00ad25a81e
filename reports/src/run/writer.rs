//! Writes a run directory, so that a killed run loses at most the trial in flight.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::hlog::{self, Interval};
use super::journal::{self, Journal};
use super::slug::slug;
use super::sums::Sums;
use super::{
    AllocatorRecord, Attached, Breach, Event, FORMAT, KernelRecord, Machine, Plan, RunError, RunSummary, Samples,
    SiteRecord, Stalls, ThreadsRecord, TimelinePoint, Trace, TrialRecord, allocator, breach, files, kernel, paths,
    samples, slugs, stalls, threads, trace, version,
};

/// Where the files of one trial go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialPaths {
    /// Directory of the trial; exists.
    pub dir: PathBuf,
    /// `trial.json`.
    pub trial: PathBuf,
    /// `latency.hlog`.
    pub latency: PathBuf,
    /// `timeline.jsonl`.
    pub timeline: PathBuf,
    /// `log.txt`.
    pub log: PathBuf,
}

/// File of recorded arrivals within a run, as its `scenario.toml` names it.
pub const ARRIVALS_FILE: &str = paths::ARRIVALS;

/// What names a new run. This crate reads no clock and draws no random number: the caller does.
#[derive(Debug, Clone, Copy)]
pub struct RunName<'a> {
    /// UTC, `yyyymmdd-hhmmss`.
    pub stamp: &'a str,
    /// Four random lower-case letters.
    pub letters: &'a str,
}

/// An open run directory. Every document that it writes states [`FORMAT`], whatever the value given says.
#[derive(Debug)]
pub struct RunWriter {
    id: String,
    path: PathBuf,
    slugs: BTreeMap<String, String>,
    journal: Journal,
    sums: Sums,
}

impl RunWriter {
    /// Creates `<root>/runs/<stamp>-<scenario>-<letters>` with its plan, scenario and machine; `root` is the
    /// `.workbench` folder and is created with a `.gitignore` where it is missing.
    ///
    /// # Errors
    /// [`RunError::Exists`] for an id that is taken, [`RunError::Name`] for a malformed stamp or letters,
    /// [`RunError::Io`].
    pub fn create(
        root: &Path,
        name: RunName<'_>,
        plan: &Plan,
        scenario_toml: &str,
        machine: &Machine,
    ) -> Result<Self, RunError> {
        check_name(name)?;
        let id = format!("{}-{}-{}", name.stamp, slug(&plan.scenario), name.letters);
        let runs = root.join(paths::RUNS);
        let no_place = |path: &Path, source: std::io::Error| match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
                RunError::NoPlace { path: path.to_owned(), source }
            }
            _ => RunError::io("create", path)(source),
        };
        fs::create_dir_all(&runs).map_err(|error| no_place(&runs, error))?;
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            files::write(&ignore, b"*\n")?;
        }
        let path = runs.join(&id);
        fs::create_dir(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => RunError::Exists { id: id.clone() },
            _ => no_place(&path, error),
        })?;
        for folder in [paths::TRIALS, paths::EVIDENCE] {
            let folder = path.join(folder);
            fs::create_dir(&folder).map_err(RunError::io("create", &folder))?;
        }
        files::json(&path.join(paths::MACHINE), &Machine { format: FORMAT, ..machine.clone() })?;
        files::write(&path.join(paths::SCENARIO), scenario_toml.as_bytes())?;
        let journal = Journal::create(path.join(paths::EVENTS))?;
        // A directory is a run once it has a plan.
        files::json(&path.join(paths::PLAN), &Plan { format: FORMAT, ..plan.clone() })?;
        Ok(Self { id, path, slugs: variant_slugs(plan), journal, sums: Sums::default() })
    }

    /// Opens an interrupted run to go on with it: cuts off a torn last event and takes back `run.json`, which will be
    /// written again. Load the run first to learn what is done.
    ///
    /// # Errors
    /// As reading: [`RunError::NotARun`], [`RunError::OtherFormat`], [`RunError::Damaged`], [`RunError::Io`].
    pub fn reopen(path: &Path) -> Result<Self, RunError> {
        let plan: Plan = version::document(
            &files::read(&path.join(paths::PLAN))?.ok_or_else(|| RunError::NotARun { path: path.to_owned() })?,
            &path.join(paths::PLAN),
            "start a new run",
        )?;
        let events = path.join(paths::EVENTS);
        let bytes = files::read(&events)?.ok_or_else(|| files::missing(&events, "start a new run"))?;
        let whole = journal::parse(&bytes, &events)?.whole;
        let journal = Journal::reopen(events, whole)?;
        let summary = path.join(paths::RUN);
        match fs::remove_file(&summary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(RunError::io("remove", summary)(error)),
            _ => {}
        }
        let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let sums = Sums::read(path)?;
        Ok(Self { id, path: path.to_owned(), slugs: variant_slugs(&plan), journal, sums })
    }

    /// Run id: `<stamp>-<scenario>-<letters>`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The run directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends to `events.jsonl`; the end of a trial or of the run is on disk when this returns.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn event(&mut self, event: &Event) -> Result<(), RunError> {
        self.journal.append(event)
    }

    /// Makes an empty directory for a trial, removing what an interrupted attempt left.
    ///
    /// # Errors
    /// [`RunError::Name`] for a variant that is not planned, [`RunError::Io`].
    pub fn begin_trial(&mut self, index: u32, variant: &str) -> Result<TrialPaths, RunError> {
        let dir = paths::trial_dir(&self.path, index, self.slug(variant)?);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(RunError::io("remove", dir)(error)),
            _ => {}
        }
        fs::create_dir_all(&dir).map_err(RunError::io("create", &dir))?;
        Ok(TrialPaths {
            trial: dir.join(paths::TRIAL),
            latency: dir.join(paths::LATENCY),
            timeline: dir.join(paths::TIMELINE),
            log: dir.join(paths::LOG),
            dir,
        })
    }

    /// Writes the whole directory of a finished trial; append its [`Event::TrialFinished`] afterwards.
    ///
    /// # Errors
    /// [`RunError::Name`] for a variant that is not planned, [`RunError::Histogram`], [`RunError::Io`].
    pub fn trial(
        &mut self,
        record: &TrialRecord,
        intervals: &[Interval],
        timeline: &[TimelinePoint],
        log: &str,
    ) -> Result<(), RunError> {
        let latency = hlog::to_bytes(intervals)?;
        let paths = self.begin_trial(record.index, &record.variant)?;
        files::write(&paths.latency, &latency)?;
        files::json_lines(&paths.timeline, timeline)?;
        files::write(&paths.log, log.as_bytes())?;
        files::json(&paths.trial, &TrialRecord { format: FORMAT, ..record.clone() })
    }

    /// Writes an evidence file of a variant; returns its path within the run, for [`super::ProfileSummary`].
    ///
    /// # Errors
    /// [`RunError::Name`] for a file name with anything but letters, digits, `.`, `_`, `-`, or a variant that is not
    /// planned, [`RunError::Io`].
    pub fn evidence(&mut self, variant: &str, file: &str, bytes: &[u8]) -> Result<String, RunError> {
        if slug(file) != file {
            return Err(RunError::Name {
                what: "name of an evidence file",
                name: file.to_owned(),
                expected: "letters, digits, `.`, `_` and `-`",
            });
        }
        let slug = self.slug(variant)?;
        let dir = self.path.join(paths::EVIDENCE).join(slug);
        fs::create_dir_all(&dir).map_err(RunError::io("create", &dir))?;
        files::write(&dir.join(file), bytes)?;
        let file = format!("{}/{slug}/{file}", paths::EVIDENCE);
        self.sums.keep(&self.path, &file, bytes)?;
        Ok(file)
    }

    /// An evidence file of a variant that was written before; `None` where there is none, or another one.
    ///
    /// # Errors
    /// [`RunError::Name`] for a variant that is not planned, [`RunError::Io`].
    pub fn read_evidence(&self, variant: &str, file: &str) -> Result<Option<Vec<u8>>, RunError> {
        let within = format!("{}/{}/{file}", paths::EVIDENCE, self.slug(variant)?);
        let bytes = files::read(&self.path.join(&within))?;
        Ok(bytes.filter(|bytes| self.sums.is(&within, bytes)))
    }

    /// Writes what tasks did in a variant's evidence trial, a line a site; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn tasks(&mut self, variant: &str, sites: &[SiteRecord]) -> Result<String, RunError> {
        let mut lines = Vec::new();
        for site in sites {
            serde_json::to_writer(&mut lines, site)
                .map_err(|error| RunError::io("write", Path::new(paths::TASKS))(error.into()))?;
            lines.push(b'\n');
        }
        self.evidence(variant, paths::TASKS, &lines)
    }

    /// Writes what the allocator held in a variant's evidence trial; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn allocator(&mut self, variant: &str, record: &AllocatorRecord) -> Result<String, RunError> {
        self.evidence(variant, paths::ALLOCATOR, &allocator::lines(record)?)
    }

    /// Writes the recording of tokio-console of a variant's evidence trial, the bytes of a [`super::console::Writer`];
    /// returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn console(&mut self, variant: &str, recording: &[u8]) -> Result<String, RunError> {
        self.evidence(variant, paths::CONSOLE, recording)
    }

    /// Writes the stalls that were caught in a variant's evidence trial; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn stalls(&mut self, variant: &str, caught: &Stalls) -> Result<String, RunError> {
        let lines =
            stalls::write(caught).map_err(|error| RunError::io("write", Path::new(paths::STALLS))(error.into()))?;
        self.evidence(variant, paths::STALLS, &lines)
    }

    /// Writes `attached.json`.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn attached(&mut self, attached: &Attached) -> Result<(), RunError> {
        files::json(&self.path.join(paths::ATTACHED), &Attached { format: FORMAT, ..attached.clone() })
    }

    /// Writes what was traced from outside in a variant's evidence trial; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn trace(&mut self, variant: &str, traced: &Trace) -> Result<String, RunError> {
        let lines =
            trace::write(traced).map_err(|error| RunError::io("write", Path::new(paths::TRACE))(error.into()))?;
        self.evidence(variant, paths::TRACE, &lines)
    }

    /// Writes who was on a CPU when, and where threads waited; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn threads(&mut self, variant: &str, record: &ThreadsRecord) -> Result<String, RunError> {
        let lines =
            threads::write(record).map_err(|error| RunError::io("write", Path::new(paths::THREADS))(error.into()))?;
        self.evidence(variant, paths::THREADS, &lines)
    }

    /// Writes what the kernel counted over time; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn kernel(&mut self, variant: &str, record: &KernelRecord) -> Result<String, RunError> {
        let lines =
            kernel::write(record).map_err(|error| RunError::io("write", Path::new(paths::KERNEL))(error.into()))?;
        self.evidence(variant, paths::KERNEL, &lines)
    }

    /// Writes the samples of a variant's CPU evidence with their times; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn samples(&mut self, variant: &str, record: &Samples) -> Result<String, RunError> {
        let bytes = samples::write(record);
        self.evidence(variant, paths::SAMPLES, &bytes.map_err(RunError::io("write", Path::new(paths::SAMPLES)))?)
    }

    /// Writes what ran while a variant was late; returns the path within the run.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn breach(&mut self, variant: &str, record: &Breach) -> Result<String, RunError> {
        let bytes = serde_json::to_vec_pretty(&breach::stated(record));
        let failed = |error: serde_json::Error| RunError::io("write", Path::new(paths::BREACH))(error.into());
        self.evidence(variant, paths::BREACH, &bytes.map_err(failed)?)
    }

    /// Writes the recorded arrivals that the run drives, as [`ARRIVALS_FILE`]: a run holds all that it needs.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn arrivals(&mut self, csv: &str) -> Result<PathBuf, RunError> {
        self.text(paths::ARRIVALS, csv)
    }

    /// Opens `log.txt` of the run for appending: spans and events of the workbench itself.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn log(&self) -> Result<fs::File, RunError> {
        let path = self.path.join(paths::LOG);
        fs::OpenOptions::new().create(true).append(true).open(&path).map_err(RunError::io("open", path))
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn report_html(&mut self, html: &str) -> Result<PathBuf, RunError> {
        self.text(paths::REPORT_HTML, html)
    }

    /// Writes `report.md`.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn report_md(&mut self, markdown: &str) -> Result<PathBuf, RunError> {
        self.text(paths::REPORT_MD, markdown)
    }

    /// Writes `run.json`, last of all and by rename: where it stands, the run is whole. Its `path` is left empty.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn finish(&mut self, summary: &RunSummary) -> Result<(), RunError> {
        let summary = RunSummary { format: FORMAT, path: String::new(), ..summary.clone() };
        files::json(&self.path.join(paths::RUN), &summary)
    }

    fn text(&self, file: &str, text: &str) -> Result<PathBuf, RunError> {
        let path = self.path.join(file);
        files::write(&path, text.as_bytes())?;
        Ok(path)
    }

    fn slug(&self, variant: &str) -> Result<&str, RunError> {
        self.slugs.get(variant).map(String::as_str).ok_or_else(|| RunError::Name {
            what: "variant of this run",
            name: variant.to_owned(),
            expected: "a variant that the plan names",
        })
    }
}

pub(crate) fn variant_slugs(plan: &Plan) -> BTreeMap<String, String> {
    slugs(plan.variants.iter().map(|variant| variant.name.as_str()))
}

fn check_name(name: RunName<'_>) -> Result<(), RunError> {
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !name.stamp.split_once('-').is_some_and(|(date, time)| digits(date, 8) && digits(time, 6)) {
        return Err(RunError::Name { what: "time stamp", name: name.stamp.to_owned(), expected: "`yyyymmdd-hhmmss`" });
    }
    if name.letters.len() != 4 || !name.letters.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(RunError::Name {
            what: "run suffix",
            name: name.letters.to_owned(),
            expected: "four lower-case letters",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
