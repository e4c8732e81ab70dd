//! The modules of the OpenID Foundation's RP-initiated logout and back-channel logout plans, under
//! their names. Each begins with a login by card, and sends its request by GET and by POST.

use cardea_jose::{Algorithm, JwkSet, UnverifiedJws, VerifyingKey};
use reqwest::Response;
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, parameter, sign_in};
use crate::test_app::{CLIENT_ID, TestApp, header};

const AFTERWARDS: &str = "https://portal.example.test/bye";

/// A browser that is signed in, and what the portal holds.
struct Party {
    app: TestApp,
    signed_in: SignedIn,
    id_token: String,
}

/// What a logout request led to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The browser was sent to the portal's address with this state; the session is over.
    SentBack(Option<String>),
    /// Our own page says that the session is over.
    SignedOut,
    /// Our own page asks; the session goes on until the person has confirmed.
    Asked,
}

impl Party {
    async fn sign_in() -> Self {
        let app = TestApp::start().await;
        let card = Card::pharmacist(&app);
        let request = Request::new();
        let signed_in = sign_in(&app, &request, &card).await;
        let tokens = request.redeem(&app, &signed_in.code).await;
        let tokens: Value = tokens.json().await.unwrap();
        let id_token = tokens["id_token"].as_str().unwrap().to_owned();
        Self {
            app,
            signed_in,
            id_token,
        }
    }

    async fn is_over(&self) -> bool {
        let silent = Request::new().with("prompt", "none");
        let request = self
            .app
            .get("/authorize")
            .header("Cookie", &self.signed_in.session_cookie)
            .query(&silent.parameters);
        let location = header(&request.send().await.unwrap(), "location");
        match parameter(&location, "error") {
            Some(error) => error == "login_required",
            None => false,
        }
    }

    async fn judge(&self, response: Response) -> Outcome {
        let location = header(&response, "location");
        if response.status() == 303 {
            assert_eq!(
                location.split('?').next(),
                Some(AFTERWARDS),
                "nowhere else: {location}"
            );
            assert!(self.is_over().await);
            return Outcome::SentBack(parameter(&location, "state"));
        }
        assert_eq!((response.status().as_u16(), location.as_str()), (200, ""));
        let page = response.text().await.unwrap();
        if page.contains(r#"name="confirmed""#) {
            assert!(!self.is_over().await, "nobody has confirmed");
            let confirm = self
                .app
                .post("/logout")
                .header("Origin", &self.app.issuer)
                .header("Cookie", &self.signed_in.session_cookie)
                .form(&[("confirmed", "yes")]);
            let confirmed = confirm.send().await.unwrap();
            assert_eq!(
                (
                    confirmed.status().as_u16(),
                    header(&confirmed, "location").as_str()
                ),
                (200, ""),
                "a page, and no redirect"
            );
            assert!(self.is_over().await);
            return Outcome::Asked;
        }
        assert!(self.is_over().await);
        Outcome::SignedOut
    }
}

