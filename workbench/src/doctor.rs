//! Probes what this machine allows. Each shortcoming comes with the command or the change that mends it.

use flamegraphs::capture::{Options, Recorder};
use reports::run::{BuildInfo, Machine};
use serde::Serialize;

use crate::companion::{Companion, Missing};
use crate::console;

mod file;
mod mechanism;
pub mod noise;
mod trying;

pub use file::examine as examine_binary;
pub use mechanism::Mechanism;
pub use trying::Tried;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Good,
    /// Works, with something to know.
    Notice,
    /// Missing or wrong.
    Bad,
}

/// One line of `workbench doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Outcome.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What stands on it; empty where everything does.
    pub needed_by: String,
    /// What would mend it: a command where there is one. Empty when good.
    pub fix: String,
}

/// What the checks look at; a value, so that tests can make machines up.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The host.
    pub machine: Machine,
    /// This executable.
    pub build: BuildInfo,
    /// Whether perf events can be had, found by opening some, and whether they show the kernel's side; or why not.
    pub perf: Result<bool, String>,
    /// Whether this process is root's.
    pub root: bool,
    /// Kernel symbols hidden (`kptr_restrict`).
    pub kptr_restrict: Option<i32>,
    /// cgroup version that accounts CPU, 0 where there is none.
    pub cgroup: u8,
    /// Variables in this environment that would change a subject if they were not scrubbed.
    pub inherited: Vec<String>,
    /// Configuration of the allocator that nobody asked for.
    pub hidden_allocator_sources: Vec<String>,
    /// The allocator guard's complaint.
    pub allocator_guard: Option<String>,
    /// The `tokio-console` program, where it is installed.
    pub tokio_console: Option<std::path::PathBuf>,
    /// The program with tokio's instrumentation, or why there is none.
    pub console_child: Result<std::path::PathBuf, Missing>,
    /// Load average over the last minute.
    pub load_1m: f64,
    /// Whether the scheduler shares CPUs among sessions before it looks at nice values (sched(7), autogrouping).
    pub autogroup: bool,
    /// What came of trying each mechanism.
    pub tried: Vec<(Mechanism, Tried)>,
}

impl Surroundings {
    /// Looks at this machine.
    pub fn look() -> Self {
        let number = |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            machine: crate::machine::read(),
            build: crate::build_info::read(),
            perf: Recorder::attach(std::process::id(), &Options::default())
                .map(|recorder| recorder.sees_the_kernel())
                .map_err(|refused| refused.to_string()),
            root: rustix::process::geteuid().is_root(),
            kptr_restrict: number("/proc/sys/kernel/kptr_restrict"),
            cgroup: cgroup_version(),
            inherited: crate::machine::kept_from_subjects(),
            hidden_allocator_sources: probe::jemalloc::hidden_sources(),
            allocator_guard: probe::allocator::verify().err().map(|e| e.to_string()),
            tokio_console: console::find_viewer(),
            console_child: Companion::Console.find(),
            load_1m: load.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0),
            autogroup: number("/proc/sys/kernel/sched_autogroup_enabled") == Some(1),
            tried: Mechanism::ALL.map(|mechanism| (mechanism, trying::one(mechanism))).into(),
        }
    }
}

fn cgroup_version() -> u8 {
    if std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return 2;
    }
    let membership = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    u8::from(membership.lines().any(|line| line.split(':').nth(1).is_some_and(|c| c.split(',').any(|c| c == "cpu"))))
}

/// Runs every check.
pub fn examine(around: &Surroundings) -> Vec<Check> {
    let mut checks = vec![
        cores(around),
        quota(around),
        load(around),
        sessions(around),
        clock(around),
        tick(around),
        perf(around),
        kernel_symbols(around),
        cgroups(around),
        build_profile(around),
        build_flag(around, "tokio_unstable", "hooks, tokio-console and the unstable knobs"),
        build_flag(around, "frame-pointers", "cheap and complete stacks"),
        build_flag(around, "line-tables", "source lines and inlined frames in flamegraphs"),
        instrumentation(around),
        tokio_console(around),
        console_child(around),
        allocator(around),
        environment(around),
    ];
    checks.extend(around.tried.iter().map(|(mechanism, tried)| mechanism.check(tried)));
    checks
}

