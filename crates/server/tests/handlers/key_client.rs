//! A service that proves itself by a key, and the proofs that it makes.

use cardea_jose::{Algorithm, DpopTarget, SigningKey, random_base64url, sign_dpop_proof};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::test_app::{Changes, TestApp, header};

pub(crate) const SERVICE: &str = "service";

pub(crate) struct KeyClient {
    pub(crate) key: SigningKey,
}

/// Status, OAuth error name and stable code of a refusal; name and code are empty for a success.
pub(crate) type Told = (u16, String, String);

impl KeyClient {
    pub(crate) fn new() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::Es256).unwrap(),
        }
    }

    /// The configuration in which the service is registered.
    pub(crate) fn registered(&self) -> Changes {
        let jwk = serde_json::to_value(self.key.public_jwk()).unwrap();
        let members: Vec<String> = jwk
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let table = format!(
            "[[client]]\nclient_id = \"{SERVICE}\"\nname = \"Service\"\n\
             grant_types = [\"client_credentials\"]\n\
             token_endpoint_auth_method = \"private_key_jwt\"\n\
             jwks = {{ keys = [ {{ {} }} ] }}\n[presence]",
            members.join(", ")
        );
        Changes::replacing("[presence]", &table)
    }

    pub(crate) fn claims(&self, app: &TestApp) -> Value {
        let now = now();
        json!({
            "iss": SERVICE, "sub": SERVICE, "aud": app.issuer,
            "iat": now, "exp": now + 60, "jti": random_base64url(16).unwrap(),
        })
    }

    pub(crate) fn assertion(&self, app: &TestApp) -> String {
        self.key.sign_jwt("JWT", &self.claims(app)).unwrap()
    }

    /// A token request with this assertion.
    pub(crate) fn ask_with(&self, app: &TestApp, assertion: &str) -> RequestBuilder {
        app.post("/token").form(&[
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
        ])
    }

    /// A valid token request.
    pub(crate) fn ask(&self, app: &TestApp) -> RequestBuilder {
        self.ask_with(app, &self.assertion(app))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server under test reads this clock too"
)]
pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// A nonce of the server, from any of its answers.
pub(crate) async fn nonce(app: &TestApp) -> String {
    let response = app.get("/userinfo").send().await.unwrap();
    header(&response, "dpop-nonce")
}

/// A proof for an endpoint under the configured issuer.
pub(crate) fn proof(
    app: &TestApp,
    key: &SigningKey,
    (method, path): (&str, &str),
    access_token: Option<&str>,
    nonce: Option<&str>,
) -> String {
    let url = format!("{}{path}", app.issuer);
    let target = DpopTarget {
        method,
        url: &url,
        access_token,
    };
    sign_dpop_proof(key, &target, now(), nonce).unwrap()
}

pub(crate) async fn told(response: Response) -> Told {
    let status = response.status().as_u16();
    if response.status().is_success() {
        return (status, String::new(), String::new());
    }
    let body: Value = response.json().await.unwrap();
    let code = body["error_uri"].as_str().unwrap();
    let code = code.rsplit_once('/').unwrap().1.to_owned();
    (status, body["error"].as_str().unwrap().to_owned(), code)
}

pub(crate) fn refusal(status: u16, error: &str, code: &str) -> Told {
    (status, error.to_owned(), code.to_owned())
}

pub(crate) fn success() -> Told {
    (200, String::new(), String::new())
}
