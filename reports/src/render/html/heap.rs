//! Heap flamegraphs.

use super::evidence::{self, Frame};
use super::variants::{Variant, Variants};
use crate::render::{Page, text, words};

/// How to read them, for the template.
pub(super) const HOW: &str = "Each box is a function, as wide as its share of what it and everything it called \
                              allocated, first by bytes, then by number of blocks; freed memory counts as well. The \
                              last picture is of what was in use, not yet freed, at the moment of most live memory. \
                              These trials never enter the comparison above.";

/// One variant's pictures, or why there are none.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) pictures: Vec<Picture>,
    pub(super) missing: String,
    pub(super) source: String,
    pub(super) path: String,
    pub(super) peak: Option<Peak>,
}

/// The moment of most live memory.
pub(super) struct Peak {
    pub(super) when: String,
    pub(super) frame: Option<Frame>,
    pub(super) path: String,
}

/// One flamegraph.
pub(super) struct Picture {
    pub(super) by: &'static str,
    pub(super) frame: Frame,
}

/// Variants whose heap was to be profiled.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    if page.summary.attached.is_some() {
        // A process that ran already has an article for each of its profiles.
        return Vec::new();
    }
    variants.all.iter().filter_map(|variant| article(page, variant)).collect()
}

fn article(page: &Page<'_>, variant: &Variant<'_>) -> Option<Article> {
    let mut profiles = page.summary.profiles.iter();
    let profile = profiles.find(|profile| profile.kind == "heap" && profile.variant == variant.raw)?;
    let present = profile.missing.is_none();
    let drawn = page.heap.get(variant.raw).filter(|_| present);
    let pictures: Vec<_> = drawn
        .iter()
        .flat_map(|drawn| [("by bytes", &drawn.bytes), ("by blocks", &drawn.objects)])
        .filter_map(|(by, svg)| Some(Picture { by, frame: evidence::frame(svg)? }))
        .collect();
    let because = match &profile.missing {
        Some(because) => Some(text::sentence(because)),
        None if pictures.is_empty() => Some("the run holds no heap flamegraph for this variant".into()),
        None => None,
    };
    let peak = profile.peak.as_ref().filter(|_| present).map(|peak| Peak {
        when: words::peak(peak),
        frame: drawn.and_then(|drawn| evidence::frame(&drawn.peak)),
        path: text::sentence(&peak.path),
    });
    let samples = words::plural(profile.samples, "sampled block", "sampled blocks");
    Some(Article {
        peak,
        variant: variant.name.clone(),
        class: variant.class(),
        pictures,
        missing: because.map(|because| format!("Evidence missing, because {because}.")).unwrap_or_default(),
        source: if present { format!("{samples}: {}", evidence::source(profile)) } else { String::new() },
        path: if present { text::sentence(&profile.path) } else { String::new() },
    })
}
