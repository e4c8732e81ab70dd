//! The profile of FAPI 2.0 over HTTP, and what is signed for those who must show it later: answers
//! at the redirect URI (JARM) and introspection (RFC 9701).

use cardea_jose::{Algorithm, JwkSet, SigningKey, UnverifiedJws, VerifyingKey, random_base64url};
use cardea_server::config::Config;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::card::{Card, PresenceConnection};
use crate::key_client::{nonce, now, proof};
use crate::relying_party::{Login, Request, parameter};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, PUBLIC_CLIENT_ID, TestApp, header};

const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const API: &str = "https://api.example.test";

/// The keys of a portal and of an API, which prove themselves by the same one, and the key that the
/// portal's tokens are bound to.
struct Keys {
    client: SigningKey,
    dpop: SigningKey,
}

impl Keys {
    fn new() -> Self {
        let [client, dpop] = [(); 2].map(|()| SigningKey::generate(Algorithm::Es256).unwrap());
        Self { client, dpop }
    }

    /// Both clients of the configuration as the profile wants them: the second is the API.
    fn changes(&self) -> Changes {
        let mut changes = Changes::replacing("[keys]", "profile = \"fapi2\"\n[keys]");
        let by_key = format!(
            "token_endpoint_auth_method = \"private_key_jwt\"\njwks = {{ keys = [ {} ] }}",
            self.inline_table()
        );
        let secret = "secret = \"0123456789abcdef0123456789abcdef\"\n\
                      id_token_signed_response_alg = \"ES256\"";
        let portal = format!("{by_key}\nresources = [\"{API}\"]");
        let api = format!("{by_key}\nresource_server_of = [\"{API}\"]");
        changes.replace.push((secret, portal));
        changes
            .replace
            .push(("token_endpoint_auth_method = \"none\"", api));
        changes
    }

    fn inline_table(&self) -> String {
        let jwk = serde_json::to_value(self.client.public_jwk()).unwrap();
        let members = jwk.as_object().unwrap().iter();
        let members: Vec<_> = members
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        format!("{{ {} }}", members.join(", "))
    }

    /// The form with a client's proof of itself.
    fn proven(
        &self,
        app: &TestApp,
        client_id: &str,
        form: &[(&'static str, String)],
    ) -> Vec<(&'static str, String)> {
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": app.issuer,
            "iat": now(), "exp": now() + 60, "jti": random_base64url(16).unwrap(),
        });
        let mut form = form.to_vec();
        form.push(("client_assertion_type", BEARER.to_owned()));
        form.push((
            "client_assertion",
            self.client.sign_jwt("JWT", &claims).unwrap(),
        ));
        form
    }

    fn push(&self, app: &TestApp, request: &Request) -> RequestBuilder {
        let form = self.proven(app, CLIENT_ID, &request.parameters);
        app.post("/par").form(&form)
    }

    /// The browser arrives with the reference of a pushed request.
    async fn begin(&self, app: &TestApp, request: &Request) -> Login {
        let pushed = self.push(app, request).send().await.unwrap();
        assert_eq!(pushed.status(), 201);
        let pushed: Value = pushed.json().await.unwrap();
        let carried = Request {
            parameters: vec![
                ("client_id", CLIENT_ID.to_owned()),
                (
                    "request_uri",
                    pushed["request_uri"].as_str().unwrap().to_owned(),
                ),
            ],
            verifier: String::new(),
            nonce: String::new(),
        };
        carried.begin(app).await
    }

    /// What the page learns when the card has answered: where the browser goes. The agent's
    /// connection must be kept, for the session lives by it.
    async fn sign_in(
        &self,
        app: &TestApp,
        login: &Login,
        card: &Card,
    ) -> (String, PresenceConnection) {
        let challenge = login.challenge(app).await;
        let mut connection = card.connect(app).await;
        let body = card.answer(app, &challenge);
        let (response, ()) = tokio::join!(
            login.post_assertion(app, &body),
            connection.prove(app, card)
        );
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        (body["redirect_to"].as_str().unwrap().to_owned(), connection)
    }

