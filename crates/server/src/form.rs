//! Request bodies and queries as name/value pairs and JSON, strictly (attack F8).

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::body_limit::is_too_slow;
use crate::problem::Problem;

/// Pairs read from one form or query; the parsers of each endpoint refuse repeated names.
const PAIRS_MAX: usize = 128;

/// Bytes of a body, or why there are none.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// Reads a query (RFC 6749 section 3.1).
pub(crate) fn parse_query(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    parse_pairs(uri.query().unwrap_or_default().as_bytes())
}

/// Reads an `application/x-www-form-urlencoded` body (RFC 6749 section 3.2).
pub(crate) fn parse_form(
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<(String, String)>, Problem> {
    check_media_type(headers, "application/x-www-form-urlencoded")?;
    parse_pairs(&read(body)?)
}

/// Reads an `application/json` body.
pub(crate) fn parse_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    check_media_type(headers, "application/json")?;
    serde_json::from_slice(&read(body)?).map_err(|_| Problem::RequestMalformed)
}

/// As [`parse_json`], and names what is wrong: a member that is not known, or the place of a value
/// that is not taken. No value is repeated, for it may be a secret.
pub(crate) fn parse_json_naming<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, (Problem, Option<String>)> {
    check_media_type(headers, "application/json").map_err(|problem| (problem, None))?;
    let bytes = read(body).map_err(|problem| (problem, None))?;
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let told = error.inner().to_string();
        let unknown = told.strip_prefix("unknown field `");
        let unknown = unknown.and_then(|rest| rest.split('`').next());
        // Where the JSON itself is broken there is no place.
        let named = match unknown {
            Some(member) => format!("{} is not known", shortened(member)),
            None if path == "." => return (Problem::RequestMalformed, None),
            None => format!("{} has a value that is not taken", shortened(&path)),
        };
        (Problem::RequestMalformed, Some(named))
    })?;
    match json.end() {
        Ok(()) => Ok(read),
        Err(_) => Err((Problem::RequestMalformed, None)),
    }
}

fn shortened(name: &str) -> String {
    name.chars()
        .filter(|it| !it.is_control())
        .take(100)
        .collect()
}

fn read(body: Body) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::BodyTooLarge
        } else if is_too_slow(&rejection) {
            Problem::TimedOut
        } else {
            Problem::RequestMalformed
        }
    })
}

fn check_media_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case(wanted) && values.next().is_none() => Ok(()),
        _ => Err(Problem::MediaTypeUnsupported),
    }
}

fn parse_pairs(bytes: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::RequestMalformed)?;
    // `form_urlencoded` repairs what it cannot decode, and a repaired value is not what was sent.
    if text.contains('\u{fffd}') || text.split('&').any(has_bad_escape) {
        return Err(Problem::RequestMalformed);
    }
    let pairs: Vec<_> = form_urlencoded::parse(bytes)
        .into_owned()
        .take(PAIRS_MAX.saturating_add(1))
        .collect();
    let repaired = pairs
        .iter()
        .any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    if pairs.len() > PAIRS_MAX || repaired {
        return Err(Problem::RequestMalformed);
    }
    Ok(pairs)
}

/// True for a `%` without two hexadecimal digits behind it.
fn has_bad_escape(part: &str) -> bool {
    part.split('%').skip(1).any(|after| {
        !after
            .as_bytes()
            .get(..2)
            .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::parse_form;

    #[test]
    fn forms_are_read_strictly() {
        let cases: [(&str, &'static str, &'static [u8], bool); 7] = [
            (
                "form",
                "application/x-www-form-urlencoded",
                b"a=1&b=%20",
                true,
            ),
            (
                "charset",
                "application/x-www-form-urlencoded;charset=UTF-8",
                b"a=1",
                true,
            ),
            ("json", "application/json", b"{}", false),
            ("multipart", "multipart/form-data; boundary=x", b"", false),
            (
                "bad escape",
                "application/x-www-form-urlencoded",
                b"a=%zz",
                false,
            ),
            (
                "cut escape",
                "application/x-www-form-urlencoded",
                b"a=%2",
                false,
            ),
            (
                "not UTF-8",
                "application/x-www-form-urlencoded",
                b"a=%ff",
                false,
            ),
        ];
        for (name, media_type, body, accepted) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            let outcome = parse_form(&headers, Ok(Bytes::from_static(body)));
            assert_eq!(outcome.is_ok(), accepted, "{name}");
        }
    }
}
