//! The cookies: one a login, one a session, and two of each page of our own.
//!
//! On https both carry the `__Host-` prefix, so that no other host or path of the same site can
//! plant them (RFC 6265bis section 4.1.3.2, attacks E17 and H12).

use axum::http::{HeaderMap, HeaderValue, header};
use cardea_provider::{ACCOUNT, OwnPage};
use time::Duration;

use crate::language::Language;

/// Names cookies by whether browsers reach this server through TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    https: bool,
}

impl Cookies {
    pub(crate) fn new(https: bool) -> Self {
        Self { https }
    }

    fn prefix(self) -> &'static str {
        if self.https { "__Host-" } else { "" }
    }

    fn login_name(self, request_id: &str) -> String {
        format!("{}cardea-login-{request_id}", self.prefix())
    }

    fn session_name(self) -> String {
        format!("{}cardea-session", self.prefix())
    }

    fn own_page_name(self, page: OwnPage) -> String {
        format!("{}{}", self.prefix(), page.client_id)
    }

    fn own_page_login_name(self, page: OwnPage) -> String {
        format!("{}{}-login", self.prefix(), page.client_id)
    }

    /// The cookie of a page of our own that is open in this browser, if there is exactly one.
    pub(crate) fn own_page(self, page: OwnPage, headers: &HeaderMap) -> Option<String> {
        find(headers, &self.own_page_name(page))
    }

    /// What a login to such a page is tied to this browser by, and the language that was chosen on
    /// its way.
    pub(crate) fn own_page_login(
        self,
        page: OwnPage,
        headers: &HeaderMap,
    ) -> Option<(String, Option<Language>)> {
        let value = find(headers, &self.own_page_login_name(page))?;
        // The verifier is base64url.
        let (verifier, tag) = value.split_once('.').unwrap_or((&value, ""));
        Some((verifier.to_owned(), Language::from_ui_locales(tag)))
    }

    /// The page is open as long as the browser, if the server does not close it before.
    pub(crate) fn set_own_page(self, page: OwnPage, value: &str) -> Option<HeaderValue> {
        self.set(&self.own_page_name(page), value, "")
    }

    pub(crate) fn clear_own_page(self, page: OwnPage) -> Option<HeaderValue> {
        self.set(&self.own_page_name(page), "", "Max-Age=0")
    }

    pub(crate) fn set_own_page_login(
        self,
        page: OwnPage,
        verifier: &str,
        language: Language,
        lifetime: Duration,
    ) -> Option<HeaderValue> {
        let attributes = format!("Max-Age={}", lifetime.whole_seconds());
        let value = format!("{verifier}.{}", language.tag());
        self.set(&self.own_page_login_name(page), &value, &attributes)
    }

    pub(crate) fn clear_own_page_login(self, page: OwnPage) -> Option<HeaderValue> {
        self.set(&self.own_page_login_name(page), "", "Max-Age=0")
    }

    /// The cookie of the account page that is open in this browser, if there is exactly one.
    pub(crate) fn account(self, headers: &HeaderMap) -> Option<String> {
        self.own_page(ACCOUNT, headers)
    }

    pub(crate) fn clear_account(self) -> Option<HeaderValue> {
        self.clear_own_page(ACCOUNT)
    }

    /// The login cookie of this browser, if the request carries exactly one.
    pub(crate) fn login(self, headers: &HeaderMap, request_id: &str) -> Option<String> {
        find(headers, &self.login_name(request_id))
    }

    /// The session cookie of this browser, if the request carries exactly one.
    pub(crate) fn session(self, headers: &HeaderMap) -> Option<String> {
        find(headers, &self.session_name())
    }

    /// Binds a login to the browser that began it. `SameSite=Lax` because the portal leads here.
    pub(crate) fn set_login(
        self,
        request_id: &str,
        value: &str,
        lifetime: Duration,
    ) -> Option<HeaderValue> {
        let attributes = format!("Max-Age={}", lifetime.whole_seconds());
        self.set(&self.login_name(request_id), value, &attributes)
    }

    /// Forgets the login cookie once it has served.
    pub(crate) fn clear_login(self, request_id: &str) -> Option<HeaderValue> {
        self.set(&self.login_name(request_id), "", "Max-Age=0")
    }

    /// The session cookie lasts as long as the browser; the server's limits end it before.
    pub(crate) fn set_session(self, value: &str) -> Option<HeaderValue> {
        self.set(&self.session_name(), value, "")
    }

    pub(crate) fn clear_session(self) -> Option<HeaderValue> {
        self.set(&self.session_name(), "", "Max-Age=0")
    }

    fn set(self, name: &str, value: &str, attributes: &str) -> Option<HeaderValue> {
        let secure = if self.https { "; Secure" } else { "" };
        let attributes = if attributes.is_empty() {
            String::new()
        } else {
            format!("; {attributes}")
        };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{attributes}");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// Two cookies of one name mean that somebody else's may be among them: neither counts.
fn find(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut found = None;
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(candidate, _)| *candidate == name);
    // The length of a request's head bounds their number.
    for (_, value) in pairs {
        if found.is_some() {
            return None;
        }
        found = Some(value.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};
    use time::Duration;

    use super::Cookies;

    #[test]
    fn https_cookies_have_every_protection() {
        let cookies = Cookies::new(true);
        let value = cookies
            .set_login("abc", "secret", Duration::seconds(600))
            .unwrap();
        assert_eq!(
            value.to_str().unwrap(),
            "__Host-cardea-login-abc=secret; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"
        );
        let value = cookies.set_session("secret").unwrap();
        assert_eq!(
            value.to_str().unwrap(),
            "__Host-cardea-session=secret; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn a_cookie_counts_behind_any_number_of_others() {
        let others: String = (0..200).map(|number| format!("o{number}=x; ")).collect();
        let mut headers = HeaderMap::new();
        let text = format!("{others}cardea-session=one");
        headers.insert(header::COOKIE, HeaderValue::from_str(&text).unwrap());
        let cookies = Cookies::new(false);
        assert_eq!(cookies.session(&headers).as_deref(), Some("one"));
        // Nor can a second one hide behind them.
        let text = format!("cardea-session=one; {others}cardea-session=two");
        headers.insert(header::COOKIE, HeaderValue::from_str(&text).unwrap());
        assert_eq!(cookies.session(&headers), None);
    }

    #[test]
    fn a_cookie_that_stands_twice_does_not_count() {
        let cookies = Cookies::new(false);
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("a=b; cardea-session=one"),
        );
        assert_eq!(cookies.session(&headers).as_deref(), Some("one"));
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("cardea-session=two"),
        );
        assert_eq!(cookies.session(&headers), None);
    }
}
