//! Stalls: polls that were caught while they held their worker up.

use super::variants::Variants;
use crate::render::stalls::{Row, caught, rows};
use crate::render::{Page, text};
use crate::run::StallSummary;

/// What was caught of one variant.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) key: String,
    pub(super) caught: String,
    pub(super) rows: Vec<Row>,
    /// Those that were not kept one by one.
    pub(super) others: String,
}

/// Variants whose stalls were to be caught.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    let article = |variant: &super::variants::Variant<'_>| {
        let stalls = page.stalls.get(variant.raw)?;
        let others: u64 = stalls.others.iter().map(|others| others.count).sum();
        let others = if others > 0 { format!("{others} shorter ones were counted, not kept.") } else { String::new() };
        Some(Article {
            variant: variant.name.clone(),
            class: variant.class(),
            key: variant.key(),
            caught: text::sentence(&caught(&StallSummary::of(stalls))),
            rows: rows(stalls),
            others,
        })
    };
    variants.all.iter().filter_map(article).collect()
}

/// How to read it, for the template.
pub(super) fn how() -> &'static str {
    crate::render::stalls::HOW
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_shows_each_stall_with_its_stack_to_unfold() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"stalls\">"));
        let page = page(&Fixture::two_variants().with_tasks().page());
        let section = page.split("<section id=\"stalls\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("46 polls took longer than 10 ms, 45 caught while they lasted: 41 on CPU"));
        assert_eq!(section.matches("<details").count(), 4, "those with a stack: {section}");
        assert!(section.contains("shop::pay&#60;b&#62; (src/pay.rs:7)") && !section.contains("<b>"), "{section}");
        assert!(section.contains("waiting for a lock") && section.contains("futex (futex_do_wait)"));
        assert!(section.contains("no stack: its thread did not answer"));
        assert!(section.contains("40 shorter ones were counted, not kept."));
        assert!(page.contains("<a href=\"#stalls\">Stalls</a>"));
    }
}
