//! Hostile text made harmless: names and messages are data and may hold anything.

/// Longest name shown whole; the rest becomes `…`.
pub(crate) const NAME: usize = 96;

/// Longest sentence shown whole.
pub(crate) const SENTENCE: usize = 2000;

/// `text` on one line with everything invisible spelled out, cut after `limit` characters.
///
/// Control characters would drive a terminal, direction marks (`U+202E`, …) reorder what stands beside them and
/// zero-width ones make two names look alike; all appear as `\n`, `\t` or `\u{202e}`.
pub(crate) fn visible(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit) + 8);
    for (index, character) in text.chars().enumerate() {
        if index == limit {
            out.push('…');
            break;
        }
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_invisible(c) => out.push_str(&c.escape_unicode().to_string()),
            c => out.push(c),
        }
    }
    out
}

/// A name: [`visible`] with the limit [`NAME`].
pub(crate) fn name(text: &str) -> String {
    visible(text, NAME)
}

/// A sentence: [`visible`] with the limit [`SENTENCE`].
pub(crate) fn sentence(text: &str) -> String {
    visible(text, SENTENCE)
}

/// Whether a character must not reach a reader raw: controls (C0, DEL, C1), direction and format marks, zero-width
/// characters, line separators, tags, variation selectors, interlinear marks (Unicode 16, general category Cf and neighbours).
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E
                | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
                | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF
        )
}

/// `text` for an HTML or SVG text node or a quoted attribute. Does not make it [`visible`].
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Terminal columns of `text`: wide for East Asian and emoji, none for combining marks.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(column_width).sum()
}

fn column_width(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x2_0000..=0x3_FFFD => 2,
        _ => 1,
    }
}

/// Lines of at most `width` columns, broken at spaces where there are any.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    // A number and its percent sign stay on one line.
    let text = text.replace(" %", "\u{a0}%");
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut rest = word;
        if !line.is_empty() && columns(&line) + 1 + columns(rest) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while columns(&line) + columns(rest) > width {
            let mut room = width - columns(&line);
            let cut = rest
                .char_indices()
                .find(|(_, c)| {
                    let wide = column_width(*c);
                    let full = wide > room;
                    room = room.saturating_sub(wide);
                    full
                })
                .map_or(rest.len(), |(index, _)| index);
            line.push_str(&rest[..cut]);
            rest = &rest[cut..];
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(rest);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines.into_iter().map(|line| line.replace("\u{a0}%", " %")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invisible_characters_are_spelled_out() {
        assert_eq!(name("a\u{1b}[31m\n\u{202e}b\u{200b}\u{9b}"), r"a\u{1b}[31m\n\u{202e}b\u{200b}\u{9b}");
        assert_eq!(name("Grüße 日本"), "Grüße 日本");
        assert_eq!(visible("abcdef", 3), "abc…");
        assert_eq!(visible("abc", 3), "abc");
    }

    #[test]
    fn html_has_no_way_out() {
        assert_eq!(html(r#"<a b="c" d='e'>&"#), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_cuts_long_words() {
        assert_eq!(wrap("one two three four five six", 20), ["one two three four", "five six"]);
        assert_eq!(wrap(&"x".repeat(45), 20), ["x".repeat(20), "x".repeat(20), "x".repeat(5)]);
        assert_eq!(wrap("nothing within as much as 5 %", 28), ["nothing within as much as", "5 %"]);
        assert_eq!(wrap("", 20), [""]);
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[a-z日 ]{0,120}", width in 20usize..60) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| columns(line) <= width), "{lines:?}");
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }

        #[test]
        fn nothing_invisible_survives(text in any::<String>()) {
            prop_assert!(!name(&text).chars().any(is_invisible));
        }
    }
}
