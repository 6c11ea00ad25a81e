//! Whom to attach to, as people name it: a number, an address, a program.

use super::address::{Address, AddressError};
use super::process;
use crate::load::network::Tls;

/// Processes that are listed where several have a name.
const MOST_LISTED: usize = 8;

/// Whom to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A process, by its number.
    Process(u32),
    /// A server of debug endpoints.
    Endpoints(Endpoints),
}

/// Address of a server of debug endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints(pub(super) Address);

impl Endpoints {
    /// The address, and whose certificates are taken there.
    pub(super) fn trusting(&self, trust: Tls) -> Address {
        Address { trust, ..self.0.clone() }
    }
}

/// Why a text names nobody.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A broken address.
    #[error("{0}")]
    Address(String),
    /// No process has the number.
    #[error("there is no process {pid}; `pgrep -a NAME` finds a number, and `attach NAME` takes a name")]
    NoProcess {
        /// Number given.
        pid: String,
    },
    /// No process has the name.
    #[error(
        "`{name}` is no number of a process, no address of debug endpoints, and no process has that name{}",
        nearest(candidates)
    )]
    NoName {
        /// Name given, harmless.
        name: String,
        /// Processes whose names contain it.
        candidates: Vec<String>,
    },
    /// Several processes have the name.
    #[error("several processes are named `{name}`; give the number of one:\n{}", candidates.join("\n"))]
    Several {
        /// Name given, harmless.
        name: String,
        /// A line each.
        candidates: Vec<String>,
    },
}

fn nearest(candidates: &[String]) -> String {
    if candidates.is_empty() { String::new() } else { format!("; did you mean\n{}", candidates.join("\n")) }
}

impl From<AddressError> for TargetError {
    fn from(error: AddressError) -> Self {
        Self::Address(error.to_string())
    }
}

impl Target {
    /// Reads `4711`, `http://127.0.0.1:6060`, `:6060` or `my-service`; a name must be that of one process.
    ///
    /// # Errors
    /// A text that names nobody, or several.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let no_process = || TargetError::NoProcess { pid: text.to_owned() };
            let pid = text.parse().map_err(|_| no_process())?;
            return match process::comm(pid) {
                Some(_) => Ok(Self::Process(pid)),
                None => Err(no_process()),
            };
        }
        if Address::is_meant(text) {
            return Ok(Self::Endpoints(Endpoints(Address::parse(text)?)));
        }
        by_name(text)
    }
}

fn by_name(name: &str) -> Result<Target, TargetError> {
    let own = std::process::id();
    let named = |fits: &dyn Fn(&str) -> bool| {
        let others = process::all().into_iter().filter(|pid| *pid != own);
        others
            .filter(|pid| {
                !name.is_empty()
                    && [process::comm(*pid), Some(process::program(*pid))].iter().flatten().any(|n| fits(n))
            })
            .collect::<Vec<u32>>()
    };
    let shown = name.escape_debug().to_string();
    match named(&|other| other == name).as_slice() {
        [only] => Ok(Target::Process(*only)),
        [] => Err(TargetError::NoName { name: shown, candidates: lines(&named(&|other| other.contains(name))) }),
        several => Err(TargetError::Several { name: shown, candidates: lines(several) }),
    }
}

/// `  4711 my-service --port 8080`, a line each.
fn lines(pids: &[u32]) -> Vec<String> {
    let mut lines: Vec<String> =
        pids.iter().take(MOST_LISTED).map(|pid| format!("  {pid} {}", command(*pid))).collect();
    if pids.len() > MOST_LISTED {
        lines.push(format!("  and {} more", pids.len() - MOST_LISTED));
    }
    lines
}

/// Command line of a process, harmless and short.
fn command(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&line).replace('\0', " ");
    let text = if text.trim().is_empty() { process::program(pid) } else { text.trim().to_owned() };
    reports::render::printable(&text.chars().take(80).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_addresses_and_names_are_told_apart() {
        let own = std::process::id();
        assert_eq!(Target::parse(&own.to_string()).unwrap(), Target::Process(own));
        assert!(matches!(Target::parse(":6060").unwrap(), Target::Endpoints(_)));
        assert!(matches!(Target::parse("1073741823"), Err(TargetError::NoProcess { .. })));
        assert!(matches!(Target::parse("99999999999999"), Err(TargetError::NoProcess { .. })));
        assert!(matches!(Target::parse("no-such-program-anywhere"), Err(TargetError::NoName { .. })));
        assert!(matches!(Target::parse(""), Err(TargetError::NoName { .. })));
        assert!(matches!(Target::parse("https://svc").unwrap(), Target::Endpoints(_)));
        let error = Target::parse("ftp://svc:6060").unwrap_err().to_string();
        assert!(error.contains("https://HOST:PORT"), "{error}");
    }
}
