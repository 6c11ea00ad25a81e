//! Who listens where, by `/proc/PID/net/tcp` and the descriptors of processes (proc(5), proc_pid_net(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::subject::outside::sockets;

/// `TCP_LISTEN` of the kernel's `tcp_states.h`, as these files spell it.
const LISTEN: &str = "0A";

/// A socket that accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    inode: u64,
}

impl Listener {
    /// Whether a connection to `target` reaches it.
    pub(super) fn takes(&self, target: &SocketAddr) -> bool {
        let own = self.address.ip();
        let any = own.is_unspecified();
        // A socket for all of IPv6 takes IPv4 as well, unless it was told not to.
        self.address.port() == target.port()
            && (own.to_canonical() == target.ip().to_canonical() || any && (own.is_ipv6() || target.is_ipv4()))
    }
}

/// Listening sockets of the network namespace that a process is in.
pub(super) fn listeners(pid: i32) -> Vec<Listener> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
    [read("tcp"), read("tcp6")].iter().flat_map(|table| table.lines().filter_map(listener)).collect()
}

/// `  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 12345 …`
fn listener(line: &str) -> Option<Listener> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Each 32 bits stand as this machine would print them as a number.
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (part, at) in bytes.chunks_exact_mut(4).zip([0, 8, 16, 24]) {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(Listener { address: SocketAddr::new(ip, port), inode })
}

/// Which of these processes hold the socket; none where their descriptors are not ours to see.
pub(super) fn holders(listener: &Listener, pids: &[i32]) -> Vec<i32> {
    let open = |pid: i32| u32::try_from(pid).ok().and_then(|pid| sockets::of(pid).ok()).unwrap_or_default();
    pids.iter().copied().filter(|pid| open(*pid).iter().any(|(_, inode)| *inode == listener.inode)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn own() -> i32 {
        std::process::id().cast_signed()
    }

    #[test]
    fn a_socket_of_this_process_is_found_with_its_address_and_holder() {
        for host in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let Ok(socket) = TcpListener::bind(host) else { continue };
            let address = socket.local_addr().unwrap();
            let found: Vec<_> = listeners(own()).into_iter().filter(|one| one.address == address).collect();
            assert_eq!(found.len(), 1, "{host}");
            assert_eq!(holders(&found[0], &[1, own()]).last(), Some(&own()));
            let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
            assert_eq!(found[0].takes(&loopback), host != "[::1]:0");
        }
    }

    #[test]
    fn lines_that_are_no_listener_are_left_out() {
        let line = |state: &str| format!("0: 0100007F:1F90 00000000:0000 {state} 0:0 00:0 0 0 0 77 1 0 100 0");
        let found = listener(&line("0A")).unwrap();
        assert_eq!((found.address.to_string(), found.inode), ("127.0.0.1:8080".to_owned(), 77));
        for line in [line("01"), "  sl  local_address rem_address   st".to_owned(), String::new(), "0: zz 0 0A".into()]
        {
            assert_eq!(listener(&line), None, "{line}");
        }
    }

    #[test]
    fn a_socket_for_everybody_takes_what_comes() {
        let at = |address: &str| Listener { address: address.parse().unwrap(), inode: 0 };
        let takes = |listener: &str, target: &str| at(listener).takes(&target.parse().unwrap());
        assert!(
            takes("0.0.0.0:80", "127.0.0.1:80") && takes("[::]:80", "127.0.0.1:80") && takes("[::]:80", "[::1]:80")
        );
        assert!(!takes("0.0.0.0:80", "[::1]:80") && !takes("0.0.0.0:80", "127.0.0.1:81"));
        assert!(!takes("127.0.0.2:80", "127.0.0.1:80") && takes("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
    }
}
