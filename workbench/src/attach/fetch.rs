//! Everything that a server of debug endpoints has to tell, asked for once: what stands first, then what takes time, all of
//! that over the same span.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::address::Address;
use super::http::{Answer, HttpError, get};
use super::listener;
use crate::load::network::Tls;
use crate::load::network::once::Disagreed;

/// How much longer than the span asked for an answer may take.
const GRACE: Duration = Duration::from_secs(30);
/// Bytes of one compressed profile.
const MOST_PROFILE: usize = 64 << 20;
/// Bytes of one text.
const MOST_TEXT: usize = 16 << 20;
/// More goroutines than this are not listed one by one: the dump stops the world for as long as it takes to write them.
const MOST_GOROUTINES: i64 = 50_000;
/// Profiles of the program's own that are fetched.
const MOST_OWN: usize = 8;
/// How often the stop flag is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// What Go's own index lists (`net/http/pprof`); anything else is a profile of the program's own.
const KNOWN: &[&str] = &[
    "allocs",
    "block",
    "cmdline",
    "goroutine",
    "goroutineleak",
    "heap",
    "mutex",
    "profile",
    "symbol",
    "threadcreate",
    "trace",
];

/// Why nothing can be asked of a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    /// No answer.
    #[error("{url}: {source}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// Why.
        source: HttpError,
    },
    /// It wants to know who asks.
    #[error("{url} wants a name and a password (it answered {status}): http://NAME:PASSWORD@HOST:PORT gives them")]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// Status code.
        status: u16,
    },
    /// Its certificate is not taken.
    #[error("{url}: {problem}; `--tls-ca FILE` trusts whoever signed it, `--insecure` takes any")]
    Certificate {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It answers TLS alone.
    #[error("{url}: what listens there speaks TLS: write {instead}")]
    Secured {
        /// What was asked for.
        url: String,
        /// What to ask for.
        instead: String,
    },
    /// Something else lives there.
    #[error(
        "{url} is no index of debug endpoints: {what}. A Go program has them by `import _ \"net/http/pprof\"` and a listening \
         http.Server, a Rust program by `probe::endpoints`; another folder is given whole, http://HOST:PORT/FOLDER/debug/pprof/"
    )]
    NotPprof {
        /// What was asked for.
        url: String,
        /// What answered instead.
        what: String,
    },
}

/// A server that was found.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) address: Address,
    /// Names of the profiles that it lists.
    pub(super) listed: Vec<String>,
    /// It is `probe::endpoints`, whose goroutines are tasks.
    pub(super) ours: bool,
    /// What `cmdline` says first; empty where it says nothing.
    pub(super) program: String,
    /// Its process, where it runs on this machine and can be seen.
    pub(super) pid: Option<u32>,
}

/// What came of asking.
pub(super) type Came = Result<Answer, String>;

/// One profile.
#[derive(Debug)]
pub(super) struct FetchedProfile {
    /// `cpu`, `heap`, …: the name that it is kept under.
    pub(super) kind: String,
    /// What was asked for last.
    pub(super) path: String,
    /// Over which span, in words.
    pub(super) span: String,
    /// The bytes, or why there are none.
    pub(super) came: Came,
    /// CPU seconds that the process used over the span, by the kernel's count; absent where it could not be read.
    pub(super) used_s: Option<f64>,
}

/// All that was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) profiles: Vec<FetchedProfile>,
    /// Go's `goroutine?debug=2`, or why it was not asked for.
    pub(super) dump: Came,
    /// Go's `heap?debug=1`, whose end are the figures of `runtime.MemStats`.
    pub(super) memstats: Came,
    /// Our `/debug/metrics.json`.
    pub(super) metrics_json: Came,
    /// `/metrics`, where there is one.
    pub(super) metrics: Came,
    /// One contention in so many is sampled; 0 where none is, absent where it could not be learned.
    pub(super) mutex_fraction: Option<u64>,
}

