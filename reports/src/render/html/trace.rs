//! Tasks of a program that were traced from outside.

use super::prose::prose;
use super::variants::Variants;
use crate::render::chart::{WIDTHS, task};
use crate::render::trace::{BLAME_HOW, HEADS, HOW, Shown, TIMELINE_HOW, WAIT_HEADS, shown};
use crate::render::{Page, text};

/// Pictures of a variant.
const MOST_PICTURES: usize = 3;

/// What was traced of one variant.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) key: String,
    /// HTML.
    pub(super) missing: String,
    pub(super) shown: Option<Shown>,
    /// For a wide screen and a narrow one.
    pub(super) pictures: Vec<Picture>,
}

/// A task's timeline.
pub(super) struct Picture {
    pub(super) sentence: String,
    pub(super) wide: String,
    pub(super) narrow: String,
}

/// Variants that were to be traced.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    let article = |variant: &super::variants::Variant<'_>| {
        let gathered = |kind: &str, name: &str| kind == "trace" && name == variant.raw;
        let profile = page.summary.profiles.iter().find(|profile| gathered(&profile.kind, &profile.variant))?;
        let trace = page.traces.get(variant.raw).filter(|_| profile.missing.is_none());
        let cases = trace.map(|trace| trace.cases.as_slice()).unwrap_or_default();
        let picture = |case: &crate::run::TraceCase| {
            let [wide, narrow] = WIDTHS.map(|width| task::svg(case, width));
            Some(Picture { sentence: text::sentence(&case.sentence()), wide: wide?, narrow: narrow? })
        };
        Some(Article {
            variant: variant.name.clone(),
            class: variant.class(),
            key: variant.key(),
            missing: profile.missing.as_deref().map(missing).unwrap_or_default(),
            shown: trace.map(|trace| shown(trace, profile.overhead)),
            pictures: cases.iter().filter_map(picture).take(MOST_PICTURES).collect(),
        })
    };
    variants.all.iter().filter_map(article).collect()
}

fn missing(because: &str) -> String {
    prose(&format!("Evidence missing, because {because}."))
}

/// Names of the figures of types of tasks, for the template.
pub(super) fn heads() -> &'static [&'static str] {
    &HEADS
}

/// Names of the figures of waits, for the template.
pub(super) fn wait_heads() -> &'static [&'static str] {
    &WAIT_HEADS
}

/// How to read it, for the template.
pub(super) fn how() -> &'static str {
    HOW
}

/// How to read the chains, for the template.
pub(super) fn blame_how() -> &'static str {
    BLAME_HOW
}

/// How to read a picture, for the template.
pub(super) fn timeline_how() -> &'static str {
    TIMELINE_HOW
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_has_tables_chains_and_pictures() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"trace\">"));
        let page = page(&Fixture::two_variants().with_trace().page());
        let section = page.split("<section id=\"trace\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("Source: uprobes on tokio&#39;s own functions, from outside"), "{section}");
        assert!(section.contains("3 tasks of shop::leak are idle and nobody holds a waker"));
        assert!(section.contains("shop::pay (src/pay.rs:7)"));
        assert!(section.contains("instead, computing in shop::pay (src/pay.rs:99)"), "{section}");
        assert!(section.contains("task-timeline") && section.contains("its worker meanwhile"));
        assert!(section.contains("Evidence missing, because the program is stripped."));
        assert!(section.contains("shop::export&#60;b&#62;") && !section.contains("<b>"), "{section}");
        assert!(page.contains("<a href=\"#trace\">Tasks from outside</a>"));
    }
}
