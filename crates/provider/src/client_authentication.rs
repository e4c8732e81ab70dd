//! Client authentication at the token endpoint (RFC 6749 section 2.3, OIDC Core section 9).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_oauth2_types::TokenParameters;
use cardea_storage::SecretDigest;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::client::ClientAuthentication;
use crate::{Client, Error, Provider};

/// Longest `Authorization` header that is looked at.
const HEADER_BYTES_MAX: usize = 4096;

/// What a token request says about who sends it.
#[derive(Debug)]
pub struct ClientCredentials {
    client_id: String,
    proof: Proof,
}

enum Proof {
    None,
    Basic(Zeroizing<String>),
    Post(Zeroizing<String>),
}

impl ClientCredentials {
    /// Reads them from the `Authorization` header and the body, which must not both prove.
    ///
    /// # Errors
    /// [`Error::ClientAuthenticationRepeated`], [`Error::ClientAuthenticationMissing`],
    /// [`Error::ClientAuthenticationFailed`] for a header that cannot be read, and
    /// [`Error::ClientAuthenticationMethodMismatch`] for a client assertion, which is not offered.
    pub fn read(authorization: Option<&str>, parameters: &TokenParameters) -> Result<Self, Error> {
        let header_used = authorization.is_some();
        let secret_used = parameters.client_secret.is_some();
        let assertion_used =
            parameters.client_assertion.is_some() || parameters.client_assertion_type.is_some();
        let methods = [header_used, secret_used, assertion_used];
        if methods.into_iter().filter(|used| *used).count() > 1 {
            return Err(Error::ClientAuthenticationRepeated);
        }
        if assertion_used {
            return Err(Error::ClientAuthenticationMethodMismatch);
        }
        if let Some(header) = authorization {
            let credentials = read_basic(header)?;
            // RFC 6749 section 3.2.1: a client_id in the body is allowed, if it says the same.
            let same = parameters
                .client_id
                .as_ref()
                .is_none_or(|id| *id == credentials.client_id);
            return if same {
                Ok(credentials)
            } else {
                Err(Error::ClientAuthenticationFailed)
            };
        }
        let client_id = parameters
            .client_id
            .clone()
            .ok_or(Error::ClientAuthenticationMissing)?;
        let proof = match &parameters.client_secret {
            Some(secret) => Proof::Post(Zeroizing::new(secret.clone())),
            None => Proof::None,
        };
        Ok(Self { client_id, proof })
    }

    /// The client that the request names; nothing is proven by it.
    #[must_use]
    pub fn unverified_client_id(&self) -> &str {
        &self.client_id
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Basic(_) => "Basic(redacted)",
            Self::Post(_) => "Post(redacted)",
        })
    }
}

impl Provider {
    /// Decides whether a client is who it says, by the one method that it registered. An unknown
    /// client and a wrong secret are one refusal.
    ///
    /// A client assertion is spent in a transaction of its own: call this outside any other.
    #[expect(
        clippy::unused_async,
        reason = "the assertion's jti will be spent in the database"
    )]
    pub(crate) async fn authenticate_client(
        &self,
        credentials: &ClientCredentials,
        now: OffsetDateTime,
    ) -> Result<Arc<Client>, Error> {
        let client = self
            .clients
            .find(&credentials.client_id)
            .ok_or(Error::ClientAuthenticationFailed)?;
        match (&client.authentication, &credentials.proof) {
            (ClientAuthentication::None, Proof::None) => Ok(client),
            (ClientAuthentication::SecretBasic(registered), Proof::Basic(secret))
            | (ClientAuthentication::SecretPost(registered), Proof::Post(secret)) => {
                if registered.accepts(&SecretDigest::of(secret), now) {
                    Ok(client)
                } else {
                    Err(Error::ClientAuthenticationFailed)
                }
            }
            (_, Proof::None) => Err(Error::ClientAuthenticationMissing),
            (_, _) => Err(Error::ClientAuthenticationMethodMismatch),
        }
    }
}

/// RFC 6749 section 2.3.1: id and secret are form-urlencoded before they are joined for HTTP Basic
/// (RFC 7617), so that a colon in either cannot be mistaken for the separator.
fn read_basic(header: &str) -> Result<ClientCredentials, Error> {
    let failed = || Error::ClientAuthenticationFailed;
    if header.len() > HEADER_BYTES_MAX {
        return Err(failed());
    }
    let (scheme, encoded) = header.split_once(' ').ok_or_else(failed)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(failed());
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| failed())?);
    let text = std::str::from_utf8(&decoded).map_err(|_| failed())?;
    let (client_id, secret) = text.split_once(':').ok_or_else(failed)?;
    let client_id = form_decode(client_id).ok_or_else(failed)?;
    let secret = Zeroizing::new(form_decode(secret).ok_or_else(failed)?);
    if client_id.is_empty() {
        return Err(failed());
    }
    Ok(ClientCredentials {
        client_id,
        proof: Proof::Basic(secret),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let none = TokenParameters::default();
        for (text, id, secret) in [
            ("portal:secret", "portal", "secret"),
            ("por%3Atal:s%2Be+c%25", "por:tal", "s+e c%"),
            ("portal:abc==", "portal", "abc=="),
            ("portal:a:b", "portal", "a:b"),
        ] {
            let credentials = ClientCredentials::read(Some(&basic(text)), &none).unwrap();
            assert_eq!(credentials.client_id, id);
            assert!(
                matches!(&credentials.proof, Proof::Basic(s) if s.as_str() == secret),
                "{text}"
            );
        }
    }

    #[test]
    fn each_wrong_form_has_its_code() {
        let body = |client_id: Option<&str>, secret: Option<&str>| TokenParameters {
            client_id: client_id.map(str::to_owned),
            client_secret: secret.map(str::to_owned),
            ..TokenParameters::default()
        };
        let good = basic("portal:secret");
        let cases = [
            (
                Some(good.as_str()),
                body(None, Some("s")),
                "provider.client_authentication_repeated",
            ),
            (
                Some(good.as_str()),
                body(Some("other"), None),
                "provider.client_authentication_failed",
            ),
            (
                Some("Bearer x"),
                body(None, None),
                "provider.client_authentication_failed",
            ),
            (
                Some("Basic %%%"),
                body(None, None),
                "provider.client_authentication_failed",
            ),
            (
                Some("Basic"),
                body(None, None),
                "provider.client_authentication_failed",
            ),
            (
                None,
                body(None, Some("s")),
                "provider.client_authentication_missing",
            ),
            (
                None,
                body(None, None),
                "provider.client_authentication_missing",
            ),
        ];
        for (header, parameters, code) in cases {
            let error = ClientCredentials::read(header, &parameters).unwrap_err();
            assert_eq!(error.code(), code, "{header:?}");
        }
        let assertion = TokenParameters {
            client_id: Some("portal".to_owned()),
            client_assertion: Some("x".to_owned()),
            ..TokenParameters::default()
        };
        let error = ClientCredentials::read(None, &assertion).unwrap_err();
        assert_eq!(
            error.code(),
            "provider.client_authentication_method_mismatch"
        );
    }

    #[test]
    fn debug_output_never_shows_the_secret() {
        let none = TokenParameters::default();
        let credentials = ClientCredentials::read(Some(&basic("portal:hush")), &none).unwrap();
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}
