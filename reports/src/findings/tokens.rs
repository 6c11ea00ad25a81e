//! A source as words and marks.

/// Words and marks with their lines; no comments, and nothing of texts and characters.
pub(super) fn tokens(source: &str) -> Vec<(u32, String)> {
    let text: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1_u32);
    let get = |at: usize| text.get(at).copied().unwrap_or('\0');
    let begins = |at: usize, word: &str| word.chars().enumerate().all(|(n, c)| get(at + n) == c);
    while at < text.len() {
        let from = at;
        let c = text[at];
        if c.is_whitespace() {
            at += 1;
        } else if begins(at, "//") {
            while at < text.len() && text[at] != '\n' {
                at += 1;
            }
        } else if begins(at, "/*") {
            let mut depth = 0_usize;
            loop {
                depth = if begins(at, "/*") {
                    depth + 1
                } else if begins(at, "*/") {
                    depth - 1
                } else {
                    depth
                };
                at += if begins(at, "/*") || begins(at, "*/") { 2 } else { 1 };
                if depth == 0 || at >= text.len() {
                    break;
                }
            }
        } else if let Some(end) = raw(&text, at) {
            at = end;
        } else if c == '"' || (c == '\'' && (get(at + 1) == '\\' || get(at + 2) == '\'')) {
            at += 1;
            while at < text.len() && text[at] != c {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
                at += 1;
            }
            tokens.push((line, text[from..at].iter().collect()));
        } else {
            let mark = ["..=", "..", "=>", "||", "<-"].into_iter().find(|mark| begins(at, mark));
            let mark = mark.map_or_else(|| c.to_string(), str::to_owned);
            at += mark.chars().count();
            tokens.push((line, mark));
        }
        let lines = text[from..at.min(text.len())].iter().filter(|c| **c == '\n').count();
        line += u32::try_from(lines).unwrap_or(0);
    }
    tokens
}

/// The end of a text without escapes that begins there: `r#"…"#`, or Go's between backticks.
fn raw(text: &[char], at: usize) -> Option<usize> {
    if text[at] == '`' {
        return Some(text[at + 1..].iter().position(|c| *c == '`').map_or(text.len(), |end| at + end + 2));
    }
    let prefix = text[at..].iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = text[at + prefix..].iter().take_while(|c| **c == '#').count();
    let quote = at + prefix + hashes;
    if !(1..=2).contains(&prefix) || !text[at..at + prefix].contains(&'r') || text.get(quote) != Some(&'"') {
        return None;
    }
    let ends = |from: usize| {
        text[from] == '"' && text[from + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some((quote + 1..text.len()).find(|from| ends(*from)).map_or(text.len(), |from| from + hashes + 1))
}
