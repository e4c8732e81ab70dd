//! What stands between the far side and `ldap3`: measures every message before it is read.
//!
//! `ldap3` buffers without a limit, reads nested values by recursion without a limit, and panics
//! on shapes that no honest server sends. A forged answer on a plain connection could so exhaust
//! memory or the stack, which ends the whole program. The gate lets through only answers to a
//! search (RFC 4511 section 4.5.2), whole, without controls, nested no deeper than an entry is.

use asn1_rs::{Class, FromBer, Header, Length, Tag};
use ldap3::asn1::{PL, StructureTag};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::ldap_client::LdapError;

/// Bytes around a value: names, result texts, the forms themselves.
const FRAME_BYTES_MAX: usize = 16 * 1024;
/// A message's header has two bytes, and up to nine more of length.
const HEADER_BYTES_MAX: usize = 16;
const READ_BYTES: usize = 64 * 1024;
/// Messages of one answer: an entry and a result; a few more, so that it is told what is wrong.
const MESSAGES_MAX: usize = 8;
/// The first request of a connection has it (`ldap3` counts from one), and no other is sent.
const SEARCH_ID: [u8; 1] = [1];
/// `attributes { attribute { values { value } } }` inside a search result entry.
const ENTRY_DEPTH_MAX: u8 = 3;

const SEARCH_RESULT_ENTRY: u32 = 4;
const SEARCH_RESULT_DONE: u32 = 5;
const SEARCH_RESULT_REFERENCE: u32 = 19;
const REFERRAL: u32 = 3;

/// Hands the request on to `far`, and the measured answers on to `near`; returns only to refuse.
///
/// After the far side's end `near` is closed too: who reads there learns of it in order.
pub(super) async fn relay<S: AsyncRead + AsyncWrite>(
    far: S,
    near: UnixStream,
    bytes_max: usize,
) -> LdapError {
    let (mut far_answers, mut far_requests) = tokio::io::split(far);
    let (mut near_requests, mut near_answers) = near.into_split();
    let requests = async {
        match tokio::io::copy(&mut near_requests, &mut far_requests).await {
            Ok(_) => std::future::pending().await,
            Err(error) => LdapError::Failed(error),
        }
    };
    let answers = async {
        match relay_answers(&mut far_answers, &mut near_answers, bytes_max).await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        }
    };
    tokio::select! {
        refused = requests => refused,
        refused = answers => refused,
    }
}

async fn relay_answers(
    far: &mut (impl AsyncRead + Unpin),
    near: &mut (impl AsyncWrite + Unpin),
    bytes_max: usize,
) -> Result<(), LdapError> {
    let mut bytes_left = bytes_max.saturating_add(FRAME_BYTES_MAX);
    let mut messages_left = MESSAGES_MAX;
    let mut buffer = Vec::new();
    loop {
        let mut passed: usize = 0;
        loop {
            let rest = buffer.get(passed..).unwrap_or_default();
            let Some(length) = first_message(rest, bytes_left, bytes_max)? else {
                break;
            };
            let message = rest.get(..length).unwrap_or_default();
            messages_left = messages_left
                .checked_sub(1)
                .ok_or(malformed("more messages than one entry needs"))?;
            check_message(message)?;
            near.write_all(message).await.map_err(LdapError::Failed)?;
            bytes_left = bytes_left.saturating_sub(length);
            passed = passed.saturating_add(length);
        }
        // Once a read, not once a message: what is left moves to the front.
        buffer.drain(..passed);
        buffer.reserve(READ_BYTES);
        if far.read_buf(&mut buffer).await.map_err(LdapError::Failed)? == 0 {
            return near.shutdown().await.map_err(LdapError::Failed);
        }
    }
}

/// The length of the first message, once all of it is there.
fn first_message(
    buffer: &[u8],
    bytes_left: usize,
    bytes_max: usize,
) -> Result<Option<usize>, LdapError> {
    let (content, header) = match Header::from_ber(buffer) {
        Ok(read) => read,
        Err(asn1_rs::Err::Incomplete(_)) if buffer.len() < HEADER_BYTES_MAX => return Ok(None),
        Err(_) => return Err(malformed("no message begins here")),
    };
    // Said before the length is believed: other protocols' greetings would be waited for.
    if !is(&header, Class::Universal, Tag::Sequence, Form::Constructed) {
        return Err(malformed("no message begins here"));
    }
    let content_bytes = definite(&header)?;
    let length = (buffer.len() - content.len()).saturating_add(content_bytes);
    if length > bytes_left {
        return Err(LdapError::TooLarge { bytes_max });
    }
    Ok((length <= buffer.len()).then_some(length))
}

/// One message: an id, and an answer to a search.
fn check_message(message: &[u8]) -> Result<(), LdapError> {
    let (_, outer) = Value::read(message)?;
    let (rest, id) = Value::read(outer.content)?;
    id.expect(Class::Universal, Tag::Integer, Form::Primitive)?;
    let (rest, answer) = Value::read(rest)?;
    if id.content != SEARCH_ID {
        return Err(malformed("an answer to another request"));
    }
    // No control was asked for, and what follows the answer could only be controls.
    if !rest.is_empty() {
        return Err(malformed("more than an answer"));
    }
    if answer.header.class() != Class::Application || !answer.header.is_constructed() {
        return Err(malformed("no answer to a search"));
    }
    match answer.header.tag().0 {
        SEARCH_RESULT_ENTRY => check_nesting(answer.content, ENTRY_DEPTH_MAX),
        SEARCH_RESULT_DONE => check_done(answer.content),
        SEARCH_RESULT_REFERENCE => Err(LdapError::Referral),
        _ => Err(malformed("no answer to a search")),
    }
}

