//! A subject's name beside its account, where a decision reads anyway.

/// Issuers' subjects have 43 characters at most times: SHA-256 in base64url.
const SHORT_MOST: usize = 46;

/// A name; one that is not long needs no memory of its own.
#[derive(Debug)]
pub(super) enum Name {
    Short { length: u8, bytes: [u8; SHORT_MOST] },
    Long(Box<str>),
}

impl Name {
    pub(super) fn new(name: &str) -> Self {
        let mut bytes = [0; SHORT_MOST];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(part), Ok(length)) => {
                part.copy_from_slice(name.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(name.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // Whole names alone are put in.
            Self::Short { .. } => std::str::from_utf8(self.bytes()).unwrap_or_default(),
            Self::Long(name) => name,
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.bytes() == name.as_bytes()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long(name) => name.len(),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Self::Long(name) => name.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, SHORT_MOST};

    #[test]
    fn a_name_is_itself_at_every_length() {
        for length in [0, 1, 43, SHORT_MOST, SHORT_MOST + 1, 300, 512] {
            let text = "é".repeat(length / 2) + if length % 2 == 1 { "a" } else { "" };
            let name = Name::new(&text);
            assert!(name.is(&text) && name.as_str() == text, "{length}");
            assert!(!name.is(&format!("{text}a")));
            assert_eq!(name.heap_bytes() > 0, length > SHORT_MOST);
        }
    }
}
