//! A page of the agent's own, in the person's browser: on a fresh port of 127.0.0.1, under a path
//! that nobody can guess, for programs of this user alone. No script, and no other page can read
//! it, frame it or send its form.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;

use crate::Error;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Random bytes in the page's path.
const PATH_BYTES: usize = 32;
pub(crate) const MISSING_BROWSER: &str =
    "the program that opens the browser is not there or not executable";

/// What all these pages look like.
pub(crate) const STYLE: &str = "
:root { color-scheme: light dark; --ink: #14213d; --paper: #fff; --edge: #6b7a99;
  --strong: #00519e; --soft: #eef3fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef1f6; --paper: #141a24; --edge: #8794ad;
  --strong: #8cc2ff; --soft: #1f2836; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--soft); color: var(--ink);
  font: 1.125rem/1.5 system-ui, \"Liberation Sans\", Arial, sans-serif; }
main { max-width: 40rem; margin: 6vh auto; padding: 2rem; background: var(--paper);
  border-radius: 0.75rem; overflow-wrap: anywhere; }
h1 { margin: 0 0 0.25rem; font-size: 1.5rem; line-height: 1.3; }
p { margin: 0 0 1.25rem; }
ul { list-style: none; margin: 0 0 1.5rem; padding: 0; display: grid; gap: 0.75rem; }
button { font: inherit; color: inherit; background: var(--paper); cursor: pointer;
  border: 2px solid var(--edge); border-radius: 0.5rem; padding: 0.75rem 1rem; }
li button { width: 100%; text-align: left; }
button:hover { border-color: var(--strong); background: var(--soft); }
button:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
strong { display: block; font-size: 1.25rem; }
span { display: block; }
@keyframes go { to { visibility: hidden; } }
@keyframes come { to { visibility: visible; } }
";

/// The address of one such page.
#[derive(Debug)]
pub(crate) struct OwnPage {
    host: String,
    path: String,
}

impl OwnPage {
    /// Under a fresh path at this port.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub(crate) fn at(address: SocketAddr) -> Result<Self, Error> {
        let mut bytes = [0; PATH_BYTES];
        openssl::rand::rand_bytes(&mut bytes).map_err(|_| Error::Internal {
            reason: "no random numbers",
        })?;
        Ok(Self {
            host: address.to_string(),
            path: format!("/{}", cardea_jose::base64url(&bytes)),
        })
    }

    /// The page's address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.host, self.path)
    }

    /// The page's path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Refuses names that only point here, and requests that another page made.
    pub(crate) fn is_own(&self, method: &Method, headers: &HeaderMap) -> bool {
        let one = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok(),
                _ => None,
            }
        };
        let site = one(&FETCH_SITE);
        let from_here = match *method {
            Method::GET => matches!(site, None | Some("none" | "same-origin")),
            _ => {
                one(&ORIGIN) == Some(&format!("http://{}", self.host))
                    && matches!(site, None | Some("same-origin"))
            }
        };
        one(&HOST) == Some(&self.host) && from_here
    }

    /// Compares without telling how far it was right.
    pub(crate) fn is_path(&self, path: &str) -> bool {
        let (asked, own) = (path.as_bytes(), self.path.as_bytes());
        asked.len() == own.len() && openssl::memcmp::eq(asked, own)
    }
}

/// A page under a policy that allows its own style sheet, its own form, and nothing else.
pub(crate) fn respond(status: StatusCode, html: impl FnOnce(&str) -> String) -> Response {
    let mut random = [0; 16];
    if openssl::rand::rand_bytes(&mut random).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let nonce = cardea_jose::base64url(&random);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let Ok(policy) = HeaderValue::from_str(&policy) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let fixed = HeaderValue::from_static;
    let mut response = (status, html(&nonce)).into_response();
    response.headers_mut().extend([
        (CONTENT_TYPE, fixed("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, fixed("no-store")),
        // With "no-referrer" browsers send the form with "Origin: null".
        (REFERRER_POLICY, fixed("same-origin")),
        (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (X_FRAME_OPTIONS, fixed("DENY")),
        (OPENER_POLICY, fixed("same-origin")),
    ]);
    response
}

/// Opens the page in the person's browser. Resolves, with the reason, only if that fails.
pub(crate) async fn open(browser: &Path, url: &str) -> &'static str {
    let opened = Command::new(browser)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut opener) = opened else {
        return MISSING_BROWSER;
    };
    // Some openers last as long as the browser does: waited for on a thread that nobody waits for.
    let ended = tokio::task::spawn_blocking(move || opener.wait());
    match ended.await {
        Ok(Ok(status)) if status.success() => std::future::pending().await,
        _ => "the program that opens the browser failed",
    }
}

/// A port for such a page.
pub(crate) async fn bind() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Text as HTML (HTML standard, section 13.1.4).
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}
