//! `workbench attach https://…` to a server that speaks real TLS with a certificate which nobody signed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use flamegraphs::profile::{Builder, Frame, ValueType};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::program::Program;
use crate::sample::program;

/// A server of `/debug/pprof` for `localhost`, and only for that; its threads end with the test.
struct Endpoints {
    port: u16,
    /// Its certificate, PEM.
    certificate: String,
}

impl Endpoints {
    fn start() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key))
            .expect("a configuration");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                // A client that does not like the certificate goes away.
                std::thread::spawn(move || answer(&mut StreamOwned::new(connection, stream)).is_ok());
            }
        });
        Self { port, certificate: cert.pem() }
    }
}

/// Answers one request, as a program in Go would that has `heap` and `profile`.
fn answer(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let name = path.split('?').next().unwrap_or_default().trim_start_matches("/debug/pprof/");
    let (status, body) = match name {
        "" => (200, b"<a href='heap?debug=1'>heap</a> <a href='profile?debug=1'>profile</a>".to_vec()),
        "cmdline" => (200, b"/bin/shop\0--port\08443".to_vec()),
        "profile" => (200, profile("cpu", "nanoseconds")),
        "heap" if !path.contains("debug=") => (200, profile("inuse_space", "bytes")),
        _ => (404, b"no such profile".to_vec()),
    };
    let kind = if name.is_empty() { "text/html" } else { "application/octet-stream" };
    let head = format!("HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat())?;
    stream.flush()
}

fn profile(kind: &str, unit: &str) -> Vec<u8> {
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new(kind, unit)]);
    let at =
        builder.location(0x1000, &[Frame { function: "shop.order", file: "shop.go", line: 7, ..Frame::default() }]);
    builder.sample(&[at], &[42, 420_000_000], &[]).expect("a sample");
    flamegraphs::write::pprof(&builder.finish())
}

/// What is said on standard error, without the port.
fn refused(program: &Program, server: &Endpoints, url: &str, flags: &[&str]) -> String {
    let url = url.replace("PORT", &server.port.to_string());
    let ran = program.run(&[&["attach", &url, "--for", "1s"], flags].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    program.redacted(&ran.stderr).replace(&server.port.to_string(), "PORT")
}

#[test]
fn a_certificate_that_is_not_taken_is_explained_and_the_flags_that_take_it_are_named() {
    let (program, server) = (program(), Endpoints::start());
    insta::assert_snapshot!(
        [
            refused(&program, &server, "https://localhost:PORT", &[]),
            refused(&program, &server, "https://localhost:PORT", &["--tls-ca", "no-such.pem"]),
            refused(&program, &server, "http://localhost:PORT", &[]),
        ]
        .join(""),
        @r"
    error: https://localhost:PORT/debug/pprof/: the certificate of localhost is signed by nobody whom this machine trusts, perhaps by itself; `--tls-ca FILE` trusts whoever signed it, `--insecure` takes any
    error: https://localhost:PORT/debug/pprof/: no TLS can be agreed: cannot read certificates from no-such.pem: I/O error: No such file or directory (os error 2)
    error: http://localhost:PORT/debug/pprof/: what listens there speaks TLS: write https://localhost:PORT/debug/pprof/
    "
    );
    assert!(program.runs().is_empty(), "nothing is left of what was refused");
}

#[test]
fn with_its_certificate_or_any_taken_the_server_is_asked_for_its_profiles() {
    let (program, server) = (program(), Endpoints::start());
    let file = program.folder().join("authority.pem");
    std::fs::write(&file, &server.certificate).expect("a file");
    let file = file.display().to_string();
    let url = format!("https://localhost:{}", server.port);
    for trust in [&["--tls-ca", &file][..], &["--insecure"]] {
        let ran = program.run(&[&["attach", &url, "--for", "1s", "--json"], trust].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
        assert_eq!(found["attached"]["origin"]["program"], "shop");
        let samples = |kind: &str| {
            let all = found["profiles"].as_array().expect("profiles");
            all.iter().find(|one| one["kind"] == kind).and_then(|one| one["samples"].as_u64())
        };
        assert_eq!(samples("cpu"), Some(42), "{found}");
    }
    // It is for another name.
    let elsewhere = format!("https://127.0.0.1:{}", server.port);
    let ran = program.run(&["attach", &elsewhere, "--tls-ca", &file]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not for 127.0.0.1"), "{}", ran.stderr);
}
