//! Requests that only our own pages may make (attacks E17, E20, H2), or only a browser that goes
//! there (H9).

use axum::http::{HeaderMap, header};

use crate::problem::Problem;

/// Refuses a request that another site's page may have caused.
///
/// Browsers set `Origin` on every POST, and no page can change it. Where it is absent, or `null` as
/// from the forms of our own pages, whose policy is `no-referrer` (Fetch, "append a request
/// `Origin` header"), `Sec-Fetch-Site` (Fetch Metadata) must say so; a request with neither is
/// refused.
pub(crate) fn check_same_origin(headers: &HeaderMap, ours: &str) -> Result<(), Problem> {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        (values.next(), values.next().is_some())
    };
    let (origin, origin_twice) = one(header::ORIGIN);
    let (site, site_twice) = one(header::HeaderName::from_static("sec-fetch-site"));
    let origin_fits = origin
        .filter(|origin| origin.as_bytes() != b"null")
        .map(|origin| origin.as_bytes() == ours.as_bytes());
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

/// Refuses what a page fetches, frames or shows as an image, where only a visit may begin
/// something.
///
/// A foreign page could otherwise have its visitors use up what their address may begin in a
/// minute. Browsers say what a request is for (Fetch Metadata sections 2.1 and 2.2, and
/// `Sec-Purpose` for a page that nobody has opened yet); other software says nothing.
pub(crate) fn check_visit(headers: &HeaderMap) -> Result<(), Problem> {
    const FRAMES: [&[u8]; 5] = [b"iframe", b"frame", b"object", b"embed", b"fencedframe"];
    let any = |name: &'static str, is_foul: fn(&[u8]) -> bool| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| is_foul(value.as_bytes()))
    };
    let is_fetched = any("sec-fetch-mode", |mode| mode != b"navigate");
    let is_framed = any("sec-fetch-dest", |dest| FRAMES.contains(&dest));
    let is_ahead = any("sec-purpose", |purpose| purpose.starts_with(b"prefetch"));
    if is_fetched || is_framed || is_ahead {
        Err(Problem::OriginRefused)
    } else {
        Ok(())
    }
}

/// Whether a page of another origin caused a request, as far as its browser says so.
pub(crate) fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    sites.any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{check_same_origin, check_visit, is_of_foreign_page};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_our_own_pages_pass() {
        const OURS: &str = "https://login.example.test";
        type Case = (&'static str, &'static [(&'static str, &'static str)], bool);
        let cases: [Case; 11] = [
            ("origin", &[("origin", OURS)], true),
            (
                "a form under no-referrer",
                &[("origin", "null"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (
                "a sandboxed frame",
                &[("origin", "null"), ("sec-fetch-site", "cross-site")],
                false,
            ),
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
            assert_eq!(
                check_same_origin(&headers(pairs), OURS).is_ok(),
                accepted,
                "{name}"
            );
        }
    }

    #[test]
    fn h9_only_a_visit_begins_a_login() {
        type Case = (&'static [(&'static str, &'static str)], bool);
        const NAVIGATE: (&str, &str) = ("sec-fetch-mode", "navigate");
        let cases: [Case; 9] = [
            (&[], true),
            (&[NAVIGATE], true),
            (&[NAVIGATE, ("sec-fetch-dest", "document")], true),
            (&[("sec-fetch-mode", "no-cors")], false),
            (&[("sec-fetch-mode", "cors")], false),
            (&[NAVIGATE, ("sec-fetch-mode", "cors")], false),
            (&[NAVIGATE, ("sec-fetch-dest", "iframe")], false),
            (&[NAVIGATE, ("sec-fetch-dest", "object")], false),
            (&[NAVIGATE, ("sec-purpose", "prefetch;prerender")], false),
        ];
        for (pairs, accepted) in cases {
            assert_eq!(check_visit(&headers(pairs)).is_ok(), accepted, "{pairs:?}");
        }
    }

    #[test]
    fn h9_browsers_tell_foreign_pages_apart() {
        for (site, foreign) in [
            ("cross-site", true),
            ("same-site", true),
            ("same-origin", false),
            ("none", false),
        ] {
            let headers = headers(&[("sec-fetch-site", site)]);
            assert_eq!(is_of_foreign_page(&headers), foreign, "{site}");
        }
        assert!(!is_of_foreign_page(&HeaderMap::new()));
    }
}
