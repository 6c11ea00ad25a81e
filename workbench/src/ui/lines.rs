//! Text in lines that fit.

/// `text` broken at spaces into lines of at most `width` columns, each behind `indent` spaces.
pub(crate) fn paragraph(text: &str, indent: usize, width: usize) -> String {
    hanging(&" ".repeat(indent), text, indent, width)
}

/// `label` padded to `label_width` and `text` beside it, wrapped below its own beginning; nothing where `text` is empty.
pub(crate) fn labelled(label: &str, label_width: usize, text: &str, indent: usize, width: usize) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let first = format!("{}{}  ", " ".repeat(indent), padded(label, label_width));
    hanging(&first, text, indent + label_width + 2, width)
}

/// Rows of a label and a text, the texts below each other.
pub(crate) fn columns(rows: &[(String, String)], indent: usize, width: usize) -> String {
    let label_width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    rows.iter()
        .map(|(label, text)| match text.trim() {
            "" => format!("{}{label}\n", " ".repeat(indent)),
            text => labelled(label, label_width, text, indent, width),
        })
        .collect()
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())))
}

/// Lines of words, the first behind `first`, later ones behind `indent` spaces. A word longer than a line stays whole:
/// people copy paths and settings.
fn hanging(first: &str, text: &str, indent: usize, width: usize) -> String {
    let mut out = String::from(first);
    let mut used = first.chars().count();
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !fresh && used + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
            fresh = true;
        }
        if !fresh {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
        fresh = false;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_between_words() {
        assert_eq!(paragraph("one two three four", 2, 12), "  one two\n  three four\n");
        assert_eq!(paragraph("unbreakablylongword x", 2, 8), "  unbreakablylongword\n  x\n");
    }

    #[test]
    fn labels_stand_beside_their_text() {
        assert_eq!(labelled("Go", 4, "one two three", 2, 16), "  Go    one two\n        three\n");
        assert_eq!(labelled("Go", 4, " ", 2, 16), "");
        let rows = [("a".to_owned(), "x".to_owned()), ("bcd".to_owned(), String::new())];
        assert_eq!(columns(&rows, 1, 40), " a    x\n bcd\n");
    }
}
