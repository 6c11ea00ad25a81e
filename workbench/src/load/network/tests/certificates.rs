//! Certificates that were signed by nobody whom anybody knows.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedKey, IsCa, KeyPair, generate_simple_self_signed,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Whom they are for.
fn names() -> [String; 2] {
    ["127.0.0.1".to_owned(), "localhost".to_owned()]
}

/// A server's configuration for `127.0.0.1` and `localhost` that offers these protocols, and its certificate as PEM.
pub(super) fn server(offers: &[&str]) -> (ServerConfig, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names()).unwrap();
    shown(&cert, &signing_key, offers)
}

/// The same with a certificate of an authority that signed itself.
pub(super) fn authority() -> (ServerConfig, String) {
    let mut params = CertificateParams::new(names()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    shown(&params.self_signed(&key).unwrap(), &key, &["http/1.1"])
}

fn shown(cert: &Certificate, key: &KeyPair, offers: &[&str]) -> (ServerConfig, String) {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = offers.iter().map(|offer| offer.as_bytes().to_vec()).collect();
    (config, cert.pem())
}
