//! Certificates for the server, and TLS for our own client, which accepts any certificate and remembers it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};

/// Writes a self-signed certificate for `domain` and its key.
pub fn write_certificate(domain: &str, certificate: &Path, key: &Path) -> Result<()> {
    let mut params = CertificateParams::new([domain.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, domain);
    // ejabberd knows no dates far from now.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    let pair = KeyPair::generate()?;
    let signed = params.self_signed(&pair)?;
    std::fs::write(certificate, signed.pem()).context("cannot write the certificate")?;
    std::fs::write(key, pair.serialize_pem()).context("cannot write the key")
}

/// The hash of the certificate in a file, as [`Bindings::end_point`] has it of the one that a server shows.
pub fn fingerprint(certificate: &Path) -> Result<Vec<u8>> {
    let der = CertificateDer::from_pem_file(certificate).context("cannot read the certificate")?;
    Ok(Sha256::digest(&der).to_vec())
}

/// A version of TLS to insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.2
    V12,
    /// 1.3
    V13,
}

/// What binds an authentication to the TLS connection under it.
#[derive(Clone, Debug)]
pub struct Bindings {
    /// RFC 9266; TLS 1.3 only.
    pub exporter: Option<Vec<u8>>,
    /// RFC 5929: the hash of the certificate. The tests' certificates are signed with SHA-256.
    pub end_point: Vec<u8>,
}

/// Makes a TLS connection of a TCP one. `alpn` is for direct TLS (XEP-0368).
pub async fn connect(
    tcp: TcpStream,
    domain: &str,
    version: Version,
    alpn: bool,
) -> Result<TlsStream<TcpStream>> {
    let mut config = client_config(version)?;
    if alpn {
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    }
    let name = ServerName::try_from(domain.to_owned())?;
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .context("the TLS handshake failed")
}

/// What a client wants of TLS: that version, and any certificate.
pub fn client_config(version: Version) -> Result<ClientConfig> {
    let versions: &[&SupportedProtocolVersion] = match version {
        Version::V12 => &[&TLS12],
        Version::V13 => &[&TLS13],
    };
    let provider = Arc::new(ring::default_provider());
    Ok(ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth())
}

/// The channel bindings of a connection.
pub fn bindings(stream: &TlsStream<TcpStream>, version: Version) -> Result<Bindings> {
    let (_, connection) = stream.get_ref();
    let certificate = connection
        .peer_certificates()
        .and_then(<[_]>::first)
        .context("the server showed no certificate")?;
    let exporter = match version {
        Version::V13 => Some(connection.export_keying_material(
            vec![0; 32],
            b"EXPORTER-Channel-Binding",
            None,
        )?),
        Version::V12 => None,
    };
    Ok(Bindings {
        exporter,
        end_point: Sha256::digest(certificate).to_vec(),
    })
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
