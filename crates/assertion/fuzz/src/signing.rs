//! Good signatures under keys that everybody knows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::sha::sha256;
use std::sync::LazyLock;

/// A key of a card.
pub struct CardKey {
    /// The only algorithm it signs with.
    pub algorithm: &'static str,
    private: EcKey<Private>,
}

static P256: LazyLock<CardKey> = LazyLock::new(|| {
    let private = derive_key(Nid::X9_62_PRIME256V1).expect("a constant");
    CardKey {
        algorithm: "ES256",
        private,
    }
});

static BRAINPOOL: LazyLock<CardKey> = LazyLock::new(|| {
    let private = derive_key(Nid::BRAINPOOL_P256R1).expect("a constant");
    CardKey {
        algorithm: "BP256R1",
        private,
    }
});

fn derive_key(curve: Nid) -> Result<EcKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(curve)?;
    let number = BigNum::from_slice(&[0x5b; 32])?;
    let mut point = EcPoint::new(&group)?;
    point.mul_generator2(&group, &number, &mut *BigNumContext::new()?)?;
    EcKey::from_private_components(&group, &number, &point)
}

impl CardKey {
    /// The key for an assertion that names `algorithm`; P-256 for names of other kinds of keys.
    pub fn for_algorithm(algorithm: &str) -> &'static Self {
        match algorithm {
            "BP256R1" => &BRAINPOOL,
            _ => &P256,
        }
    }

    /// The public half.
    pub fn public(&self) -> PKey<Public> {
        let key = EcKey::from_public_key(self.private.group(), self.private.public_key());
        key.and_then(PKey::from_ec_key).expect("a constant")
    }

    /// `r || s` (RFC 7518 section 3.4).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = EcdsaSig::sign(&sha256(message), &self.private).expect("a good key");
        let fixed = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32);
        let parts = [fixed(signature.r()), fixed(signature.s())];
        parts.map(|part| part.expect("it fits")).concat()
    }

    /// Whether OpenSSL by itself, with no code of ours, verifies `r || s`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some((r, s)) = signature
            .split_at_checked(32)
            .filter(|(_, s)| s.len() == 32)
        else {
            return false;
        };
        let read = |part| BigNum::from_slice(part).expect("memory");
        EcdsaSig::from_private_components(read(r), read(s))
            .and_then(|signature| signature.verify(&sha256(message), &self.private))
            .unwrap_or(false)
    }
}

/// The assertion with its last part replaced by a good signature over the first two, and the key.
pub fn sign_again(compact: &str) -> Option<(String, &'static CardKey)> {
    let (signing_input, _) = compact.rsplit_once('.')?;
    let (header, _) = signing_input.split_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    let algorithm = header.get("alg").and_then(|name| name.as_str());
    let key = CardKey::for_algorithm(algorithm.unwrap_or_default());
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signing_input.as_bytes()));
    Some((format!("{signing_input}.{signature}"), key))
}
