//! The end of a subject's standard error, as a person wants it in a message.

/// Most lines of it.
const LINES: usize = 12;

/// The last lines, without the frames of backtraces: those would push what was said out of sight. They stay in the
/// run directory.
pub fn last_words(stderr: &str) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut in_backtrace = false;
    for line in stderr.trim_end().lines() {
        if in_backtrace && is_frame(line) {
            continue;
        }
        in_backtrace = line == "stack backtrace:";
        if !in_backtrace {
            kept.push(line);
        }
    }
    kept.split_off(kept.len().saturating_sub(LINES))
}

/// `  12: function`, `      at file:line`, and the remark that ends a backtrace.
fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    let number = text.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    (text.len() < line.len() && (number || text.starts_with("at ")))
        || line.starts_with("note: Some details are omitted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_does_not_hide_the_panic() {
        let stderr = "one\nthread 'a' panicked at src/x.rs:1:2:\nno luck\nstack backtrace:\n   0: start\n             \
                      at /x.rs:3:4\n  10: main\nnote: Some details are omitted, run with `RUST_BACKTRACE=full`\nlast\n";
        assert_eq!(last_words(stderr), ["one", "thread 'a' panicked at src/x.rs:1:2:", "no luck", "last"]);
    }

    #[test]
    fn lines_that_look_like_frames_stay_outside_of_backtraces() {
        assert_eq!(last_words("  3: three\n   at home\n"), ["  3: three", "   at home"]);
    }

    #[test]
    fn only_the_end_is_kept() {
        let stderr: String = (0..40).map(|n| format!("{n}\n")).collect();
        let kept = last_words(&stderr);
        assert_eq!((kept.len(), kept[0], kept[11]), (12, "28", "39"));
        assert!(last_words("").is_empty());
    }
}
