//! CRL numbers (RFC 5280 section 5.2.3).

/// A CRL number, of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlNumber(Vec<u8>);

impl CrlNumber {
    /// From big-endian octets; leading zeros do not matter.
    #[must_use]
    pub fn from_be_bytes(bytes: &[u8]) -> Self {
        Self(
            bytes
                .iter()
                .copied()
                .skip_while(|byte| *byte == 0)
                .collect(),
        )
    }

    /// Big-endian octets without leading zeros.
    #[must_use]
    pub fn as_be_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Ord for CrlNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::CrlNumber;

    #[test]
    fn numbers_compare_as_integers() {
        let number = CrlNumber::from_be_bytes;
        assert!(number(&[0xff]) < number(&[1, 0]));
        assert!(number(&[1, 2]) < number(&[1, 3]));
        assert_eq!(number(&[0, 0, 7]), number(&[7]));
    }
}
