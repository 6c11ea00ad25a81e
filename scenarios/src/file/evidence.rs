//! `evidence`: what is gathered after the measurements unless a command says otherwise.
//!
//! Like a limit it is no part of what is measured: it changes neither the scenario nor whether two runs are comparable.

use toml::de::DeValue;

use super::document::{self, Field, Section};
use crate::problem::{Problems, listed, nearest, shown};

/// Every kind of evidence, by the names that commands and run directories give them.
pub const EVIDENCE_KINDS: &[&str] = &["cpu", "heap", "tasks", "allocator", "console", "wait", "trace"];

/// Reads the kinds of evidence of a scenario's text, in the order of the file and each once; none where the file does not
/// say. `file` is the name that messages give it.
///
/// # Errors
/// Text that is no TOML, and kinds that are not.
pub fn evidence(file: &str, text: &str) -> Result<Vec<&'static str>, Problems> {
    document::part(file, text, read)
}

/// Reads `evidence`; what is no kind is reported and left out.
pub(super) fn read(root: &Section<'_>) -> Vec<&'static str> {
    let Some(field) = root.get("evidence") else { return Vec::new() };
    let DeValue::Array(items) = field.value else {
        field.wrong_type("an array of kinds", Some("for example [\"cpu\", \"wait\", \"trace\"]".to_owned()));
        return Vec::new();
    };
    let mut kinds = Vec::new();
    for item in items {
        let item = Field { value: item.get_ref(), span: item.span(), ..field.clone() };
        kinds.extend(one(&item).filter(|kind| !kinds.contains(kind)));
    }
    kinds
}

fn one(item: &Field<'_>) -> Option<&'static str> {
    let Some(name) = item.value.as_str() else {
        item.wrong_type("an array of kinds", Some(format!("they are {}", listed(EVIDENCE_KINDS))));
        return None;
    };
    let kind = EVIDENCE_KINDS.iter().copied().find(|kind| *kind == name);
    if kind.is_none() {
        let help = match nearest(name, EVIDENCE_KINDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(EVIDENCE_KINDS)),
        };
        item.problem(format!("unknown kind of evidence `{}`", shown(name)), Some(help));
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_their_order_and_once() {
        assert_eq!(evidence("a.toml", "evidence = [\"wait\", \"cpu\", \"wait\"]\n").unwrap(), ["wait", "cpu"]);
        assert_eq!(evidence("a.toml", "name = \"a\"\n").unwrap(), Vec::<&str>::new());
    }

    #[test]
    fn what_is_no_kind_is_named_where_it_stands() {
        let unknown = evidence("a.toml", "name = \"a\"\nevidence = [\"cpu\", \"trase\", \"x\", 3]\n").unwrap_err();
        let text = evidence("a.toml", "evidence = \"cpu\"\n").unwrap_err();
        insta::assert_snapshot!(format!("{unknown}\n\n{text}"));
    }
}
