//! What allocators held over time.

use super::charts::Picture;
use super::variants::{Variant, Variants};
use crate::render::chart::allocation;
use crate::render::{Page, allocator, number, text};
use crate::run::{EvidenceKind, TrialKind};

/// One variant's picture, or why there is none.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) pictures: Vec<Picture>,
    pub(super) notable: Vec<String>,
    pub(super) missing: String,
    pub(super) source: String,
    pub(super) path: String,
}

/// Variants whose allocator was to be recorded.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    variants.all.iter().filter_map(|variant| article(page, variant)).collect()
}

/// How to read it, for the template.
pub(super) fn how() -> &'static str {
    allocator::HOW
}

fn article(page: &Page<'_>, variant: &Variant<'_>) -> Option<Article> {
    let mut profiles = page.summary.profiles.iter();
    let profile = profiles.find(|profile| profile.kind == "allocator" && profile.variant == variant.raw)?;
    let record = page.allocator.get(variant.raw).filter(|_| profile.missing.is_none());
    let recorded = page
        .trials
        .iter()
        .find(|trial| trial.kind == TrialKind::Evidence(EvidenceKind::Allocator) && trial.variant == variant.raw);
    let timeline = recorded.and_then(|trial| page.timelines.get(&trial.index)).map(Vec::as_slice).unwrap_or_default();
    let pictures: Vec<_> =
        record.and_then(|record| Picture::new(|width| allocation::svg(record, timeline, width))).into_iter().collect();
    let because = match &profile.missing {
        Some(because) => Some(text::sentence(because)),
        None if pictures.is_empty() => Some("the run holds no samples for this variant".into()),
        None => None,
    };
    let overhead = profile
        .overhead
        .map(|overhead| {
            format!("; CPU per operation was {} that of the trials without a recorder", number::ratio(overhead))
        })
        .unwrap_or_default();
    Some(Article {
        variant: variant.name.clone(),
        class: variant.class(),
        pictures,
        notable: record.map(allocator::notable).unwrap_or_default(),
        missing: because.map(|because| format!("Evidence missing, because {because}.")).unwrap_or_default(),
        source: record
            .map(|record| allocator::source(&record.head, record.samples.len()) + &overhead)
            .unwrap_or_default(),
        path: if record.is_some() { text::sentence(&profile.path) } else { String::new() },
    })
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_is_there_where_the_allocator_was_recorded() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"allocation\">"));
        let page = page(&Fixture::two_variants().with_allocator().page());
        let section = page.split("<section id=\"allocation\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("class=\"how\"") && section.contains("<div class=\"narrow\"><svg"));
        assert!(section.contains(">latency</text>"), "the timeline of the recorded trial is above");
        assert!(section.contains("recording took 0.21 % of a core"));
        assert!(section.contains("active ÷ allocated"), "{section}");
        assert!(section.contains("Evidence missing, because it crashed."));
        assert!(page.contains("<a href=\"#allocation\">Allocation</a>"));
    }
}