/// `resultCode`, `matchedDN`, `diagnosticMessage`, and a referral perhaps (section 4.1.9).
fn check_done(content: &[u8]) -> Result<(), LdapError> {
    let (rest, code) = Value::read(content)?;
    code.expect(Class::Universal, Tag::Enumerated, Form::Primitive)?;
    let (rest, matched) = Value::read(rest)?;
    let (rest, diagnostic) = Value::read(rest)?;
    for text in [matched, diagnostic] {
        text.expect(Class::Universal, Tag::OctetString, Form::Primitive)?;
        std::str::from_utf8(text.content).map_err(|_| malformed("a text is not UTF-8"))?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    match Value::read(rest)?.1.header {
        header if header.class() == Class::ContextSpecific && header.tag().0 == REFERRAL => {
            Err(LdapError::Referral)
        }
        _ => Err(malformed("more than a result")),
    }
}

/// Values inside values fill each other exactly, and no deeper than `depth_left`.
fn check_nesting(content: &[u8], depth_left: u8) -> Result<(), LdapError> {
    let mut rest = content;
    while !rest.is_empty() {
        let (after, value) = Value::read(rest)?;
        if value.header.is_constructed() {
            let depth_left = depth_left
                .checked_sub(1)
                .ok_or(malformed("nested too deep"))?;
            check_nesting(value.content, depth_left)?;
        }
        rest = after;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Primitive,
    Constructed,
}

struct Value<'a> {
    header: Header<'a>,
    content: &'a [u8],
}

impl<'a> Value<'a> {
    fn read(bytes: &'a [u8]) -> Result<(&'a [u8], Self), LdapError> {
        let cut = |_| malformed("a value is cut short");
        let (after_header, header) = Header::from_ber(bytes).map_err(cut)?;
        // `ldap3` reads tag numbers of one byte only; two readings of one byte are one too many.
        if header.tag().0 >= 31 {
            return Err(malformed("a tag of several bytes"));
        }
        let length = definite(&header)?;
        let (content, rest) = after_header
            .split_at_checked(length)
            .ok_or(malformed("a value is cut short"))?;
        Ok((rest, Self { header, content }))
    }

    fn expect(&self, class: Class, tag: Tag, form: Form) -> Result<(), LdapError> {
        if is(&self.header, class, tag, form) {
            Ok(())
        } else {
            Err(malformed("a value of another type"))
        }
    }
}

fn is(header: &Header<'_>, class: Class, tag: Tag, form: Form) -> bool {
    let constructed = form == Form::Constructed;
    header.class() == class && header.tag() == tag && header.is_constructed() == constructed
}

/// LDAP allows the definite form of lengths only (RFC 4511 section 5.1).
fn definite(header: &Header<'_>) -> Result<usize, LdapError> {
    match header.length() {
        Length::Definite(bytes) => Ok(bytes),
        Length::Indefinite => Err(malformed("a length of indefinite form")),
    }
}

/// The only value of `attribute` in a search result entry; `None` when it has none.
///
/// # Errors
/// [`LdapError::Malformed`] when the entry is no entry, or has several values: a directory that
/// publishes two lists under one name leaves open which one holds.
pub(super) fn only_value(
    entry: StructureTag,
    attribute: &str,
) -> Result<Option<Vec<u8>>, LdapError> {
    let odd = || malformed("an entry without a name or attributes");
    let mut members = members(entry).ok_or_else(odd)?.into_iter();
    let (_name, attributes) = (members.next(), members.next().ok_or_else(odd)?);
    let mut found = Vec::new();
    for described in self::members(attributes).ok_or_else(odd)? {
        let mut pair = self::members(described).ok_or_else(odd)?.into_iter();
        let description = pair.next().and_then(octets).ok_or_else(odd)?;
        if same_attribute(&description, attribute) {
            let values = pair.next().and_then(self::members).ok_or_else(odd)?;
            found.extend(values);
        }
    }
    match (found.pop(), found.is_empty()) {
        (None, _) => Ok(None),
        (Some(value), true) => octets(value).ok_or_else(odd).map(Some),
        (Some(_), false) => Err(malformed("several values of one attribute")),
    }
}

/// Servers may leave the `;binary` out that was asked for (RFC 4522 section 3).
fn same_attribute(description: &[u8], asked: &str) -> bool {
    let name = asked.split(';').next().unwrap_or_default();
    description.eq_ignore_ascii_case(asked.as_bytes())
        || description.eq_ignore_ascii_case(name.as_bytes())
}

fn members(value: StructureTag) -> Option<Vec<StructureTag>> {
    match value.payload {
        PL::C(members) => Some(members),
        PL::P(_) => None,
    }
}

fn octets(value: StructureTag) -> Option<Vec<u8>> {
    match value.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

fn malformed(reason: &'static str) -> LdapError {
    LdapError::Malformed { reason }
}
