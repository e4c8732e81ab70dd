//! The certificates that come with a response, which are the same ones each time.
//!
//! A response is read twice, by `x509-ocsp` and by OpenSSL, and both read each certificate in it,
//! which takes OpenSSL longer than all the rest. Where the bytes of all of them were read before,
//! both are given the response without them. Nothing else is remembered: whether a certificate is
//! a responder's is asked each time.

use crate::digest::sha256;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{self, Decode, Encode, Header, Reader, SliceReader, Tag, TagNumber};

/// Most certificates that are known; an authority has one or two responders at a time.
const KNOWN_MAX: usize = 64;

type Digest = [u8; 32];

/// Digests of certificates that were part of a response which both readers have read.
static KNOWN: Mutex<VecDeque<Digest>> = Mutex::new(VecDeque::new());

/// A `BasicOCSPResponse` without its certificates, and these, each in DER.
pub(super) struct Split {
    pub(super) rest: Vec<u8>,
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Takes the certificates out of a response; none where it has none, or has other bytes than those
/// of certificates that are known.
pub(super) fn split_known(basic: &[u8]) -> Option<Split> {
    let split = split(basic).ok()?;
    let known = lock();
    let is_known = |der: &Vec<u8>| known.contains(&sha256(der));
    let are_known = !split.certificates.is_empty() && split.certificates.iter().all(is_known);
    are_known.then_some(split)
}

/// Remembers the certificates of a response that both readers have read.
pub(super) fn remember<'a>(certificates: impl Iterator<Item = &'a Vec<u8>>) {
    let mut known = lock();
    for digest in certificates.map(|der| sha256(der)) {
        if known.contains(&digest) {
            continue;
        }
        if known.len() >= KNOWN_MAX {
            known.pop_front();
        }
        known.push_back(digest);
    }
}

/// RFC 6960 section 4.2.1: `SEQUENCE { data, algorithm, signature, [0] EXPLICIT SEQUENCE OF
/// Certificate OPTIONAL }`.
fn split(basic: &[u8]) -> der::Result<Split> {
    let mut reader = SliceReader::new(basic)?;
    let mut rest = Vec::with_capacity(basic.len());
    let mut certificates = Vec::new();
    reader.sequence(|basic| {
        for _ in 0..3 {
            rest.extend_from_slice(basic.tlv_bytes()?);
        }
        if basic.is_finished() {
            return Ok(());
        }
        let header = Header::decode(basic)?;
        header.tag.assert_eq(Tag::ContextSpecific {
            constructed: true,
            number: TagNumber::N0,
        })?;
        basic.read_nested(header.length, |explicit| {
            explicit.sequence(|list| {
                while !list.is_finished() {
                    certificates.push(list.tlv_bytes()?.to_vec());
                }
                Ok(())
            })
        })
    })?;
    let rest = AnyRef::new(Tag::Sequence, &rest)?.to_der()?;
    reader.finish(Split { rest, certificates })
}

fn lock() -> MutexGuard<'static, VecDeque<Digest>> {
    // Each change is one step.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        AnyRef::new(tag, &content).unwrap().to_der().unwrap()
    }

    fn explicit(content: &[u8]) -> Vec<u8> {
        let number = TagNumber::N0;
        let tag = Tag::ContextSpecific {
            constructed: true,
            number,
        };
        sequence(tag, &[content])
    }

    fn basic(certificates: &[&[u8]]) -> Vec<u8> {
        let part: &[u8] = &[0x30, 0];
        let certificates = explicit(&sequence(Tag::Sequence, certificates));
        sequence(Tag::Sequence, &[part, part, &[3, 1, 0], &certificates])
    }

    #[test]
    fn only_known_bytes_are_taken_out_and_one_changed_byte_is_not_known() {
        let (one, other): (&[u8], &[u8]) = (&[0x30, 3, 4, 1, 7], &[0x30, 3, 4, 1, 8]);
        assert!(split_known(&basic(&[one])).is_none());
        remember([one.to_vec()].iter());
        let split = split_known(&basic(&[one])).unwrap();
        assert_eq!(split.certificates, [one]);
        assert_eq!(split.rest, [0x30, 7, 0x30, 0, 0x30, 0, 3, 1, 0]);
        for unknown in [basic(&[other]), basic(&[one, other]), basic(&[])] {
            assert!(split_known(&unknown).is_none(), "{unknown:?}");
        }
        remember([other.to_vec()].iter());
        assert!(split_known(&basic(&[one, other])).is_some());
    }

    #[test]
    fn what_has_another_form_is_left_to_its_readers() {
        let known: &[u8] = &[0x30, 3, 4, 1, 9];
        remember([known.to_vec()].iter());
        let good = basic(&[known]);
        assert!(split_known(&good).is_some());
        let part: &[u8] = &[0x30, 0];
        let list = sequence(Tag::Sequence, &[known]);
        for (name, other) in [
            ("bytes follow", [good.as_slice(), &[0]].concat()),
            (
                "a part is missing",
                sequence(Tag::Sequence, &[part, part, &explicit(&list)]),
            ),
            (
                "no list",
                sequence(Tag::Sequence, &[part, part, part, &explicit(known)]),
            ),
            (
                "another tag",
                sequence(Tag::Sequence, &[part, part, part, &list]),
            ),
            (
                "bytes follow the list",
                sequence(
                    Tag::Sequence,
                    &[
                        part,
                        part,
                        part,
                        &explicit(&[list.as_slice(), part].concat()),
                    ],
                ),
            ),
            (
                "a part follows",
                sequence(Tag::Sequence, &[part, part, part, &explicit(&list), part]),
            ),
        ] {
            assert!(split_known(&other).is_none(), "{name}");
        }
    }

    #[test]
    fn no_more_are_known_than_there_is_room_for() {
        let certificates: Vec<Vec<u8>> = (0..=255).map(|number| vec![0x30, 1, number]).collect();
        remember(certificates.iter());
        assert!(lock().len() <= KNOWN_MAX);
    }
}
