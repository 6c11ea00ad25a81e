//! Where the remaining error budget comes from: the command line, a file, Prometheus.

use std::path::Path;
use std::time::Duration;

use reports::budget::{self, BudgetError};
use reports::run::BudgetRecord;

use crate::attach::address::{Address, AddressError};
use crate::attach::http;
use crate::exit::Refusal;

/// How long Prometheus may take: its own limit on a query is two minutes, and nobody's gate should wait so long.
const WITHIN: Duration = Duration::from_secs(30);
/// Longest answer that is read; one number needs far less.
const MOST: usize = 1 << 20;
/// Prometheus' folder for instant queries.
const QUERY: &str = "/api/v1/query";

/// Why there is no remaining budget.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    File {
        /// As given.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It was read and holds no budget.
    #[error("{place}: {source}")]
    Content {
        /// File or address.
        place: String,
        /// What is wrong with it.
        source: BudgetError,
    },
    /// Neither number, nor file, nor address.
    #[error(
        "`{0}` is no remaining budget: a part such as `0.37` or `37%`, a JSON file with `remaining`, or a query such as \
             `http://prometheus:9090/api/v1/query?query=slo:error_budget_remaining:ratio`"
    )]
    Unknown(String),
    /// An address without a query.
    #[error("{0} asks for nothing: end it in `/api/v1/query?query=…`")]
    NoQuery(String),
    /// A scheme that is not spoken.
    #[error("`{0}://` is not spoken here: http://HOST:PORT/api/v1/query?query=… or https://…")]
    Scheme(String),
    /// Not an address.
    #[error("`{0}` is not an address: http://HOST:PORT/api/v1/query?query=…")]
    Malformed(String),
    /// No answer.
    #[error("Prometheus at {place} did not answer: {why}")]
    Silent {
        /// Host and port.
        place: String,
        /// What went wrong.
        why: String,
    },
    /// An answer that is none.
    #[error("{place} answered with status {status}: {said}; is it Prometheus?")]
    Status {
        /// Host and port.
        place: String,
        /// HTTP status.
        status: u16,
        /// First line of the body.
        said: String,
    },
    /// No runtime to ask from.
    #[error("cannot ask: {0}")]
    Ours(std::io::Error),
}

/// What is left of the budget, by the text after `--budget`, and what follows from it.
///
/// # Errors
/// A [`Refusal`] with exit code 2 that says what is wrong with the source.
pub fn record(asked: &str, overridden: Option<String>) -> anyhow::Result<BudgetRecord> {
    let (remaining, source) = remaining(asked).map_err(|error| Refusal::usage(format!("`--budget`: {error}")))?;
    if overridden.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Refusal::usage("`--override-budget` needs a reason: it is kept in run.json"));
    }
    Ok(budget::decide(remaining, source, overridden))
}

fn remaining(asked: &str) -> Result<(f64, String), SourceError> {
    if asked.contains("://") {
        return query(asked);
    }
    match budget::number(asked) {
        Ok(number) => Ok((number, "given".to_owned())),
        Err(_) if Path::new(asked).exists() || asked.ends_with(".json") => {
            let text = std::fs::read_to_string(asked)
                .map_err(|source| SourceError::File { file: asked.escape_debug().to_string(), source })?;
            let content = |source| SourceError::Content { place: asked.escape_debug().to_string(), source };
            Ok((budget::document(&text).map_err(content)?, asked.to_owned()))
        }
        // A number that is no part is told as such.
        Err(error) if asked.trim().trim_end_matches('%').parse::<f64>().is_ok() => {
            Err(SourceError::Content { place: "the command line".to_owned(), source: error })
        }
        Err(_) => Err(SourceError::Unknown(asked.escape_debug().to_string())),
    }
}

fn query(url: &str) -> Result<(f64, String), SourceError> {
    let address = Address::parse(url).map_err(|error| match error {
        AddressError::Scheme(scheme) => SourceError::Scheme(scheme),
        AddressError::Malformed(text) => SourceError::Malformed(text),
    })?;
    let scheme = if address.secure { "https" } else { "http" };
    let place = format!("{scheme}://{}", address.authority());
    let path = path(url);
    if !path.contains(QUERY) || !path.contains("query=") {
        return Err(SourceError::NoQuery(place));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SourceError::Ours)?;
    let answer = runtime
        .block_on(http::get(&address, &path, WITHIN, MOST))
        .map_err(|error| SourceError::Silent { place: place.clone(), why: error.to_string() })?;
    let text = String::from_utf8_lossy(&answer.body);
    // Prometheus explains a bad query in JSON, whatever the status.
    match budget::answer(&text) {
        Ok(number) if answer.status == 200 => Ok((number, place)),
        Err(source) if answer.status == 200 || matches!(source, BudgetError::Refused { .. }) => {
            Err(SourceError::Content { place, source })
        }
        _ => Err(SourceError::Status { place, status: answer.status, said: answer.first_line() }),
    }
}

/// Path and query of an address, with what HTTP does not allow encoded: people type `{slo="a"}` as it is.
fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let mut out = String::new();
    for byte in path.split('#').next().unwrap_or(path).bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A Prometheus that gives one answer.
    fn prometheus(status: &'static str, body: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned()
        });
        (format!("http://{address}/api/v1/query?query=left{{slo=\"a b\"}}"), served)
    }

    #[test]
    fn prometheus_is_asked() {
        let body =
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.031"]}]}}"#;
        let (url, served) = prometheus("200 OK", body);
        let record = record(&url, Some("hotfix".into())).unwrap();
        assert_eq!((record.remaining, record.frozen), (0.031, true));
        assert_eq!(served.join().unwrap(), "GET /api/v1/query?query=left%7Bslo=%22a%20b%22%7D HTTP/1.1");
    }

    #[test]
    fn what_goes_wrong_is_named() {
        let body = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        let (url, served) = prometheus("400 Bad Request", body);
        let told = record(&url, None).unwrap_err().to_string();
        served.join().unwrap();
        assert!(told.ends_with("Prometheus refused the query (bad_data): parse error"), "{told}");

        let (url, served) = prometheus("404 Not Found", "nginx says no\n");
        let told = record(&url, None).unwrap_err().to_string();
        served.join().unwrap();
        assert!(told.ends_with("answered with status 404: nginx says no; is it Prometheus?"), "{told}");

        let told = |asked: &str| record(asked, None).unwrap_err().to_string();
        assert!(told("http://127.0.0.1:1/api/v1/query?query=a").contains("cannot be reached"));
        insta::assert_snapshot!(told("http://127.0.0.1:1/graph"), @"`--budget`: http://127.0.0.1:1 asks for nothing: end it in `/api/v1/query?query=…`");
        assert!(told("ftp://p/api/v1/query?query=a").contains("`ftp://` is not spoken here"));
        insta::assert_snapshot!(told("37"), @"`--budget`: the command line: `37` is not a remaining budget: a part such as `0.37` or `37%` (0 is spent, below 0 overspent, 1 untouched)");
        assert!(told("gone.json").starts_with("`--budget`: cannot read gone.json: "));
        assert!(told("much").contains("`much` is no remaining budget"));
        assert!(record("1%", Some(" ".into())).unwrap_err().to_string().contains("needs a reason"));
    }

    #[test]
    fn files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("budget");
        std::fs::write(&file, "{\"remaining\": 0.5}").unwrap();
        let asked = file.to_string_lossy().into_owned();
        assert_eq!(record(&asked, None).unwrap().source, asked);
        std::fs::write(&file, "{}").unwrap();
        assert!(record(&asked, None).unwrap_err().to_string().contains("there is no remaining budget in it"));
    }
}