impl Server {
    /// Asks for the index and for the name of the program.
    ///
    /// # Errors
    /// Nobody there, or somebody else.
    pub(super) async fn find(address: Address) -> Result<Self, ServerError> {
        let url = address.url();
        let index = get(&address, &format!("{}/", address.folder), GRACE, MOST_TEXT).await;
        // Servers that speak TLS say to others what comes to their minds: nothing, an alert, a page.
        let doubtful = match &index {
            Ok(answer) => answer.status == 400,
            Err(error) => matches!(error, HttpError::NotHttp(_) | HttpError::Cut { .. }),
        };
        if doubtful && !address.secure {
            let secured = Address { secure: true, trust: Tls::Insecure, ..address.clone() };
            if get(&secured, &format!("{}/", address.folder), GRACE, MOST_TEXT).await.is_ok() {
                return Err(ServerError::Secured { url, instead: secured.url() });
            }
        }
        let index = index.map_err(|source| match source {
            HttpError::Tls(Disagreed::Certificate(problem)) => ServerError::Certificate { url: url.clone(), problem },
            source => ServerError::NoAnswer { url: url.clone(), source },
        })?;
        match index.status {
            200 => {}
            401 | 403 | 407 => return Err(ServerError::Unauthorized { url, status: index.status }),
            status => return Err(ServerError::NotPprof { url, what: format!("it answered {status}") }),
        }
        let page = String::from_utf8_lossy(&index.body);
        let listed = listed(&page);
        if !listed.iter().any(|name| KNOWN.contains(&name.as_str())) {
            let what = match index.content_type.split(';').next().unwrap_or_default() {
                "" => "what it answers lists no profile".to_owned(),
                kind => format!("its {kind} lists no profile"),
            };
            return Err(ServerError::NotPprof { url, what });
        }
        let ours = page.contains("The count of goroutines is that of live tasks");
        let cmdline = get(&address, &format!("{}/cmdline", address.folder), GRACE, MOST_TEXT).await;
        let cmdline = cmdline.ok().filter(|answer| answer.status == 200).map(|answer| answer.body).unwrap_or_default();
        // Arguments are separated by zeros; the others may hold secrets and are not kept.
        let first = String::from_utf8_lossy(cmdline.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
        let program = first.rsplit('/').next().unwrap_or_default().trim().to_owned();
        let pid = if address.is_local() { listener::of(address.port) } else { None };
        Ok(Self { address, listed, ours, program, pid })
    }

    /// Fetches everything; what takes time is asked for together, over the same `span`.
    pub(super) async fn fetch(&self, span: Duration, hz: u32, stop: &Arc<AtomicBool>) -> Fetched {
        let mut profiles = Vec::new();
        // What stands is asked for before the CPU profile, which would otherwise see the asking.
        for kind in
            ["heap", "goroutine", "goroutineleak", "threadcreate"].map(str::to_owned).into_iter().chain(self.own())
        {
            if self.lists(&kind) {
                let came = self.ask(&kind, "", Duration::ZERO, MOST_PROFILE, stop).await;
                let span = "at one moment".to_owned();
                profiles.push(FetchedProfile { path: self.path(&kind), kind, span, came, used_s: None });
            }
        }
        let goroutines = profiles.iter().find(|one| one.kind == "goroutine").and_then(|one| one.came.as_ref().ok());
        let alive = goroutines.and_then(|answer| flamegraphs::read::pprof(&answer.body).ok()).and_then(|p| p.total(0));
        let dump = match alive {
            _ if self.ours => Err("tokio keeps no list of single tasks".to_owned()),
            Some(alive) if alive > MOST_GOROUTINES => Err(format!(
                "there are {alive} goroutines, and a dump of them would stop the program for as long as it takes to write it"
            )),
            _ => self.ask("goroutine", "?debug=2", Duration::ZERO, MOST_TEXT, stop).await,
        };
        let mutex = self.ask("mutex", "?debug=1", Duration::ZERO, MOST_TEXT, stop).await;
        profiles.extend(self.over(span, hz, stop).await);
        let memstats = self.ask("heap", "?debug=1", Duration::ZERO, MOST_TEXT, stop).await;
        let beside = |name: &str| format!("{}{name}", self.address.root);
        let metrics_json = self.raw(&beside("/debug/metrics.json"), Duration::ZERO, MOST_TEXT, stop).await;
        let metrics = self.raw(&beside("/metrics"), Duration::ZERO, MOST_TEXT, stop).await;
        Fetched {
            profiles,
            dump,
            memstats,
            metrics_json,
            metrics,
            mutex_fraction: mutex.ok().and_then(|answer| mutex_fraction(&String::from_utf8_lossy(&answer.body))),
        }
    }

    /// What takes as long as the span.
    async fn over(&self, span: Duration, hz: u32, stop: &Arc<AtomicBool>) -> Vec<FetchedProfile> {
        let seconds = span.as_secs().max(1);
        let mut asking = JoinSet::new();
        for (order, (kind, name)) in
            [("cpu", "profile"), ("allocs", "allocs"), ("block", "block"), ("mutex", "mutex")].into_iter().enumerate()
        {
            let (server, stop) = (self.clone(), Arc::clone(stop));
            asking.spawn(async move {
                // Go samples at 100 Hz whatever is asked for; ours knows `hz`.
                let rate = if kind == "cpu" { format!("&hz={hz}") } else { String::new() };
                let query = format!("?seconds={seconds}{rate}");
                let within = Duration::from_secs(seconds);
                let before = if kind == "cpu" { server.cpu_s() } else { None };
                let mut one = FetchedProfile {
                    kind: kind.to_owned(),
                    path: server.path(name) + &query,
                    span: format!("over {seconds} s"),
                    came: server.ask(name, &query, within, MOST_PROFILE, &stop).await,
                    used_s: None,
                };
                one.used_s =
                    before.zip(server.cpu_s()).map(|(before, after)| after - before).filter(|used| *used > 0.0);
                if matches!(kind, "allocs" | "block" | "mutex") && one.came.as_ref().is_ok_and(is_empty) {
                    // Nothing in the span; something since the start is still worth a look.
                    one.came = server.ask(name, "", Duration::ZERO, MOST_PROFILE, &stop).await;
                    one.span = format!("since the program began (nothing was added in {seconds} s)");
                    one.path = server.path(name);
                }
                (order, one)
            });
        }
        let mut all = asking.join_all().await;
        all.sort_by_key(|(order, _)| *order);
        all.into_iter().map(|(_, one)| one).collect()
    }

    /// CPU seconds of the process so far, where it runs on this machine and is ours to read.
    fn cpu_s(&self) -> Option<f64> {
        let pid = i32::try_from(self.pid?).ok()?;
        probe::usage::process_of(pid).ok().map(|process| process.cpu_s)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.address.folder)
    }

