//! What watching took.

use std::process::Child;
use std::time::Duration;

/// Of one recording, up to its picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    pub(crate) samples: u64,
    /// Seconds of CPU of everything but the program itself, while recording and after.
    pub(crate) cpu_s: f64,
    /// Seconds on the wall from the end of recording to the picture.
    pub(crate) wait_s: f64,
    /// KiB of memory at the peak; of processes that run together, the sum of their peaks.
    pub(crate) peak_kib: u64,
    /// Bytes written to files on the way, the picture aside.
    pub(crate) disk: u64,
    /// Bytes of the picture.
    pub(crate) picture: u64,
    /// What the kernel found no room for, where that is told.
    pub(crate) lost: Option<u64>,
}

impl Cost {
    pub(crate) const HEADING: &'static str = "watcher                  samples     lost   CPU s   µs CPU/sample   wait s   peak MiB   disk MiB   picture MiB";

    /// A line of the table; with a reference, the ratios to it.
    pub(crate) fn line(&self, name: &str, reference: Option<&Self>) -> String {
        let each = |cost: &Self| cost.cpu_s * 1e6 / cost.samples.max(1) as f64;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let mut line = format!(
            "{name:<22} {:>9} {:>8} {:>7.2} {:>15.2} {:>8.2} {:>10.0} {:>10.1} {:>13.2}",
            self.samples,
            self.lost.map_or_else(|| "n/a".to_owned(), |lost| lost.to_string()),
            self.cpu_s,
            each(self),
            self.wait_s,
            self.peak_kib as f64 / 1024.0,
            mib(self.disk),
            mib(self.picture),
        );
        if let Some(reference) = reference {
            line.push_str(&format!(
                "   CPU × {:.2}, wait × {:.2}, memory × {:.2}",
                each(self) / each(reference),
                self.wait_s / reference.wait_s,
                self.peak_kib as f64 / reference.peak_kib as f64
            ));
        }
        line
    }
}

/// Waits for a process; CPU seconds and peak KiB of it and of what it waited for.
pub(crate) fn reap(child: Child) -> Result<(f64, u64), String> {
    let mut status = 0;
    // SAFETY: all zeroes is a valid `rusage`, which is plain data.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the process is our child and nobody has waited for it; both places outlive the call.
    let reaped = unsafe { libc::wait4(child.id() as libc::pid_t, &raw mut status, 0, &raw mut usage) };
    if reaped < 0 || status != 0 {
        return Err(format!("ended with status {status}"));
    }
    let seconds = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000).as_secs_f64();
    Ok((seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as u64))
}
