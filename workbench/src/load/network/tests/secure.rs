//! TLS, and what is spoken over it.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use super::multiplexing::{Http2Server, Reply};
use super::server::{Server, answer};
use super::{Connection, Endpoint, GO, certificates, drive_closed, drive_open, errors, sums};
use crate::load::network::{Protocol, Tls};
use crate::load::{LoadError, fixture};

fn insecure(endpoint: Endpoint) -> Endpoint {
    Endpoint { tls: Some(Tls::Insecure), protocol: Protocol::Auto, ..endpoint }
}

#[test]
fn http1_over_tls_counts_like_any_other() {
    let (config, _) = certificates::server(&["http/1.1"]);
    let server = Server::secure(config, |_, _| answer("200 OK", "fine"));
    let outcome = drive_open(&insecure(server.target()), &fixture::open(200), &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([200, 0, 0, 0], 0));
    let each = Endpoint { connection: Connection::Close, ..insecure(server.target()) };
    let outcome = drive_open(&each, &fixture::open(20), &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([20, 0, 0, 0], 20));
}

#[test]
fn what_is_spoken_over_tls_is_what_the_server_prefers() {
    let (config, _) = certificates::server(&["h2", "http/1.1"]);
    let server = Http2Server::start(Some(config), |_, _| Reply::Answer(200, "fine"));
    let outcome = drive_open(&insecure(Endpoint::new(server.address)), &fixture::open(200), &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([200, 0, 0, 0], 0));
    assert_eq!(server.requests.load(Ordering::SeqCst), 200);
    // One to ask, one to use.
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_certificate_is_trusted_by_its_authority_only() {
    let (config, pem) = certificates::server(&["h2", "http/1.1"]);
    let server = Server::secure(config, |_, _| answer("200 OK", ""));
    let trusting = |tls| Endpoint { tls: Some(tls), protocol: Protocol::Http1, ..server.target() };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let known = trusting(Tls::Authorities(file.path().to_owned()));
    assert_eq!(sums(&drive_open(&known, &fixture::open(20), &GO).unwrap()), [20, 0, 0, 0]);
    let mut other = tempfile::NamedTempFile::new().unwrap();
    other.write_all(certificates::server(&[]).1.as_bytes()).unwrap();
    let unknown = trusting(Tls::Authorities(other.path().to_owned()));
    let elsewhere = Endpoint { host: "shop.test:443".into(), ..known };
    for (refused, why) in
        [(unknown, "is signed by nobody whom this machine trusts"), (elsewhere, "is not for shop.test;")]
    {
        for protocol in [Protocol::Auto, Protocol::Http1, Protocol::Http2] {
            let endpoint = Endpoint { protocol, ..refused.clone() };
            let error = drive_open(&endpoint, &fixture::open(20), &GO).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("--tls-ca"), "{error}");
        }
    }
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = drive_open(&trusting(Tls::Authorities(empty.path().to_owned())), &fixture::open(1), &GO).unwrap_err();
    assert!(error.to_string().contains("holds no certificate"), "{error}");
}

/// As `openssl req -x509` makes it: an authority's, shown by a server.
#[test]
fn a_certificate_that_signed_itself_is_taken_where_it_is_listed() {
    let (config, pem) = certificates::authority();
    let server = Server::secure(config, |_, _| answer("200 OK", ""));
    let trusting = |tls| Endpoint { tls: Some(tls), protocol: Protocol::Http1, ..server.target() };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let listed = trusting(Tls::Authorities(file.path().to_owned()));
    assert_eq!(sums(&drive_open(&listed, &fixture::open(20), &GO).unwrap()), [20, 0, 0, 0]);
    // For its own name alone, and nowhere else than where it is listed.
    let elsewhere = Endpoint { host: "shop.test:443".into(), ..listed };
    let error = drive_open(&elsewhere, &fixture::open(20), &GO).unwrap_err().to_string();
    assert!(error.contains("the certificate is not for shop.test"), "{error}");
    std::fs::write(file.path(), certificates::authority().1).unwrap();
    let unlisted = trusting(Tls::Authorities(file.path().to_owned()));
    let error = drive_open(&unlisted, &fixture::open(20), &GO).unwrap_err().to_string();
    assert!(error.contains("is an authority's own, as one that signed itself mostly is"), "{error}");
    assert!(error.contains("--tls-ca"), "{error}");
}

#[test]
fn tls_where_none_is_and_none_where_tls_is_are_told_apart() {
    let plain = Server::start(|_, _| answer("200 OK", ""));
    for protocol in [Protocol::Auto, Protocol::Http1, Protocol::Http2] {
        let endpoint = Endpoint { protocol, ..insecure(plain.target()) };
        let refused = drive_open(&endpoint, &fixture::open(20), &GO).unwrap_err();
        assert!(
            matches!(&refused, LoadError::Tls { problem, .. } if problem.contains("does not speak TLS")),
            "{refused}"
        );
    }
    let (config, _) = certificates::server(&["http/1.1"]);
    let secure = Server::secure(config, |_, _| answer("200 OK", ""));
    let outcome = drive_open(&secure.target(), &fixture::open(20), &GO).unwrap();
    let said = ("the server speaks TLS: is it `https` rather than `http`?".to_owned(), 20);
    assert_eq!(errors(&outcome), [said]);
    let endpoint = Endpoint { protocol: Protocol::Http2, ..secure.target() };
    let refused = drive_closed(&endpoint, &fixture::closed(), &GO).unwrap_err().to_string();
    assert!(refused.contains("the server speaks TLS"), "{refused}");
}

#[test]
fn a_server_that_prefers_nothing_that_is_offered_is_named() {
    let (config, _) = certificates::server(&["http/1.1"]);
    let server = Server::secure(config, |_, _| answer("200 OK", ""));
    let endpoint = Endpoint { protocol: Protocol::Http2, ..insecure(server.target()) };
    let refused = drive_open(&endpoint, &fixture::open(20), &GO).unwrap_err().to_string();
    assert!(refused.contains("none of the protocols offered"), "{refused}");
}

#[test]
fn a_look_over_tls_says_whether_it_is_worth_waiting() {
    use std::io::Read as _;

    use crate::load::network::once::{Unagreed, talk};

    let (config, pem) = certificates::server(&["h2", "http/1.1"]);
    let server = Server::secure(config, |_, _| answer("204 No Content", ""));
    let stream = || std::net::TcpStream::connect(server.target().address).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let http1 = |tls| Endpoint { tls: Some(tls), protocol: Protocol::Http1, ..server.target() };
    let mut spoken = talk(&http1(Tls::Authorities(file.path().to_owned())), stream()).unwrap();
    spoken.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = [0; 12];
    spoken.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"HTTP/1.1 204");
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), certificates::server(&[]).1).unwrap();
    let Err(refused) = talk(&http1(Tls::Authorities(other.path().to_owned())), stream()) else { panic!("agreed") };
    assert!(matches!(&refused, Unagreed::Ever(why) if why.contains("signed by nobody")), "{refused}");
    let plain = Server::start(|_, _| answer("200 OK", ""));
    let stream = std::net::TcpStream::connect(plain.target().address).unwrap();
    let Err(refused) = talk(&insecure(plain.target()), stream) else { panic!("agreed") };
    assert!(refused.to_string().contains("does not speak TLS") || matches!(refused, Unagreed::Now(_)), "{refused}");
}