    fn lists(&self, name: &str) -> bool {
        self.listed.iter().any(|listed| listed == name)
    }

    /// Profiles of the program's own, by name.
    fn own(&self) -> Vec<String> {
        self.listed.iter().filter(|name| !KNOWN.contains(&name.as_str())).take(MOST_OWN).cloned().collect()
    }

    async fn ask(&self, name: &str, query: &str, span: Duration, most: usize, stop: &Arc<AtomicBool>) -> Came {
        self.raw(&(self.path(name) + query), span, most, stop).await
    }

    /// Anything but a whole answer of status 200 is a reason.
    async fn raw(&self, path: &str, span: Duration, most: usize, stop: &Arc<AtomicBool>) -> Came {
        let asked = async {
            match get(&self.address, path, span + GRACE, most).await {
                Ok(answer) if answer.status == 200 => Ok(answer),
                Ok(answer) => Err(refusal(path, &answer)),
                Err(error) => Err(format!("{path}: {error}")),
            }
        };
        tokio::select! {
            came = asked => came,
            () = stopped(stop) => Err("it was interrupted".to_owned()),
        }
    }
}

async fn stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(GLANCE).await;
    }
}

fn refusal(path: &str, answer: &Answer) -> String {
    let said = match answer.content_type.contains("html") {
        true => String::new(),
        false => answer.first_line(),
    };
    let said = said.trim_end_matches('.').to_owned();
    match (answer.status, said.as_str()) {
        (status, "") => format!("{path} answered {status}"),
        (status, said) => format!("{path} answered {status}: {said}"),
    }
}

/// Names that an index links to: `<a href='heap?debug=1'>`, `<a href="/debug/pprof/heap?debug=1">`.
fn listed(page: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for link in page.split("href=").skip(1) {
        let Some(quote) = link.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let Some(target) = link[1..].split(quote).next() else { continue };
        let name = target.split(['?', '#']).next().unwrap_or_default();
        let name = name.rsplit_once("/debug/pprof/").map_or(name, |(_, name)| name);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        // A link whose text says that it is not available leads to the reason, not to a profile.
        let text = link.split_once('>').map_or("", |(_, text)| text.split('<').next().unwrap_or_default());
        let known = names.iter().any(|known| known == name);
        if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) && !known && !text.contains("not available")
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// `sampling period=5` of `mutex?debug=1` (`runtime/pprof`, `writeMutex`).
fn mutex_fraction(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("sampling period=")?.trim().parse().ok())
}

fn is_empty(answer: &Answer) -> bool {
    flamegraphs::read::pprof(&answer.body).is_ok_and(|profile| profile.samples().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_go_lists_its_profiles() {
        let names = listed(include_str!("fixtures/index.html"));
        for name in
            ["allocs", "block", "goroutine", "goroutineleak", "heap", "mutex", "profile", "threadcreate", "trace"]
        {
            assert!(names.iter().any(|listed| listed == name), "{name}: {names:?}");
        }
        assert_eq!(names.iter().filter(|name| *name == "goroutine").count(), 1);
    }

    #[test]
    fn an_index_of_ours_lists_what_there_is() {
        let page = "<a href=\"/debug/pprof/heap?debug=1\">heap</a> <a href=\"/debug/pprof/block\">block (not available: why)</a>";
        assert_eq!(listed(page), ["heap"]);
        assert_eq!(
            listed("<a href='https://example.org/x y'>x</a><a href=>y</a><a href='..%2f'>z</a>"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_rate_of_mutexes_is_read() {
        assert_eq!(mutex_fraction("--- mutex:\ncycles/second=2299\nsampling period=5\n1 2 @ 0x1"), Some(5));
        assert_eq!(mutex_fraction("no such line"), None);
    }
}
