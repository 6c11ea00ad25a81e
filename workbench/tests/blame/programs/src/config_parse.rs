//! The routing rules are parsed anew for every request.

use std::io;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::Twin;
use crate::http::serve;

static RULES: LazyLock<Value> = LazyLock::new(|| parse(&text()));

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let text: Arc<str> = text().into();
    crate::http::runtime()?.block_on(serve(port, move || {
        let text = Arc::clone(&text);
        async move {
            match twin {
                Twin::Broken => route(&load_rules(&text)),
                Twin::Healthy => route(&RULES),
            }
        }
    }))
}

fn text() -> String {
    let rule = |n: u32| format!(r#"{{"path": "/v1/{n}", "backends": ["a{n}", "b{n}"], "weight": {n}}}"#);
    format!("[{}]", (0..1500).map(rule).collect::<Vec<_>>().join(","))
}

fn parse(text: &str) -> Value {
    // What is repeated, as guilty as who repeats it.
    serde_json::from_str(text).unwrap_or_default() // guilty
}

fn load_rules(text: &str) -> Value {
    parse(text) // guilty
}

fn route(rules: &Value) -> String {
    rules[700]["backends"][0].to_string()
}
