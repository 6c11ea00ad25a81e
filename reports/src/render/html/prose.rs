//! Sentences with names set apart.

use crate::render::text;

/// A sentence as HTML: escaped, with what stands between backticks as code. Backticks that do not pair stay as they are.
pub(super) fn prose(raw: &str) -> String {
    // A number and its percent sign stay on one line.
    let sentence = text::sentence(raw).replace(" %", "\u{a0}%");
    let parts: Vec<_> = sentence.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text::html(&sentence);
    }
    let tagged = parts.iter().enumerate().map(|(index, part)| {
        let part = text::html(part);
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part }
    });
    tagged.collect()
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn names_between_backticks_become_code() {
        assert_eq!(prose("`a` lowers <b> by 3 %, `c`"), "<code>a</code> lowers &lt;b&gt; by 3\u{a0}%, <code>c</code>");
        assert_eq!(prose("`a` and `b"), "`a` and `b");
        assert_eq!(prose("`<i>`"), "<code>&lt;i&gt;</code>");
        assert_eq!(prose(""), "");
    }
}
