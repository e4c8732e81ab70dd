//! BER-TLV on the card's side (ISO/IEC 7816-4 section 5.2.2).
//!
//! Written apart from the reader in `cardea-card` on purpose: two implementations that agree prove
//! more than one that agrees with itself.

/// Appends one element. `tag` holds all tag bytes.
pub(crate) fn write(into: &mut Vec<u8>, tag: &[u8], value: &[u8]) {
    into.extend_from_slice(tag);
    let length = value.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 0x80 => into.push(short),
        (Ok(one), _) => into.extend([0x81, one]),
        (_, Ok(two)) => {
            into.push(0x82);
            into.extend(two.to_be_bytes());
        }
        // No object of this card comes near 64 KiB; the last three bytes of the length suffice.
        _ => {
            into.push(0x83);
            into.extend(length.to_be_bytes().iter().skip(size_of::<usize>() - 3));
        }
    }
    into.extend_from_slice(value);
}

/// One element as bytes.
pub(crate) fn element(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 8);
    write(&mut bytes, tag, value);
    bytes
}

/// Reads the next element with a tag of one byte: tag, value and what follows. `None` when the
/// bytes are not one.
pub(crate) fn read(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((*tag, value, rest))
}

#[cfg(test)]
mod tests {
    use super::{element, read};

    #[test]
    fn lengths_take_the_shortest_form() {
        let cases = [
            (0_usize, &[0x53, 0x00][..]),
            (0x7f, &[0x53, 0x7f]),
            (0x80, &[0x53, 0x81, 0x80]),
            (0x100, &[0x53, 0x82, 0x01, 0x00]),
            (0x1_0000, &[0x53, 0x83, 0x01, 0x00, 0x00]),
        ];
        for (length, head) in cases {
            let bytes = element(&[0x53], &vec![0; length]);
            assert_eq!(&bytes[..head.len()], head);
            assert_eq!(bytes.len(), head.len() + length);
        }
    }

    #[test]
    fn elements_are_read_back_and_cut_ones_are_not() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1234] {
            let bytes = element(&[0x82], &vec![9; length]);
            let (tag, value, rest) = read(&bytes).unwrap();
            assert_eq!((tag, value.len(), rest.len()), (0x82, length, 0));
            assert_eq!(
                read(&bytes[..bytes.len() - 1]).is_none(),
                length > 0 || bytes.len() < 3
            );
        }
        assert_eq!(read(&[0x82]), None);
        assert_eq!(read(&[0x5f, 0xc1, 0x05, 0x00]), None);
        assert_eq!(read(&[0x82, 0x80]), None, "indefinite length");
    }
}
