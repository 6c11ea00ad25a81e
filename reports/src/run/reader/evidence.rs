//! Loads what evidence trials left, by variant.

use std::collections::BTreeMap;
use std::path::Path;

use super::text;
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

/// Evidence that is damaged, or of another format than this version reads. One file does not take the others with it.
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

/// Loads the evidence of every variant, whose folders are named by `slugs`.
pub(super) fn load(run: &Path, slugs: &BTreeMap<String, String>) -> Result<Evidence, RunError> {
    let mut loaded = Evidence::default();
    for (variant, slug) in slugs {
        let folder = run.join(paths::EVIDENCE).join(slug);
        let mut unread = Vec::new();
        if let Some(records) = told(tasks::read(&folder), EvidenceKind::Tasks, false, &mut unread)? {
            loaded.tasks.insert(variant.clone(), records);
        }
        if let Some(record) = told(allocator::read(&folder), EvidenceKind::Allocator, false, &mut unread)? {
            loaded.allocator.insert(variant.clone(), record);
        }
        if let Some(stalls) = told(stalls::read(&folder), EvidenceKind::Tasks, true, &mut unread)? {
            loaded.stalls.insert(variant.clone(), stalls);
        }
        if let Some(traced) = told(trace::read(&folder), EvidenceKind::Trace, false, &mut unread)? {
            loaded.traces.insert(variant.clone(), traced);
        }
        let flamegraph = picture(&folder, paths::WAIT_FLAMEGRAPH)?.unwrap_or_default();
        let threads = told(threads::read(&folder), EvidenceKind::Wait, false, &mut unread)?;
        let kernel = told(kernel::read(&folder), EvidenceKind::Wait, false, &mut unread)?;
        let mut seen = WaitEvidence { flamegraph, threads, kernel };
        if seen != WaitEvidence::default() {
            unread.extend(of_another_format(&mut seen));
            loaded.waits.insert(variant.clone(), seen);
        }
        if let Some(record) = told(samples::read(&folder), EvidenceKind::Cpu, true, &mut unread)? {
            loaded.samples.insert(variant.clone(), record);
        }
        if let Some(record) = told(breach::read(&folder), EvidenceKind::Cpu, false, &mut unread)? {
            let flamegraph = picture(&folder, paths::BREACH_FLAMEGRAPH)?.unwrap_or_default();
            loaded.breaches.insert(variant.clone(), BreachEvidence { record, flamegraph });
        }
        let of_variant = |(kind, partly, because)| Unread { variant: variant.clone(), kind, partly, because };
        loaded.unread.extend(unread.into_iter().map(of_variant));
        if let Some(svg) = picture(&folder, paths::CPU_FLAMEGRAPH)? {
            loaded.flamegraphs.insert(variant.clone(), svg);
        }
        if let Some(pictures) = heap_flamegraphs(&folder)? {
            loaded.heap.insert(variant.clone(), pictures);
        }
    }
    Ok(loaded)
}

/// What a file says; of one that is damaged or of another format nothing, and why is kept.
fn told<T>(
    read: Result<Option<T>, RunError>,
    kind: EvidenceKind,
    partly: bool,
    unread: &mut Vec<(EvidenceKind, bool, String)>,
) -> Result<Option<T>, RunError> {
    match read {
        Err(error @ (RunError::Damaged { .. } | RunError::OtherFormat { .. })) => {
            unread.push((kind, partly, error.to_string()));
            Ok(None)
        }
        read => read,
    }
}

/// Takes what was written in another format out of what was seen of threads.
fn of_another_format(seen: &mut WaitEvidence) -> Option<(EvidenceKind, bool, String)> {
    let other = |format: u32| (format != FORMAT).then_some(format);
    let threads = seen.threads.as_ref().and_then(|record| Some((paths::THREADS, other(record.head.format)?)));
    let kernel = seen.kernel.as_ref().and_then(|record| Some((paths::KERNEL, other(record.head.format)?)));
    seen.threads.take_if(|record| record.head.format != FORMAT);
    seen.kernel.take_if(|record| record.head.format != FORMAT);
    let (file, found) = threads.or(kernel)?;
    if found == 0 {
        let because = format!("{file} has lost its first line: {}", files::RESTORE);
        return Some((EvidenceKind::Wait, false, because));
    }
    let because = format!(
        "{file} was written in format {found}, and this workbench reads format {FORMAT}: use the workbench that wrote it"
    );
    Some((EvidenceKind::Wait, false, because))
}

/// The heap flamegraphs in a variant's evidence folder; `None` without the one by bytes.
fn heap_flamegraphs(folder: &Path) -> Result<Option<HeapFlamegraphs>, RunError> {
    let Some(bytes) = picture(folder, paths::HEAP_FLAMEGRAPH)? else { return Ok(None) };
    let other = |name: &str| Ok::<_, RunError>(picture(folder, name)?.unwrap_or_default());
    let (objects, peak) = (other(paths::HEAP_OBJECTS_FLAMEGRAPH)?, other(paths::HEAP_PEAK_FLAMEGRAPH)?);
    Ok(Some(HeapFlamegraphs { bytes, objects, peak }))
}

/// A picture of an evidence folder as text; `None` where there is none.
fn picture(folder: &Path, name: &str) -> Result<Option<String>, RunError> {
    let svg = folder.join(name);
    files::read(&svg)?.map(|bytes| text(bytes, &svg)).transpose()
}
