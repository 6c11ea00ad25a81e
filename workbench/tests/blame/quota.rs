//! A control group that grants half a CPU, gone when dropped.

use std::path::{Path, PathBuf};

/// The group.
pub(crate) struct Quota(PathBuf);

impl Quota {
    /// Half a CPU, in periods of 100 ms; `None` where groups cannot be made.
    pub(crate) fn half_a_cpu() -> Option<Self> {
        let name = format!("blame-{}", std::process::id());
        let (first, second) = (Path::new("/sys/fs/cgroup/cpu").join(&name), Path::new("/sys/fs/cgroup").join(&name));
        let first_version = (first, &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")][..]);
        let second_version = (second, &[("cpu.max", "50000 100000")][..]);
        [first_version, second_version].into_iter().find_map(|(group, limits)| {
            std::fs::create_dir(&group).ok()?;
            let group = Self(group);
            limits.iter().all(|(file, limit)| std::fs::write(group.0.join(file), limit).is_ok()).then_some(group)
        })
    }

    /// Where the program puts its process id.
    pub(crate) fn processes(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}
