//! Folded text: one stack a line, root first, `a;b;c 42`.

use std::fmt::Write;

use crate::folded::{FoldError, Folded};
use crate::profile::Profile;

/// One value of a profile as folded text, names as they are in the profile.
///
/// # Errors
/// Where there is no such value, or one is negative.
pub fn folded(profile: &Profile, type_index: usize) -> Result<String, FoldError> {
    Ok(folded_stacks(&Folded::raw(profile, type_index)?))
}

/// Stacks as folded text.
///
/// The format has no escapes: in names `;` becomes `:`, and control characters become spaces.
pub fn folded_stacks(stacks: &Folded) -> String {
    let mut text = String::new();
    for (stack, value) in stacks.iter() {
        for (at, name) in stack.iter().enumerate() {
            if at > 0 {
                text.push(';');
            }
            text.extend(name.chars().map(plain));
        }
        writeln!(text, " {value}").expect("a String takes every write");
    }
    text
}

fn plain(c: char) -> char {
    match c {
        ';' => ':',
        // Line separators would end the line for some readers.
        '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}
