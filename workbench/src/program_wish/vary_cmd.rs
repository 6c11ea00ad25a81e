//! `--vary-cmd`.

use crate::exit::Refusal;

/// Splits `NAME=COMMAND` and the command into words, as a shell would.
///
/// # Errors
/// A [`Refusal`] with what would be right.
pub fn parse_vary_cmd(text: &str) -> anyhow::Result<(String, Vec<String>)> {
    let wrong = |what: &str| {
        Err(Refusal::usage(format!(
            "`--vary-cmd {text}` {what}: write --vary-cmd new=./new-service, or \
                                    --vary-cmd 'new=./new-service --port 8080'"
        )))
    };
    let Some((name, command)) = text.split_once('=') else { return wrong("has no `=`") };
    let name = name.trim();
    if name.is_empty() {
        return wrong("has no name before the `=`");
    }
    match shlex::split(command) {
        Some(words) if words.first().is_some_and(|word| !word.is_empty()) => Ok((name.to_owned(), words)),
        Some(_) => wrong("has no command after the `=`"),
        None => wrong("has a quote that is not closed"),
    }
}
