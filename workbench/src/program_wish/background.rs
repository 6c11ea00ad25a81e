//! `--background`: load beside the mix, with a rate of its own.

use std::str::FromStr;

use scenarios::spec::{Line, Operation, Request, Scenario, Scheme};

use crate::exit::Refusal;

/// One operation of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    name: String,
    rate: f64,
    /// A request as `[METHOD ]PATH[ BODY]`, or a line.
    sent: String,
}

impl FromStr for Background {
    type Err = String;

    /// Reads `export=20:/export`, `import=5:POST /import {"rows":100}` or, for a tcp target, `ping=5:PING`. The error is
    /// the end of a sentence that begins with "is not".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            "background load: write NAME=RATE:PATH as in `export=20:/export`, or NAME=RATE:METHOD PATH BODY as in \
             `import=5:POST /import {\"rows\":100}`"
                .to_owned()
        };
        let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (rate, sent) = rest.split_once(':').ok_or_else(wrong)?;
        let rate = rate.trim().trim_end_matches("/s").parse::<f64>().map_err(|_| wrong())?;
        if name.trim().is_empty() || sent.trim().is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.trim().to_owned(), rate, sent: sent.trim().to_owned() })
    }
}

impl Background {
    /// As an operation of the scenario, whose own checks come later.
    ///
    /// # Errors
    /// A [`Refusal`] where the scenario's subject is sent nothing, or something is no request.
    pub(super) fn operation(&self, scenario: &Scenario) -> anyhow::Result<Operation> {
        let lines = match &scenario.subject {
            Some(program) => program.target.scheme == Scheme::Tcp,
            None => false,
        };
        if scenario.mix.iter().all(|one| one.request.is_none() && one.line.is_none()) {
            return Err(Refusal::usage(format!(
                "`--background {}`: `{}` works in its own process and is sent nothing; write the operation into its \
                 scenario file, with `background = true` and a `rate`",
                self.name, scenario.name
            )));
        }
        let (request, line) = if lines {
            (None, Some(Line { send: self.sent.clone(), expect: None }))
        } else {
            (Some(self.request()?), None)
        };
        Ok(Operation { name: self.name.clone(), weight: 0.0, rate: Some(self.rate), measured: false, request, line })
    }

    fn request(&self) -> anyhow::Result<Request> {
        let (method, rest) = match self.sent.split_once(' ') {
            Some((method, rest)) if !method.starts_with('/') => (Some(method), rest.trim_start()),
            _ => (None, self.sent.as_str()),
        };
        let (path, body) = match rest.split_once(' ') {
            Some((path, body)) => (path, Some(body.trim_start().to_owned())),
            None => (rest, None),
        };
        if !path.starts_with('/') {
            return Err(Refusal::usage(format!(
                "`--background {}`: `{path}` is no path: it begins with `/`, as in `{}={}:/export`",
                self.name, self.name, self.rate
            )));
        }
        let usual = if body.is_some() { "POST" } else { "GET" };
        Ok(Request {
            method: method.unwrap_or(usual).to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body,
            expect_status: 200,
            expect_body: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn background_load_is_read_or_says_what_would_be_right() {
        let read = |text: &str| match text.parse::<Background>() {
            Ok(read) => match read.request() {
                Ok(request) => {
                    let Request { method, path, body, .. } = request;
                    format!("{text} -> {} at {}/s: {method} {path} {body:?}", read.name, read.rate)
                }
                Err(refused) => refused.to_string(),
            },
            Err(error) => format!("`{text}` is not {error}"),
        };
        let texts = [
            "export=20:/export",
            "import=0.5/s:POST /import {\"rows\": [1, 2]}",
            "put=5:PUT /a",
            "body=5:/a {}",
            "export=20",
            "export:20=/export",
            "=20:/export",
            "export=fast:/export",
            "export=5:GET",
        ];
        insta::assert_snapshot!(texts.map(read).join("\n"));
    }
}
