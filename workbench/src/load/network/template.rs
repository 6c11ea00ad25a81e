//! Messages as bytes, from the templates of a scenario.

use scenarios::spec::{Connection, Protocol, Request};

use super::endpoint::Endpoint;
use super::needle::Needle;
use super::pieces::{Numbers, Pieces, number};
use crate::load::LoadError;
use crate::load::spec::Operation;

/// What makes an answer right.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) status: u16,
    pub(super) body: Option<Needle>,
    /// The answer to a `HEAD` request has no body whatever its headers say.
    pub(super) head: bool,
}

/// One operation's message, checked and cut into pieces.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Request line and headers, up to the length of the body; the whole of a line.
    head: Pieces,
    body: Option<Pieces>,
    /// Without any frame.
    is_line: bool,
    pub(super) expected: Expected,
}

/// Headers that describe the framing of the message, which is ours to say.
const OURS: [&str; 3] = ["content-length", "transfer-encoding", "trailer"];

impl Template {
    /// Compiles the message of an operation in the protocol that is spoken.
    pub(super) fn compile(operation: &Operation, endpoint: &Endpoint) -> Result<Self, LoadError> {
        let refuse = |problem: String| LoadError::Request { operation: operation.name.clone(), problem };
        if endpoint.protocol == Protocol::Lines {
            return Self::line(operation).map_err(refuse);
        }
        let request = checked(operation).map_err(refuse)?;
        let mut head = Pieces::default();
        head.push(&format!("{} ", request.method));
        head.append(Pieces::cut(&request.path).map_err(refuse)?);
        let mut headers = String::from(" HTTP/1.1\r\n");
        let given = |name: &str| request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        if !given("host") {
            headers += &format!("host: {}\r\n", endpoint.host);
        }
        if endpoint.connection == Connection::Close && !given("connection") {
            headers += "connection: close\r\n";
        }
        if request.body.is_some() && !given("content-type") {
            headers += "content-type: application/json\r\n";
        }
        for (name, value) in &request.headers {
            headers += &format!("{name}: {value}\r\n");
        }
        head.push(&headers);
        Ok(Self {
            head,
            body: request.body.as_deref().map(Pieces::cut).transpose().map_err(refuse)?,
            is_line: false,
            expected: Expected::of(request),
        })
    }

    fn line(operation: &Operation) -> Result<Self, String> {
        let Some(line) = &operation.line else {
            return Err("has no line to `send`, and the subject speaks in lines".into());
        };
        let mut head = Pieces::cut(&line.send)?;
        if !line.send.ends_with('\n') {
            head.push("\n");
        }
        let expected = Expected { status: 0, body: line.expect.as_deref().map(Needle::new), head: false };
        Ok(Self { head, body: None, is_line: true, expected })
    }

    /// Writes the message with this sequence number over `message`; `body` is scratch space. Random numbers come from
    /// `seed`.
    pub(super) fn render(&self, sequence: u64, seed: u64, message: &mut Vec<u8>, body: &mut Vec<u8>) {
        let mut numbers = Numbers::new(sequence, seed);
        message.clear();
        self.head.write(&mut numbers, message);
        if self.is_line {
            return;
        }
        if let Some(pieces) = &self.body {
            body.clear();
            pieces.write(&mut numbers, body);
            message.extend_from_slice(b"content-length: ");
            number(body.len() as u64, message);
            message.extend_from_slice(b"\r\n\r\n");
            message.extend_from_slice(body);
        } else {
            message.extend_from_slice(b"\r\n");
        }
    }
}

impl Expected {
    /// What a request asks for.
    pub(super) fn of(request: &Request) -> Self {
        Self {
            status: request.expect_status,
            body: request.expect_body.as_deref().map(Needle::new),
            head: request.method == "HEAD",
        }
    }
}

