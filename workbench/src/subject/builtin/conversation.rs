//! The parent's side of the talk with a child. Every wait has an end, and every ending of the child has a name.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reports::run::{ExitRecord, Settings};

use crate::child::protocol::{self, Assignment, PROTOCOL, Reply, Usage};
use crate::subject::SubjectError;
use crate::subject::guard::Guard;
use crate::subject::process::{Line, SubjectProcess, ending};

/// How often a wait looks at the stop flag.
const GLANCE: Duration = Duration::from_millis(50);
/// Time for a process to end once there is nothing left to do.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// A child and what it said first.
#[derive(Debug)]
pub(super) struct Conversation {
    process: SubjectProcess,
    stop: Arc<AtomicBool>,
}

/// The child's first words.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// Port of a networked workload.
    pub(super) port: Option<u16>,
    /// Where tokio-console can connect, in a trial of that kind.
    pub(super) console: Option<SocketAddr>,
    /// Settings read back.
    pub(super) effective: Settings,
    /// Sources of configuration that nobody asked for.
    pub(super) hidden: Vec<String>,
}

impl Conversation {
    /// Starts the child and gives it its assignment.
    pub(super) fn start(
        command: Command,
        marker: &str,
        guard: &Arc<Guard>,
        assignment: &Assignment,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, SubjectError> {
        let mut process = SubjectProcess::start(command, marker, guard)?;
        let line = serde_json::to_string(assignment).map_err(|e| SubjectError::Ours(format!("assignment: {e}")))?;
        process.say(&line);
        Ok(Self { process, stop })
    }

    /// From now on a stop is somebody else's to carry out, by what is said here.
    pub(super) fn in_good_order(&mut self) {
        self.stop = Arc::default();
    }

    /// Number of the child's process.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits until the child is ready.
    pub(super) fn ready(&mut self, patience: Duration) -> Result<Ready, SubjectError> {
        match self.hear("starting", patience)? {
            Reply::Ready { protocol, .. } if protocol != PROTOCOL => Err(SubjectError::Refused(format!(
                "its program speaks version {protocol} of the talk between workbench and its child, and this one version \
                 {PROTOCOL}: build it from its commit again, or save another baseline"
            ))),
            Reply::Ready { port, console, effective, hidden, .. } => Ok(Ready { port, console, effective, hidden }),
            other => Err(self.out_of_turn("ready", &other)),
        }
    }

    /// Says a command and waits for its reply.
    pub(super) fn ask(
        &mut self,
        command: &protocol::Command,
        during: &str,
        patience: Duration,
    ) -> Result<Reply, SubjectError> {
        let line = serde_json::to_string(command).map_err(|e| SubjectError::Ours(format!("command: {e}")))?;
        self.process.say(&line);
        self.hear(during, patience)
    }

    /// Totals of the process so far.
    pub(super) fn usage(&mut self, during: &str) -> Result<Usage, SubjectError> {
        match self.ask(&protocol::Command::Usage, during, Duration::from_secs(10))? {
            Reply::Usage(usage) => Ok(usage),
            other => Err(self.out_of_turn("usage", &other)),
        }
    }

    fn hear(&mut self, during: &str, patience: Duration) -> Result<Reply, SubjectError> {
        let deadline = Instant::now() + patience;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(SubjectError::Interrupted);
            }
            match self.process.hear(GLANCE.min(deadline.saturating_duration_since(Instant::now()))) {
                Line::Text(text) => return self.understand(&text, during),
                Line::Closed => {
                    let exit = self.process.finish(END_PATIENCE)?;
                    return Err(self.failed(&format!("{}, the process", when(during)), &exit));
                }
                Line::Late if Instant::now() < deadline => {}
                Line::Late => {
                    self.process.kill();
                    let reason = format!("hung: no answer for {patience:?} {}; it was killed", when(during));
                    return Err(SubjectError::Failed { reason, stderr: self.stderr() });
                }
            }
        }
    }

    fn understand(&mut self, text: &str, during: &str) -> Result<Reply, SubjectError> {
        match serde_json::from_str(text) {
            Ok(Reply::Refused { message }) => Err(SubjectError::Refused(message)),
            Ok(Reply::Failed { message }) => {
                let _ = self.process.finish(END_PATIENCE);
                let reason = format!("{}: {message}", when(during));
                Err(SubjectError::Failed { reason, stderr: self.stderr() })
            }
            Ok(reply) => Ok(reply),
            Err(_) => {
                self.process.kill();
                let shown: String = text.chars().take(80).collect();
                let reason = format!("{}, it printed garbage where a reply was due: {shown:?}", when(during));
                Err(SubjectError::Failed { reason, stderr: self.stderr() })
            }
        }
    }

    /// A failure that names how the process ended.
    pub(super) fn failed(&self, who: &str, exit: &ExitRecord) -> SubjectError {
        SubjectError::Failed { reason: format!("{who} {}", ending(exit)), stderr: self.stderr() }
    }

    /// A reply that is well-formed but not the one that was due.
    pub(super) fn out_of_turn(&self, due: &str, reply: &Reply) -> SubjectError {
        let mut shown = format!("{reply:?}");
        shown.truncate(shown.char_indices().nth(80).map_or(shown.len(), |(at, _)| at));
        SubjectError::Failed {
            reason: format!("answered out of turn: `{due}` was due, not {shown}"),
            stderr: self.stderr(),
        }
    }

    /// The last 64 KiB of its standard error.
    pub(super) fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Waits for the end, kills what is left, reaps.
    pub(super) fn finish(&mut self, patience: Duration) -> Result<ExitRecord, SubjectError> {
        self.process.finish(patience)
    }
}

