//! The `Origin` check: only pages of enrolled origins are talked to.
//!
//! Browsers set `Origin` on every cross-origin request and pages cannot change it. A request
//! without it comes from an image, a form or a program, none of which has business here.

use axum::http::{HeaderMap, header};
use cardea_assertion::Origin;

use crate::Error;
use crate::enrolment::Enrolment;

/// Finds the one enrolled origin that the request comes from.
///
/// # Errors
/// [`Error::OriginRefused`] when `Origin` is missing, `null`, repeated, or differs from every
/// enrolled origin in a single byte.
pub(crate) fn check_origin<'a>(
    headers: &HeaderMap,
    mut enrolments: impl Iterator<Item = &'a Enrolment>,
) -> Result<Origin, Error> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Error::OriginRefused);
    };
    enrolments
        .find_map(|enrolment| {
            enrolment
                .origins
                .iter()
                .find(|origin| value.as_bytes() == origin.as_str().as_bytes())
        })
        .cloned()
        .ok_or(Error::OriginRefused)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::enrolment::{IssuerUrl, parse_origin};

    fn enrolment(issuer: &str, origins: &[&str]) -> Enrolment {
        Enrolment {
            issuer: IssuerUrl::parse(issuer).unwrap(),
            name: "Test".to_owned(),
            origins: origins
                .iter()
                .map(|origin| parse_origin(origin).unwrap())
                .collect(),
            roots: Vec::new(),
            ca_pem: None,
            log: None,
        }
    }

    #[test]
    fn only_enrolled_origins_pass_byte_for_byte() {
        let enrolments = [
            enrolment("https://idp.example.test", &["https://idp.example.test"]),
            enrolment(
                "https://b.test",
                &["https://b.test:8443", "https://login.b.test"],
            ),
        ];
        let cases: &[(&[&str], bool)] = &[
            (&["https://idp.example.test"], true),
            (&["https://b.test:8443"], true),
            (&["https://login.b.test"], true),
            (&[], false),
            (&["null"], false),
            (&[""], false),
            (&["https://evil.test"], false),
            (&["https://idp.example.test.evil.test"], false),
            (&["https://evil-idp.example.test"], false),
            (&["https://evil.idp.example.test"], false),
            (&["http://idp.example.test"], false),
            (&["https://idp.example.test:8443"], false),
            (&["https://idp.example.test:443"], false),
            (&["https://idp.example.test/"], false),
            (&["https://IDP.example.test"], false),
            (&["https://b.test"], false),
            (&["https://idp.example.test, https://evil.test"], false),
            (
                &["https://idp.example.test", "https://idp.example.test"],
                false,
            ),
            (&["https://idp.example.test", "https://evil.test"], false),
        ];
        for (origins, accepted) in cases {
            let mut headers = HeaderMap::new();
            for origin in *origins {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let found = check_origin(&headers, enrolments.iter());
            assert_eq!(found.is_ok(), *accepted, "{origins:?}");
            if let Err(error) = found {
                assert_eq!(error.code(), "agent.origin_refused");
            }
        }
    }
}
