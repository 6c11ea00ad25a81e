//! A build that takes minutes: what it prints is kept, and told from time to time.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that are kept of what a build prints.
const KEPT: usize = 20;
/// How often it is looked whether a build has ended that left somebody behind who holds its output open.
const LOOK: Duration = Duration::from_millis(500);

/// How a build ended.
pub(super) struct Built {
    pub(super) status: ExitStatus,
    /// The last lines of standard output and error, as they came.
    pub(super) tail: Vec<String>,
}

/// Runs a build to its end; tells `say` every `period` how long it has taken and the latest line.
pub(super) fn run(mut command: Command, period: Duration, say: &mut dyn FnMut(&str)) -> io::Result<Built> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // Our ends of the pipe: without them it ends with the build.
    drop(command);
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    let (began, mut told) = (Instant::now(), Instant::now());
    let mut tail = VecDeque::new();
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => {
                if tail.len() == KEPT {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= period {
            told = Instant::now();
            let latest = tail.back().map(|line| format!(": {}", reports::render::printable(line.trim())));
            say(&format!("still building after {} s{}", began.elapsed().as_secs(), latest.unwrap_or_default()));
        }
    }
    Ok(Built { status: child.wait()?, tail: tail.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_it_prints_is_kept_and_told() {
        let mut told = Vec::new();
        let script = "for i in $(seq 30); do echo line $i; done; echo last >&2; exit 3";
        let built = run(shell(script), Duration::ZERO, &mut |text| told.push(text.to_owned())).unwrap();
        assert_eq!(built.status.code(), Some(3));
        assert_eq!((built.tail.len(), built.tail.last().map(String::as_str)), (KEPT, Some("last")));
        assert!(told.first().is_some_and(|text| text.starts_with("still building after ")), "{told:?}");
        assert!(told.last().is_some_and(|text| text.ends_with(": last")), "{told:?}");
    }

    /// A compiler's server that stays does not hold up the gate.
    #[test]
    fn who_is_left_behind_holds_up_nothing() {
        let built = run(shell("sleep 600 & echo $!"), Duration::from_secs(3_600), &mut |_| {}).unwrap();
        assert!(built.status.success());
        assert!(Command::new("kill").arg(&built.tail[0]).status().unwrap().success(), "it had ended by itself");
    }
}