fn check(name: &'static str, health: Health, found: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { name, health, found: found.into(), needed_by: String::new(), fix: fix.into() }
}

fn cores(around: &Surroundings) -> Check {
    let Machine { cpus, threads_per_core, .. } = around.machine;
    let found = format!("{cpus} usable CPUs, {threads_per_core} threads per core ({})", around.machine.cpu);
    match cpus {
        0 | 1 => check(
            "cores",
            Health::Bad,
            found,
            "give this machine or container at least 2 CPUs: the load driver and the subject would share one",
        ),
        2 => check(
            "cores",
            Health::Notice,
            found,
            "with 3 or more CPUs the load driver gets a core of its own; with 2 it shares, and says so in every run",
        ),
        _ => check("cores", Health::Good, found, ""),
    }
}

fn quota(around: &Surroundings) -> Check {
    match around.machine.cpu_quota {
        None => check("cpu quota", Health::Good, "none", ""),
        Some(quota) => check(
            "cpu quota",
            Health::Notice,
            format!("{quota:.2} CPUs"),
            "a throttled subject stalls with the period of the quota: lift it (`docker run --cpus`, `systemctl set-property UNIT CPUQuota=`), or keep worker threads at or below it",
        ),
    }
}

fn load(around: &Surroundings) -> Check {
    let found = format!("load average {:.2} over the last minute", around.load_1m);
    if around.load_1m > f64::from(around.machine.cpus) * 0.5 {
        check(
            "quiet host",
            Health::Notice,
            found,
            "intervals get wider on a busy host: see who it is with `top`, or run more blocks with `--trials`",
        )
    } else {
        check("quiet host", Health::Good, found, "")
    }
}

fn sessions(around: &Surroundings) -> Check {
    if around.autogroup {
        check(
            "sessions",
            Health::Notice,
            "the scheduler gives each session as much CPU as this one, before it looks at nice values (autogroup)",
            "`nice` and idle priority of work in other terminals do not protect a measurement, and the driver's priority \
             counts within this session alone: sudo sysctl kernel.sched_autogroup_enabled=0 while you measure",
        )
    } else {
        check("sessions", Health::Good, "nice values count across sessions", "")
    }
}

fn clock(around: &Surroundings) -> Check {
    let source = &around.machine.clocksource;
    let found = if source.is_empty() { "clock source unknown".to_owned() } else { format!("clock source {source}") };
    match source.as_str() {
        "tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page" => {
            check("clock", Health::Good, found, "")
        }
        _ => check(
            "clock",
            Health::Notice,
            found,
            "reading the time is a system call here; if the hardware allows: `echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource`",
        ),
    }
}

fn tick(around: &Surroundings) -> Check {
    match around.machine.tick_hz {
        Some(hz) => check(
            "kernel tick",
            Health::Good,
            format!("{hz} Hz: signals cannot interrupt more often; our sampler weights them, pprof asks for 99 Hz"),
            "",
        ),
        None => check("kernel tick", Health::Notice, "unknown", "a kernel with CLOCK_MONOTONIC_COARSE tells it"),
    }
}

fn perf(around: &Surroundings) -> Check {
    match &around.perf {
        Ok(true) => check("perf events", Health::Good, "own processes and the kernel's side of them", ""),
        Ok(false) => check(
            "perf events",
            Health::Notice,
            "own processes, without the kernel's side: no time in system calls, no stacks of waits",
            "run as root or with CAP_PERFMON, or sudo sysctl kernel.perf_event_paranoid=1",
        ),
        Err(refused) => check(
            "perf events",
            Health::Bad,
            refused.clone(),
            "as it says; until then CPU profiles come from inside the process, and `attach` does not work",
        ),
    }
}

