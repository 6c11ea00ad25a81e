//! `[[mix]]`: the operations and their requests.

use super::document::{Field, Section};
use super::{fields, placeholders};
use crate::catalog::WorkloadKind;
use crate::problem::{Problem, shown};
use crate::spec::{Line, MOST_RATE, Operation, Request};
use toml::de::DeValue;

const KEYS: &[&str] = &[
    "operation",
    "weight",
    "rate",
    "background",
    "method",
    "path",
    "headers",
    "body",
    "expect_status",
    "expect_body",
    "send",
    "expect",
];

/// Keys that only make sense with a `path`.
const REQUEST_KEYS: &[&str] = &["method", "headers", "body", "expect_status", "expect_body"];

/// Headers that frame the message, which is the driver's business.
const FRAMING: &[&str] = &["content-length", "transfer-encoding", "trailer"];

/// Weights are shares: what is a billion times rarer never happens in a trial, and larger ones lose precision.
const MOST_WEIGHT: f64 = 1e9;

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Name of the only operation of a scenario whose mix is the path of its target.
const ONLY: &str = "request";

/// Reads the mix; `None` where a problem was reported. `path` is that of the target, where it has one: alone it makes a
/// mix of one GET.
pub(super) fn read(root: &Section<'_>, kind: Option<WorkloadKind>, path: Option<&str>) -> Option<Vec<Operation>> {
    if let Some(path) = path {
        return of_target(root, path);
    }
    let field = root.required("mix")?;
    let entries = root.sections("mix", "[[mix]]");
    if let DeValue::Array(items) = field.value
        && items.is_empty()
    {
        field.problem("the mix is empty", Some("add `[[mix]]` with `operation` and `weight`".to_owned()));
    }
    let operations: Vec<Option<Operation>> = entries.iter().map(|entry| operation(entry, kind)).collect();
    let mut names: Vec<&str> = Vec::new();
    for field in entries.iter().filter_map(|entry| entry.get("operation")) {
        let Some(name) = field.value.as_str() else { continue };
        if names.contains(&name) {
            field.problem(format!("operation `{}` is in the mix twice", shown(name)), None);
            return None;
        }
        names.push(name);
    }
    let operations: Vec<Operation> = operations.into_iter().collect::<Option<_>>()?;
    if !operations.is_empty() && operations.iter().all(|operation| !operation.measured) {
        let message = "every operation is `background`: there is nothing to measure";
        root.report.add(Problem::new(message, field.key_span));
        return None;
    }
    (!operations.is_empty()).then_some(operations)
}

/// Whether the mix has no rate of its own, which closed arrivals give no time to last for; reports one.
pub(super) fn goes_with_closed_arrivals(root: &Section<'_>) -> bool {
    let entries = root.sections("mix", "[[mix]]");
    let Some(field) = entries.iter().find_map(|entry| entry.get("rate")) else { return true };
    let help = "leave `arrivals` out, or give the operation a `weight`".to_owned();
    field.key_problem("a `rate` beside closed arrivals, which end when they are answered", Some(help));
    false
}

fn of_target(root: &Section<'_>, path: &str) -> Option<Vec<Operation>> {
    if let Some(mix) = root.get("mix") {
        let help = format!("take `{}` out of `target`, and give each operation its `path`", shown(path));
        mix.key_problem("`target` has a path, and so has the mix", Some(help));
        return None;
    }
    let target = root.section("subject", "[subject]")?.get("target")?;
    if !placeholders::check(&target, &path.replace(crate::spec::PORT, "")) || !is_request_path(&target, path) {
        return None;
    }
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
        expect_status: 200,
        expect_body: None,
    };
    Some(vec![Operation {
        name: ONLY.to_owned(),
        weight: 1.0,
        rate: None,
        measured: true,
        request: Some(request),
        line: None,
    }])
}

fn operation(entry: &Section<'_>, kind: Option<WorkloadKind>) -> Option<Operation> {
    entry.allow_only(KEYS);
    let name = entry.required("operation").and_then(|field| fields::word(&field));
    let background = entry.get("background").map_or(Some(false), |field| fields::boolean(&field));
    let frequency = frequency(entry, background == Some(true));
    let line = line(entry, kind);
    let request = if entry.get("send").is_some() { Some(None) } else { request(entry, kind) };
    let (weight, rate) = frequency?;
    Some(Operation { name: name?, weight, rate, measured: !background?, request: request?, line: line? })
}

/// Weight within the mix, or a rate beside it.
fn frequency(entry: &Section<'_>, background: bool) -> Option<(f64, Option<f64>)> {
    let Some(given) = entry.get("rate") else {
        return entry.required("weight").and_then(|field| weight(&field)).map(|weight| (weight, None));
    };
    if !background {
        let help = "add `background = true`; the rate of the measured operations is that of [load]".to_owned();
        given.key_problem("a `rate` of its own is for background load", Some(help));
        return None;
    }
    if let Some(weight) = entry.get("weight") {
        let help = "leave out the weight, which is a share of the rate of [load]".to_owned();
        weight.key_problem("`weight` beside `rate`", Some(help));
        return None;
    }
    let rate = fields::number(&given)?;
    if rate <= 0.0 || rate > MOST_RATE {
        let message =
            format!("`rate` = {rate} is out of range: more than 0, at most {MOST_RATE} operations per second");
        given.problem(message, None);
        return None;
    }
    Some((0.0, Some(rate)))
}

