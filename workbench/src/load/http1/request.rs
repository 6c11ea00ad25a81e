//! Requests as bytes, from the templates of a scenario.

use std::io::Write as _;

use super::needle::Needle;
use crate::load::LoadError;
use crate::load::seeded::{below, mixed};
use crate::load::spec::Operation;

/// What makes an answer right.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) status: u16,
    pub(super) body: Option<Needle>,
    /// The answer to a `HEAD` request has no body whatever its headers say.
    pub(super) head: bool,
}

/// One operation's request, checked and cut into pieces.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Request line and headers, up to the length of the body.
    head: Vec<Piece>,
    body: Option<Vec<Piece>>,
    pub(super) expected: Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Sequence,
    /// Below this number, which is not 0.
    Random(u64),
}

/// Headers that describe the framing of the message, which is ours to say.
const OURS: [&str; 3] = ["content-length", "transfer-encoding", "trailer"];

impl Template {
    /// Compiles the request of an operation.
    pub(super) fn compile(operation: &Operation, host: &str) -> Result<Self, LoadError> {
        let refuse = |problem: String| LoadError::Request { operation: operation.name.clone(), problem };
        let Some(request) = &operation.request else {
            return Err(refuse("has no request, and the subject is a server".into()));
        };
        if request.method.is_empty() || !request.method.bytes().all(is_token) {
            return Err(refuse(format!("`{}` is no method", request.method.escape_debug())));
        }
        if !request.path.starts_with('/') || request.path.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(refuse(format!("the path `{}` is not usable", request.path.escape_debug())));
        }
        let mut head = vec![Piece::Text(format!("{} ", request.method))];
        head.extend(pieces(&request.path).map_err(refuse)?);
        let mut headers = String::from(" HTTP/1.1\r\n");
        let given = |name: &str| request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        if !given("host") {
            headers += &format!("host: {host}\r\n");
        }
        if request.body.is_some() && !given("content-type") {
            headers += "content-type: application/json\r\n";
        }
        for (name, value) in &request.headers {
            let control = |b: u8| b < b' ' && b != b'\t' || b == 0x7f;
            if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(control) {
                return Err(refuse(format!("the header `{}` is not usable", name.escape_debug())));
            }
            if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
                return Err(refuse(format!("the header `{name}` is set by the driver")));
            }
            headers += &format!("{name}: {value}\r\n");
        }
        head.push(Piece::Text(headers));
        Ok(Self {
            head,
            body: request.body.as_deref().map(pieces).transpose().map_err(refuse)?,
            expected: Expected {
                status: request.expect_status,
                body: request.expect_body.as_deref().map(Needle::new),
                head: request.method == "HEAD",
            },
        })
    }

    /// Writes the request with this sequence number over `request`; `body` is scratch space. Random numbers come from
    /// `seed`, one after the other in the order of their placeholders.
    pub(super) fn render(&self, sequence: u64, seed: u64, request: &mut Vec<u8>, body: &mut Vec<u8>) {
        let mut draws = 0..;
        let mut write = |pieces: &[Piece], to: &mut Vec<u8>| {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => to.extend_from_slice(text.as_bytes()),
                    Piece::Sequence => number(sequence, to),
                    Piece::Random(limit) => {
                        let draw = draws.next().expect("fewer placeholders than numbers");
                        number(below(mixed(seed, draw), *limit), to);
                    }
                }
            }
        };
        request.clear();
        write(&self.head, request);
        if let Some(pieces) = &self.body {
            body.clear();
            write(pieces, body);
            request.extend_from_slice(b"content-length: ");
            number(body.len() as u64, request);
            request.extend_from_slice(b"\r\n\r\n");
            request.extend_from_slice(body);
        } else {
            request.extend_from_slice(b"\r\n");
        }
    }
}

fn number(n: u64, to: &mut Vec<u8>) {
    write!(to, "{n}").expect("writing to memory");
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn pieces(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        let (placeholder, after) = after.split_once('}').ok_or_else(|| format!("`${{{after}` is not closed"))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(match placeholder.split_once(':') {
            None if placeholder == "sequence" => Piece::Sequence,
            Some(("random", limit)) => match limit.parse() {
                Ok(limit) if limit > 0 => Piece::Random(limit),
                _ => return Err(format!("`{limit}` in `${{{placeholder}}}` is not a number from 1")),
            },
            _ => return Err(format!("`${{{placeholder}}}` is none of ${{sequence}}, ${{random:N}}")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scenarios::spec::Request;

    use super::*;

    fn operation(request: Request) -> Operation {
        Operation { name: "order".into(), measured: true, weight: 1.0, request: Some(request) }
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
        Template::compile(&operation(request), "here:80").unwrap().render(sequence, seed, &mut bytes, &mut scratch);
        String::from_utf8(bytes).unwrap()
    }

    fn refusal(request: Request) -> String {
        Template::compile(&operation(request), "here:80").unwrap_err().to_string()
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
            Template::compile(&nothing, "").unwrap_err().to_string(),
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
            if let Ok(template) = Template::compile(&operation(post(&path, Some(&body), &[])), "h") {
                template.render(1, 1, &mut Vec::new(), &mut Vec::new());
            }
        }
    }
}