fn kernel_symbols(around: &Surroundings) -> Check {
    match around.kptr_restrict {
        Some(0) => check("kernel symbols", Health::Good, "visible", ""),
        Some(1) if around.root => check("kernel symbols", Health::Good, "visible to root", ""),
        Some(level) => check(
            "kernel symbols",
            Health::Notice,
            format!("hidden (kptr_restrict {level})"),
            "sudo sysctl kernel.kptr_restrict=0",
        ),
        None => check("kernel symbols", Health::Notice, "unknown", "mount /proc"),
    }
}

fn cgroups(around: &Surroundings) -> Check {
    match around.cgroup {
        2 => check("cgroups", Health::Good, "version 2", ""),
        1 => check("cgroups", Health::Good, "version 1", ""),
        _ => check(
            "cgroups",
            Health::Notice,
            "no CPU controller",
            "throttling cannot be seen; `mount -t cgroup2 none /sys/fs/cgroup` as root",
        ),
    }
}

fn build_profile(around: &Surroundings) -> Check {
    let build = &around.build;
    if build.flags.iter().any(|f| f == "debug-assertions") || build.profile == "dev" {
        check(
            "build profile",
            Health::Bad,
            format!("{} build with debug assertions: nothing it measures means anything", build.profile),
            "cargo run --release -- doctor",
        )
    } else {
        check("build profile", Health::Good, format!("{} build of commit {}", build.profile, build.commit), "")
    }
}

fn build_flag(around: &Surroundings, flag: &'static str, gives: &str) -> Check {
    if around.build.flags.iter().any(|f| f == flag) {
        check(flag, Health::Good, format!("built in: {gives}"), "")
    } else {
        check(
            flag,
            Health::Bad,
            format!("not built in: no {gives}"),
            "build inside the repository with RUSTFLAGS unset (it replaces .cargo/config.toml): `env -u RUSTFLAGS cargo build --release`",
        )
    }
}

fn instrumentation(around: &Surroundings) -> Check {
    if around.build.flags.iter().any(|f| f == "tokio-tracing") {
        check(
            "instrumentation",
            Health::Notice,
            "tokio's own is compiled in: every poll and wake pays for it, also while nobody watches",
            "measure with a build without the feature `console`: `cargo run --release -- run`",
        )
    } else {
        check("instrumentation", Health::Good, "none in the program that measures", "")
    }
}

fn tokio_console(around: &Surroundings) -> Check {
    match &around.tokio_console {
        Some(path) => check("tokio-console", Health::Good, path.display().to_string(), ""),
        None => check(
            "tokio-console",
            Health::Notice,
            "not installed: `workbench console` only prints the address",
            console::INSTALL,
        ),
    }
}

fn console_child(around: &Surroundings) -> Check {
    match &around.console_child {
        Ok(path) => check("console child", Health::Good, path.display().to_string(), ""),
        Err(missing) => check("console child", Health::Notice, missing.why.clone(), missing.command.clone()),
    }
}

fn allocator(around: &Surroundings) -> Check {
    if let Some(complaint) = &around.allocator_guard {
        return check(
            "allocators",
            Health::Bad,
            complaint.clone(),
            "some dependency enables `unprefixed_malloc_on_supported_platforms` or mimalloc's `override`: find it with `cargo tree -e features -i tikv-jemalloc-sys`",
        );
    }
    if around.hidden_allocator_sources.is_empty() {
        check("allocators", Health::Good, "jemalloc, mimalloc and system are told apart", "")
    } else {
        let sources = around.hidden_allocator_sources.join(", ");
        check(
            "allocators",
            Health::Notice,
            format!("jemalloc also reads {sources}"),
            "remove it, or know that it changes every run",
        )
    }
}

fn environment(around: &Surroundings) -> Check {
    if around.inherited.is_empty() {
        check("environment", Health::Good, "nothing that would change a subject", "")
    } else {
        let names = around.inherited.join(", ");
        check(
            "environment",
            Health::Notice,
            format!("{names} set here, kept from every subject"),
            format!("unset {}; to test such a setting use --set", around.inherited.join(" ")),
        )
    }
}

#[cfg(test)]
mod tests;
