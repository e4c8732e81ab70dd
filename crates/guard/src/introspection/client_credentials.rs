//! How the guard proves itself to the issuer: by a secret (RFC 6749 section 2.3.1) or by a key
//! (`private_key_jwt`, RFC 7523).

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_jose::{Algorithm, SigningKey, random_base64url};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderValue;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::AccessError;
use crate::http_client::read_bounded;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// An assertion is used at once.
const ASSERTION_SECONDS: i64 = 60;
const JTI_RANDOM_BYTES: usize = 16;

/// The guard as a client of the issuer. Its `Debug` shows the name alone.
pub(crate) struct ClientCredentials {
    client_id: String,
    proof: Proof,
}

enum Proof {
    Secret(Zeroizing<String>),
    Key(Box<SigningKey>),
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientCredentials")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl ClientCredentials {
    /// Reads a secret of one line.
    pub(crate) fn by_secret(client_id: &str, file: &Path) -> Result<Self, AccessError> {
        let bytes = Zeroizing::new(read(file)?);
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable(file, "it is no text"))?;
        let secret = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        if secret.is_empty() || secret.contains(['\r', '\n']) {
            return Err(unusable(file, "it has to hold one line"));
        }
        Ok(Self {
            client_id: client_id.to_owned(),
            proof: Proof::Secret(secret),
        })
    }

    /// Reads a private key (PEM).
    pub(crate) fn by_key(client_id: &str, file: &Path, of: Algorithm) -> Result<Self, AccessError> {
        let bytes = Zeroizing::new(read(file)?);
        let key = SigningKey::from_pem(of, &bytes)
            .map_err(|_| unusable(file, "it is no private key for this algorithm"))?;
        Ok(Self {
            client_id: client_id.to_owned(),
            proof: Proof::Key(Box::new(key)),
        })
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The `Authorization` header, for a secret.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Proof::Secret(secret) = &self.proof else {
            return None;
        };
        // RFC 6749 section 2.3.1: each part is form-encoded before they are joined.
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let joined = Zeroizing::new(format!("{}:{}", encode(&self.client_id), encode(secret)));
        let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(&*joined)));
        if let Ok(value) = &mut value {
            value.set_sensitive(true);
        }
        value.ok()
    }

    /// The members of a body, for a key.
    pub(crate) fn form(
        &self,
        issuer: &str,
        now: i64,
    ) -> Result<Vec<(&'static str, String)>, AccessError> {
        let Proof::Key(key) = &self.proof else {
            return Ok(Vec::new());
        };
        let claims = AssertionClaims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: issuer,
            jti: random_base64url(JTI_RANDOM_BYTES).map_err(AccessError::CryptoFailed)?,
            iat: now,
            exp: now.saturating_add(ASSERTION_SECONDS),
        };
        let assertion = key.sign_jwt("client-authentication+jwt", &claims);
        Ok(vec![
            ("client_id", self.client_id.clone()),
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            (
                "client_assertion",
                assertion.map_err(AccessError::CryptoFailed)?,
            ),
        ])
    }
}

fn read(file: &Path) -> Result<Vec<u8>, AccessError> {
    read_bounded(file, FILE_BYTES_MAX).map_err(|error| unusable(file, &error.to_string()))
}

fn unusable(file: &Path, reason: &str) -> AccessError {
    AccessError::CredentialsUnusable {
        reason: format!("{}: {reason}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::{ClientCredentials, STANDARD};
    use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, VerifyingKey};

    fn written(text: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_secret_goes_into_the_header_encoded_and_is_never_printed() {
        let file = written(b"s:e c\n");
        let credentials = ClientCredentials::by_secret("an api", file.path()).unwrap();
        let basic = credentials.basic().unwrap();
        let encoded = basic.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"an%20api:s%3Ae%20c");
        assert!(
            credentials
                .form("https://id.example.fr", 1)
                .unwrap()
                .is_empty()
        );
        let printed = format!("{credentials:?} {basic:?}");
        assert!(
            !printed.contains("s:e") && !printed.contains(encoded),
            "{printed}"
        );
    }

    #[test]
    fn a_key_signs_an_assertion_for_the_issuer() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let file = written(&key.to_pem().unwrap());
        let credentials = ClientCredentials::by_key("api", file.path(), Algorithm::Es256).unwrap();
        assert!(credentials.basic().is_none());
        let form = credentials.form("https://id.example.fr", 1_000).unwrap();
        let (_, assertion) = form
            .iter()
            .find(|(name, _)| *name == "client_assertion")
            .unwrap();
        let verifying = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
        let jws = UnverifiedJws::parse(assertion, 4096).unwrap();
        let verified = jws.verify(&verifying, "client-authentication+jwt").unwrap();
        let claims: serde_json::Value = verified.claims().unwrap();
        assert_eq!(claims["aud"], "https://id.example.fr");
        assert_eq!(
            (&claims["iss"], &claims["exp"]),
            (&"api".into(), &1_060.into())
        );
    }

    #[test]
    fn a_file_that_is_no_secret_or_key_is_refused() {
        let code = "guard.credentials_unusable";
        for text in [&b""[..], b"\n", b"one\ntwo", b"\xff"] {
            let file = written(text);
            let refused = ClientCredentials::by_secret("api", file.path()).unwrap_err();
            assert_eq!(refused.code(), code);
            let refused = ClientCredentials::by_key("api", file.path(), Algorithm::Es256);
            assert_eq!(refused.unwrap_err().code(), code);
        }
    }
}
