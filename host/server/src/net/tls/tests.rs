//! Certificates from files and self-made ones, and what a client sees of them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Tls, provider};
use crate::config::{Config, Host};

fn self_signed_config(folder: &Path, domains: &[&str]) -> Config {
    let host = |domain: &&str| Host {
        domain: (*domain).to_owned(),
        ..Host::default()
    };
    let host = domains.iter().map(host).collect();
    Config {
        data_dir: folder.to_owned(),
        host,
        ..Config::default()
    }
}

/// A configuration whose certificate was just written to `cert.pem` and `key.pem`.
fn file_config(folder: &Path) -> Config {
    let mut config = self_signed_config(folder, &["localhost"]);
    config.tls.certificate = Some(folder.join("cert.pem"));
    config.tls.private_key = Some(folder.join("key.pem"));
    write_pair(&config, &rcgen::PKCS_ECDSA_P256_SHA256, false);
    config
}

fn write_pair(config: &Config, algorithm: &'static SignatureAlgorithm, expired: bool) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    if expired {
        params.not_after = crate::wall_clock::now()
            .checked_sub(Duration::from_hours(1))
            .unwrap()
            .into();
    }
    let certificate = params.self_signed(&key).unwrap();
    fs::write(config.tls.certificate.as_ref().unwrap(), certificate.pem()).unwrap();
    fs::write(
        config.tls.private_key.as_ref().unwrap(),
        key.serialize_pem(),
    )
    .unwrap();
}

fn error(config: &Config) -> String {
    Tls::load(config).err().unwrap().to_string()
}

fn shown_by(tls: &Tls) -> Vec<u8> {
    tls.context(None, None).end_point.clone().unwrap()
}

/// Both ends of a connection whose handshake is done.
fn connect(
    server: &Arc<ServerConfig>,
    trusted: &Path,
    version: &'static SupportedProtocolVersion,
    alpn: &[&[u8]],
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider());
    let client = client.with_protocol_versions(&[version]).unwrap();
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut sent.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut sent = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut sent).unwrap();
        }
        client.read_tls(&mut sent.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok((client, server))
}

#[test]
fn makes_a_certificate_once() {
    let folder = TempDir::new().unwrap();
    let config = self_signed_config(folder.path(), &["localhost", "bücher.example", "127.0.0.1"]);
    let first = shown_by(&Tls::load(&config).unwrap());
    assert_eq!(shown_by(&Tls::load(&config).unwrap()), first);
    let mode = |file| {
        fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("self-signed-key.pem"), 0o600);
    let more = self_signed_config(folder.path(), &["localhost", "example.org"]);
    assert_ne!(shown_by(&Tls::load(&more).unwrap()), first);
}

#[test]
fn makes_a_new_certificate_when_the_old_one_has_expired_or_lost_its_key() {
    let folder = TempDir::new().unwrap();
    let mut config = self_signed_config(folder.path(), &["localhost"]);
    config.tls.certificate = Some(folder.path().join("self-signed-cert.pem"));
    config.tls.private_key = Some(folder.path().join("self-signed-key.pem"));
    write_pair(&config, &rcgen::PKCS_ECDSA_P256_SHA256, true);
    let expired = shown_by(&Tls::load(&config).unwrap());
    let config = self_signed_config(folder.path(), &["localhost"]);
    let renewed = shown_by(&Tls::load(&config).unwrap());
    assert_ne!(renewed, expired);
    fs::remove_file(folder.path().join("self-signed-key.pem")).unwrap();
    assert_ne!(shown_by(&Tls::load(&config).unwrap()), renewed);
}

#[test]
fn binds_channels_alike_on_both_sides() {
    let folder = TempDir::new().unwrap();
    let config = self_signed_config(folder.path(), &["localhost"]);
    let context = Tls::load(&config).unwrap().context(None, None);
    let trusted = folder.path().join("self-signed-cert.pem");
    let der = CertificateDer::from_pem_file(&trusted).unwrap();
    let end_point = Some(Sha256::digest(&der).to_vec());

    let (client, server) = connect(context.starttls(), &trusted, &TLS13, &[]).unwrap();
    let bindings = context.bindings(&server);
    let export = client.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    assert!(bindings.tls13);
    assert_eq!(bindings.exporter, Some(export.unwrap()));
    assert_eq!(bindings.end_point, end_point);

    let (_, server) = connect(context.starttls(), &trusted, &TLS12, &[]).unwrap();
    let bindings = context.bindings(&server);
    assert_eq!(
        (bindings.tls13, bindings.exporter, bindings.end_point),
        (false, None, end_point)
    );
}

