//! CPU over time, and what ran while the service was late.

use super::charts::Picture;
use super::evidence::{Frame, frame};
use super::variants::{Variant, Variants};
use crate::render::chart::heat;
use crate::render::{Page, breach, number, text};
use crate::run::{Breach, EvidenceKind, Samples};

/// Rows of the table.
const ROWS: usize = 15;
/// Windows named one by one.
const WINDOWS: usize = 12;

/// One variant's CPU samples over time.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) key: String,
    pub(super) heat: Option<Picture>,
    /// What the heat map does not show, may be empty.
    pub(super) notes: Vec<String>,
    pub(super) summary: String,
    pub(super) doubts: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) windows: Vec<Span>,
    pub(super) frame: Option<Frame>,
    pub(super) path: String,
}

/// A window in which operations were late.
pub(super) struct Span {
    pub(super) line: String,
    /// Seconds since the recording began.
    pub(super) from: String,
    pub(super) to: String,
}

/// A row of the table.
pub(super) struct Row {
    pub(super) place: String,
    pub(super) stands_out: bool,
    pub(super) within: String,
    pub(super) outside: String,
    pub(super) ratio: String,
    pub(super) windows: String,
}

/// Variants whose samples have times.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    variants.all.iter().filter_map(|variant| article(page, variant)).collect()
}

fn article(page: &Page<'_>, variant: &Variant<'_>) -> Option<Article> {
    let samples = page.samples.get(variant.raw).filter(|samples| !samples.timeless);
    let seen = page.breaches.get(variant.raw);
    if samples.is_none() && seen.is_none() {
        return None;
    }
    let record = seen.map(|seen| &seen.record);
    let limit = record.filter(|record| record.late > 0).map(|record| record.limit_s);
    let kind = EvidenceKind::Cpu.name();
    let kept = page.summary.profiles.iter().find(|one| one.kind == kind && one.variant == variant.raw);
    let folder = kept.and_then(|kept| kept.path.rsplit_once('/')).map(|(folder, _)| folder).unwrap_or_default();
    Some(Article {
        variant: variant.name.clone(),
        class: variant.class(),
        key: variant.key(),
        heat: samples.and_then(|samples| Picture::new(|width| heat::svg(samples, limit, width))),
        notes: samples.map(notes).unwrap_or_default(),
        summary: record.map(breach::summary).unwrap_or_default(),
        doubts: record
            .map(|record| record.doubts.iter().map(|doubt| text::sentence(doubt)).collect())
            .unwrap_or_default(),
        rows: record.map(rows).unwrap_or_default(),
        windows: record.map(|record| windows(record, opened(samples))).unwrap_or_default(),
        frame: seen.and_then(|seen| frame(&seen.flamegraph)),
        path: if record.is_some_and(|record| record.within > 0) && !folder.is_empty() {
            text::sentence(&format!("{folder}/breach.pb.gz"))
        } else {
            String::new()
        },
    })
}

fn notes(samples: &Samples) -> Vec<String> {
    let mut notes = Vec::new();
    if samples.every > 1 {
        notes.push(format!("One in {} samples is kept with its time: counts are of those.", samples.every));
    }
    if samples.forgotten > 0 {
        notes.push(format!("{} more samples have no time.", number::count(samples.forgotten as f64)));
    }
    let operations = samples.operations.as_ref().filter(|all| all.total > all.after_us.len() as u64 + all.late_driver);
    if let Some(operations) = operations {
        notes.push(format!(
            "Of {} measured operations the {} slowest are drawn.",
            number::count(operations.total as f64),
            number::count(operations.after_us.len() as f64)
        ));
    }
    notes
}

fn rows(record: &Breach) -> Vec<Row> {
    let rows = breach::shown(record).take(ROWS).map(|row| Row {
        place: breach::place(row),
        stands_out: breach::stands_out(row),
        within: number::percent(row.within_share),
        outside: number::percent(row.outside_share),
        ratio: breach::ratio(row),
        windows: format!("{} of {}", row.windows, record.window_count),
    });
    rows.collect()
}

/// When the open loop began, seconds since the recording did.
fn opened(samples: Option<&Samples>) -> f64 {
    samples.and_then(|samples| samples.open_at_s).unwrap_or(0.0)
}

fn windows(record: &Breach, open_s: f64) -> Vec<Span> {
    let mut longest: Vec<_> = record.windows.iter().collect();
    longest.sort_by(|a, b| b.length_s.total_cmp(&a.length_s));
    let told = longest.into_iter().take(WINDOWS).map(|window| {
        let from = open_s + window.at_s;
        let line = format!(
            "{} after the open loop began, for {}: {} late, the worst by {}; {} samples",
            number::seconds(window.at_s),
            number::seconds(window.length_s),
            number::count(window.late as f64),
            number::seconds(window.worst_s),
            number::count(window.samples as f64)
        );
        Span { line, from: format!("{from:.6}"), to: format!("{:.6}", from + window.length_s) }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_shows_when_the_cpu_was_used_and_what_stands_out() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"breach\">"));
        let page = page(&Fixture::two_variants().with_samples().page());
        let section = page.split("<section id=\"breach\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("<article class=\"profile breach\" id=\"breach-s0\">"));
        assert!(section.contains("class=\"chart heatmap\"") && section.contains("class=\"cells\""));
        assert!(section.contains("8 of 100 measured operations took longer than 2.70 ms"), "{section}");
        assert!(section.contains("shop::stall&#60;b&#62; (src/&#60;shop&#62;.rs:41)"), "{section}");
        assert!(section.contains("only within, at least 11×"), "{section}");
        assert!(!section.contains("tokio::runtime::poll"), "plumbing that does not stand out is left out");
        assert!(section.contains("<iframe title=\"CPU flamegraph of sync while it was late\""));
        assert!(
            section.contains("<span data-from=\"1.000000\" data-to=\"1.080000\">"),
            "the windows can be picked: {section}"
        );
        assert!(!section.contains("<b>"));
        assert!(page.contains("<a href=\"#breach\">When late</a>"));
    }

    #[test]
    fn samples_without_times_have_a_viewer_and_no_map() {
        let mut fixture = Fixture::two_variants().with_samples();
        fixture.breaches.clear();
        fixture.samples.values_mut().for_each(|samples| samples.timeless = true);
        let page = page(&fixture.page());
        assert!(!page.contains("<section id=\"breach\">") && page.contains("<div class=\"viewer\""));
        assert_eq!(page.matches("The samples of this profile have no times").count(), 2, "which is said of both");
    }
}
