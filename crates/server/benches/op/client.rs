//! The portal: its keys, its assertions and its proofs.

use std::cell::RefCell;
use std::rc::Rc;

use cardea_jose::{Algorithm, SigningKey, random_base64url, sha256_base64url};
use serde_json::json;
use time::OffsetDateTime;

use crate::Failure;
use crate::http::Answer;

pub(crate) const CLIENT_ID: &str = "portal";
pub(crate) const REDIRECT_URI: &str = "https://portal.example.test/callback";
pub(crate) const RESOURCE: &str = "https://api.example.test";
const ASSERTION_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

pub(crate) struct Client {
    key: SigningKey,
    issuer: String,
    nonce: Rc<RefCell<String>>,
}

pub(crate) fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the programs use the same clock")]
    OffsetDateTime::now_utc().unix_timestamp()
}

impl Client {
    pub(crate) fn new(key: SigningKey, issuer: &str) -> Self {
        Self {
            key,
            issuer: issuer.to_owned(),
            nonce: Rc::default(),
        }
    }

    pub(crate) fn new_proof_key() -> Result<SigningKey, Failure> {
        Ok(SigningKey::generate(Algorithm::Es256)?)
    }

    /// `client_assertion` and its type, as members of a form.
    pub(crate) fn assertion(&self) -> Result<String, Failure> {
        let claims = json!({
            "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": self.issuer, "jti": random_base64url(16)?,
            "iat": now(), "exp": now() + 60,
        });
        let assertion = self.key.sign_jwt("JWT", &claims)?;
        Ok(format!(
            "client_id={CLIENT_ID}&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
        ))
    }

    /// A `DPoP` header, with the last nonce that was heard.
    pub(crate) fn proof(
        &self,
        key: &SigningKey,
        (method, path): (&str, &str),
        access_token: Option<&str>,
    ) -> Result<String, Failure> {
        let mut claims = json!({
            "jti": random_base64url(16)?, "htm": method, "htu": format!("{}{path}", self.issuer),
            "iat": now(),
        });
        if !self.nonce.borrow().is_empty() {
            claims["nonce"] = self.nonce.borrow().as_str().into();
        }
        if let Some(token) = access_token {
            claims["ath"] = sha256_base64url(token.as_bytes()).into();
        }
        let proof = key.sign_jwt_with_jwk("dpop+jwt", &claims)?;
        Ok(format!("DPoP: {proof}\r\n"))
    }

    /// True when a request must be sent again with a nonce that came now.
    pub(crate) fn hear(&self, answer: &Answer) -> bool {
        let Some(nonce) = answer.header("dpop-nonce") else {
            return false;
        };
        if *self.nonce.borrow() != nonce {
            nonce.clone_into(&mut self.nonce.borrow_mut());
        }
        (answer.status == 400 || answer.status == 401)
            && String::from_utf8_lossy(&answer.body).contains("use_dpop_nonce")
            || answer.status == 401
                && answer
                    .header("www-authenticate")
                    .is_some_and(|it| it.contains("use_dpop_nonce"))
    }
}
