//! Queues of a process's TCP sockets (Documentation/networking/proc_net_tcp.rst).

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use rustix::net::sockopt::{Timeout, socket_timeout};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::process::numbers;

/// `enum` in include/net/tcp_states.h.
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// All sockets together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Queues {
    /// Bytes received and not read.
    pub(super) receive: u64,
    /// Bytes written and not acknowledged.
    pub(super) send: u64,
    /// Connections that wait to be accepted.
    pub(super) backlog: u64,
    /// Established connections.
    pub(super) connections: u64,
}

/// Sockets that a process has open: the descriptor of each, and its number (inode).
pub(in crate::subject) fn of(pid: u32) -> std::io::Result<Vec<(u32, u64)>> {
    let folder = format!("/proc/{pid}/fd");
    let socket = |fd: u32| {
        let link = fs::read_link(format!("{folder}/{fd}")).ok()?;
        Some((fd, link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?))
    };
    Ok(numbers(Path::new(&folder))?.into_iter().filter_map(socket).collect())
}

/// Sockets of a process whose timeouts are asked for, and how many different ones are kept.
const MOST_SOCKETS: usize = 128;
const MOST_TIMEOUTS: usize = 16;

/// Adds the timeouts of reads that these sockets of a process have (`SO_RCVTIMEO`, socket(7)), microseconds. Of whom we may not ask
/// (pidfd_getfd(2) wants what ptrace(2) does) nothing is known.
pub(super) fn receive_timeouts(pid: u32, open: &[(u32, u64)], known: &mut BTreeSet<u64>) {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let Ok(process) = pidfd_open(process, PidfdFlags::empty()) else { return };
    for (fd, _) in open.iter().take(MOST_SOCKETS) {
        let Ok(fd) = i32::try_from(*fd) else { continue };
        let Ok(socket) = pidfd_getfd(&process, fd, PidfdGetfdFlags::empty()) else { continue };
        let timeout = socket_timeout(&socket, Timeout::Recv).ok().flatten();
        let micros = timeout.and_then(|timeout| u64::try_from(timeout.as_micros()).ok());
        known.extend(micros.filter(|_| known.len() < MOST_TIMEOUTS));
    }
}

/// Ports on which a process listens, on the loopback or on any address.
pub(super) fn listened(pid: u32) -> Vec<u16> {
    let own = of(pid).unwrap_or_default().into_iter().map(|(_, inode)| inode).collect();
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        ports.extend(table.lines().skip(1).filter_map(|line| listens(line, &own)));
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The port of a line of such a table, where one of these sockets listens on it.
fn listens(line: &str, own: &HashSet<u64>) -> Option<u16> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, local, _, LISTEN, _, _, _, _, _, inode, ..] = fields[..] else { return None };
    let is_own = inode.parse().is_ok_and(|inode| own.contains(&inode));
    is_own.then(|| u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()).flatten()
}

/// Adds what a `tcp` or `tcp6` table says of these sockets.
pub(super) fn add(table: &str, own: &HashSet<u64>, queues: &mut Queues) {
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, _, _, state, sizes, _, _, _, _, inode, ..] = fields[..] else { continue };
        if !inode.parse().is_ok_and(|inode| own.contains(&inode)) {
            continue;
        }
        let Some((send, receive)) = sizes.split_once(':') else { continue };
        let size = |text| u64::from_str_radix(text, 16).unwrap_or(0);
        if state == LISTEN {
            // Of a listener this is the number of connections that wait to be accepted.
            queues.backlog += size(receive);
            continue;
        }
        queues.connections += u64::from(state == ESTABLISHED);
        queues.send += size(send);
        queues.receive += size(receive);
    }
}

/// A counter of `netstat`: a line of names, and one of numbers.
pub(super) fn counter(table: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = table.lines().filter(|line| line.split(':').next() == Some(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_ascii_whitespace().position(|word| word == name)?;
    numbers.split_ascii_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1811 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 11 2 0 100 0 0 10 0
   1: 0100007F:1811 0100007F:9C40 01 000000A0:00000010 01:00000014 00000000     0        0 12 1 0 20 4 30 10 -1
   2: 0100007F:1811 0100007F:9C41 01 00000001:00000001 01:00000014 00000000     0        0 99 1 0 20 4 30 10 -1
   3: torn";

    #[test]
    fn only_its_own_sockets_count_and_a_listener_counts_connections() {
        let mut queues = Queues::default();
        add(TABLE, &[11, 12].into(), &mut queues);
        assert_eq!(queues, Queues { receive: 16, send: 160, backlog: 3, connections: 1 });
    }

    #[test]
    fn counters_are_found_by_name() {
        let table =
            "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 3\nIpExt: ListenOverflows\nIpExt: 9\n";
        assert_eq!(counter(table, "TcpExt", "ListenOverflows"), Some(22));
        assert_eq!(counter(table, "TcpExt", "Nothing"), None);
    }

    #[test]
    fn an_open_socket_is_among_our_own() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _waiting = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let own = of(std::process::id()).unwrap().into_iter().map(|(_, inode)| inode).collect();
        let mut queues = Queues::default();
        add(&fs::read_to_string("/proc/self/net/tcp").unwrap(), &own, &mut queues);
        assert!(queues.backlog >= 1 && queues.connections >= 1, "{queues:?}");
    }

    #[test]
    fn timeouts_of_reads_are_found_on_its_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let waiting = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        waiting.set_read_timeout(Some(std::time::Duration::from_millis(24))).unwrap();
        let mut known = BTreeSet::new();
        receive_timeouts(std::process::id(), &of(std::process::id()).unwrap(), &mut known);
        // The kernel rounds to its ticks, and may refuse to let us ask.
        assert!(known.is_empty() || known.iter().any(|us| (24_000..=28_000).contains(us)), "{known:?}");
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(text in ".{0,300}") {
            add(&text, &[1].into(), &mut Queues::default());
            let _ = counter(&text, "TcpExt", "x");
        }
    }
}