/// `Some(None)` for an entry that rightly has no line.
fn line(entry: &Section<'_>, kind: Option<WorkloadKind>) -> Option<Option<Line>> {
    let Some(send) = entry.get("send") else {
        if let Some(stray) = entry.get("expect") {
            let help = "a line needs a `send`; a request has `expect_body`".to_owned();
            stray.key_problem("`expect` without `send`", Some(help));
            return None;
        }
        return Some(None);
    };
    if kind == Some(WorkloadKind::InProcess) {
        let help = "name the operation and its weight only".to_owned();
        send.key_problem("this workload runs in the process and is sent nothing", Some(help));
        return None;
    }
    if let Some(other) = std::iter::once(&"path").chain(REQUEST_KEYS).find_map(|key| entry.get(key)) {
        let message = format!("`{}` beside `send`: an operation is a request or a line", other.key);
        other.key_problem(message, None);
        return None;
    }
    let expect = entry.get("expect").map(|field| fields::text(&field).map(str::to_owned));
    Some(Some(Line { send: templated(&send)?, expect: optional(expect)? }))
}

fn weight(field: &Field<'_>) -> Option<f64> {
    let weight = fields::number(field)?;
    if weight <= 0.0 || weight > MOST_WEIGHT {
        field.problem(format!("`weight` = {weight} is out of range: more than 0, at most {MOST_WEIGHT}"), None);
        return None;
    }
    Some(weight)
}

/// `Some(None)` for an entry that rightly has no request.
fn request(entry: &Section<'_>, kind: Option<WorkloadKind>) -> Option<Option<Request>> {
    let Some(path) = entry.get("path") else {
        if let Some(stray) = REQUEST_KEYS.iter().find_map(|key| entry.get(key)) {
            let message = format!("`{}` without `path`", stray.key);
            stray.key_problem(message, Some("a request needs a `path`, such as \"/orders\"".to_owned()));
            return None;
        }
        if kind == Some(WorkloadKind::Networked) {
            let message = "missing field `path` in [[mix]]: this workload is driven by requests";
            entry.report.add(Problem::new(message, entry.span.clone()));
            return None;
        }
        return Some(None);
    };
    if kind == Some(WorkloadKind::InProcess) {
        let help = "name the operation and its weight only".to_owned();
        path.key_problem("this workload runs in the process and takes no requests", Some(help));
        return None;
    }
    let body = entry.get("body").map(|field| templated(&field));
    let method = method(entry, body.is_some());
    let headers = entry.get("headers").map_or(Some(Vec::new()), |field| headers(&field));
    let path = request_path(&path);
    let expect_status = entry.get("expect_status").map_or(Some(200), |field| fields::integer(&field, 200, 599));
    let expect_body = entry.get("expect_body").map(|field| expected_body(&field, method.as_deref()));
    Some(Some(Request {
        method: method?,
        path: path?,
        headers: headers?,
        body: optional(body)?,
        expect_status: u16::try_from(expect_status?).ok()?,
        expect_body: optional(expect_body)?,
    }))
}

fn method(entry: &Section<'_>, has_body: bool) -> Option<String> {
    let Some(field) = entry.get("method") else {
        if has_body {
            let body = entry.get("body")?;
            let help = "add `method = \"POST\"`".to_owned();
            body.key_problem("a request with a `body` needs a `method`", Some(help));
            return None;
        }
        return Some("GET".to_owned());
    };
    let method = fields::text(&field)?;
    if !METHODS.contains(&method) {
        let upper = method.to_ascii_uppercase();
        let help = METHODS.contains(&upper.as_str()).then(|| format!("write \"{upper}\""));
        field.problem(format!("`method` = `{}` is none of {}", shown(method), METHODS.join(", ")), help);
        return None;
    }
    if has_body && matches!(method, "GET" | "HEAD") {
        field.problem(format!("a {method} request has no body"), Some("write \"POST\"".to_owned()));
        return None;
    }
    Some(method.to_owned())
}

fn expected_body(field: &Field<'_>, method: Option<&str>) -> Option<String> {
    if method == Some("HEAD") {
        field.key_problem("the answer to a HEAD request has no body", None);
        return None;
    }
    fields::text(field).map(str::to_owned)
}

fn request_path(field: &Field<'_>) -> Option<String> {
    let path = templated(field)?;
    if !path.starts_with('/') {
        field.problem("`path` must begin with `/`", None);
        return None;
    }
    is_request_path(field, &path).then_some(path)
}

fn is_request_path(field: &Field<'_>, path: &str) -> bool {
    // A blank would end the request target, and a line feed would begin a header.
    let fits = path.bytes().all(|b| b.is_ascii_graphic()) && !path.contains('#');
    if !fits {
        let help = "percent-encode blanks, `#` and whatever is not ASCII".to_owned();
        field.problem(format!("`{}` has characters that a request line cannot carry", field.key), Some(help));
    }
    fits
}

/// Text with placeholders.
fn templated(field: &Field<'_>) -> Option<String> {
    let text = fields::text(field)?;
    placeholders::check(field, text).then(|| text.to_owned())
}

fn headers(field: &Field<'_>) -> Option<Vec<(String, String)>> {
    let DeValue::Array(items) = field.value else {
        field.wrong_type("an array of strings", Some("for example [\"accept: text/html\"]".to_owned()));
        return None;
    };
    items.iter().map(|item| header(&Field { value: item.get_ref(), span: item.span(), ..field.clone() })).collect()
}

fn header(field: &Field<'_>) -> Option<(String, String)> {
    let text = fields::text(field)?;
    let is_token = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    match text.split_once(':').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, _)) if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) => {
            field.problem(format!("the header `{name}` is set by the driver"), None);
            None
        }
        Some((name, value)) if is_token(name) && !value.chars().any(char::is_control) => {
            Some((name.to_owned(), value.to_owned()))
        }
        _ => {
            let message = format!("`{}` is not a header", shown(text));
            field.problem(message, Some("write \"name: value\"".to_owned()));
            None
        }
    }
}

/// Absent is fine, present and wrong is not.
fn optional<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}