    async fn redeem(&self, app: &TestApp, request: &Request, code: &str) -> Value {
        let fresh = nonce(app).await;
        let proof = proof(app, &self.dpop, ("POST", "/token"), None, Some(&fresh));
        let form = self.proven(app, CLIENT_ID, &request.token_form(code));
        let response = app.post("/token").header("DPoP", proof).form(&form);
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

/// The claims of a JWT that one of the published keys has signed.
async fn verified(app: &TestApp, jwt: &str, typ: &str) -> Value {
    let keys: JwkSet = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let unverified = UnverifiedJws::parse(jwt, 8192).unwrap();
    let key = keys.find(unverified.kid().unwrap()).unwrap();
    let key = VerifyingKey::from_jwk(key).unwrap();
    unverified.verify(&key, typ).unwrap().claims().unwrap()
}

async fn metadata(app: &TestApp) -> Value {
    let path = "/.well-known/openid-configuration";
    app.get(path).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn fapi2_security_profile_final_discovery_end_point_verification() {
    let keys = Keys::new();
    let app = TestApp::start_with(keys.changes()).await;
    let metadata = metadata(&app).await;
    for (name, expected) in [
        ("require_pushed_authorization_requests", json!(true)),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("response_types_supported", json!(["code"])),
        ("claims_parameter_supported", json!(true)),
        ("request_uri_parameter_supported", json!(false)),
        ("require_signed_request_object", json!(false)),
    ] {
        assert_eq!(metadata[name], expected, "{name}");
    }
    let allowed = ["PS256", "ES256", "EdDSA"];
    let mut lists = 0;
    for (name, values) in metadata.as_object().unwrap() {
        if !name.contains("signing_alg_values") {
            continue;
        }
        lists += 1;
        let values = values.as_array().unwrap();
        assert!(!values.is_empty(), "{name}");
        for value in values {
            assert!(
                allowed.contains(&value.as_str().unwrap()),
                "{name}: {value}"
            );
        }
    }
    assert_eq!(lists, 9, "{metadata}");
    let methods = [
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
    ];
    for name in [
        "token_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
    ] {
        for value in metadata[name].as_array().unwrap() {
            assert!(
                methods.contains(&value.as_str().unwrap()),
                "{name}: {value}"
            );
        }
    }
}

/// RFC 9110 section 11.1: the scheme's name is compared without regard to case.
#[tokio::test]
async fn fapi2_security_profile_final_access_token_type_header_case_sensitivity() {
    let keys = Keys::new();
    let app = TestApp::start_with(keys.changes()).await;
    let request = Request::new();
    let login = keys.begin(&app, &request).await;
    let (redirect, _connection) = keys.sign_in(&app, &login, &Card::pharmacist(&app)).await;
    let tokens = keys
        .redeem(&app, &request, &parameter(&redirect, "code").unwrap())
        .await;
    let token = tokens["access_token"].as_str().unwrap();
    let fresh = nonce(&app).await;
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let proof = proof(
            &app,
            &keys.dpop,
            ("GET", "/userinfo"),
            Some(token),
            Some(&fresh),
        );
        let asked = app.get("/userinfo").header("DPoP", proof);
        let asked = asked.header("Authorization", format!("{scheme} {token}"));
        assert_eq!(asked.send().await.unwrap().status(), 200, "{scheme}");
    }
    let bare = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401, "F10: without its key it opens nothing");
}

#[tokio::test]
async fn fapi2_security_profile_final_par_attempt_invalid_http_method() {
    let keys = Keys::new();
    let app = TestApp::start_with(keys.changes()).await;
    let form = keys.proven(&app, CLIENT_ID, &Request::new().parameters);
    for method in [
        reqwest::Method::GET,
        reqwest::Method::PUT,
        reqwest::Method::DELETE,
    ] {
        let asked = app.client.request(method.clone(), app.url("/par"));
        let refused = asked.form(&form).send().await.unwrap();
        assert_eq!(refused.status(), 405, "{method}");
    }
    let accepted = keys.push(&app, &Request::new()).send().await.unwrap();
    assert_eq!(accepted.status(), 201);
    let lifetime = accepted.json::<Value>().await.unwrap()["expires_in"].clone();
    assert!(lifetime.as_i64().unwrap() < 600);
}

/// Attack E8: in the form or in the address there is one value, and no other beside it.
#[tokio::test]
async fn e8_signed_answers_travel_in_a_redirect_or_in_a_form() {
    let keys = Keys::new();
    let app = TestApp::start_with(keys.changes()).await;
    let card = Card::pharmacist(&app);
    let request = Request::new().with("response_mode", "jwt");
    let login = keys.begin(&app, &request).await;
    let (redirect, _connection) = keys.sign_in(&app, &login, &card).await;
    let (address, query) = redirect.split_once('?').unwrap();
    assert_eq!(address, crate::test_app::REDIRECT_URI);
    assert!(
        query.starts_with("response=") && !query.contains('&'),
        "{query}"
    );
    let jwt = parameter(&redirect, "response").unwrap();
    let claims = verified(&app, &jwt, "JWT").await;
    assert_eq!(claims["iss"], app.issuer.as_str());
    assert_eq!(claims["aud"], CLIENT_ID);
    assert_eq!(claims["state"], "state-of-the-portal");
    let tokens = keys
        .redeem(&app, &request, claims["code"].as_str().unwrap())
        .await;
    assert_eq!(tokens["token_type"], "DPoP");

    let request = Request::new().with("response_mode", "form_post.jwt");
    let login = keys.begin(&app, &request).await;
    let (path, _connection) = keys.sign_in(&app, &login, &card.shown_again()).await;
    assert_eq!(path, login.path("/answer"));
    let page = app.get(&path).header("Cookie", &login.cookie).send().await;
    let page = page.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "cache-control"), "no-store");
    let page = page.text().await.unwrap();
    assert_eq!(page.matches("<input").count(), 1, "{page}");
    let (_, rest) = page.split_once("name=\"response\" value=\"").unwrap();
    let (jwt, _) = rest.split_once('"').unwrap();
    let claims = verified(&app, jwt, "JWT").await;
    let tokens = keys
        .redeem(&app, &request, claims["code"].as_str().unwrap())
        .await;
    assert_eq!(tokens["token_type"], "DPoP");
}

