//! `client_secret_basic`: id and secret in the `Authorization` header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Longest `Authorization` header that is looked at.
const HEADER_BYTES_MAX: usize = 4096;

/// RFC 6749 section 2.3.1: id and secret are form-urlencoded before they are joined for HTTP Basic
/// (RFC 7617), so that a colon in either cannot be mistaken for the separator. None for a header
/// that cannot be read.
pub(super) fn read(header: &str) -> Option<(String, Zeroizing<String>)> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let text = std::str::from_utf8(&decoded).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    let client_id = form_decode(client_id)?;
    let secret = Zeroizing::new(form_decode(secret)?);
    (!client_id.is_empty()).then_some((client_id, secret))
}

/// Decodes one form-urlencoded text. The parser splits at `&` and `=`, which an encoder never
/// leaves in, so text with either was not encoded and is taken as it is.
fn form_decode(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        return Some(text.to_owned());
    }
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    let decoded = pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default();
    pairs.next().is_none().then_some(decoded)
}
