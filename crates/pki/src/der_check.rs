//! Whether bytes are DER, at every level of nesting.

use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Reader, SliceReader, Tagged};

/// Deepest nesting of a certificate or CRL; real ones stay under 12.
const DEPTH_MAX: u8 = 24;

/// Whether `bytes` are exactly one value with definite, shortest-form lengths throughout.
///
/// OpenSSL reads BER as well. A value with two encodings would give one certificate two
/// fingerprints, and two parsers the chance to disagree.
pub(crate) fn is_one_der_value(bytes: &[u8]) -> bool {
    AnyRef::from_der(bytes).is_ok_and(|value| is_der(value, DEPTH_MAX))
}

fn is_der(value: AnyRef<'_>, depth_left: u8) -> bool {
    if !value.tag().is_constructed() {
        return true;
    }
    let Some(depth_left) = depth_left.checked_sub(1) else {
        return false;
    };
    let Ok(mut reader) = SliceReader::new(value.value()) else {
        return false;
    };
    while !reader.is_finished() {
        match AnyRef::decode(&mut reader) {
            Ok(member) if is_der(member, depth_left) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_one_der_value;

    #[test]
    fn only_der_to_the_last_byte_is_accepted() {
        let nested = |depth: usize| {
            (0..depth).fold(vec![0x05, 0x00], |inner, _| {
                let length = u8::try_from(inner.len()).expect("short");
                [vec![0x30, length], inner].concat()
            })
        };
        for (name, bytes, accepted) in [
            ("a sequence", vec![0x30, 0x03, 0x02, 0x01, 0x07], true),
            ("an empty sequence", vec![0x30, 0x00], true),
            ("bytes after it", vec![0x30, 0x00, 0x00], false),
            (
                "bytes after it inside",
                vec![0x30, 0x04, 0x02, 0x01, 0x07, 0x00],
                false,
            ),
            (
                "a long-form short length",
                vec![0x30, 0x81, 0x03, 0x02, 0x01, 0x07],
                false,
            ),
            (
                "an indefinite length",
                vec![0x30, 0x80, 0x02, 0x01, 0x07, 0x00, 0x00],
                false,
            ),
            (
                "an inner indefinite length",
                vec![0x30, 0x04, 0x30, 0x80, 0x00, 0x00],
                false,
            ),
            ("nothing", vec![], false),
            ("nesting at the bound", nested(24), true),
            ("nesting beyond it", nested(25), false),
        ] {
            assert_eq!(is_one_der_value(&bytes), accepted, "{name}");
        }
    }
}
