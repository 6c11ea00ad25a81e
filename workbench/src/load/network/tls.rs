//! TLS of the client: whom it trusts, what it offers, and what its errors mean for a person.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::Protocol;
use super::endpoint::{Endpoint, Tls};
use crate::load::LoadError;
use crate::load::slots::Failure;

/// How a certificate is taken that was not.
pub(super) const TAKEN_BY: &str =
    "`--tls-ca FILE` (`tls_ca`) trusts whoever signed it, `--insecure` (`tls_insecure`) takes any";

/// Makes TLS connections to one endpoint.
#[derive(Debug, Clone)]
pub(super) struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsClient {
    /// A client for the endpoint; `None` where it speaks without TLS.
    ///
    /// # Errors
    /// [`LoadError::Tls`] for a certificate file that cannot be used and a host that is no name.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Option<Self>, LoadError> {
        let Some(tls) = &endpoint.tls else { return Ok(None) };
        let refuse = |problem: String| LoadError::Tls { target: endpoint.address.to_string(), problem };
        let host = without_port(&endpoint.host);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| refuse(format!("`{host}` is no name that a certificate could have")))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(error.to_string()))?;
        let takes = match tls {
            Tls::System => None,
            Tls::Insecure => Some(Takes::Any),
            Tls::Authorities(file) => Some(Takes::listed(file, &provider).map_err(refuse)?),
        };
        let mut config = match takes {
            None => builder.with_root_certificates(machine().map_err(refuse)?),
            Some(takes) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { takes, provider })),
        }
        .with_no_client_auth();
        let offered: &[&[u8]] = match endpoint.protocol {
            Protocol::Auto => &[b"h2", b"http/1.1"],
            Protocol::Http1 => &[b"http/1.1"],
            Protocol::Http2 => &[b"h2"],
            Protocol::Lines => &[],
        };
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        Ok(Some(Self { config: Arc::new(config), name }))
    }

    /// For clients that make connections of their own.
    pub(super) fn parts(self) -> (Arc<ClientConfig>, ServerName<'static>) {
        (self.config, self.name)
    }

    /// A connection at its begin.
    pub(super) fn begin(&self) -> Result<ClientConnection, Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }
}

/// Certificate authorities of this machine.
fn machine() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(format!("this machine has no certificate authorities: {TAKEN_BY}"));
    }
    Ok(roots)
}

/// Certificates in a file.
fn listed(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = file.display();
    let given = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("cannot read certificates from {shown}: {error}"))?;
    if given.is_empty() {
        return Err(format!("{shown} holds no certificate (PEM, `-----BEGIN CERTIFICATE-----`)"));
    }
    Ok(given)
}

/// A host without its port; an IPv6 address without its brackets.
pub(super) fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

/// What went wrong, as a person would say it.
pub(super) fn failure(error: &Error) -> Failure {
    match error {
        // Bytes that begin no record: HTTP, most often.
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Failure::NoTls,
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => Failure::Certificate,
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) | Error::NoApplicationProtocol => {
            Failure::Protocol
        }
        _ => Failure::Handshake,
    }
}

/// What is wrong with the certificate of a host.
pub(super) fn certificate(error: &Error, host: &str) -> String {
    match error {
        // A bad signature is that of another authority of the same name.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            format!("the certificate of {host} is signed by nobody whom this machine trusts, perhaps by itself")
        }
        // webpki's name for it; rustls has none of its own.
        Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            format!(
                "the certificate of {host} is an authority's own, as one that signed itself mostly is, and is not listed"
            )
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("the certificate is not for {host}"),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            format!("the certificate of {host} has expired")
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            format!("the certificate of {host} is not valid yet")
        }
        Error::NoCertificatesPresented => format!("{host} shows no certificate"),
        other => format!("the certificate of {host} is not trusted ({other})"),
    }
}

/// Checks certificates otherwise than rustls does of itself. Signatures are always checked: the other side has the key of the
/// certificate that it shows.
#[derive(Debug)]
struct Verifier {
    takes: Takes,
    provider: Arc<CryptoProvider>,
}

/// Whose certificates are taken.
#[derive(Debug)]
enum Takes {
    /// Anyone's.
    Any,
    /// What authorities of the machine and of a file have signed; and a certificate that is in the file itself, though it is
    /// that of an authority: one that `openssl req -x509` makes is both. Its own signature is not looked at, as that of no trust
    /// anchor is (RFC 5280, 6.1): whoever listed these very bytes trusts them, and anybody can sign himself. What counts is that
    /// the other side has the key, which the handshake proves, and that name and dates fit.
    Listed { signed: Arc<WebPkiServerVerifier>, listed: Vec<CertificateDer<'static>> },
}

impl Takes {
    fn listed(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let listed = listed(file)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in &listed {
            let unusable = |error| format!("{} holds a certificate that cannot be used: {error}", file.display());
            roots.add(certificate.clone()).map_err(unusable)?;
        }
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        Ok(Self::Listed { signed: signed.map_err(|error| error.to_string())?, listed })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Takes::Listed { signed, listed } = &self.takes else { return Ok(ServerCertVerified::assertion()) };
        match signed.verify_server_cert(certificate, chain, name, ocsp, now) {
            // An authority's, or nobody's: dates are looked at before.
            Err(Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer))
                if listed.contains(certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_no_part_of_a_name() {
        for (host, name) in [
            ("shop.test:8443", "shop.test"),
            ("shop.test", "shop.test"),
            ("127.0.0.1:8443", "127.0.0.1"),
            ("[::1]:8443", "::1"),
            ("::1", "::1"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
