//! The key usage extension and the extended key usage purposes the crate knows.

/// Bits of the key usage extension (RFC 5280 section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// `bits` as x509-parser gives them: bit 0 is `digitalSignature`, bit 8 `decipherOnly`.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & (1 << bit) != 0
    }

    /// Signatures other than those on certificates and CRLs: what a login needs.
    #[must_use]
    pub fn digital_signature(self) -> bool {
        self.has(0)
    }

    /// Signatures that bind a person to a content (`nonRepudiation`, `contentCommitment`).
    #[must_use]
    pub fn non_repudiation(self) -> bool {
        self.has(1)
    }

    /// Signatures on certificates.
    #[must_use]
    pub fn key_cert_sign(self) -> bool {
        self.has(5)
    }

    /// Signatures on certificate revocation lists.
    #[must_use]
    pub fn crl_sign(self) -> bool {
        self.has(6)
    }
}

/// TLS client authentication, the purpose of a card's authentication certificate.
pub(crate) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
/// `anyExtendedKeyUsage`: no limit to a purpose (RFC 5280 section 4.2.1.12).
pub(crate) const ANY_PURPOSE: &str = "2.5.29.37.0";
/// The right to sign OCSP responses for the issuing CA (RFC 6960 section 4.2.2.2).
pub(crate) const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

#[cfg(test)]
mod tests {
    use super::KeyUsage;

    #[test]
    fn each_bit_has_its_own_meaning() {
        let read = |bits| {
            let usage = KeyUsage::from_bits(bits);
            (
                usage.digital_signature(),
                usage.non_repudiation(),
                usage.key_cert_sign(),
                usage.crl_sign(),
            )
        };
        assert_eq!(read(0b0000_0001), (true, false, false, false));
        assert_eq!(read(0b0000_0010), (false, true, false, false));
        assert_eq!(read(0b0010_0000), (false, false, true, false));
        assert_eq!(read(0b0100_0000), (false, false, false, true));
    }
}
