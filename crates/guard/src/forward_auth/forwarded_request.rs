//! The request that a proxy asks about, as the proxy describes it.

use axum::http::{HeaderMap, HeaderName};
use serde::Deserialize;
use url::Url;

use crate::AccessError;

/// Longest path with its query.
const TARGET_BYTES_MAX: usize = 8 * 1024;
const METHOD_BYTES_MAX: usize = 32;

/// Under which names a proxy describes the request. The others are the caller's own, and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RequestHeaders {
    /// `X-Original-Method` and `X-Original-URI`: written in nginx's configuration.
    Original,
    /// `X-Forwarded-Method` and `X-Forwarded-Uri`: Caddy and Traefik.
    Forwarded,
}

/// The origins by which callers know the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Origins(Vec<String>);

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForwardedRequest<'a> {
    pub(crate) method: &'a str,
    /// As the caller wrote it, without query.
    pub(crate) path: &'a str,
    /// Origin and path.
    pub(crate) url: String,
}

impl TryFrom<Vec<String>> for Origins {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        if texts.is_empty() {
            return Err("the origin by which callers know the API is missing".to_owned());
        }
        let origin = |text: String| {
            let url = Url::parse(&text).ok();
            let origin = url.map(|url| url.origin().ascii_serialization());
            let is_same = origin.as_deref() == Some(text.trim_end_matches('/'));
            let is_http = text.starts_with("https://") || text.starts_with("http://");
            match origin.filter(|_| is_same && is_http) {
                Some(origin) => Ok(origin),
                None => Err(format!(
                    "{text} is no origin such as https://api.example.fr"
                )),
            }
        };
        let origins: Result<Vec<_>, _> = texts.into_iter().map(origin).collect();
        Ok(Self(origins?))
    }
}

impl Origins {
    /// The origin that a proxy names, which must be one of these; the only one where it names none.
    fn find(&self, headers: &HeaderMap) -> Result<&str, AccessError> {
        let proto = one(headers, "x-forwarded-proto")?;
        let host = one(headers, "x-forwarded-host")?;
        let named = match (proto, host) {
            (Some(proto), Some(host)) => {
                let rest = |origin: &String| -> Option<bool> {
                    let rest = origin.strip_prefix(proto)?.strip_prefix("://")?;
                    Some(rest == host)
                };
                // They are written as the parser below would write them.
                if let Some(same) = self.0.iter().find(|it| rest(it) == Some(true)) {
                    return Ok(same);
                }
                format!("{proto}://{host}")
            }
            _ => {
                let [only] = self.0.as_slice() else {
                    return Err(AccessError::OriginUnknown);
                };
                return Ok(only);
            }
        };
        if named.contains(['@', '\\', '?', '#']) {
            return Err(AccessError::OriginUnknown);
        }
        // With the scheme's own port, or without.
        let named = Url::parse(&named).map_err(|_| AccessError::OriginUnknown)?;
        let named = named.origin().ascii_serialization();
        let found = self.0.iter().find(|origin| **origin == named);
        found.map(String::as_str).ok_or(AccessError::OriginUnknown)
    }
}

impl<'a> ForwardedRequest<'a> {
    /// Reads what the proxy says.
    pub(crate) fn read(
        names: RequestHeaders,
        origins: &Origins,
        headers: &'a HeaderMap,
    ) -> Result<Self, AccessError> {
        let (method, target) = match names {
            RequestHeaders::Original => ("x-original-method", "x-original-uri"),
            RequestHeaders::Forwarded => ("x-forwarded-method", "x-forwarded-uri"),
        };
        let malformed = |header| AccessError::ForwardedHeaderMalformed { header };
        let is_method = |text: &&str| {
            let is_good = |byte: u8| byte.is_ascii_alphabetic() || b"-_".contains(&byte);
            (1..=METHOD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_good)
        };
        let read = one(headers, method)?.filter(is_method);
        let method = read.ok_or(malformed(method))?;
        let is_target = |text: &&str| {
            let is_good = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'#';
            text.starts_with('/') && text.len() <= TARGET_BYTES_MAX && text.bytes().all(is_good)
        };
        let read = one(headers, target)?.filter(is_target);
        let target = read.ok_or(malformed(target))?;
        let path = target.split('?').next().unwrap_or_default();
        let url = format!("{}{path}", origins.find(headers)?);
        Ok(Self { method, path, url })
    }
}

