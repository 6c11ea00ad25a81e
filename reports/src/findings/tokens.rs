//! A source as words and marks.

use std::ops::Range;

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

/// The word or mark at a place; empty beyond the end.
pub(super) fn word_at(tokens: &[(u32, String)], at: usize) -> &str {
    tokens.get(at).map_or("", |(_, word)| word.as_str())
}

/// Whether it is a name, or a word of the language.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// What a bracket closes, or is closed by.
fn other(bracket: &str) -> &str {
    match bracket {
        "(" => ")",
        ")" => "(",
        "[" => "]",
        "]" => "[",
        "{" => "}",
        "}" => "{",
        _ => "",
    }
}

/// Where the first of these places leads out of as many brackets as into, `bracket` leading in.
fn balanced(tokens: &[(u32, String)], mut places: impl Iterator<Item = usize>, bracket: &str) -> Option<usize> {
    let mut depth = 0_usize;
    places.find(|at| {
        match word_at(tokens, *at) {
            word if word == bracket => depth += 1,
            word if word == other(bracket) => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// The bracket that the one at a place closes.
pub(super) fn opening(tokens: &[(u32, String)], closes: usize) -> Option<usize> {
    balanced(tokens, (0..=closes).rev(), word_at(tokens, closes))
}

/// Places within the brackets that are opened at one; to the end, where nothing closes them.
pub(super) fn within(tokens: &[(u32, String)], opens: usize) -> Range<usize> {
    opens + 1..balanced(tokens, opens..tokens.len(), word_at(tokens, opens)).unwrap_or(tokens.len())
}

/// The bracket of these kinds that is open at a place.
pub(super) fn around(tokens: &[(u32, String)], at: usize, brackets: &[&str]) -> Option<usize> {
    let mut depth = 0_usize;
    (0..at).rev().find(|at| {
        let word = word_at(tokens, *at);
        if brackets.contains(&other(word)) {
            depth += 1;
        } else if brackets.contains(&word) {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            }
        }
        false
    })
}

/// The bracket of the parameters of a function whose name stands at a place, behind those of its types.
pub(super) fn parameters_of(tokens: &[(u32, String)], name: usize) -> Option<usize> {
    let mut depth = 0_i32;
    (name + 1..tokens.len()).find(|at| {
        match word_at(tokens, *at) {
            "<" => depth += 1,
            // No arrow: `F: Fn(u64) -> T`.
            ">" if word_at(tokens, at - 1) != "-" => depth -= 1,
            _ => {}
        }
        depth == 0 && word_at(tokens, *at) == "("
    })
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
