//! The certificate of a server that was given none: made at first start, kept across restarts.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};

use super::{TlsError, identity::Identity};
use crate::wall_clock;

const CERTIFICATE: &str = "self-signed-cert.pem";
const KEY: &str = "self-signed-key.pem";

/// How long a new certificate is valid. Clients that trust it have pinned it, and must be told of each new one.
const VALIDITY: Duration = Duration::from_hours(10 * 365 * 24);
/// Clocks of clients may be behind.
const CLOCK_SKEW: Duration = Duration::from_hours(24);

/// The certificate in the data folder if it is usable and for all of `domains`, which are in ASCII; else a new one for them.
pub(super) fn load_or_make(
    data_dir: &Path,
    domains: &BTreeSet<String>,
) -> Result<Identity, TlsError> {
    let (certificate, key) = (data_dir.join(CERTIFICATE), data_dir.join(KEY));
    if let Ok(identity) = Identity::from_files(&certificate, &key)
        && identity.check_validity().is_ok()
        && domains.is_subset(&identity.names())
    {
        return Ok(identity);
    }
    make(domains, &certificate, &key)?;
    tracing::info!(certificate = %certificate.display(), "made a self-signed certificate");
    Identity::from_files(&certificate, &key)
}

fn make(domains: &BTreeSet<String>, certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let pair = KeyPair::generate().map_err(TlsError::SelfSigned)?;
    let signed = params(domains).and_then(|params| params.self_signed(&pair));
    let signed = signed.map_err(TlsError::SelfSigned)?;
    // The key first: a crash in between leaves a pair that does not match, and is replaced at next start.
    write(key, &pair.serialize_pem(), 0o600)?;
    write(certificate, &signed.pem(), 0o644)
}

fn params(domains: &BTreeSet<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(domains.iter().cloned().collect::<Vec<_>>())?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "Waxwing, self-signed");
    params.distinguished_name = subject;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = wall_clock::now();
    if let (Some(start), Some(end)) = (now.checked_sub(CLOCK_SKEW), now.checked_add(VALIDITY)) {
        params.not_before = start.into();
        params.not_after = end.into();
    }
    Ok(params)
}

/// Writes a file at once: whoever reads it finds the old one or the new one, never a part.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let failed = |reason| TlsError::Write {
        path: path.to_owned(),
        reason,
    };
    let new = path.with_extension("new");
    write_new(&new, text, mode)
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // What a crash left behind may have another mode.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
