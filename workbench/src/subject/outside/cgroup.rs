//! Throttling of the cgroups that a process is in (Documentation/admin-guide/cgroup-v2.rst and
//! Documentation/scheduler/sched-bwc.rst).

use std::fs;
use std::path::{Path, PathBuf};

/// How often and how long a group was throttled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Throttled {
    /// Periods.
    pub(super) periods: u64,
    /// Nanoseconds, all CPUs together.
    pub(super) ns: u64,
}

/// The `cpu.stat` files that tell of a process: its group's and those of all groups above, since a limit on any of them
/// holds it. An error says why there are none.
pub(super) fn files(pid: u32) -> Result<Vec<PathBuf>, String> {
    let path = format!("/proc/{pid}/cgroup");
    let membership = fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read ({error})"))?;
    let mounts =
        fs::read_to_string("/proc/self/mountinfo").map_err(|error| format!("/proc/self/mountinfo: {error}"))?;
    let (folder, group) = place(&membership, &mounts)?;
    let mut found = Vec::new();
    let mut group = Some(Path::new(&group));
    while let Some(at) = group {
        let file = folder.join(at.strip_prefix("/").unwrap_or(at)).join("cpu.stat");
        if fs::read_to_string(&file).is_ok_and(|text| throttled(&text).is_some()) {
            found.push(file);
        }
        group = at.parent();
    }
    if found.is_empty() {
        return Err(format!("no cgroup of it under {} counts throttling: its cpu controller is off", folder.display()));
    }
    Ok(found)
}

/// Where the cpu controller is mounted, and the group there.
fn place(membership: &str, mounts: &str) -> Result<(PathBuf, String), String> {
    let lines = || {
        membership.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            Some((parts.next()?, parts.next()?))
        })
    };
    let old = lines().find(|(controllers, _)| controllers.split(',').any(|one| one == "cpu"));
    let (kind, group) = match old.or_else(|| lines().find(|(controllers, _)| controllers.is_empty())) {
        Some(("", group)) => ("cgroup2", group),
        Some((_, group)) => ("cgroup", group),
        None => return Err("it is in no cgroup".to_owned()),
    };
    // proc_pid_mountinfo(5): root, mount point, …, a dash, type, source, options.
    let mount = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut after = after.split(' ');
        let (found, options) = (after.next()?, after.nth(1).unwrap_or_default());
        let fits = found == kind && (kind == "cgroup2" || options.split(',').any(|option| option == "cpu"));
        fits.then(|| (root.to_owned(), PathBuf::from(point)))
    });
    let (root, point) =
        mount.ok_or_else(|| format!("no file system of type {kind} with its cpu controller is mounted"))?;
    // Within a container the mount shows a part of the tree only.
    let below = group.strip_prefix(root.trim_end_matches('/')).unwrap_or("/");
    Ok((point, if below.is_empty() { "/".to_owned() } else { below.to_owned() }))
}

/// What a `cpu.stat` says; `None` where it does not count throttling.
pub(super) fn throttled(text: &str) -> Option<Throttled> {
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.parse::<u64>().ok();
    let periods = field("nr_throttled")?;
    // Version 2 counts microseconds, version 1 nanoseconds.
    let ns = field("throttled_usec").map(|us| us.saturating_mul(1000)).or_else(|| field("throttled_time"))?;
    Some(Throttled { periods, ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "9:name=systemd:/\n4:memory:/a\n1:cpu,cpuacct:/docker/abc\n0::/\n";
    const MOUNTS: &str = "33 24 0:28 /docker/abc /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n\
        34 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn both_versions_are_read() {
        assert_eq!(
            throttled("nr_periods 10\nnr_throttled 4\nthrottled_time 7000\n"),
            Some(Throttled { periods: 4, ns: 7000 })
        );
        assert_eq!(
            throttled("usage_usec 9\nnr_throttled 4\nthrottled_usec 7\n"),
            Some(Throttled { periods: 4, ns: 7000 })
        );
        assert_eq!(throttled("usage_usec 9\n"), None);
    }

    #[test]
    fn the_group_is_found_where_it_is_mounted() {
        assert_eq!(place(V1, MOUNTS), Ok((PathBuf::from("/sys/fs/cgroup/cpu"), "/".to_owned())));
        assert_eq!(
            place("0::/user.slice/x\n", MOUNTS),
            Ok((PathBuf::from("/sys/fs/cgroup/unified"), "/user.slice/x".to_owned()))
        );
        assert!(place("", MOUNTS).unwrap_err().contains("no cgroup"));
        assert!(place(V1, "").unwrap_err().contains("type cgroup "));
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        assert!(files(0x3fff_fff0).unwrap_err().contains("/proc/1073741808/cgroup"));
    }
}
