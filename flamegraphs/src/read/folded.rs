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
