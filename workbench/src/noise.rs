//! Noise covariates of a trial: what the rest of the host did meanwhile (`/proc/stat`, proc(5)).

use std::collections::BTreeMap;

/// `USER_HZ`: the unit of `/proc/stat`, 100 on every Linux architecture we build for.
const USER_HZ: f64 = 100.0;

/// CPU seconds of the whole host so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct HostCpu {
    busy_s: f64,
    steal_s: f64,
}

impl HostCpu {
    /// Reads `/proc/stat`; zeroes where it cannot be read.
    pub(crate) fn now() -> Self {
        std::fs::read_to_string("/proc/stat").ok().and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find(|line| line.starts_with("cpu "))?;
        let ticks: Vec<f64> = line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal
        let [user, nice, system, _idle, _iowait, irq, softirq, steal] = *ticks.first_chunk::<8>()?;
        Some(Self { busy_s: (user + nice + system + irq + softirq) / USER_HZ, steal_s: steal / USER_HZ })
    }

    /// Covariates between `self` and `later`, given the CPU seconds that subject and driver used themselves.
    pub(crate) fn until(&self, later: &Self, ours_s: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([
            ("other_busy_s".to_owned(), (later.busy_s - self.busy_s - ours_s).max(0.0)),
            ("steal_s".to_owned(), (later.steal_s - self.steal_s).max(0.0)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_used_is_what_is_left() {
        let before = HostCpu::parse("cpu  100 0 100 5000 0 0 0 10 0 0\ncpu0 1 2 3\n").unwrap();
        let after = HostCpu::parse("cpu  300 0 200 6000 0 0 0 60 0 0\n").unwrap();
        let noise = before.until(&after, 1.0);
        assert!((noise["other_busy_s"] - 2.0).abs() < 1e-9);
        assert!((noise["steal_s"] - 0.5).abs() < 1e-9);
        assert_eq!(HostCpu::parse("intr 1 2 3"), None);
    }
}
