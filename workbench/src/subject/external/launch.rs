//! The command line and environment of a program for one trial, and its start.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use probe::affinity::{self, Cpus};
use scenarios::knobs;
use scenarios::spec::{PORT, Program, Target, Variant};

use super::program;
use crate::settings;
use crate::subject::SubjectError;

/// What is started, with nothing left to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Launch {
    /// As the user wrote it, then the arguments.
    pub(super) words: Vec<String>,
    /// The file behind the first word.
    pub(super) file: PathBuf,
    folder: PathBuf,
    /// Variables that the scenario sets.
    pub(super) variables: BTreeMap<String, String>,
    /// CPUs that it is confined to, where it is.
    cpus: Option<String>,
}

impl Launch {
    /// `variant` has all of its settings; `cpus` are those that the driver leaves it.
    pub(super) fn new(
        program: &Program,
        variant: &Variant,
        port: u16,
        cpus: Option<String>,
    ) -> Result<Self, SubjectError> {
        let folder = match &program.folder {
            Some(folder) => folder.clone(),
            None => std::env::current_dir()
                .map_err(|e| SubjectError::Refused(format!("the working folder cannot be read: {e}")))?,
        };
        let filled = |text: &String| text.replace(PORT, &port.to_string());
        let words: Vec<String> = program.command_of(variant).iter().map(filled).collect();
        let file = locate(&words, &folder).map_err(|e| SubjectError::Refused(e.to_string()))?;
        let mut variables = knobs::program_variables(&variant.settings);
        variables.extend(program.env.clone());
        let own = variant.settings.iter().filter_map(|(path, value)| Some((path.strip_prefix("env.")?, value)));
        variables.extend(own.map(|(name, value)| (name.to_owned(), value.clone())));
        let variables = variables.into_iter().map(|(name, value)| (name, filled(&value))).collect();
        let cpus = variant.settings.get("cpu.affinity").cloned().or(cpus);
        Ok(Self { words, file, folder, variables, cpus })
    }

    /// Inherited allocator, tokio and Go variables are scrubbed, then the scenario's set.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.arg0(&self.words[0]).args(&self.words[1..]).current_dir(&self.folder);
        for name in settings::variable_names().iter().filter(|name| probe::environment::is_scrubbed(name)) {
            command.env_remove(name);
        }
        command.envs(&self.variables);
        command
    }

    /// Hands the command to `start`, on a thread that has the program's CPUs: what is started there inherits them.
    pub(super) fn start<T: Send>(
        &self,
        start: impl FnOnce(Command) -> Result<T, SubjectError> + Send,
    ) -> Result<T, SubjectError> {
        let Some(cpus) = &self.cpus else { return start(self.command()) };
        let refused = |e: affinity::AffinityError| SubjectError::Refused(format!("cpu.affinity: {e}"));
        let cpus: Cpus = cpus.parse().map_err(refused)?;
        std::thread::scope(|scope| {
            let started = scope.spawn(|| {
                affinity::set(&cpus).map_err(refused)?;
                start(self.command())
            });
            started.join().unwrap_or_else(|_| Err(SubjectError::Ours("the thread that starts programs died".into())))
        })
    }

    /// The executable that the kernel runs first: the file itself, or the interpreter that a script names. A process that
    /// was just started may have gone on to another already, so that it cannot be asked.
    pub(super) fn executable(&self) -> Option<PathBuf> {
        let interpreter = program::interpreter(&self.file);
        std::fs::canonicalize(interpreter.as_deref().unwrap_or(&self.file)).ok()
    }

    /// The program as messages name it.
    pub(super) fn name(&self) -> String {
        self.words[0].clone()
    }
}

/// The file behind the first word of a command.
pub(super) fn locate(words: &[String], folder: &Path) -> Result<PathBuf, program::ProgramError> {
    program::find(words.first().map_or("", String::as_str), folder, &settings::search_path())
}

/// Addresses of the target, with a free port where it has none.
pub(super) fn addresses(target: &Target) -> Result<Vec<SocketAddr>, SubjectError> {
    let port = match target.port {
        Some(port) => port,
        None => free_port().map_err(|e| SubjectError::Ours(format!("no free port: {e}")))?,
    };
    let resolved = (target.host.as_str(), port).to_socket_addrs();
    let found: Vec<SocketAddr> = resolved
        .map_err(|e| SubjectError::Refused(format!("the host of the target {target} has no address: {e}")))?
        .collect();
    if found.is_empty() {
        return Err(SubjectError::Refused(format!("the host of the target {target} has no address")));
    }
    Ok(found)
}

/// Nobody holds it at this moment. Whoever takes it before the program does is named by the check that follows.
fn free_port() -> std::io::Result<u16> {
    let socket = TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
    Ok(socket.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        let command = ["sh", "--port", "${port}"].map(str::to_owned).to_vec();
        let mut program = Program::new(command, Target::parse("http://127.0.0.1:${port}").unwrap().0);
        program.env.insert("LISTEN".into(), ":${port}".into());
        program.env.insert("FIX".into(), "0".into());
        program
    }

    fn variant() -> Variant {
        let settings = [("env.FIX", "1"), ("go.gogc", "50"), ("cpu.affinity", "0")];
        let settings = settings.into_iter().map(|(path, value)| (path.to_owned(), value.to_owned())).collect();
        Variant { settings, args: vec!["--threads".into(), "4".into()], ..Variant::plain("new") }
    }

    #[test]
    fn a_variant_becomes_a_command() {
        let launch = Launch::new(&program(), &variant(), 4711, Some("1".into())).unwrap();
        assert_eq!(launch.words, ["sh", "--port", "4711", "--threads", "4"]);
        assert!(launch.file.is_absolute(), "{:?}", launch.file);
        let variables: Vec<_> = launch.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(variables, ["FIX=1", "GOGC=50", "LISTEN=:4711"]);
        assert_eq!(launch.cpus.as_deref(), Some("0"), "what is asked for goes before what is left");
        let other = Variant { command: Some(vec!["/bin/true".into()]), ..Variant::plain("old") };
        let launch = Launch::new(&program(), &other, 4711, Some("1".into())).unwrap();
        assert_eq!((launch.words, launch.cpus), (vec!["/bin/true".to_owned()], Some("1".to_owned())));
    }

    #[test]
    fn a_script_is_run_by_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "#! /bin/sh -e\nexec sleep 1\n").unwrap();
        let launch =
            |file: &Path| Launch { file: file.to_owned(), ..Launch::new(&program(), &variant(), 1, None).unwrap() };
        assert_eq!(launch(&script).executable(), std::fs::canonicalize("/bin/sh").ok());
        assert_eq!(launch(Path::new("/bin/sh")).executable(), std::fs::canonicalize("/bin/sh").ok());
    }

    #[test]
    fn a_free_port_is_chosen_once_for_all_addresses() {
        let chosen = addresses(&Target::parse("http://localhost:${port}").unwrap().0).unwrap();
        assert!(chosen.iter().all(|address| address.port() == chosen[0].port() && address.port() > 0));
        let missing = addresses(&Target::parse("http://no.such.host.invalid:1").unwrap().0);
        assert!(missing.unwrap_err().to_string().contains("no.such.host.invalid"));
    }
}
