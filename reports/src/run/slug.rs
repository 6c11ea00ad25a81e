//! Names of variants and scenarios as safe names of directories.

use std::collections::BTreeMap;

/// Longest slug in bytes: leaves room for the rest of a path name component.
const LONGEST: usize = 60;

/// A directory-safe slug for every name: unique even where the file system ignores case, and a pure function of the
/// names in this order. `../../x` becomes `x`.
pub fn slugs<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut taken: Vec<String> = Vec::new();
    let mut slugs = BTreeMap::new();
    for name in names {
        if slugs.contains_key(name) {
            continue;
        }
        let plain = slug(name);
        let mut unique = plain.clone();
        let mut number = 2;
        while taken.contains(&unique.to_lowercase()) {
            unique = format!("{plain}-{number}");
            number += 1;
        }
        taken.push(unique.to_lowercase());
        slugs.insert(name.to_owned(), unique);
    }
    slugs
}

/// Letters, digits, `.`, `_` and `-` of ASCII stay; runs of anything else become one `-`. Never empty, never hidden,
/// never `..`.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if slug.len() >= LONGEST {
            break;
        }
        if character.is_ascii_alphanumeric() || matches!(character, '.' | '_') {
            slug.push(character);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches(['-', '.']);
    if slug.is_empty() { "unnamed".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_names_stay_inside() {
        let names = ["../../x", "a/b", "..", "", "a\\b", "x", ".hidden", "A/B", "\u{202e}\u{1b}[31m", "fixed"];
        let slugs = slugs(names);
        let shown: Vec<&str> = names.iter().map(|name| slugs[*name].as_str()).collect();
        assert_eq!(shown, ["x", "a-b", "unnamed", "unnamed-2", "a-b-2", "x-2", "hidden", "A-B-3", "31m", "fixed"]);
    }

    #[test]
    fn long_names_are_cut() {
        let long = "n".repeat(10_000);
        assert_eq!(slugs([long.as_str()])[&long].len(), LONGEST);
    }

    proptest! {
        #[test]
        fn slugs_are_distinct_single_components(names in proptest::collection::vec(".{0,80}", 1..8)) {
            let slugs = slugs(names.iter().map(String::as_str));
            let mut seen = std::collections::BTreeSet::new();
            for slug in slugs.values() {
                let parts: Vec<_> = Path::new(slug).components().collect();
                prop_assert!(matches!(parts.as_slice(), [Component::Normal(_)]), "{slug}");
                prop_assert!(slug.len() < 80 && slug.is_ascii());
                prop_assert!(seen.insert(slug.to_lowercase()));
            }
        }
    }
}