fn introspect(keys: &Keys, app: &TestApp, token: &str, accept: &str) -> RequestBuilder {
    let form = keys.proven(app, PUBLIC_CLIENT_ID, &[("token", token.to_owned())]);
    app.post("/introspect").header("Accept", accept).form(&form)
}

async fn read(response: Response) -> (String, String) {
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let content_type = header(&response, "content-type");
    (content_type, response.text().await.unwrap())
}

#[tokio::test]
async fn introspection_is_answered_in_the_form_that_accept_names() {
    let keys = Keys::new();
    let app = TestApp::start_with(keys.changes()).await;
    let request = Request::new().with("resource", API);
    let login = keys.begin(&app, &request).await;
    let (redirect, _connection) = keys.sign_in(&app, &login, &Card::pharmacist(&app)).await;
    let tokens = keys
        .redeem(&app, &request, &parameter(&redirect, "code").unwrap())
        .await;
    let token = tokens["access_token"].as_str().unwrap();

    let asked = introspect(&keys, &app, token, "application/json")
        .send()
        .await;
    let (content_type, plain) = read(asked.unwrap()).await;
    assert_eq!(content_type, "application/json");
    let plain: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(plain["active"], true);
    assert_eq!(plain["token_type"], "DPoP");

    let signed = "application/token-introspection+jwt";
    let asked = introspect(&keys, &app, token, signed).send().await;
    let (content_type, jwt) = read(asked.unwrap()).await;
    assert_eq!(content_type, signed);
    let claims = verified(&app, &jwt, "token-introspection+jwt").await;
    assert_eq!(claims["iss"], app.issuer.as_str());
    assert_eq!(claims["aud"], PUBLIC_CLIENT_ID);
    assert_eq!(claims["token_introspection"], plain);
    assert!(claims.get("sub").is_none() && claims.get("exp").is_none());

    // Refusals are no answers: they stay as RFC 7662 has them.
    let nobody = app
        .post("/introspect")
        .header("Accept", signed)
        .form(&[("token", token), ("client_id", "nobody")]);
    let refused = nobody.send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "content-type"), "application/json");
}

/// A file's client stops the start, with the client's place, the key and the reason.
#[tokio::test]
async fn a_configuration_that_contradicts_the_profile_is_refused() {
    let app = TestApp::start().await;
    let file = app.folder().join("cardea.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let refused = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let error = Config::load(&file).unwrap_err();
        assert_eq!(error.code(), "server.config_invalid");
        error.to_string()
    };
    let strict = text.replacen("[keys]", "profile = \"fapi2\"\n[keys]", 1);
    let message = refused(&strict);
    for word in [
        "cardea.toml",
        "client[0].token_endpoint_auth_method",
        "must be private_key_jwt",
        "profile",
    ] {
        assert!(message.contains(word), "{message}");
    }
    let keys = Keys::new();
    let by_key = format!(
        "token_endpoint_auth_method = \"private_key_jwt\"\njwks = {{ keys = [ {} ] }}",
        keys.inline_table()
    );
    let secret = format!("secret = \"{CLIENT_SECRET}\"");
    let better = strict
        .replace(&secret, &by_key)
        .replace("token_endpoint_auth_method = \"none\"", &by_key);
    let rs256 = better.replace("\"ES256\"\n[[client]]", "\"RS256\"\n[[client]]");
    assert_ne!(rs256, better);
    let message = refused(&rs256);
    assert!(
        message.contains("client[0].id_token_signed_response_alg"),
        "{message}"
    );
    std::fs::write(&file, better).unwrap();
    Config::load(&file).unwrap();
}
