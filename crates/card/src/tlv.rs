//! BER-TLV as smart cards use it (ISO/IEC 7816-4 section 5.2.2), read within bounds.
//!
//! There is no recursion: a caller names the path of tags it wants, so depth is bounded by the
//! code that asks. Tags have at most three bytes, lengths at most three, one level at most
//! [`ELEMENTS_MAX`] elements. Indefinite lengths are refused, as the standard demands.

use crate::Error;

/// Most elements on one level; the fullest template of a login's objects has six.
const ELEMENTS_MAX: usize = 64;
/// Most levels that [`find`] descends.
const DEPTH_MAX: usize = 4;

/// One element: its tag with all tag bytes, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u32,
    pub(crate) value: &'a [u8],
}

/// The elements of one level.
pub(crate) fn elements(bytes: &[u8]) -> Result<Vec<Element<'_>>, Error> {
    let mut input = Input { bytes };
    let mut elements = Vec::new();
    while !input.bytes.is_empty() {
        if elements.len() == ELEMENTS_MAX {
            return Err(malformed("it has too many elements"));
        }
        elements.push(input.element()?);
    }
    Ok(elements)
}

/// The value at a path of tags, or `None` when the path ends somewhere. The first element of a tag
/// counts.
pub(crate) fn find<'a>(bytes: &'a [u8], path: &[u32]) -> Result<Option<&'a [u8]>, Error> {
    if path.len() > DEPTH_MAX {
        return Err(malformed("it is nested too deeply"));
    }
    let mut value = bytes;
    for tag in path {
        match elements(value)?
            .into_iter()
            .find(|element| element.tag == *tag)
        {
            Some(element) => value = element.value,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// Writes one element with a tag of one byte.
pub(crate) fn element_bytes(tag: u8, value: &[u8]) -> Result<Vec<u8>, Error> {
    let length = u16::try_from(value.len()).map_err(|_| Error::CommandTooLong {
        bytes_max: usize::from(u16::MAX),
    })?;
    let [high, low] = length.to_be_bytes();
    let mut bytes = vec![tag];
    match (high, low) {
        (0, 0..=0x7F) => bytes.push(low),
        (0, _) => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    bytes.extend_from_slice(value);
    Ok(bytes)
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, Error> {
        let (first, rest) = self
            .bytes
            .split_first()
            .ok_or(malformed("it is cut short"))?;
        self.bytes = rest;
        Ok(*first)
    }

    fn element(&mut self) -> Result<Element<'a>, Error> {
        let tag = self.tag()?;
        let length = self.length()?;
        let split = self.bytes.split_at_checked(length);
        let (value, rest) = split.ok_or(malformed("it is cut short"))?;
        self.bytes = rest;
        Ok(Element { tag, value })
    }

    fn tag(&mut self) -> Result<u32, Error> {
        let first = self.byte()?;
        let mut tag = u32::from(first);
        if first & 0x1F != 0x1F {
            return Ok(tag);
        }
        for _ in 0..2 {
            let next = self.byte()?;
            tag = tag << 8 | u32::from(next);
            if next & 0x80 == 0 {
                return Ok(tag);
            }
        }
        Err(malformed("a tag is too long"))
    }

    fn length(&mut self) -> Result<usize, Error> {
        let first = self.byte()?;
        let bytes = match first {
            0..=0x7F => return Ok(usize::from(first)),
            0x81..=0x83 => first & 0x0F,
            _ => return Err(malformed("a length has a form that is not allowed")),
        };
        let mut length = 0_usize;
        for _ in 0..bytes {
            length = length << 8 | usize::from(self.byte()?);
        }
        Ok(length)
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::ResponseMalformed { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let bytes = [0x53, 0x08, 0x70, 0x03, 1, 2, 3, 0x71, 0x01, 0x00];
        assert_eq!(find(&bytes, &[0x53, 0x70]).unwrap(), Some(&[1, 2, 3][..]));
        assert_eq!(find(&bytes, &[0x53, 0x71]).unwrap(), Some(&[0][..]));
        assert_eq!(find(&bytes, &[0x53, 0xFE]).unwrap(), None);
        assert_eq!(find(&bytes, &[0x7C]).unwrap(), None);
    }

    #[test]
    fn long_tags_and_lengths_are_read() {
        let bytes = [
            0x5F, 0xC1, 0x05, 0x82, 0x00, 0x01, 0xAA, 0x7F, 0x49, 0x81, 0x00,
        ];
        let found = elements(&bytes).unwrap();
        assert_eq!(
            found[0],
            Element {
                tag: 0x005F_C105,
                value: &[0xAA]
            }
        );
        assert_eq!(
            found[1],
            Element {
                tag: 0x7F49,
                value: &[]
            }
        );
    }

    #[test]
    fn written_elements_are_read_back() {
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x1234] {
            let value = vec![7; length];
            let bytes = element_bytes(0x53, &value).unwrap();
            assert_eq!(
                elements(&bytes).unwrap(),
                [Element {
                    tag: 0x53,
                    value: &value
                }]
            );
        }
        assert!(element_bytes(0x53, &vec![0; 65_536]).is_err());
    }

    #[test]
    fn broken_structures_are_refused() {
        let cases: [(&str, Vec<u8>); 8] = [
            ("no length", vec![0x53]),
            ("no tag continuation", vec![0x5F]),
            ("value cut short", vec![0x53, 0x05, 1, 2]),
            ("length cut short", vec![0x53, 0x82, 0x01]),
            ("indefinite length", vec![0x53, 0x80, 0x00, 0x00]),
            ("length of four bytes", vec![0x53, 0x84, 0, 0, 0, 1, 0]),
            ("tag of four bytes", vec![0x5F, 0x81, 0x81, 0x01, 0x00]),
            ("too many elements", [0x53, 0x00].repeat(65)),
        ];
        for (name, bytes) in cases {
            let error = elements(&bytes).expect_err(name);
            assert_eq!(error.code(), "card.response_malformed", "{name}");
        }
        assert!(find(&[], &[1, 2, 3, 4, 5]).is_err());
    }

    #[test]
    fn no_short_input_panics() {
        for word in 0..=u16::MAX {
            let [a, b] = word.to_be_bytes();
            for c in [0x00, 0x1F, 0x7F, 0x80, 0x83, 0xFF] {
                let _ = elements(&[a, b, c]);
                let _ = elements(&[c, a, b]);
            }
        }
    }
}
