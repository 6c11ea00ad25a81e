//! Waits seen from outside: flamegraph, threads over time, places, and what the kernel counted.

use super::charts::Picture;
use super::evidence::{Frame, frame, source};
use super::prose::prose;
use super::variants::{Variant, Variants};
use crate::render::chart::{kernel as multiples, lanes};
use crate::render::{Page, kernel, number, text, waits};
use crate::run::{EvidenceKind, ThreadsRecord, TrialKind, WaitEvidence};

/// Rows of the table of places.
const PLACES: usize = 12;
/// Single waits that are named.
const LONGEST: usize = 8;

/// One variant's waits, or why they are missing.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) key: String,
    /// HTML.
    pub(super) missing: String,
    pub(super) summary: String,
    pub(super) lanes: Option<Picture>,
    /// Threads without a lane, may be empty.
    pub(super) more: String,
    pub(super) frame: Option<Frame>,
    pub(super) places: Vec<Place>,
    pub(super) longest: Vec<String>,
    pub(super) doubts: Vec<String>,
    pub(super) kernel: Option<Picture>,
    pub(super) syscalls: String,
    /// Figures that stayed at zero or could not be read, as HTML.
    pub(super) kernel_notes: Vec<String>,
    pub(super) kernel_source: String,
    pub(super) source: String,
    pub(super) path: String,
}

/// A row of the table of places.
pub(super) struct Place {
    pub(super) place: String,
    pub(super) because: String,
    pub(super) cause: &'static str,
    pub(super) bad: bool,
    pub(super) thread: String,
    pub(super) total: String,
    pub(super) waits: String,
    pub(super) longest: String,
}

/// Variants whose waits were to be recorded.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    variants.all.iter().filter_map(|variant| article(page, variant)).collect()
}

fn article(page: &Page<'_>, variant: &Variant<'_>) -> Option<Article> {
    let kind = EvidenceKind::Wait.name();
    let profile = page.summary.profiles.iter().find(|one| one.kind == kind && one.variant == variant.raw)?;
    let nothing = WaitEvidence::default();
    let seen = page.waits.get(variant.raw).unwrap_or(&nothing);
    let threads = seen.threads.as_ref();
    let trial = TrialKind::Evidence(EvidenceKind::Wait);
    let recorded = page.trials.iter().find(|one| one.kind == trial && one.variant == variant.raw);
    let timeline = recorded.and_then(|trial| page.timelines.get(&trial.index)).map(Vec::as_slice).unwrap_or_default();
    let missing = profile.missing.as_ref().map(|because| prose(&format!("Evidence missing, because {because}.")));
    let kernel_notes = seen.kernel.as_ref().map(|record| {
        let mut notes: Vec<String> =
            Some(kernel::zeros(record)).into_iter().filter(|zeros| !zeros.is_empty()).collect();
        notes.extend(kernel::missing(&record.head));
        notes.iter().map(|note| prose(note)).collect()
    });
    Some(Article {
        variant: variant.name.clone(),
        class: variant.class(),
        key: variant.key(),
        missing: missing.unwrap_or_default(),
        summary: threads.map(waits::summary).unwrap_or_default(),
        lanes: threads.and_then(|threads| Picture::new(|width| lanes::svg(threads, timeline, width))),
        more: threads.map(more).unwrap_or_default(),
        frame: frame(&seen.flamegraph),
        places: threads.map(places).unwrap_or_default(),
        longest: threads.map(|all| all.longest.iter().take(LONGEST).map(waits::long).collect()).unwrap_or_default(),
        doubts: threads.map(|threads| waits::doubts(&threads.head)).unwrap_or_default(),
        kernel: seen.kernel.as_ref().and_then(|record| Picture::new(|width| multiples::svg(record, width))),
        syscalls: seen.kernel.as_ref().map(|record| kernel::syscalls(&record.head)).unwrap_or_default(),
        kernel_notes: kernel_notes.unwrap_or_default(),
        kernel_source: seen.kernel.as_ref().map(kernel::source).unwrap_or_default(),
        source: if profile.missing.is_none() { source(profile) } else { String::new() },
        path: text::sentence(&profile.path),
    })
}

/// `4 more threads are not drawn.`
fn more(threads: &ThreadsRecord) -> String {
    let drawn = threads.threads.iter().filter(|lane| lane.shares.is_some()).count().min(lanes::MOST) as u64;
    let more = threads.head.threads.saturating_sub(drawn);
    match more {
        0 => String::new(),
        1 => "1 more thread is not drawn: it ran less than these.".to_owned(),
        more => format!("{} more threads are not drawn: they ran less than these.", number::count(more as f64)),
    }
}

fn places(threads: &ThreadsRecord) -> Vec<Place> {
    let mut shown: Vec<_> = waits::shown(threads).collect();
    shown.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    let rows = shown.into_iter().take(PLACES).map(|place| Place {
        place: waits::place(&place.function, &place.file, place.line),
        because: waits::because(place),
        cause: waits::cause(place.cause),
        bad: place.total_s >= 0.1 * threads.head.wall_s,
        thread: text::name(&place.thread),
        total: number::seconds(place.total_s),
        waits: number::count(place.waits as f64),
        longest: number::seconds(place.longest_s),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_shows_lanes_places_and_the_kernels_figures() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"waits\">"));
        let page = page(&Fixture::two_variants().with_waits().page());
        let section = page.split("<section id=\"waits\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.matches("class=\"how\"").count() >= 4, "each picture says how to read it");
        assert!(section.contains("<iframe title=\"wait flamegraph of sync\""));
        assert!(section.contains("shop::ledger::post&#60;b&#62; (src/&#60;ledger&#62;.rs:41)"));
        assert!(!section.contains("<b>") || !section.contains("post<b>"));
        assert!(section.contains("7 more threads are not drawn"), "{section}");
        assert!(section.contains("the kernel found no room for 3 records"));
        assert!(section.contains("queues of sockets: n/a, because /proc/7/net/tcp cannot be read"));
        assert!(section.contains("Evidence missing, because perf events are refused."));
        assert!(section.contains(">threads waiting for a CPU</text>"));
        assert!(page.contains("<a href=\"#waits\">Threads</a>"));
    }
}
