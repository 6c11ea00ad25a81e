//! Throughput and latency by concurrency: two pictures and a table.

use super::charts::{Entry, Picture};
use super::variants::Variants;
use crate::render::chart::Series;
use crate::render::chart::ladder::{Panel, svg};
use crate::render::ladder::Row;
use crate::render::{Page, ladder};
use crate::run::LevelSummary;

/// The section; without rows there is none.
pub(super) struct Ladder {
    pub(super) how: &'static str,
    pub(super) legend: Vec<Entry>,
    pub(super) pictures: Vec<Picture>,
    pub(super) rows: Vec<Row>,
}

impl Ladder {
    pub(super) fn new(page: &Page<'_>, variants: &Variants<'_>) -> Self {
        let series: Vec<Series<&[LevelSummary]>> = variants
            .all
            .iter()
            .filter_map(|variant| {
                let summary = page.summary.variants.get(variant.index)?;
                Some(Series { name: variant.name.clone(), index: variant.index, data: summary.levels.as_slice() })
            })
            .collect();
        let pictures = [Panel::Throughput, Panel::Latency];
        let entry = |series: &Series<&[LevelSummary]>| Entry {
            class: crate::render::chart::class(series.index),
            name: series.name.clone(),
        };
        Self {
            how: ladder::HOW,
            legend: series.iter().filter(|series| series.data.len() > 1).map(entry).collect(),
            pictures: pictures
                .into_iter()
                .filter_map(|panel| Picture::new(|width| svg(panel, &series, width)))
                .collect(),
            rows: ladder::rows(page.summary),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;
    use crate::run::LevelSummary;

    #[test]
    fn the_section_has_two_pictures_and_a_table() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"ladder\">"));
        let mut fixture = Fixture::two_variants();
        for variant in &mut fixture.summary.variants {
            let level = |concurrency: u32| LevelSummary {
                concurrency,
                trials: 3,
                answered: 300,
                throughput: f64::from(concurrency) * 700.0,
                p50: Some(0.001),
                p99: Some(0.004),
                ..LevelSummary::default()
            };
            variant.levels = vec![level(1), level(4), level(16)];
        }
        let page = page(&fixture.page());
        let section = page.split("<section id=\"ladder\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert_eq!((section.matches("<figure>").count(), section.matches("<svg").count()), (2, 4));
        assert!(section.contains("class=\"how\"") && section.contains("clients at a time"), "{section}");
        assert!(section.contains("<td>11,200</td>"), "{section}");
        assert!(page.contains("<a href=\"#ladder\">Concurrency</a>"));
    }
}