#[test]
fn names_the_protocol_on_direct_tls_only() {
    let folder = TempDir::new().unwrap();
    let config = self_signed_config(folder.path(), &["localhost"]);
    let context = Tls::load(&config).unwrap().context(None, None);
    let trusted = folder.path().join("self-signed-cert.pem");
    let protocol = |server: &Arc<ServerConfig>, alpn: &[&[u8]]| {
        let (client, _) = connect(server, &trusted, &TLS13, alpn)?;
        Ok::<_, rustls::Error>(client.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(
        protocol(context.direct(), &[b"xmpp-client"]),
        Ok(Some(b"xmpp-client".to_vec()))
    );
    assert_eq!(protocol(context.direct(), &[]), Ok(None));
    assert!(protocol(context.direct(), &[b"h2"]).is_err());
    assert_eq!(protocol(context.starttls(), &[b"xmpp-client"]), Ok(None));
}

#[test]
fn hashes_as_the_certificate_is_signed() {
    let folder = TempDir::new().unwrap();
    let config = file_config(folder.path());
    let length = || {
        Tls::load(&config)
            .unwrap()
            .context(None, None)
            .end_point
            .as_ref()
            .map(Vec::len)
    };
    assert_eq!(length(), Some(32));
    write_pair(&config, &rcgen::PKCS_ECDSA_P384_SHA384, false);
    assert_eq!(length(), Some(48));
    write_pair(&config, &rcgen::PKCS_ED25519, false);
    assert_eq!(length(), None);
}

// seeds: T1
#[test]
fn keeps_the_old_certificate_when_the_new_one_is_bad() {
    let folder = TempDir::new().unwrap();
    let config = file_config(folder.path());
    let certificate = config.tls.certificate.as_ref().unwrap();
    let tls = Tls::load(&config).unwrap();
    let (old, before) = (shown_by(&tls), tls.context(None, None));

    let whole = fs::read(certificate).unwrap();
    fs::write(certificate, &whole[..whole.len() / 2]).unwrap();
    assert!(!tls.reload(&config));
    write_pair(&config, &rcgen::PKCS_ECDSA_P256_SHA256, true);
    assert!(!tls.reload(&config));
    fs::write(certificate, &whole).unwrap();
    assert!(!tls.reload(&config), "the key is another certificate's");
    assert_eq!(shown_by(&tls), old);

    write_pair(&config, &rcgen::PKCS_ECDSA_P256_SHA256, false);
    assert!(tls.reload(&config));
    assert_ne!(shown_by(&tls), old);
    assert_eq!(
        before.end_point,
        Some(old),
        "connections made before keep what they were shown"
    );
}

#[test]
fn names_the_file_that_is_bad() {
    let folder = TempDir::new().unwrap();
    let config = file_config(folder.path());
    let certificate = config.tls.certificate.clone().unwrap();
    let key = config.tls.private_key.clone().unwrap();
    let (cert_name, key_name) = (certificate.display(), key.display());
    let good_key = fs::read_to_string(&key).unwrap();

    let other = KeyPair::generate().unwrap().serialize_pem();
    fs::write(&key, other).unwrap();
    let wanted =
        format!("the private key {key_name} does not belong to the certificate {cert_name}");
    assert_eq!(error(&config), wanted);

    let encrypted = good_key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    fs::write(&key, encrypted).unwrap();
    let wanted = format!(
        "the private key {key_name} is encrypted; store it without a password, readable by the server alone"
    );
    assert_eq!(error(&config), wanted);

    fs::copy(&certificate, &key).unwrap();
    let wanted =
        format!("{key_name} holds no usable private key in PEM: no section BEGIN PRIVATE KEY");
    assert_eq!(error(&config), wanted);

    fs::write(&certificate, &good_key).unwrap();
    let wanted =
        format!("{cert_name} holds no usable certificate in PEM: no section BEGIN CERTIFICATE");
    assert_eq!(error(&config), wanted);

    fs::remove_file(&certificate).unwrap();
    let wanted = format!("cannot read {cert_name}: No such file or directory (os error 2)");
    assert_eq!(error(&config), wanted);
}

/// Files for a host of its own, written by [`write_pair`] for the names given.
fn with_own(config: &mut Config, folder: &Path, host: usize, names: &[&str]) {
    let domain = config.host[host].domain.clone();
    let section = &mut config.host[host].tls;
    section.certificate = Some(folder.join(format!("{domain}.pem")));
    section.private_key = Some(folder.join(format!("{domain}.key")));
    write_own(config, host, names);
}

fn write_own(config: &Config, host: usize, names: &[&str]) {
    let section = &config.host[host].tls;
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    fs::write(section.certificate.as_ref().unwrap(), certificate.pem()).unwrap();
    fs::write(section.private_key.as_ref().unwrap(), key.serialize_pem()).unwrap();
}

fn shown_to(tls: &Tls, sni: Option<&str>, to: Option<&str>) -> Vec<u8> {
    tls.context(sni, to).end_point.clone().unwrap()
}

#[test]
fn shows_each_domain_its_own_certificate() {
    let folder = TempDir::new().unwrap();
    let domains = ["a.example", "bücher.example", "c.example", "d.example"];
    let mut config = self_signed_config(folder.path(), &domains);
    with_own(&mut config, folder.path(), 0, &["a.example"]);
    with_own(&mut config, folder.path(), 1, &["xn--bcher-kva.example"]);
    let tls = Tls::load(&config).unwrap();
    let a = shown_to(&tls, Some("a.example"), None);
    let b = shown_to(&tls, Some("xn--bcher-kva.example"), None);
    let own = shown_to(&tls, Some("c.example"), None);
    assert!(a != b && a != own && b != own);
    for (sni, to, wanted) in [
        (None, None, &a),
        (Some("elsewhere.example"), None, &a),
        (None, Some("bücher.example"), &b),
        (Some("XN--BCHER-KVA.example"), Some("a.example"), &b),
        (Some("elsewhere.example"), Some("bücher.example"), &b),
        (None, Some("d.example"), &own),
        (Some("a.example"), Some("d.example"), &a),
    ] {
        assert_eq!(&shown_to(&tls, sni, to), wanted, "{sni:?} {to:?}");
    }
    // Two domains without one share what the server made, which is for them alone.
    let trusted = folder.path().join("self-signed-cert.pem");
    let made = super::Identity::from_files(&trusted, &folder.path().join("self-signed-key.pem"));
    let names = Vec::from_iter(made.unwrap().names());
    assert_eq!(names, ["c.example", "d.example"]);
}

/// Clients have pinned a self-signed certificate: it is not made anew when a domain gets one of its own.
#[test]
fn keeps_a_self_signed_certificate_that_is_for_more_domains() {
    let folder = TempDir::new().unwrap();
    let mut config = self_signed_config(folder.path(), &["a.example", "b.example"]);
    let tls = Tls::load(&config).unwrap();
    let made = shown_to(&tls, Some("b.example"), None);
    with_own(&mut config, folder.path(), 0, &["a.example"]);
    assert!(tls.reload(&config));
    assert_eq!(shown_to(&tls, Some("b.example"), None), made);
    assert_ne!(shown_to(&tls, Some("a.example"), None), made);
}

#[test]
fn replaces_the_certificates_of_other_domains_when_one_is_bad() {
    let folder = TempDir::new().unwrap();
    let mut config = self_signed_config(folder.path(), &["a.example", "b.example"]);
    with_own(&mut config, folder.path(), 0, &["a.example"]);
    with_own(&mut config, folder.path(), 1, &["b.example"]);
    let tls = Tls::load(&config).unwrap();
    let shown = |domain| shown_to(&tls, Some(domain), None);
    let (a, b) = (shown("a.example"), shown("b.example"));
    fs::remove_file(config.host[0].tls.private_key.as_ref().unwrap()).unwrap();
    write_own(&config, 1, &["b.example"]);
    assert!(!tls.reload(&config));
    assert_eq!(shown("a.example"), a);
    assert_ne!(shown("b.example"), b);
    write_own(&config, 0, &["a.example"]);
    assert!(tls.reload(&config));
    assert_ne!(shown("a.example"), a);
}

#[test]
fn tells_whom_a_certificate_is_for() {
    let folder = TempDir::new().unwrap();
    let mut config = self_signed_config(folder.path(), &["a.example"]);
    with_own(
        &mut config,
        folder.path(),
        0,
        &["Other.example", "*.b.example", "192.0.2.1"],
    );
    let section = &config.host[0].tls;
    let (certificate, key) = (
        section.certificate.as_ref().unwrap(),
        section.private_key.as_ref().unwrap(),
    );
    let identity = super::Identity::from_files(certificate, key).unwrap();
    for domain in ["other.example", "x.b.example", "192.0.2.1"] {
        assert!(identity.check_name(domain).is_ok(), "{domain}");
    }
    for domain in ["b.example", "x.y.b.example", "xb.example", "192.0.2.2"] {
        assert!(identity.check_name(domain).is_err(), "{domain}");
    }
    assert_eq!(
        identity.check_name("a.example").unwrap_err().to_string(),
        format!(
            "the certificate {} is not for a.example: it names *.b.example, 192.0.2.1, other.example",
            certificate.display()
        )
    );
    assert!(Tls::load(&config).is_ok(), "it is served all the same");
}

#[test]
fn takes_no_certificate_before_its_time() {
    let folder = TempDir::new().unwrap();
    let config = file_config(folder.path());
    let tls = Tls::load(&config).unwrap();
    let old = shown_by(&tls);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let later = crate::wall_clock::now()
        .checked_add(Duration::from_hours(1))
        .unwrap();
    params.not_before = later.into();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(config.tls.certificate.as_ref().unwrap(), certificate.pem()).unwrap();
    fs::write(
        config.tls.private_key.as_ref().unwrap(),
        key.serialize_pem(),
    )
    .unwrap();
    assert!(!tls.reload(&config));
    assert_eq!(shown_by(&tls), old);
}