/// "during the warm-up", but "while starting".
fn when(during: &str) -> String {
    let preposition = if during.starts_with("the ") { "during" } else { "while" };
    format!("{preposition} {during}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(script: &str, patience: Duration) -> Result<Reply, SubjectError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let process = SubjectProcess::start(command, &format!("t-talk-{}", script.len()), &Guard::without_process())?;
        let mut conversation = Conversation { process, stop: Arc::default() };
        conversation.ask(&protocol::Command::Usage, "being asked", patience)
    }

    fn reason(script: &str, patience: Duration) -> (String, String) {
        match talk(script, patience) {
            Err(SubjectError::Failed { reason, stderr }) => (reason, stderr),
            other => panic!("{other:?}"),
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_crash_names_the_status_and_keeps_the_last_words() {
        let (reason, stderr) = reason("read x; echo no more >&2; exit 3", LONG);
        insta::assert_snapshot!(reason, @"while being asked, the process exited with status 3");
        assert_eq!(stderr, "no more\n");
    }

    #[test]
    fn a_signal_is_named() {
        let (reason, _) = reason("read x; kill -ABRT $$", LONG);
        insta::assert_snapshot!(reason, @"while being asked, the process was ended by SIGABRT");
    }

    #[test]
    fn a_hang_ends() {
        let (reason, _) = reason("exec sleep 1000", Duration::from_millis(30));
        insta::assert_snapshot!(reason, @"hung: no answer for 30ms while being asked; it was killed");
    }

    #[test]
    fn garbage_is_shown_escaped() {
        let (reason, _) = reason("read x; printf 'gar\\033[31mbage\\n'; sleep 1000", LONG);
        insta::assert_snapshot!(reason, @r#"while being asked, it printed garbage where a reply was due: "gar\u{1b}[31mbage""#);
    }

    #[test]
    fn what_the_child_says_of_itself_is_passed_on() {
        let (reason, _) = reason(r#"read x; echo '{"reply":"failed","message":"no luck"}'; exit 1"#, LONG);
        insta::assert_snapshot!(reason, @"while being asked: no luck");
        let refused = talk(r#"read x; echo '{"reply":"refused","message":"no such value"}'; exit 1"#, LONG);
        assert!(matches!(refused, Err(SubjectError::Refused(message)) if message == "no such value"));
    }
}
