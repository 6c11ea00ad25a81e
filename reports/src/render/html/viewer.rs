//! The flamegraph viewer: samples as they are kept, unpacked and drawn by the page's own script. Without scripts it is not
//! there, and the static picture stands.

use base64::Engine;

use super::variants::Variant;
use crate::render::Page;
use crate::run::{Breach, Samples};

/// Packed samples larger than this are not embedded, bytes.
const MOST_BYTES: usize = 12 << 20;

/// One profile's viewer.
pub(super) struct Viewer {
    /// What the ids of its parts end in: that of its variant, so that the heat map finds it.
    pub(super) key: String,
    /// Base64 of gzipped JSON: a page's script unpacks it.
    pub(super) packed: String,
    /// Windows in which the service was late, seconds since the recording began: begin and end of each.
    pub(super) late: String,
    /// Why there is no viewer; may be empty.
    pub(super) note: String,
}

/// The viewer of a variant; `None` where its samples were not kept one by one.
pub(super) fn viewer(page: &Page<'_>, variant: &Variant<'_>) -> Option<Viewer> {
    let samples = page.samples.get(variant.raw)?;
    let breach = page.breaches.get(variant.raw).map(|seen| &seen.record);
    let Ok(bytes) = samples.packed() else { return None };
    if bytes.len() > MOST_BYTES {
        let note = format!("The viewer is left out: {} MiB of samples are too many for a page.", bytes.len() >> 20);
        return Some(Viewer { key: variant.key(), packed: String::new(), late: String::new(), note });
    }
    let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
    let late = breach.map(|breach| late(samples, breach)).unwrap_or_default();
    Some(Viewer { key: variant.key(), packed, late, note: String::new() })
}

fn late(samples: &Samples, breach: &Breach) -> String {
    let open = samples.open_at_s.unwrap_or(0.0);
    let edges = breach.windows.iter().map(|window| {
        let from = open + window.at_s;
        format!("{from:.6} {:.6}", from + window.length_s)
    });
    edges.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn samples_are_embedded_as_they_are_kept_and_scripts_may_stay_off() {
        let without = page(&Fixture::two_variants().page());
        assert!(!without.contains("class=\"viewer\"") && !without.contains("DecompressionStream"));
        let fixture = Fixture::two_variants().with_samples();
        let page = page(&fixture.page());
        let host = page.split("<div class=\"viewer\" id=\"viewer-s0\"").nth(1).expect("a viewer");
        let tag = &host[..host.find('>').unwrap()];
        for attribute in [
            " hidden=\"\" ",
            "data-samples=\"samples-s0\"",
            "data-still=\"still-s0\"",
            "data-late=\"1.000000 1.080000 ",
        ] {
            assert!(tag.contains(attribute), "{attribute}: {tag}");
        }
        // Without scripts the static picture is what there is.
        assert!(page.contains("<div id=\"still-s0\"><iframe title=\"CPU flamegraph of sync\""));
        assert!(!page.contains("viewer-s1"), "the second variant has no samples");
        assert_eq!(page.matches("The samples of this profile have no times").count(), 1, "which is said of it");
        let packed = page.split("id=\"samples-s0\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed.trim()).unwrap();
        let mut json = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut json).unwrap();
        let read: Samples = serde_json::from_str(&json).unwrap();
        assert_eq!(&read, fixture.samples.values().next().unwrap());
        assert!(!page.contains("<b>stall"), "names are in the packed text alone");
    }

    #[test]
    fn names_never_become_markup() {
        let scripts = [
            include_str!("../../../templates/report/viewer.js"),
            include_str!("../../../templates/report/heat.js"),
            include_str!("../../../templates/report/difference.js"),
        ];
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "http:",
            "https:",
            "import(",
        ] {
            assert!(scripts.iter().all(|script| !script.contains(way)), "{way}");
        }
        assert!(scripts.iter().all(|script| !script.contains("</")), "a script ends where the page says");
    }
}