/// The value of a header that must not stand twice.
fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, AccessError> {
    let malformed = AccessError::ForwardedHeaderMalformed { header: name };
    let mut values = headers.get_all(HeaderName::from_static(name)).iter();
    let value = values.next();
    match (value.map(|value| value.to_str()), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        (Some(_), _) => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{ForwardedRequest, Origins, RequestHeaders};

    type Outcome = Result<(String, String), &'static str>;

    fn read(names: RequestHeaders, origins: &[&str], headers: &[(&str, &str)]) -> Outcome {
        let origins: Vec<_> = origins.iter().map(|&text| text.to_owned()).collect();
        let origins = Origins::try_from(origins).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let request = ForwardedRequest::read(names, &origins, &map);
        let request = request.map_err(|error| error.code())?;
        Ok((request.method.to_owned(), request.url))
    }

    const API: [&str; 1] = ["https://api.example.fr"];
    const MALFORMED: Outcome = Err("guard.forwarded_header_malformed");

    #[test]
    fn the_configured_names_alone_describe_the_request() {
        let both = [
            ("x-original-method", "GET"),
            ("x-original-uri", "/one?x=1"),
            ("x-forwarded-method", "POST"),
            ("x-forwarded-uri", "/two"),
        ];
        let expected = |method: &str, path: &str| {
            Ok((method.to_owned(), format!("https://api.example.fr{path}")))
        };
        assert_eq!(
            read(RequestHeaders::Original, &API, &both),
            expected("GET", "/one")
        );
        assert_eq!(
            read(RequestHeaders::Forwarded, &API, &both),
            expected("POST", "/two")
        );
        let [first, second, ..] = both;
        assert_eq!(
            read(RequestHeaders::Forwarded, &API, &[first, second]),
            MALFORMED
        );
    }

    #[test]
    fn what_stands_twice_or_has_another_form_is_refused() {
        let method = ("x-original-method", "GET");
        let long = format!("/{}", "a".repeat(8192));
        for target in ["one", "//h\u{e9}", "/a b", "/a#b", "", "http://x/", &long] {
            let headers = [method, ("x-original-uri", target)];
            assert_eq!(
                read(RequestHeaders::Original, &API, &headers),
                MALFORMED,
                "{target}"
            );
        }
        let uri = ("x-original-uri", "/a");
        for headers in [
            vec![method, uri, uri],
            vec![method, method, uri],
            vec![uri],
            vec![("x-original-method", "G T"), uri],
            vec![
                method,
                uri,
                ("x-forwarded-host", "a"),
                ("x-forwarded-host", "b"),
            ],
        ] {
            assert_eq!(
                read(RequestHeaders::Original, &API, &headers),
                MALFORMED,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn another_origin_is_refused() {
        let of = |origins: &[&str], proto: &str, host: &str| {
            let headers = [
                ("x-forwarded-method", "GET"),
                ("x-forwarded-uri", "/a"),
                ("x-forwarded-proto", proto),
                ("x-forwarded-host", host),
            ];
            read(RequestHeaders::Forwarded, origins, &headers).map(|(_, url)| url)
        };
        let two = ["https://api.example.fr", "http://127.0.0.1:8081"];
        let good = "https://api.example.fr/a".to_owned();
        assert_eq!(of(&two, "https", "api.example.fr"), Ok(good.clone()));
        assert_eq!(of(&two, "https", "api.example.fr:443"), Ok(good));
        assert_eq!(
            of(&two, "http", "127.0.0.1:8081"),
            Ok("http://127.0.0.1:8081/a".to_owned())
        );
        for (proto, host) in [
            ("http", "api.example.fr"),
            ("https", "evil.test"),
            ("https", "api.example.fr.evil.test"),
            ("https", "x@api.example.fr:8443"),
        ] {
            let refused = of(&API, proto, host);
            assert_eq!(refused, Err("guard.origin_unknown"), "{proto} {host}");
        }
        // Who has several must be told which.
        let plain = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/a")];
        let refused = read(RequestHeaders::Forwarded, &two, &plain);
        assert_eq!(refused, Err("guard.origin_unknown"));
        for origin in ["", "api.example.fr", "https://api.example.fr/x", "ftp://a"] {
            assert!(
                Origins::try_from(vec![origin.to_owned()]).is_err(),
                "{origin}"
            );
        }
        assert!(Origins::try_from(vec![]).is_err());
    }
}
