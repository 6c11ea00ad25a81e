//! Machine and build.

use crate::render::{number, text, words};
use crate::run::{BuildInfo, Machine, RunSummary};

/// Facts by name, harmless.
type Facts = Vec<(&'static str, String)>;

/// Where it ran and what measured.
pub(super) struct Host {
    pub(super) machine: Facts,
    pub(super) build: Facts,
    pub(super) warnings: Vec<String>,
}

impl Host {
    pub(super) fn new(summary: &RunSummary) -> Self {
        Self { machine: machine(&summary.host), build: build(&summary.build), warnings: warnings(&summary.build) }
    }
}

fn machine(host: &Machine) -> Facts {
    let mut facts = vec![
        ("processor", text::sentence(&host.cpu)),
        (
            "CPUs",
            format!("{}, {} per core", host.cpus, words::plural(u64::from(host.threads_per_core), "thread", "threads")),
        ),
    ];
    if let Some(quota) = host.cpu_quota {
        facts.push(("CPU quota", format!("{} CPUs", number::significant(quota))));
    }
    facts.push(("memory", number::bytes(host.memory_bytes as f64)));
    facts.push(("system", format!("{}, kernel {}", text::name(&host.os), text::name(&host.kernel))));
    facts.push(("virtualised", if host.virtualised { "yes" } else { "no" }.into()));
    facts.push(("clock", text::name(&host.clocksource)));
    if let Some(tick) = host.tick_hz {
        facts.push(("kernel tick", format!("{tick} Hz")));
    }
    facts.push(("fingerprint", text::name(&host.fingerprint)));
    facts
}

fn build(build: &BuildInfo) -> Facts {
    let flags: Vec<_> = build.flags.iter().map(|flag| text::name(flag)).collect();
    let mut facts = vec![
        ("workbench", format!("{} at {}", text::name(&build.version), text::name(&build.commit))),
        ("commit date", text::name(&build.date)),
        ("profile", text::name(&build.profile)),
        ("compiler", text::name(&build.rustc)),
        ("flags", if flags.is_empty() { "none".into() } else { flags.join(", ") }),
    ];
    if !build.binary.is_empty() {
        facts.push(("binary", text::name(&build.binary)));
    }
    facts
}

fn warnings(build: &BuildInfo) -> Vec<String> {
    let mut warnings = Vec::new();
    if build.profile == "dev" {
        warnings.push("This was a dev build: nothing here says how a release build behaves.".into());
    }
    if build.commit.ends_with("-dirty") {
        warnings.push("The source tree had changes that the commit does not hold.".into());
    }
    warnings
}