/// Sends the same request by GET and by POST, after a login each, and says what both led to.
async fn outcome_of(parameters: impl Fn(&str) -> Vec<(&'static str, String)>) -> Outcome {
    let party = Party::sign_in().await;
    let query = parameters(&party.id_token);
    let request = party
        .app
        .get("/logout")
        .header("Cookie", &party.signed_in.session_cookie)
        .query(&query);
    let by_get = party.judge(request.send().await.unwrap()).await;

    let party = Party::sign_in().await;
    let form = parameters(&party.id_token);
    let request = party
        .app
        .post("/logout")
        .header("Cookie", &party.signed_in.session_cookie)
        .form(&form);
    let by_post = party.judge(request.send().await.unwrap()).await;
    assert_eq!(by_get, by_post);
    by_get
}

fn pairs(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_discovery_endpoint_verification() {
    let app = TestApp::start().await;
    let path = "/.well-known/openid-configuration";
    let metadata: Value = app.get(path).send().await.unwrap().json().await.unwrap();
    let endpoint = format!("{}/logout", app.issuer);
    assert_eq!(metadata["end_session_endpoint"], endpoint);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout() {
    let outcome = outcome_of(|hint| {
        pairs(&[
            ("id_token_hint", hint),
            ("post_logout_redirect_uri", AFTERWARDS),
            ("state", "bye&bye"),
            ("client_id", CLIENT_ID),
            ("logout_hint", "anything"),
            ("ui_locales", "fr en"),
        ])
    });
    assert_eq!(outcome.await, Outcome::SentBack(Some("bye&bye".to_owned())));
}

/// Attack H1.
#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() {
    let outcome = outcome_of(|hint| {
        pairs(&[
            ("id_token_hint", hint),
            (
                "post_logout_redirect_uri",
                "https://portal.example.test/bad",
            ),
            ("state", "s"),
        ])
    });
    assert_eq!(outcome.await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri() {
    let outcome = outcome_of(|hint| {
        pairs(&[
            ("id_token_hint", hint),
            (
                "post_logout_redirect_uri",
                "https://portal.example.test/bye?added=1",
            ),
            ("state", "s"),
        ])
    });
    assert_eq!(outcome.await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_modified_id_token_hint() {
    let outcome = outcome_of(|hint| {
        // One character of the claims.
        let (head, rest) = hint.split_once('.').unwrap();
        let changed = if rest.starts_with("eyJ") {
            "eyK"
        } else {
            "eyJ"
        };
        let modified = format!("{head}.{changed}{}", &rest[3..]);
        pairs(&[
            ("id_token_hint", &modified),
            ("post_logout_redirect_uri", AFTERWARDS),
            ("state", "s"),
        ])
    });
    assert_eq!(outcome.await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_id_token_hint() {
    let outcome = outcome_of(|_| {
        pairs(&[
            ("id_token_hint", "no.token.atall"),
            ("post_logout_redirect_uri", AFTERWARDS),
            ("state", "s"),
        ])
    });
    assert_eq!(outcome.await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_id_token_hint() {
    let outcome = outcome_of(|_| {
        pairs(&[
            ("client_id", CLIENT_ID),
            ("post_logout_redirect_uri", AFTERWARDS),
            ("state", "s"),
        ])
    });
    assert_eq!(outcome.await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_params() {
    assert_eq!(outcome_of(|_| Vec::new()).await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri() {
    let outcome = outcome_of(|hint| pairs(&[("id_token_hint", hint), ("state", "s")]));
    assert_eq!(outcome.await, Outcome::SignedOut);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_only_state() {
    let outcome = outcome_of(|_| pairs(&[("state", "s")]));
    assert_eq!(outcome.await, Outcome::Asked);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_state() {
    let outcome = outcome_of(|hint| {
        pairs(&[
            ("id_token_hint", hint),
            ("post_logout_redirect_uri", AFTERWARDS),
        ])
    });
    assert_eq!(outcome.await, Outcome::SentBack(None));
}

#[tokio::test]
async fn oidcc_backchannel_logout_discovery_endpoint_verification() {
    let app = TestApp::start().await;
    let path = "/.well-known/openid-configuration";
    let metadata: Value = app.get(path).send().await.unwrap().json().await.unwrap();
    for member in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
    ] {
        assert_eq!(metadata[member], true, "{member}");
    }
}

#[tokio::test]
async fn oidcc_backchannel_rp_initiated_logout() {
    let party = Party::sign_in().await;
    let query = [
        ("id_token_hint", party.id_token.as_str()),
        ("post_logout_redirect_uri", AFTERWARDS),
        ("state", "s"),
    ];
    let response = party.app.get("/logout").query(&query).send().await.unwrap();
    assert_eq!(response.status(), 303);
    let token = party.app.host.logout_token().await;
    let jws = UnverifiedJws::parse(&token, 4096).unwrap();
    assert_eq!(jws.algorithm(), Algorithm::Es256);
    let keys = party.app.get("/jwks").send().await.unwrap();
    let keys: JwkSet = keys.json().await.unwrap();
    let key = VerifyingKey::from_jwk(keys.find(jws.kid().unwrap()).unwrap()).unwrap();
    let told: Value = jws.verify(&key, "logout+jwt").unwrap().claims().unwrap();
    let held: Value = UnverifiedJws::parse(&party.id_token, 8192)
        .unwrap()
        .unverified_claims()
        .unwrap();
    for member in ["iss", "aud", "sub", "sid"] {
        assert_eq!(told[member], held[member], "{member}");
    }
    assert!(told["jti"].is_string() && told["iat"].is_i64());
    assert!(told["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    assert!(told.get("nonce").is_none());
}