/// The request of an operation, where it can be sent.
pub(super) fn checked(operation: &Operation) -> Result<&Request, String> {
    let Some(request) = &operation.request else {
        return Err("has no request, and the subject is a server".into());
    };
    if request.method.is_empty() || !request.method.bytes().all(is_token) {
        return Err(format!("`{}` is no method", request.method.escape_debug()));
    }
    if !request.path.starts_with('/') || request.path.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(format!("the path `{}` is not usable", request.path.escape_debug()));
    }
    for (name, value) in &request.headers {
        let control = |b: u8| b < b' ' && b != b'\t' || b == 0x7f;
        if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(control) {
            return Err(format!("the header `{}` is not usable", name.escape_debug()));
        }
        if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            return Err(format!("the header `{name}` is set by the driver"));
        }
    }
    Ok(request)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scenarios::spec::Request;

    use super::*;

    fn operation(request: Request) -> Operation {
        Operation { name: "order".into(), measured: true, weight: 1.0, rate: None, request: Some(request), line: None }
    }

    fn here() -> Endpoint {
        Endpoint { host: "here:80".into(), ..Endpoint::loopback(80) }
    }

    fn post(path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Request {
        Request {
            method: "POST".into(),
            path: path.into(),
            headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            body: body.map(Into::into),
            expect_status: 200,
            expect_body: None,
        }
    }

    fn rendered(request: Request, sequence: u64, seed: u64) -> String {
        let (mut bytes, mut scratch) = (b"before".to_vec(), b"before".to_vec());
        Template::compile(&operation(request), &here()).unwrap().render(sequence, seed, &mut bytes, &mut scratch);
        String::from_utf8(bytes).unwrap()
    }

    fn refusal(request: Request) -> String {
        Template::compile(&operation(request), &here()).unwrap_err().to_string()
    }

    #[test]
    fn a_request_has_its_numbers_and_its_length() {
        let request = post("/orders/${sequence}?k=${random:1000}", Some(r#"{"id":${sequence}}"#), &[("x-a", "b")]);
        assert_eq!(
            rendered(request.clone(), 12, 3),
            "POST /orders/12?k=113 HTTP/1.1\r\nhost: here:80\r\ncontent-type: application/json\r\nx-a: b\r\n\
             content-length: 9\r\n\r\n{\"id\":12}"
        );
        assert!(rendered(request, 1_000_000, 3).contains("content-length: 14\r\n"));
    }

    #[test]
    fn given_headers_replace_the_usual_ones_and_no_body_means_no_length() {
        let request = post("/", None, &[("Host", "there"), ("content-type", "text/plain")]);
        assert_eq!(rendered(request, 0, 0), "POST / HTTP/1.1\r\nHost: there\r\ncontent-type: text/plain\r\n\r\n");
    }

    #[test]
    fn a_connection_for_one_request_says_so() {
        let endpoint = Endpoint { connection: Connection::Close, ..here() };
        let mut bytes = Vec::new();
        let get = Request { method: "GET".into(), ..post("/", None, &[]) };
        Template::compile(&operation(get), &endpoint).unwrap().render(0, 0, &mut bytes, &mut Vec::new());
        assert_eq!(bytes, b"GET / HTTP/1.1\r\nhost: here:80\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn a_line_has_its_numbers_and_one_feed_at_its_end() {
        let endpoint = Endpoint { protocol: Protocol::Lines, ..here() };
        let line = |send: &str| scenarios::spec::Line { send: send.into(), expect: None };
        for send in ["GET key-${sequence}", "GET key-${sequence}\n"] {
            let asked = Operation { request: None, line: Some(line(send)), ..operation(post("/", None, &[])) };
            let mut bytes = b"before".to_vec();
            Template::compile(&asked, &endpoint).unwrap().render(7, 0, &mut bytes, &mut Vec::new());
            assert_eq!(bytes, b"GET key-7\n");
        }
        let refused = Template::compile(&operation(post("/", None, &[])), &endpoint).unwrap_err();
        assert_eq!(refused.to_string(), "operation `order`: has no line to `send`, and the subject speaks in lines");
    }

    #[test]
    fn random_numbers_depend_on_the_seed_and_on_their_place() {
        let request = || post("/${random:1000000}/${random:1000000}", None, &[]);
        assert_eq!(rendered(request(), 1, 7), rendered(request(), 1, 7));
        assert_ne!(rendered(request(), 1, 7), rendered(request(), 1, 8));
        let text = rendered(request(), 1, 7);
        let numbers: Vec<&str> = text.split([' ', '/']).skip(2).take(2).collect();
        assert_ne!(numbers[0], numbers[1]);
    }

    #[test]
    fn unusable_requests_say_why() {
        let get = |path: &str| Request { method: "GET".into(), ..post(path, None, &[]) };
        let nothing = Operation { request: None, ..operation(get("/")) };
        let messages = [
            Template::compile(&nothing, &here()).unwrap_err().to_string(),
            refusal(Request { method: "GE T".into(), ..get("/") }),
            refusal(get("orders")),
            refusal(get("/a b")),
            refusal(get("/${squence}")),
            refusal(get("/${random:0}")),
            refusal(get("/${random:")),
            refusal(post("/", None, &[("a\r\nb", "c")])),
            refusal(post("/", None, &[("a", "b\r\nc: d")])),
            refusal(post("/", None, &[("Content-Length", "3")])),
        ];
        insta::assert_snapshot!(messages.join("
"), @r"
        operation `order`: has no request, and the subject is a server
        operation `order`: `GE T` is no method
        operation `order`: the path `orders` is not usable
        operation `order`: the path `/a b` is not usable
        operation `order`: `${squence}` is none of ${sequence}, ${random:N}
        operation `order`: `0` in `${random:0}` is not a number from 1
        operation `order`: `${random:` is not closed
        operation `order`: the header `a\r\nb` is not usable
        operation `order`: the header `a` is not usable
        operation `order`: the header `Content-Length` is set by the driver
        ");
    }

    proptest! {
        #[test]
        fn no_template_panics(path in "/[ -~]{0,20}", body in "[$a-z{}:0-9]{0,30}") {
            if let Ok(template) = Template::compile(&operation(post(&path, Some(&body), &[])), &here()) {
                template.render(1, 1, &mut Vec::new(), &mut Vec::new());
            }
        }
    }
}
