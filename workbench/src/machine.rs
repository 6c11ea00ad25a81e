//! The host: what `machine.json` records and what decides whether two runs may be compared.

use std::fs;

use reports::run::{FORMAT, Machine};

use crate::digest;

/// Reads this host. What cannot be read is left empty rather than guessed.
pub fn read() -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut machine = Machine {
        format: FORMAT,
        fingerprint: String::new(),
        cpu: cpu_line(&cpuinfo),
        cpus: allowed_cpus(),
        threads_per_core: threads_per_core(&cpuinfo),
        cpu_quota: cpu_quota(),
        memory_bytes: memory_bytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        kernel: trimmed("/proc/sys/kernel/osrelease"),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        virtualised: cpuinfo.lines().any(|l| l.starts_with("flags") && l.split_whitespace().any(|f| f == "hypervisor")),
        clocksource: trimmed("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        tick_hz: tick_hz(),
        kept_from_subjects: kept_from_subjects(),
        hidden_configuration: probe::jemalloc::hidden_sources(),
    };
    machine.fingerprint = fingerprint(&machine);
    machine
}

/// Variables set here that would change a subject, and are removed before it starts.
pub(crate) fn kept_from_subjects() -> Vec<String> {
    let mut names = crate::settings::variable_names();
    names.retain(|name| probe::environment::is_scrubbed(name));
    names.sort_unstable();
    names
}

/// Hash over what identifies a kind of host (design 06 §12): never MHz or bogomips, which change from boot to boot.
fn fingerprint(machine: &Machine) -> String {
    let quota = machine.cpu_quota.map_or_else(|| "none".to_owned(), |q| format!("{q:.2}"));
    // The kernel reserves a little more or less memory from version to version.
    let memory_gib = (machine.memory_bytes + (1 << 29)) >> 30;
    let text = [
        machine.cpu.clone(),
        machine.cpus.to_string(),
        machine.threads_per_core.to_string(),
        quota,
        memory_gib.to_string(),
        machine.kernel.clone(),
        machine.os.clone(),
        machine.virtualised.to_string(),
        machine.clocksource.clone(),
    ]
    .join("\n");
    digest::of(&text)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn cpu_line(cpuinfo: &str) -> String {
    let of = |name| field(cpuinfo, name).unwrap_or("?");
    if field(cpuinfo, "model name").is_none() {
        return String::new();
    }
    let ids = format!("family {} model {} stepping {}", of("cpu family"), of("model"), of("stepping"));
    format!("{} ({} {ids})", of("model name"), of("vendor_id"))
}

fn threads_per_core(cpuinfo: &str) -> u32 {
    let number = |name| field(cpuinfo, name).and_then(|v| v.parse::<u32>().ok());
    match (number("siblings"), number("cpu cores")) {
        (Some(siblings), Some(cores)) if cores > 0 => (siblings / cores).max(1),
        _ => 1,
    }
}

fn memory_bytes(meminfo: &str) -> u64 {
    field(meminfo, "MemTotal").and_then(|v| v.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn allowed_cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

fn trimmed(path: &str) -> String {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The scheduler tick: the resolution of the coarse clock (`clock_getres(2)`).
fn tick_hz() -> Option<u32> {
    let resolution = rustix::time::clock_getres(rustix::time::ClockId::MonotonicCoarse);
    let ns = u32::try_from(resolution.tv_nsec).ok()?;
    (resolution.tv_sec == 0 && ns > 0).then(|| 1_000_000_000_u32.div_ceil(ns))
}

/// The tightest CPU quota of this process's cgroup or any ancestor, in CPUs.
pub fn cpu_quota() -> Option<f64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut tightest: Option<f64> = None;
    for line in membership.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next(), parts.next()?, parts.next()?);
        let roots: &[&str] = match controllers {
            "" => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
            c if c.split(',').any(|c| c == "cpu") => &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"],
            _ => continue,
        };
        for root in roots {
            let mut path = path.trim_end_matches('/');
            loop {
                if let Some(quota) = quota_in(&format!("{root}{path}")) {
                    tightest = Some(tightest.map_or(quota, |t| t.min(quota)));
                }
                match path.rfind('/') {
                    Some(cut) => path = &path[..cut],
                    None => break,
                }
            }
        }
    }
    tightest
}

fn quota_in(folder: &str) -> Option<f64> {
    if let Ok(text) = fs::read_to_string(format!("{folder}/cpu.max")) {
        return quota_v2(&text);
    }
    let quota: f64 = trimmed(&format!("{folder}/cpu.cfs_quota_us")).parse().ok()?;
    let period: f64 = trimmed(&format!("{folder}/cpu.cfs_period_us")).parse().ok()?;
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

fn quota_v2(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\
                           stepping\t: 1\ncpu MHz\t\t: 2595.124\nsiblings\t: 2\ncpu cores\t: 1\nbogomips\t: 5190.24\n";

    #[test]
    fn cpu_line_and_threads_per_core_come_from_cpuinfo() {
        assert_eq!(cpu_line(CPUINFO), "AMD EPYC (AuthenticAMD family 25 model 1 stepping 1)");
        assert_eq!(threads_per_core(CPUINFO), 2);
        assert_eq!(cpu_line("no such thing"), "");
        assert_eq!(threads_per_core(""), 1);
    }

    #[test]
    fn the_fingerprint_follows_the_cpu_and_not_the_clock_rate() {
        let of = |cpuinfo: &str| fingerprint(&Machine { cpu: cpu_line(cpuinfo), ..Machine::default() });
        assert_eq!(of(CPUINFO), of(&CPUINFO.replace("2595.124", "3000.0").replace("5190.24", "1.0")));
        assert_ne!(of(CPUINFO), of(&CPUINFO.replace("stepping\t: 1", "stepping\t: 2")));
    }

    #[test]
    fn quotas_are_read_in_cpus() {
        assert_eq!(quota_v2("150000 100000\n"), Some(1.5));
        assert_eq!(quota_v2("max 100000\n"), None);
        assert_eq!(memory_bytes("MemTotal:       24637540 kB\n"), 24_637_540 * 1024);
    }

    #[test]
    fn this_host_can_be_read() {
        let machine = read();
        assert!(machine.cpus > 0 && machine.memory_bytes > 0 && machine.fingerprint.len() == 16);
    }
}
