//! Requested and effective settings.

use std::collections::BTreeSet;

use crate::render::{chart, number, text, words};
use crate::run::{Heed, RunSummary, VariantSummary};

/// The table in two parts.
pub(super) struct Settings {
    pub(super) heads: Vec<Head>,
    /// Rows that differ between variants or from what was asked.
    pub(super) differing: Vec<Row>,
    pub(super) equal: Vec<Row>,
    pub(super) equal_title: String,
    pub(super) none_differ: &'static str,
}

/// A column.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) class: String,
}

/// One setting.
pub(super) struct Row {
    pub(super) path: String,
    pub(super) differs: bool,
    pub(super) values: Vec<Value>,
}

/// One setting of one variant.
pub(super) struct Value {
    pub(super) shown: String,
    /// What was asked for, where that did not take effect; else empty.
    pub(super) asked: String,
    /// What shows that a program heeds it, or that nothing does; else empty.
    pub(super) heed: String,
}

impl Settings {
    pub(super) fn new(summary: &RunSummary) -> Self {
        let variants = &summary.variants;
        let paths: BTreeSet<&String> =
            variants.iter().flat_map(|variant| variant.knobs.keys().chain(variant.requested.keys())).collect();
        let (mut differing, equal): (Vec<Row>, Vec<Row>) =
            paths.into_iter().map(|path| row(path, variants)).partition(|row| row.needs_attention());
        // What differs between variants comes first.
        differing.sort_by_key(|row| !row.differs);
        let rows = words::plural(equal.len() as u64, "setting that is", "settings that are");
        Self {
            heads: variants
                .iter()
                .enumerate()
                .map(|(index, variant)| Head { name: text::name(&variant.name), class: chart::class(index) })
                .collect(),
            equal_title: format!("{rows} the same everywhere"),
            none_differ: match (equal.is_empty(), variants.len()) {
                (true, _) => "The subject reported no settings.",
                (false, 0 | 1) => "Every setting took effect as asked.",
                (false, _) => "No setting differs between variants.",
            },
            differing,
            equal,
        }
    }
}

impl Settings {
    /// Rows shown at once without a title, then those behind a click.
    pub(super) fn groups(&self) -> [(&[Row], &str); 2] {
        [(&self.differing, ""), (&self.equal, &self.equal_title)]
    }
}

impl Row {
    fn needs_attention(&self) -> bool {
        self.differs || self.values.iter().any(|value| !value.asked.is_empty())
    }
}

/// `heeded: 2 threads …`.
fn heed(heed: &Heed) -> String {
    match heed {
        Heed::Proven { by } => format!("heeded: {}", text::sentence(by)),
        Heed::NotProvable { because } => format!("not provable: {}", text::sentence(because)),
    }
}

fn row(path: &str, variants: &[VariantSummary]) -> Row {
    let effective: Vec<_> =
        variants.iter().map(|variant| variant.knobs.get(path).or_else(|| variant.requested.get(path))).collect();
    let values = variants
        .iter()
        .map(|variant| {
            let heed = variant.heeded.get(path).map(heed).unwrap_or_default();
            let value = |shown: String, asked: String| Value { shown, asked, heed };
            match (variant.requested.get(path), variant.knobs.get(path)) {
                (Some(asked), Some(got)) if asked != got => value(text::name(got), text::name(asked)),
                // Nothing was read back: what was asked may or may not hold.
                (Some(asked), None) => value("not read back".into(), text::name(asked)),
                (_, Some(got)) => value(text::name(got), String::new()),
                (None, None) => value(number::ABSENT.into(), String::new()),
            }
        })
        .collect();
    Row { path: text::name(path), differs: effective.windows(2).any(|pair| pair[0] != pair[1]), values }
}
