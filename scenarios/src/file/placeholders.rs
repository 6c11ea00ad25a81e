//! `${sequence}` and `${random:N}` in paths and bodies.

use super::document::Field;
use crate::problem::{Problem, nearest, shown};

const KNOWN: &[&str] = &["sequence", "random"];

/// Reports the first placeholder that the driver would not replace; true where there is none.
pub(super) fn check(field: &Field<'_>, text: &str) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let inside = &rest[start + 2..];
        let Some(end) = inside.find('}') else {
            report(field, &rest[start..], "`${` without `}`".to_owned(), None);
            return false;
        };
        let name = &inside[..end];
        if let Err((message, help)) = check_name(name) {
            report(field, &rest[start..start + 2 + end + 1], message, help);
            return false;
        }
        rest = &inside[end + 1..];
    }
    true
}

fn check_name(name: &str) -> Result<(), (String, Option<String>)> {
    if name == "sequence" {
        return Ok(());
    }
    if let Some(bound) = name.strip_prefix("random:") {
        return match bound.parse::<u64>() {
            Ok(1..) if bound.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
            _ => Err((
                format!("`${{{}}}` needs a whole number of at least 1", shown(name)),
                Some("`${random:1000}` gives 0 to 999".to_owned()),
            )),
        };
    }
    let kind = name.split(':').next().unwrap_or(name);
    let help = match nearest(kind, KNOWN.iter().copied()) {
        Some("random") => "write `${random:1000}` for 0 to 999".to_owned(),
        Some(near) => format!("did you mean `${{{near}}}`?"),
        None => "there are `${sequence}` and `${random:N}`".to_owned(),
    };
    Err((format!("unknown placeholder `${{{}}}`", shown(name)), Some(help)))
}

/// Points at the placeholder where the file spells it as it is, else at the whole value.
fn report(field: &Field<'_>, placeholder: &str, message: String, help: Option<String>) {
    let source = field.report.text.get(field.span.clone()).unwrap_or_default();
    let span = match source.find(placeholder) {
        Some(at) => field.span.start + at..field.span.start + at + placeholder.len(),
        None => field.span.clone(),
    };
    field.report.add(Problem::new(message, span).maybe_help(help));
}
