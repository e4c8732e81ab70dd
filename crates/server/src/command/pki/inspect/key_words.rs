//! Key and signature in the words that data sheets and policies use.

use cardea_pki::{Certificate, SignatureAlgorithm};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Public};
use serde::Serialize;

/// Shorter moduli are refused in logins.
const RSA_BITS_MIN: u32 = 2048;

/// A public key.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Key {
    /// `RSA`, `EC`, `Ed25519`, `Ed448` or `other`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The key's length in bits.
    pub(super) bits: u32,
    /// The curve's name, for `EC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) curve: Option<String>,
}

impl Key {
    pub(super) fn of(key: &PKeyRef<Public>) -> Self {
        let kind = match key.id() {
            Id::RSA | Id::RSA_PSS => "RSA",
            Id::EC => "EC",
            Id::ED25519 => "Ed25519",
            Id::ED448 => "Ed448",
            _ => "other",
        };
        Self {
            kind,
            bits: key.bits(),
            curve: curve(key),
        }
    }
}

fn curve(key: &PKeyRef<Public>) -> Option<String> {
    let nid = key.ec_key().ok()?.group().curve_name()?;
    Some(match nid {
        Nid::X9_62_PRIME256V1 => "P-256".to_owned(),
        Nid::SECP384R1 => "P-384".to_owned(),
        Nid::SECP521R1 => "P-521".to_owned(),
        other => other.short_name().ok()?.to_owned(),
    })
}

/// Whether a login refuses the key or the signature for its weakness alone.
pub(super) fn is_weak(certificate: &Certificate, key: &Key) -> bool {
    let strong_signature = matches!(
        certificate.signature_algorithm(),
        SignatureAlgorithm::Current(_)
    );
    !strong_signature || key.kind == "other" || key.kind == "RSA" && key.bits < RSA_BITS_MIN
}
