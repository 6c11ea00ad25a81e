//! Whether a `Host` header names this machine.
//!
//! A page in a developer's browser may point a name of its own at 127.0.0.1 and read the answers as its own; the name
//! then stands in `Host`. Addresses cannot be redirected that way.

use std::net::IpAddr;

/// True for `localhost`, loopback addresses and `reached`, the address that the connection was made to. Any port will
/// do: a forwarded one is another.
pub(super) fn is_this_machine(host: &str, reached: IpAddr) -> bool {
    let name = without_port(host);
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    literal.parse::<IpAddr>().is_ok_and(|address| {
        let loopback = ["127.0.0.1", "::1"].iter().any(|known| known.parse() == Ok(address));
        loopback || address.to_canonical() == reached.to_canonical()
    })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        let reached = "10.0.0.7".parse().unwrap();
        for host in
            ["localhost", "LOCALHOST:6060", "127.0.0.1", "127.0.0.1:7070", "[::1]:6060", "[::1]", "10.0.0.7:6060"]
        {
            assert!(is_this_machine(host, reached), "{host}");
        }
        let foreign = [
            "",
            "evil.example",
            "evil.example:6060",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.8",
            "[::2]:1",
            ":6060",
        ];
        for host in foreign {
            assert!(!is_this_machine(host, reached), "{host}");
        }
    }

    #[test]
    fn an_address_seen_through_a_dual_stack_socket_is_the_same() {
        assert!(is_this_machine("10.0.0.7", "::ffff:10.0.0.7".parse().unwrap()));
    }
}
