//! Which process listens on a port of this machine: its CPU time tells how much of it a profile has seen.

use std::fs;
use std::net::Ipv4Addr;

use super::process;

/// The process that listens on a local port; `None` where that cannot be seen.
pub(super) fn of(port: u16) -> Option<u32> {
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        sockets.extend(text.lines().filter_map(|line| listening(line, port)));
    }
    let holds = |pid: &u32| {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        files.filter_map(|file| fs::read_link(file.ok()?.path()).ok()).any(|target| {
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            inode.and_then(|inode| inode.parse().ok()).is_some_and(|inode: u64| sockets.contains(&inode))
        })
    };
    let holders: Vec<u32> =
        if sockets.is_empty() { Vec::new() } else { process::all().into_iter().filter(holds).collect() };
    // A socket that several share (a parent that forked) says nothing of who answers.
    match holders.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// Inode of a listening socket (state 0A) on that port, on the loopback or on any address: proc_net_tcp(5).
fn listening(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, own) = fields.get(1)?.rsplit_once(':')?;
    let local = match address.len() {
        // Bytes of the address in the order of this machine.
        8 => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?.to_le_bytes()),
        32 => Ipv4Addr::UNSPECIFIED,
        _ => return None,
    };
    let fits = u16::from_str_radix(own, 16).ok()? == port && (local.is_loopback() || local.is_unspecified());
    (fits && *fields.get(3)? == "0A").then(|| fields.get(9)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // A test beside this one may fork meanwhile; then nobody is named.
        let found = of(port);
        assert!(found.is_none_or(|pid| pid == std::process::id()), "{found:?}");
        drop(listener);
    }

    #[test]
    fn only_listening_sockets_of_the_loopback_count() {
        let line = |address: &str, state: &str| {
            format!(
                "   0: {address}:17AC 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0"
            )
        };
        assert_eq!(listening(&line("0100007F", "0A"), 6060), Some(4711));
        assert_eq!(listening(&line("00000000", "0A"), 6060), Some(4711));
        assert_eq!(listening(&line("0100007F", "01"), 6060), None);
        assert_eq!(listening(&line("0101A8C0", "0A"), 6060), None);
        assert_eq!(listening(&line("0100007F", "0A"), 6061), None);
        assert_eq!(listening("  sl  local_address rem_address   st", 1), None);
    }
}
