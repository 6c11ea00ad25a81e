//! A colour per name, by whose code it is: nothing is random, and the same name has the same colour in every picture.
//!
//! All are light enough for black text (contrast at least 7 : 1) and distinct from white and from near-black pages.

use inferno::flamegraph::color::{Color, PaletteMap};

/// Colours of these names. inferno draws the frame `all` under the empty name.
pub(super) fn for_names(names: &[String]) -> PaletteMap {
    let mut map = PaletteMap::default();
    map.insert("", Color { r: 190, g: 190, b: 194 });
    for name in names {
        map.insert(name, of(name));
    }
    map
}

/// Grey for plumbing, blue for tasks, green for std and tokio's API, yellow to red for everything else.
fn of(name: &str) -> Color {
    let shade = shade(name);
    let mix = |low: u8, high: u8| low + ((high - low) as f64 * shade) as u8;
    if name.starts_with('[') {
        return Color { r: 198, g: 198, b: 202 };
    }
    if name.starts_with("task ") {
        return Color { r: mix(130, 160), g: mix(185, 210), b: mix(238, 250) };
    }
    if ["std::", "core::", "alloc::", "tokio::"].iter().any(|prefix| name.starts_with(prefix)) {
        return Color { r: mix(150, 180), g: mix(208, 225), b: mix(140, 170) };
    }
    Color { r: mix(244, 253), g: mix(150, 214), b: mix(96, 120) }
}

/// FNV-1a over the path without its last segment, so that functions of one module look alike, with a little of the
/// whole name: from 0 to 1.
fn shade(name: &str) -> f64 {
    let module = name.rsplit_once("::").map_or(name, |(module, _)| module);
    let unit = |text: &str| {
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // The low bits of FNV-1a are its best ones.
        ((hash >> 7) & 0xffff) as f64 / f64::from(0xffff)
    };
    0.75 * unit(module) + 0.25 * unit(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.1.
    fn luminance(color: Color) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)
    }

    #[test]
    fn black_text_is_readable_on_every_colour() {
        let own = (0..500).map(|n| format!("app{n}::function"));
        let tasks = (0..50).map(|n| format!("task app{n}::serve"));
        let fixed = ["", "[runtime]", "std::x", "tokio::time::sleep"].map(String::from);
        for name in own.chain(tasks).chain(fixed) {
            let contrast = (luminance(of(&name)) + 0.05) / 0.05;
            assert!(contrast >= 7.0, "{name}: {contrast}");
        }
    }

    #[test]
    fn kinds_of_frames_have_their_own_colours_and_modules_differ() {
        assert_eq!(of("[runtime]"), of("[hyper]"));
        assert_ne!(of("task app::a"), of("app::a"));
        assert_ne!(of("argon2::fill"), of("app::login"));
        assert_eq!(of("app::login"), of("app::login"));
    }
}
