//! Loads what evidence trials left, by variant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::text;
use crate::run::sums::not_recorded;
use crate::run::{
    AllocatorRecord, Breach, EvidenceKind, FORMAT, KernelRecord, RunError, Samples, SiteRecord, Stalls, ThreadsRecord,
    Trace, allocator, breach, files, kernel, paths, samples, stalls, tasks, threads, trace,
};

/// What was seen from outside of the threads of one variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WaitEvidence {
    /// Flamegraph of time off the CPU as SVG text; empty where there is none.
    pub flamegraph: String,
    /// Who was on a CPU when, and where threads waited.
    pub threads: Option<ThreadsRecord>,
    /// What the kernel counted meanwhile.
    pub kernel: Option<KernelRecord>,
}

/// What ran while one variant was late.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BreachEvidence {
    /// In numbers.
    pub record: Breach,
    /// What ran more than in the rest, as SVG text; empty where there is none.
    pub flamegraph: String,
}

/// What one variant allocated, as SVG text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeapFlamegraphs {
    /// By bytes.
    pub bytes: String,
    /// By blocks; empty where there is none.
    pub objects: String,
    /// What was in use at the moment of most live memory, by bytes; empty where there is none.
    pub peak: String,
}

/// Evidence that is damaged, of another format than this version reads, or not what was recorded. One file does not take the others with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Variant.
    pub variant: String,
    /// Kind of evidence.
    pub kind: EvidenceKind,
    /// It is a part of that kind alone.
    pub partly: bool,
    /// The file, the line, what is wrong and what to do; or the format found and the one read.
    pub because: String,
}

/// All of it.
#[derive(Default)]
pub(super) struct Evidence {
    pub(super) flamegraphs: BTreeMap<String, String>,
    pub(super) heap: BTreeMap<String, HeapFlamegraphs>,
    pub(super) tasks: BTreeMap<String, Vec<SiteRecord>>,
    pub(super) allocator: BTreeMap<String, AllocatorRecord>,
    pub(super) stalls: BTreeMap<String, Stalls>,
    pub(super) traces: BTreeMap<String, Trace>,
    pub(super) waits: BTreeMap<String, WaitEvidence>,
    pub(super) samples: BTreeMap<String, Samples>,
    pub(super) breaches: BTreeMap<String, BreachEvidence>,
    pub(super) unread: Vec<Unread>,
}

/// Loads the evidence of every variant, whose folders are named by `slugs`, without files that `changed` since.
pub(super) fn load(
    run: &Path,
    slugs: &BTreeMap<String, String>,
    changed: &BTreeSet<String>,
) -> Result<Evidence, RunError> {
    use EvidenceKind::{Allocator, Cpu, Tasks, Wait};
    let mut loaded = Evidence::default();
    for (variant, slug) in slugs {
        let within = format!("{}/{slug}/", paths::EVIDENCE);
        let folder = run.join(&within);
        let mut of = OfVariant { variant, within, changed, unread: Vec::new() };
        if let Some(records) = of.told(tasks::read(&folder), paths::TASKS, Tasks, false)? {
            loaded.tasks.insert(variant.clone(), records);
        }
        if let Some(record) = of.told(allocator::read(&folder), paths::ALLOCATOR, Allocator, false)? {
            loaded.allocator.insert(variant.clone(), record);
        }
        if let Some(stalls) = of.told(stalls::read(&folder), paths::STALLS, Tasks, true)? {
            loaded.stalls.insert(variant.clone(), stalls);
        }
        if let Some(traced) = of.told(trace::read(&folder), paths::TRACE, EvidenceKind::Trace, false)? {
            loaded.traces.insert(variant.clone(), traced);
        }
        let flamegraph = of.picture(&folder, paths::WAIT_FLAMEGRAPH)?.unwrap_or_default();
        let threads = of.readable(threads::read(&folder), Wait, false)?;
        let kernel = of.readable(kernel::read(&folder), Wait, false)?;
        let mut seen = WaitEvidence { flamegraph, threads, kernel };
        // Another version's file says so itself.
        if let Some(because) = of_another_format(&mut seen) {
            of.leave_out(Wait, false, because);
        }
        seen.threads = of.recorded(seen.threads, paths::THREADS, Wait, false);
        seen.kernel = of.recorded(seen.kernel, paths::KERNEL, Wait, false);
        if seen != WaitEvidence::default() {
            loaded.waits.insert(variant.clone(), seen);
        }
        if let Some(record) = of.told(samples::read(&folder), paths::SAMPLES, Cpu, true)? {
            loaded.samples.insert(variant.clone(), record);
        }
        if let Some(record) = of.told(breach::read(&folder), paths::BREACH, Cpu, false)? {
            let flamegraph = of.picture(&folder, paths::BREACH_FLAMEGRAPH)?.unwrap_or_default();
            loaded.breaches.insert(variant.clone(), BreachEvidence { record, flamegraph });
        }
        if let Some(svg) = of.picture(&folder, paths::CPU_FLAMEGRAPH)? {
            loaded.flamegraphs.insert(variant.clone(), svg);
        }
        if let Some(pictures) = of.heap_flamegraphs(&folder)? {
            loaded.heap.insert(variant.clone(), pictures);
        }
        of.others();
        loaded.unread.extend(of.unread);
    }
    Ok(loaded)
}

