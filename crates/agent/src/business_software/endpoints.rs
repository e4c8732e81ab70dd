//! The two addresses of an issuer that a card grant needs: for its challenge and for its tokens.
//! Both follow from the enrolment, never from an answer.

use cardea_assertion::CHALLENGE_BYTES_MAX;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::proof_requests::Prover;
use super::{GrantRequest, REDEEM_LIMIT};
use crate::Error;
use crate::enrolled_issuers::EnrolledIssuer;

/// RFC 7523 section 2.1.
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Longest answer that is read, in bytes: three tokens and what is around them.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest nonce that is sent back, in bytes.
const NONCE_BYTES_MAX: usize = 256;

/// An issuer's addresses, and the last nonce that it gave for proofs (RFC 9449 section 8).
pub(super) struct Endpoints<'a> {
    issuer: &'a EnrolledIssuer,
    nonce: Option<String>,
}

/// An answer that was read whole.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl<'a> Endpoints<'a> {
    pub(super) fn of(issuer: &'a EnrolledIssuer) -> Self {
        Self {
            issuer,
            nonce: None,
        }
    }

    /// A challenge for what the software asks for.
    pub(super) async fn fetch_challenge(
        &mut self,
        request: &GrantRequest,
    ) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Challenge {
            challenge: String,
        }
        let url = self.issuer.enrolment.issuer.grant_challenge_url();
        let http = self.issuer.http.post(url).form(&request.form());
        let answer = self.send(http).await?.into_success()?;
        let Challenge { challenge } = serde_json::from_slice(&answer)
            .map_err(|_| invalid("the challenge is not in the answer"))?;
        if challenge.len() > CHALLENGE_BYTES_MAX {
            return Err(invalid("the challenge is too long"));
        }
        Ok(challenge)
    }

    /// The tokens for what the card signed. A second try with the nonce that the first one brought
    /// spends nothing: the server looks at the proof before anything else.
    pub(super) async fn redeem(
        &mut self,
        request: &GrantRequest,
        (grant, attestation): (&str, &str),
        prover: &Prover,
    ) -> Result<Value, Error> {
        let url = self.issuer.enrolment.issuer.token_url();
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("assertion", grant),
            ("attestation", attestation),
        ];
        form.extend(request.form());
        let mut asked_again = false;
        loop {
            let nonce = self.nonce.take();
            let proof = prover.prove("POST", url.as_str(), None, nonce.as_deref())?;
            let http = self.issuer.http.post(url.clone()).form(&form);
            let http = http.header("DPoP", proof).timeout(REDEEM_LIMIT);
            let answer = self.send(http).await?;
            let wants_nonce = answer.error().as_deref() == Some("use_dpop_nonce");
            if wants_nonce && self.nonce.is_some() && !asked_again {
                asked_again = true;
                continue;
            }
            let body = answer.into_success()?;
            let tokens: Value =
                serde_json::from_slice(&body).map_err(|_| invalid("the tokens are not JSON"))?;
            return match tokens.get("access_token") {
                Some(Value::String(_)) => Ok(tokens),
                _ => Err(invalid("there is no access token in the answer")),
            };
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        self.nonce = nonce_of(&response);
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| unreachable(&error))?
        {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(invalid("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

impl GrantRequest {
    fn form(&self) -> Vec<(&str, &str)> {
        let mut form = vec![("client_id", self.client_id.as_str())];
        form.extend(self.scope.iter().map(|scope| ("scope", scope.as_str())));
        form.extend(
            self.resources
                .iter()
                .map(|resource| ("resource", resource.as_str())),
        );
        form
    }
}

/// An OAuth error (RFC 6749 section 5.2), with our code in `error_uri`.
#[derive(Deserialize)]
struct OAuthError {
    error: String,
    #[serde(default)]
    error_uri: Option<String>,
}

impl Answer {
    fn oauth_error(&self) -> Option<OAuthError> {
        let of_error = self.status.is_client_error() || self.status.is_server_error();
        of_error.then(|| serde_json::from_slice(&self.body).ok())?
    }

    fn error(&self) -> Option<String> {
        self.oauth_error().map(|error| error.error)
    }

    fn into_success(self) -> Result<Vec<u8>, Error> {
        if self.status == StatusCode::OK {
            return Ok(self.body);
        }
        match self.oauth_error() {
            Some(refused) => {
                let code = refused.error_uri.as_deref();
                let code = code.and_then(|uri| uri.rsplit('/').next());
                Err(Error::GrantRefused {
                    reason: name_of(code.unwrap_or(&refused.error)),
                    error: name_of(&refused.error),
                })
            }
            None => Err(invalid("its status is neither success nor an OAuth error")),
        }
    }
}

/// A server's word, fit for a line on a terminal: error names and codes have these letters.
fn name_of(text: &str) -> String {
    let allowed = |letter: &char| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '.' | '-');
    text.chars().filter(allowed).take(80).collect()
}

fn nonce_of(response: &Response) -> Option<String> {
    let nonce = response.headers().get("dpop-nonce")?.to_str().ok()?;
    (nonce.len() <= NONCE_BYTES_MAX).then(|| nonce.to_owned())
}

fn invalid(reason: &'static str) -> Error {
    Error::IssuerAnswerInvalid { reason }
}

fn unreachable(error: &reqwest::Error) -> Error {
    let reason = if error.is_timeout() {
        "time-out"
    } else if error.is_connect() {
        "no connection, or its certificate is not trusted"
    } else {
        "the connection broke"
    };
    Error::IssuerUnreachable { reason }
}
