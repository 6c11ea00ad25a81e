//! Access policy: a text file of lines `tenant resource verb quota`.
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub struct Grant {
    pub resource: String,
    pub verb: String,
    pub quota: u32,
}

pub type Grants = BTreeMap<String, Vec<Grant>>;

pub fn parse(text: &str) -> Grants {
    let mut all = Grants::new();
    for line in text.lines() {
        let mut w = line.split_whitespace();
        let (Some(t), Some(r), Some(v), Some(q)) = (w.next(), w.next(), w.next(), w.next()) else { continue };
        let quota = q.parse().unwrap_or(0);
        all.entry(t.to_string()).or_default().push(Grant { resource: r.to_string(), verb: v.to_string(), quota });
    }
    all
}

pub trait PolicySource: Send + Sync + 'static {
    fn for_tenant(&self, tenant: &str) -> Vec<Grant>;
}

/// Reads what stands in the text, so that an edit holds at once.
pub struct LivePolicy {
    pub text: String,
}

impl PolicySource for LivePolicy {
    fn for_tenant(&self, tenant: &str) -> Vec<Grant> {
        // guilty
        let mut all = parse(&self.text);
        all.remove(tenant).unwrap_or_default()
    }
}

/// Parsed once, at the start.
pub struct LoadedPolicy {
    parsed: Grants,
}

impl LoadedPolicy {
    pub fn new(text: &str) -> Self {
        LoadedPolicy { parsed: parse(text) }
    }
}

impl PolicySource for LoadedPolicy {
    fn for_tenant(&self, tenant: &str) -> Vec<Grant> {
        self.parsed.get(tenant).cloned().unwrap_or_default()
    }
}

pub fn sample(tenants: usize, each: usize) -> String {
    let mut s = String::new();
    for t in 0..tenants {
        for r in 0..each {
            s.push_str(&format!(
                "tenant-{t:04} /shelf/{r}/items {} {}\n",
                if r % 3 == 0 { "write" } else { "read" },
                r * 10
            ));
        }
    }
    s
}