/// Evidence of one variant while it is read.
struct OfVariant<'a> {
    variant: &'a str,
    /// Its folder within the run, with a slash behind it.
    within: String,
    changed: &'a BTreeSet<String>,
    unread: Vec<Unread>,
}

impl OfVariant<'_> {
    /// What a file says; of one that is damaged, of another format or not what was recorded nothing, and why is kept.
    fn told<T>(
        &mut self,
        read: Result<Option<T>, RunError>,
        file: &str,
        kind: EvidenceKind,
        partly: bool,
    ) -> Result<Option<T>, RunError> {
        let read = self.readable(read, kind, partly)?;
        Ok(self.recorded(read, file, kind, partly))
    }

    /// What a file says; of one that is damaged or of another format nothing.
    fn readable<T>(
        &mut self,
        read: Result<Option<T>, RunError>,
        kind: EvidenceKind,
        partly: bool,
    ) -> Result<Option<T>, RunError> {
        match read {
            Err(error @ (RunError::Damaged { .. } | RunError::OtherFormat { .. })) => {
                self.leave_out(kind, partly, error.to_string());
                Ok(None)
            }
            read => read,
        }
    }

    /// What a file says that is what was recorded.
    fn recorded<T>(&mut self, read: Option<T>, file: &str, kind: EvidenceKind, partly: bool) -> Option<T> {
        let path = self.path(file);
        if read.is_some() && self.changed.contains(&path) {
            self.leave_out(kind, partly, not_recorded(&path));
            return None;
        }
        read
    }

    fn path(&self, file: &str) -> String {
        format!("{}{file}", self.within)
    }

    fn leave_out(&mut self, kind: EvidenceKind, partly: bool, because: String) {
        self.unread.push(Unread { variant: self.variant.to_owned(), kind, partly, because });
    }

    /// The heap flamegraphs; `None` without the one by bytes.
    fn heap_flamegraphs(&self, folder: &Path) -> Result<Option<HeapFlamegraphs>, RunError> {
        let Some(bytes) = self.picture(folder, paths::HEAP_FLAMEGRAPH)? else { return Ok(None) };
        let other = |name: &str| Ok::<_, RunError>(self.picture(folder, name)?.unwrap_or_default());
        let (objects, peak) = (other(paths::HEAP_OBJECTS_FLAMEGRAPH)?, other(paths::HEAP_PEAK_FLAMEGRAPH)?);
        Ok(Some(HeapFlamegraphs { bytes, objects, peak }))
    }

    /// A picture as text; `None` where there is none, or another one.
    fn picture(&self, folder: &Path, name: &str) -> Result<Option<String>, RunError> {
        if self.changed.contains(&self.path(name)) {
            return Ok(None);
        }
        let svg = folder.join(name);
        files::read(&svg)?.map(|bytes| text(bytes, &svg)).transpose()
    }

    /// What else changed: pictures, and what is read elsewhere, which asks whether it did.
    fn others(&mut self) {
        let told = |unread: &[Unread], path: &str| unread.iter().any(|one| one.because.contains(path));
        for path in self.changed.iter().filter(|path| path.starts_with(&self.within)) {
            if told(&self.unread, path) {
                continue;
            }
            let file = &path[self.within.len()..];
            let kind =
                KINDS.iter().find(|(begins, _)| file.starts_with(begins)).map_or(EvidenceKind::Cpu, |(_, kind)| *kind);
            // Findings are of the profile of CPU time; of the rest they are not, or not alone.
            let partly = file != paths::CPU_PROFILE;
            let because = not_recorded(path);
            self.unread.push(Unread { variant: self.variant.to_owned(), kind, partly, because });
        }
    }
}

/// Of what kind of evidence files are, by how their names begin; others are of CPU time.
const KINDS: &[(&str, EvidenceKind)] = &[("heap", EvidenceKind::Heap), ("wait", EvidenceKind::Wait)];

/// Takes what was written in another format out of what was seen of threads.
fn of_another_format(seen: &mut WaitEvidence) -> Option<String> {
    let other = |format: u32| (format != FORMAT).then_some(format);
    let threads = seen.threads.as_ref().and_then(|record| Some((paths::THREADS, other(record.head.format)?)));
    let kernel = seen.kernel.as_ref().and_then(|record| Some((paths::KERNEL, other(record.head.format)?)));
    seen.threads.take_if(|record| record.head.format != FORMAT);
    seen.kernel.take_if(|record| record.head.format != FORMAT);
    let (file, found) = threads.or(kernel)?;
    if found == 0 {
        return Some(format!("{file} has lost its first line: {}", files::RESTORE));
    }
    Some(format!(
        "{file} was written in format {found}, and this workbench reads format {FORMAT}: use the workbench that wrote it"
    ))
}
