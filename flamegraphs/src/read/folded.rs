//! Folded text, as `perf script | stackcollapse` and many profilers write it.

use crate::folded::Folded;

/// A line that is not a stack with a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected `root;caller;leaf 42`, found `{text}`")]
pub struct FoldedError {
    /// 1-based.
    pub line: usize,
    /// The line, its first 80 characters, control characters escaped.
    pub text: String,
}

/// Reads folded text. Empty lines and lines that begin with `# ` are skipped; a number without a stack, as
/// `go tool trace` profiles fold to, counts as `[no stack]`. The number ends the line after a space.
///
/// # Errors
/// At the first line without a non-negative whole number at its end.
pub fn folded(text: &str) -> Result<Folded, FoldedError> {
    let mut stacks = Folded::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with("# ") {
            continue;
        }
        let (stack, value) = split(line).ok_or_else(|| FoldedError {
            line: at + 1,
            text: line.chars().take(80).flat_map(char::escape_debug).collect(),
        })?;
        let frames: Vec<&str> = if stack.is_empty() { Vec::new() } else { stack.split(';').collect() };
        stacks.add(&frames, value);
    }
    Ok(stacks)
}

fn split(line: &str) -> Option<(&str, u64)> {
    let line = line.trim_end_matches([' ', '\t', '\r']);
    let (stack, number) = line.rsplit_once([' ', '\t']).unwrap_or(("", line));
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((stack, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::write::folded_stacks;

    #[test]
    fn lines_become_stacks_and_equal_ones_add_up() {
        let stacks = folded("# cpu\n\nmain;work with spaces 12\r\nmain;work with spaces 3\nmain 1\n 254\n7\n").unwrap();
        insta::assert_snapshot!(folded_stacks(&stacks), @r"
        [no stack] 261
        main 1
        main;work with spaces 15
        ");
        assert_eq!((stacks.len(), stacks.total()), (3, 277));
    }

    #[test]
    fn lines_without_a_number_are_named() {
        insta::assert_snapshot!(folded("a 1\na;b\n").unwrap_err(), @"line 2: expected `root;caller;leaf 42`, found `a;b`");
        insta::assert_snapshot!(folded("a\u{1b}[2J -1").unwrap_err(), @r"line 1: expected `root;caller;leaf 42`, found `a\u{1b}[2J -1`");
        assert!(folded("a 99999999999999999999").is_err());
        assert!(folded("a 1.5").is_err());
    }

    #[test]
    fn names_cannot_break_the_lines() {
        let mut stacks = Folded::new();
        stacks.add(&["[u8; 8]", "two\nlines", "ends 5"], 2);
        assert_eq!(folded_stacks(&stacks), "[u8: 8];two lines;ends 5 2\n");
    }

    proptest! {
        #[test]
        fn any_stacks_survive_the_text(lines in vec((vec("[a-c][a-z ;0-9]{0,5}[a-z0-9]", 1..5), 1_u64..1000), 0..20)) {
            let mut stacks = Folded::new();
            for (stack, value) in &lines {
                stacks.add(&stack.iter().map(|name| name.replace(';', ":")).collect::<Vec<_>>(), *value);
            }
            let again = folded(&folded_stacks(&stacks)).unwrap();
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), stacks.iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = folded(&text);
        }
    }
}
