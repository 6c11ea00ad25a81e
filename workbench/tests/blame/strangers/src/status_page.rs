//! Public status page: component table, a small uptime bar each, and a footer naming the machine that answered.
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

struct Component {
    name: &'static str,
    history: [u8; 30],
}

#[derive(Clone, Default)]
struct Host {
    node: String,
    kernel: String,
    cpus: usize,
}

struct Page {
    components: Vec<Component>,
    started: Instant,
    views: AtomicU64,
    keep_host: bool,
    host: OnceLock<Host>,
}

fn seed_components() -> Vec<Component> {
    let names = ["api", "checkout", "search", "mail", "images", "webhooks", "login", "exports"];
    let mut state = 0x2545F491u32;
    let mut roll = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    names
        .into_iter()
        .map(|name| Component { name, history: std::array::from_fn(|_| if roll() % 23 == 0 { 1 } else { 0 }) })
        .collect()
}

fn describe_host() -> Host {
    let mut host = Host::default();
    let tools: [(&str, &[&str]); 2] = [("uname", &["-nr"]), ("getconf", &["_NPROCESSORS_ONLN"])];
    for (tool, args) in tools {
        let Ok(out) = Command::new(tool).args(args).stdin(Stdio::null()).output() else { continue }; // guilty
        let text = String::from_utf8_lossy(&out.stdout);
        let mut words = text.split_whitespace();
        if tool == "uname" {
            host.node = words.next().unwrap_or("?").to_string();
            host.kernel = words.next().unwrap_or("?").to_string();
        } else {
            host.cpus = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
        }
    }
    host
}

impl Page {
    fn footer(&self, html: &mut String) {
        let host = self.current_host();
        let up = self.started.elapsed().as_secs();
        let views = self.views.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = write!(
            html,
            "<footer>{} &middot; {} &middot; {} cpus &middot; up {up}s &middot; view {views}</footer>\n",
            host.node, host.kernel, host.cpus
        );
    }

    fn current_host(&self) -> Host {
        if self.keep_host {
            return self.known_host();
        }
        describe_host() // guilty
    }

    fn known_host(&self) -> Host {
        self.host.get_or_init(describe_host).clone()
    }

    fn uptime_bar(&self, html: &mut String, c: &Component) {
        for &day in &c.history {
            html.push(if day == 0 { '#' } else { '-' });
        }
        let good = c.history.iter().filter(|&&d| d == 0).count();
        let _ = write!(html, " {:.2}%", good as f64 * 100.0 / c.history.len() as f64);
    }

    fn render(&self) -> String {
        let mut html = String::with_capacity(2048);
        html.push_str("<h1>All systems</h1>\n<table>\n");
        for c in &self.components {
            let _ = write!(html, "<tr><td>{}</td><td>", c.name);
            self.uptime_bar(&mut html, c);
            html.push_str("</td></tr>\n");
        }
        html.push_str("</table>\n");
        self.footer(&mut html);
        html
    }
}

fn visitor(page: Arc<Page>, mut conn: TcpStream) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut input = BufReader::new(conn.try_clone()?);
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        let html = page.render();
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{html}", html.len());
        conn.write_all(answer.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let page = Arc::new(Page {
        components: seed_components(),
        started: Instant::now(),
        views: AtomicU64::new(0),
        keep_host: !broken,
        host: OnceLock::new(),
    });
    for conn in TcpListener::bind(("127.0.0.1", port))?.incoming().flatten() {
        let page = page.clone();
        thread::spawn(move || visitor(page, conn));
    }
    Ok(())
}
