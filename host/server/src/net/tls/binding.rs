//! Channel binding: what ties a login to the TLS connection that it came over.

use rustls::{ProtocolVersion, ServerConnection};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::{
    Certificate,
    der::{
        SliceReader, TagNumber,
        asn1::{ContextSpecific, ObjectIdentifier},
    },
    spki::AlgorithmIdentifierOwned,
};

/// Label of the exporter (RFC 9266 §4.2).
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";

const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// What a TLS connection can be known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindings {
    /// True for TLS 1.3, false for TLS 1.2.
    pub tls13: bool,
    /// Data of `tls-exporter` (RFC 9266). None on TLS 1.2, where it is sound only with the extended master secret, of which
    /// the TLS library does not tell whether it was used.
    pub exporter: Option<[u8; 32]>,
    /// Data of `tls-server-end-point` (RFC 5929 §4). None if the certificate's signature has no one hash, as Ed25519.
    pub end_point: Option<Vec<u8>>,
}

impl Bindings {
    pub(super) fn of(connection: &ServerConnection, end_point: Option<Vec<u8>>) -> Self {
        let tls13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        // The context is empty, but present (RFC 9266 §4.2); TLS 1.3 makes no difference of the two.
        let export = || {
            connection
                .export_keying_material([0; 32], LABEL, Some(b""))
                .ok()
        };
        Self {
            tls13,
            exporter: tls13.then(export).flatten(),
            end_point,
        }
    }
}

/// The hash of a certificate, by the hash function of its signature (RFC 5929 §4.1).
pub(super) fn end_point(certificate: &Certificate, der: &[u8]) -> Option<Vec<u8>> {
    let hash = Hash::of_signature(certificate.signature_algorithm())?;
    Some(hash.digest(der))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// MD5 and SHA-1 are replaced by SHA-256 (RFC 5929 §4.1).
    fn of_signature(algorithm: &AlgorithmIdentifierOwned) -> Option<Self> {
        if algorithm.oid == RSA_PSS {
            return Self::of_pss(algorithm);
        }
        Some(match algorithm.oid.to_string().as_str() {
            // RSA with MD5, SHA-1, SHA-256 (RFC 8017); ECDSA with SHA-1, SHA-256 (RFC 5758).
            "1.2.840.113549.1.1.4"
            | "1.2.840.113549.1.1.5"
            | "1.2.840.113549.1.1.11"
            | "1.2.840.10045.4.1"
            | "1.2.840.10045.4.3.2" => Self::Sha256,
            "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Self::Sha384,
            "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Self::Sha512,
            "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => Self::Sha224,
            _ => return None,
        })
    }

    /// RSASSA-PSS names its hash in the first, optional parameter; absent it is SHA-1 (RFC 8017 §A.2.3).
    fn of_pss(algorithm: &AlgorithmIdentifierOwned) -> Option<Self> {
        let parameters = algorithm.parameters.as_ref()?.value();
        let mut reader = SliceReader::new(parameters).ok()?;
        let tagged =
            ContextSpecific::<AlgorithmIdentifierOwned>::decode_explicit(&mut reader, TagNumber(0));
        let Some(hash) = tagged.ok()? else {
            return Some(Self::Sha256);
        };
        Some(match hash.value.oid.to_string().as_str() {
            "1.3.14.3.2.26" | "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            "2.16.840.1.101.3.4.2.4" => Self::Sha224,
            _ => return None,
        })
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha224 => Sha224::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use x509_cert::der::{Any, Decode};

    use super::*;

    #[test]
    fn takes_the_hash_of_pss_from_its_parameters() {
        let sha384 = [
            0x30, 0x11, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
            0x04, 0x02, 0x02, 0x05, 0x00,
        ];
        let absent = [0x30, 0x00];
        for (parameters, wanted) in [(&sha384[..], Hash::Sha384), (&absent, Hash::Sha256)] {
            let parameters = Some(Any::from_der(parameters).unwrap());
            let algorithm = AlgorithmIdentifierOwned {
                oid: RSA_PSS,
                parameters,
            };
            assert_eq!(Hash::of_signature(&algorithm), Some(wanted));
        }
    }

    #[test]
    fn replaces_md5_and_sha1() {
        for oid in [
            "1.2.840.113549.1.1.4",
            "1.2.840.113549.1.1.5",
            "1.2.840.10045.4.1",
        ] {
            let oid = ObjectIdentifier::new_unwrap(oid);
            let algorithm = AlgorithmIdentifierOwned {
                oid,
                parameters: None,
            };
            assert_eq!(Hash::of_signature(&algorithm), Some(Hash::Sha256));
        }
    }
}
