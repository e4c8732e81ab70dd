//! Answers of the token endpoint and of userinfo.

use anyhow::{Context, Result, ensure};
use reqwest::{Response, header};
use serde_json::Value;
use url::Url;

/// An answer in JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What may be kept of it.
    pub cache_control: String,
    /// The document.
    pub body: Value,
}

impl Answer {
    /// Reads an answer, whose type must be JSON.
    ///
    /// # Errors
    /// When it is something else.
    pub async fn read(response: Response) -> Result<Self> {
        let header = |name| {
            let value = response.headers().get(name);
            let text = value.and_then(|value| value.to_str().ok());
            text.unwrap_or_default().to_owned()
        };
        let status = response.status().as_u16();
        let kind = header(header::CONTENT_TYPE);
        let cache_control = header(header::CACHE_CONTROL);
        let text = response.text().await?;
        ensure!(
            kind.split(';').next() == Some("application/json"),
            "{status} with {kind}: {text}"
        );
        let body = serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?;
        Ok(Self {
            status,
            cache_control,
            body,
        })
    }

    /// A text member.
    ///
    /// # Errors
    /// When it is not there.
    pub fn text(&self, member: &str) -> Result<&str> {
        let value = self.body.get(member).and_then(Value::as_str);
        value.with_context(|| format!("no {member}: {self:?}"))
    }

    /// That nobody keeps it (RFC 6749 section 5.1).
    ///
    /// # Errors
    /// When somebody may.
    pub fn check_not_stored(&self) -> Result<()> {
        let mut words = self.cache_control.split(',').map(str::trim);
        ensure!(words.any(|word| word == "no-store"), "{self:?}");
        Ok(())
    }

    /// That it is this error of the token endpoint, in due form (RFC 6749 section 5.2).
    ///
    /// # Errors
    /// When it is not.
    pub fn check_token_error(&self, expected: &str) -> Result<()> {
        ensure!(self.status == 400, "{self:?}");
        self.check_not_stored()?;
        ensure!(self.text("error")? == expected, "{self:?}");
        check_error_texts(|name| self.body.get(name).and_then(Value::as_str))
    }
}

/// The characters that RFC 6749 sections 4.1.2.1 and 5.2 allow, and an address that is one.
pub(super) fn check_error_texts<'a>(member: impl Fn(&str) -> Option<&'a str>) -> Result<()> {
    let plain = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    for name in ["error", "error_description"] {
        let text = member(name).unwrap_or_default();
        ensure!(
            text.chars().all(plain),
            "{name} has a bad character: {text}"
        );
    }
    if let Some(address) = member("error_uri") {
        ensure!(
            address.chars().all(|c| plain(c) && c != ' '),
            "error_uri has a bad character: {address}"
        );
        Url::parse(address).with_context(|| format!("error_uri is no address: {address}"))?;
    }
    Ok(())
}
