//! Which key on a card, and what it can sign.

use std::fmt;

/// A private key on a card, with its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyReference {
    /// A key slot of a PIV card.
    Piv(PivSlot),
    /// The `CKA_ID` that a PKCS#11 private key shares with its certificate.
    Pkcs11(Vec<u8>),
}

impl fmt::Display for KeyReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Piv(slot) => write!(formatter, "PIV slot {:02X}", slot.key_reference()),
            Self::Pkcs11(id) => {
                formatter.write_str("PKCS#11 id ")?;
                id.iter()
                    .try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }
    }
}

/// The four key slots of NIST SP 800-73-4 part 1 table 4b.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PivSlot {
    /// 9A, PIV authentication.
    Authentication,
    /// 9C, digital signature.
    Signature,
    /// 9D, key management.
    KeyManagement,
    /// 9E, card authentication: signs without a PIN, also without contact.
    CardAuthentication,
}

impl PivSlot {
    /// Every slot.
    pub const ALL: [Self; 4] = [
        Self::Authentication,
        Self::Signature,
        Self::KeyManagement,
        Self::CardAuthentication,
    ];

    /// The key reference that GENERAL AUTHENTICATE takes as P2.
    pub fn key_reference(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::Signature => 0x9C,
            Self::KeyManagement => 0x9D,
            Self::CardAuthentication => 0x9E,
        }
    }

    /// The tag of the data object that holds the slot's certificate
    /// (SP 800-73-4 part 1 table 3).
    pub fn certificate_tag(self) -> [u8; 3] {
        match self {
            Self::Authentication => [0x5F, 0xC1, 0x05],
            Self::Signature => [0x5F, 0xC1, 0x0A],
            Self::KeyManagement => [0x5F, 0xC1, 0x0B],
            Self::CardAuthentication => [0x5F, 0xC1, 0x01],
        }
    }
}

/// The kind of key in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// An elliptic-curve key on NIST P-256.
    P256,
}

impl KeyAlgorithm {
    /// The signature algorithm that goes with the key: CPS3 cards know RSA PKCS#1 v1.5 only.
    pub fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::Rsa2048 => SignatureAlgorithm::Rs256,
            Self::P256 => SignatureAlgorithm::Es256,
        }
    }
}

/// A signature algorithm, named as in RFC 7518 section 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl SignatureAlgorithm {
    /// The name used in the `alg` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
