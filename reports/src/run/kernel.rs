//! `kernel.jsonl` of a variant's evidence: what the kernel counts of the process over time. The first line says how it
//! was read and what could not be; every later one is a sample.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FORMAT, RunError, files, paths};

/// What the kernel counted over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KernelRecord {
    /// How it was read.
    pub head: KernelHead,
    /// In the order of time.
    pub samples: Vec<KernelSample>,
}

/// The first line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelHead {
    /// [`FORMAT`].
    pub format: u32,
    /// Samples a second that were due.
    pub hz: u32,
    /// Samples that were due.
    pub due: u64,
    /// Seconds from the first sample to the end.
    pub wall_s: f64,
    /// CPU time of the reader as a part of one core. It runs in the parent, not in the subject.
    pub cost: f64,
    /// When the first sample was taken, seconds after the recording of waits began; 0 where there is none.
    #[serde(default)]
    pub began_at_s: f64,
    /// When the open-loop phase began, seconds after the first sample; absent without one.
    pub open_at_s: Option<f64>,
    /// Operations that were answered while samples were taken; 0 where nobody counts them.
    #[serde(default)]
    pub operations: u64,
    /// Figures that could not be read, by the name of their field: why.
    pub missing: BTreeMap<String, String>,
    /// Timeouts of reads that its sockets were seen to have, seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receive_timeouts_s: Vec<f64>,
    /// System calls by name, counted or estimated; empty where they could not be.
    #[serde(default)]
    pub syscalls: BTreeMap<String, u64>,
}

/// A later line. Times, counts and bytes are totals since the first sample unless the text says that they are of the
/// moment; what could not be read is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelSample {
    /// Seconds since the first sample.
    pub at_s: f64,
    /// CPU seconds of all threads (`utime` and `stime` of proc(5) `stat`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// Waiting on a run queue, seconds, all threads together (`schedstat`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_queue_s: Option<f64>,
    /// Periods in which the cgroup was throttled (`nr_throttled` of `cpu.stat`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<u64>,
    /// Time for which it was, seconds, all CPUs together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_s: Option<f64>,
    /// Page faults that needed no disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_faults: Option<u64>,
    /// Page faults that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major_faults: Option<u64>,
    /// Times that threads gave their CPU up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voluntary: Option<u64>,
    /// Times that it was taken from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub involuntary: Option<u64>,
    /// System calls (`raw_syscalls:sys_enter`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syscalls: Option<u64>,
    /// Read-like and write-like system calls (`syscr` and `syscw` of proc(5) `io`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_calls: Option<u64>,
    /// Bytes that its sockets received and it has not read, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_queue: Option<u64>,
    /// Bytes that it wrote and the other side has not acknowledged, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_queue: Option<u64>,
    /// Connections that wait to be accepted, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u64>,
    /// Established connections, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Connections that were refused because a backlog was full, anywhere in its network namespace (`ListenOverflows`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_overflows: Option<u64>,
    /// Resident set, bytes, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident: Option<u64>,
    /// Threads, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// Open file descriptors, of the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Head(KernelHead),
    Sample(KernelSample),
}

/// The file's bytes.
pub(crate) fn write(record: &KernelRecord) -> Result<Vec<u8>, serde_json::Error> {
    let head = Line::Head(KernelHead { format: FORMAT, ..record.head.clone() });
    files::lines(std::iter::once(head).chain(record.samples.iter().map(|sample| Line::Sample(*sample))))
}

/// What the file in a variant's evidence folder says; `None` where there is none.
pub(crate) fn read(folder: &Path) -> Result<Option<KernelRecord>, RunError> {
    let Some(lines) = files::read_headed_lines(&folder.join(paths::KERNEL))? else { return Ok(None) };
    let mut record = KernelRecord::default();
    for line in lines {
        match line {
            Line::Head(head) => record.head = head,
            Line::Sample(sample) => record.samples.push(sample),
        }
    }
    Ok(Some(record))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    /// A second of a process whose cgroup is throttled and whose sockets cannot be read.
    pub(crate) fn kernel() -> KernelRecord {
        let sample = |n: u64| KernelSample {
            at_s: n as f64 * 0.1,
            cpu_s: Some(n as f64 * 0.12),
            run_queue_s: Some(n as f64 * 0.03),
            throttled: Some(n / 2),
            throttled_s: Some(n as f64 * 0.02),
            minor_faults: Some(n * 100),
            major_faults: Some(0),
            voluntary: Some(n * 400),
            involuntary: Some(n * 20),
            io_calls: Some(n * 900),
            resident: Some((40 + n) << 20),
            threads: Some(6),
            descriptors: Some(30 + n),
            ..KernelSample::default()
        };
        let missing = [
            ("sockets".to_owned(), "/proc/7/net/tcp cannot be read".to_owned()),
            ("syscalls".to_owned(), "tracepoints are refused".to_owned()),
        ];
        KernelRecord {
            head: KernelHead {
                format: FORMAT,
                hz: 10,
                due: 11,
                wall_s: 1.0,
                cost: 0.004,
                began_at_s: 0.0,
                open_at_s: Some(0.5),
                operations: 450,
                receive_timeouts_s: Vec::new(),
                missing: missing.into(),
                syscalls: BTreeMap::new(),
            },
            samples: (0..11).map(sample).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        assert_eq!(writer.kernel("b", &kernel()).unwrap(), "evidence/b/kernel.jsonl");
        let file = writer.path().join("evidence/b/kernel.jsonl");
        assert!(!std::fs::read_to_string(&file).unwrap().contains("receive_queue"), "what was not read is absent");
        let read = load(writer.path()).unwrap();
        assert_eq!(read.waits["b"].kernel.as_ref(), Some(&kernel()));

        std::fs::write(&file, "").unwrap();
        let read = load(writer.path()).unwrap();
        assert!(read.unread[0].because.contains("kernel.jsonl: the file is empty"), "{:?}", read.unread);
        assert!(!read.waits.contains_key("b"), "nothing is there");
        std::fs::write(&file, "{\"head\":7}").unwrap();
        let because = &load(writer.path()).unwrap().unread[0].because;
        assert!(because.contains("kernel.jsonl:1: "), "{because}");
    }
}
