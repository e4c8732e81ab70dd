//! A portal and its person's browser, reduced to what the server sees of them.

use cardea_jose::{random_base64url, sha256_base64url};
use reqwest::Response;
use serde_json::{Value, json};
use url::Url;

use crate::card::{Card, PresenceConnection};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, TestApp, header};

/// One authorization request.
pub(crate) struct Request {
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) verifier: String,
    pub(crate) nonce: String,
}

/// A login page in one browser.
pub(crate) struct Login {
    pub(crate) id: String,
    pub(crate) cookie: String,
}

/// A login that has gone all the way to the portal.
pub(crate) struct SignedIn {
    pub(crate) code: String,
    pub(crate) session_cookie: String,
    pub(crate) connection: PresenceConnection,
}

impl Request {
    pub(crate) fn new() -> Self {
        let verifier = random_base64url(32).unwrap();
        let nonce = random_base64url(16).unwrap();
        let parameters = vec![
            ("client_id", CLIENT_ID.to_owned()),
            ("redirect_uri", REDIRECT_URI.to_owned()),
            ("response_type", "code".to_owned()),
            ("scope", "openid profile professional".to_owned()),
            ("state", "state-of-the-portal".to_owned()),
            ("nonce", nonce.clone()),
            ("code_challenge", sha256_base64url(verifier.as_bytes())),
            ("code_challenge_method", "S256".to_owned()),
        ];
        Self {
            parameters,
            verifier,
            nonce,
        }
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(key, _)| *key != name);
        self
    }

    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Adds a parameter, even if it stands there already.
    pub(crate) fn and(mut self, name: &'static str, value: &str) -> Self {
        self.parameters.push((name, value.to_owned()));
        self
    }

    pub(crate) async fn send(&self, app: &TestApp) -> Response {
        app.get("/authorize")
            .query(&self.parameters)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn begin(&self, app: &TestApp) -> Login {
        let response = self.send(app).await;
        assert_eq!(response.status(), 303);
        let location = header(&response, "location");
        let id = location
            .trim_start_matches("/login/")
            .split('?')
            .next()
            .unwrap()
            .to_owned();
        let cookie = header(&response, "set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        Login { id, cookie }
    }

    pub(crate) fn token_form(&self, code: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT_URI.to_owned()),
            ("code_verifier", self.verifier.clone()),
        ]
    }

    pub(crate) async fn redeem(&self, app: &TestApp, code: &str) -> Response {
        app.post("/token")
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .form(&self.token_form(code))
            .send()
            .await
            .unwrap()
    }
}

impl Login {
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/login/{}{rest}", self.id)
    }

    pub(crate) async fn challenge(&self, app: &TestApp) -> String {
        let path = self.path("/challenge");
        let response = app
            .post_json(&path, &self.cookie, &json!({}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["agent_url"], "http://127.0.0.1:47110");
        body["challenge"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn post_assertion(&self, app: &TestApp, body: &Value) -> Response {
        let path = self.path("/assertion");
        app.post_json(&path, &self.cookie, body)
            .send()
            .await
            .unwrap()
    }
}

/// The whole login, with the agent's connection opened before the assertion is posted.
pub(crate) async fn sign_in(app: &TestApp, request: &Request, card: &Card) -> SignedIn {
    finish(app, request.begin(app).await, card).await
}

/// The same in a browser that has a session already.
pub(crate) async fn sign_in_again(
    app: &TestApp,
    request: &Request,
    card: &Card,
    session_cookie: &str,
) -> SignedIn {
    let mut login = request.begin(app).await;
    login.cookie = format!("{}; {session_cookie}", login.cookie);
    finish(app, login, card).await
}

async fn finish(app: &TestApp, login: Login, card: &Card) -> SignedIn {
    let challenge = login.challenge(app).await;
    let body = card.answer(app, &challenge);
    let mut connection = card.connect(app).await;
    let (response, ()) = tokio::join!(
        login.post_assertion(app, &body),
        connection.prove(app, card)
    );
    assert_eq!(response.status(), 200);
    let cookies: Vec<_> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|it| it.to_str().unwrap())
        .collect();
    let session_cookie = cookies
        .iter()
        .find(|it| it.starts_with("cardea-session="))
        .unwrap();
    let session_cookie = session_cookie.split(';').next().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    let code = parameter(body["redirect_to"].as_str().unwrap(), "code").unwrap();
    SignedIn {
        code,
        session_cookie,
        connection,
    }
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
