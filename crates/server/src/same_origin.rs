//! Requests that only our own pages may make (attacks E17, E20, H2).

use axum::http::{HeaderMap, header};

use crate::problem::Problem;

/// Refuses a request that another site's page may have caused.
///
/// Browsers set `Origin` on every POST, and no page can change it. Where it is absent,
/// `Sec-Fetch-Site` (Fetch Metadata) must say so; a request with neither is refused.
pub(crate) fn check_same_origin(headers: &HeaderMap, issuer: &str) -> Result<(), Problem> {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        (values.next(), values.next().is_some())
    };
    let (origin, origin_twice) = one(header::ORIGIN);
    let (site, site_twice) = one(header::HeaderName::from_static("sec-fetch-site"));
    let origin_fits = origin.map(|origin| origin.as_bytes() == issuer.as_bytes());
    let site_fits = site.map(|site| site.as_bytes() == b"same-origin");
    let fits = match (origin_fits, site_fits) {
        (Some(origin), Some(site)) => origin && site,
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => false,
    };
    if fits && !origin_twice && !site_twice {
        Ok(())
    } else {
        Err(Problem::OriginRefused)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::check_same_origin;

    #[test]
    fn only_our_own_pages_pass() {
        const OURS: &str = "https://login.example.test";
        type Case = (&'static str, &'static [(&'static str, &'static str)], bool);
        let cases: [Case; 9] = [
            ("origin", &[("origin", OURS)], true),
            (
                "both",
                &[("origin", OURS), ("sec-fetch-site", "same-origin")],
                true,
            ),
            ("metadata alone", &[("sec-fetch-site", "same-origin")], true),
            ("foreign origin", &[("origin", "https://evil.test")], false),
            (
                "suffix trick",
                &[("origin", "https://login.example.test.evil.test")],
                false,
            ),
            ("null origin", &[("origin", "null")], false),
            ("origin twice", &[("origin", OURS), ("origin", OURS)], false),
            ("same site", &[("sec-fetch-site", "same-site")], false),
            ("neither", &[], false),
        ];
        for (name, pairs, accepted) in cases {
            let mut headers = HeaderMap::new();
            for (key, value) in pairs {
                headers.append(
                    HeaderName::from_static(key),
                    HeaderValue::from_static(value),
                );
            }
            assert_eq!(
                check_same_origin(&headers, OURS).is_ok(),
                accepted,
                "{name}"
            );
        }
    }
}
