//! Log alerts: takes the next line of the tail and tells which alert rules it sets off.
use std::cell::Cell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Rule {
    name: String,
    pattern: String,
}

struct Desk {
    broken: bool,
    rules: Vec<Rule>,
    tail: Vec<String>,
    at: Cell<usize>,
}

fn build_rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for team in ["billing", "search", "login", "mail", "stock", "media"] {
        rules.push(Rule { name: format!("{team}-errors"), pattern: format!("{team}:*error*") });
        rules.push(Rule { name: format!("{team}-panic"), pattern: format!("{team}:*panicked at*") });
    }
    rules.push(Rule { name: "gave-up".into(), pattern: "*timeout*upstream*retry*giving up".into() });
    rules.push(Rule { name: "disk".into(), pattern: "*no space left on device*".into() });
    rules
}

fn build_tail() -> Vec<String> {
    let teams = ["billing", "search", "login", "mail", "stock", "media"];
    let mut tail = Vec::new();
    for i in 0..240usize {
        let team = teams[i % teams.len()];
        if i % 12 == 7 {
            // the proxy joins all attempts of one call into a single line
            let mut line = format!("{team}: call {i}");
            for attempt in 0..48 {
                line.push_str(&format!(" [{attempt}] timeout upstream{} retry", attempt % 3));
            }
            line.push_str(" answered");
            tail.push(line);
        } else if i % 9 == 0 {
            tail.push(format!("{team}: error while reading account {}", i * 37));
        } else {
            tail.push(format!("{team}: request {} done in {} ms", i * 11, i % 40));
        }
    }
    tail
}

/// `*` stands for any run of characters, everything else for itself.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let Some(&first) = pattern.first() else {
        return text.is_empty();
    };
    if first != b'*' {
        return text.first() == Some(&first) && matches(&pattern[1..], &text[1..]);
        // guilty
    }
    for skip in 0..=text.len() {
        // guilty
        if matches(&pattern[1..], &text[skip..]) {
            // guilty
            return true;
        }
    }
    false
}

/// The same, remembering only the latest star.
fn matches_onward(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((sp, st)) = star {
            star = Some((sp, st + 1));
            p = sp + 1;
            t = st + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

impl Desk {
    fn next_line(&self) -> &str {
        let i = self.at.get();
        self.at.set((i + 1) % self.tail.len());
        &self.tail[i]
    }

    fn alerts_for(&self, line: &str) -> Vec<&str> {
        let mut hits = Vec::new();
        for rule in &self.rules {
            let hit = if self.broken {
                matches(rule.pattern.as_bytes(), line.as_bytes())
            } else {
                matches_onward(rule.pattern.as_bytes(), line.as_bytes())
            };
            if hit {
                hits.push(rule.name.as_str());
            }
        }
        hits
    }

    fn page(&self) -> String {
        let line = self.next_line();
        let hits = self.alerts_for(line);
        let short: String = line.chars().take(60).collect();
        format!("{short}\nalerts: {}\n", if hits.is_empty() { "none".into() } else { hits.join(", ") })
    }
}

async fn serve(mut sock: TcpStream, desk: Rc<Desk>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if sock.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let body = desk.page();
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        sock.write_all(answer.as_bytes()).await?;
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&rt, async move {
        let desk = Rc::new(Desk { broken, rules: build_rules(), tail: build_tail(), at: Cell::new(0) });
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            if let Ok((sock, _)) = listener.accept().await {
                let desk = desk.clone();
                tokio::task::spawn_local(async move {
                    let _ = serve(sock, desk).await;
                });
            }
        }
    });
}
