//! The admin API over HTTP: an operator with her own card, and nobody else (attack H14).

use cardea_jose::{Algorithm, SigningKey};
use cardea_test_pki::{CardProfile, KeyKind};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::card::Card;
use crate::key_client::{nonce, proof};
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{
    CLIENT_ID, CLIENT_SECRET, Changes, REDIRECT_URI, TestApp, header, problem_code,
};

/// A server with an admin API, whose operator is the pharmacist; the portal may ask for its tokens.
pub(crate) fn changes() -> Changes {
    let admin = "[admin]\nenabled = true\n[[admin.operator]]\nsubject_id = \"899700000029\"\n\
                 subject_id_type = \"rpps\"\nname = \"Dominique\"\n[presence]";
    let portal = "name = \"Portail\"\nresources = [\"{issuer}/admin\"]\n\
                  scopes = [\"openid\", \"profile\", \"professional\", \"cardea:admin\"]";
    Changes {
        replace: vec![
            ("[presence]", admin.to_owned()),
            ("name = \"Portail d’essai <&>\"", portal.to_owned()),
        ],
        issuer: None,
    }
}

/// Somebody signed in, with a token and the key that it is bound to.
pub(crate) struct Operator<'a> {
    app: &'a TestApp,
    key: SigningKey,
    token: String,
    /// Closed, it would end the session.
    signed_in: SignedIn,
    card: Card,
}

impl<'a> Operator<'a> {
    pub(crate) async fn sign_in(app: &'a TestApp) -> Self {
        let request = Request::new()
            .with("scope", "openid cardea:admin")
            .with("resource", &format!("{}/admin", app.issuer));
        Self::with(app, Card::pharmacist(app), request, Binding::Dpop).await
    }

    async fn with(app: &'a TestApp, card: Card, request: Request, binding: Binding) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let signed_in = sign_in(app, &request, &card).await;
        let mut post = app
            .post("/token")
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .form(&request.token_form(&signed_in.code));
        if binding == Binding::Dpop {
            let n = nonce(app).await;
            post = post.header("DPoP", proof(app, &key, ("POST", "/token"), None, Some(&n)));
        }
        let tokens: Value = post.send().await.unwrap().json().await.unwrap();
        let token = tokens["access_token"].as_str();
        Self {
            token: token.unwrap_or_else(|| panic!("{tokens}")).to_owned(),
            app,
            key,
            signed_in,
            card,
        }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let n = nonce(self.app).await;
        let made_for = (method.as_str(), path);
        let sent = proof(self.app, &self.key, made_for, Some(&self.token), Some(&n));
        let mut request = self.app.client.request(method.clone(), self.app.url(path));
        request = request
            .header("Authorization", format!("DPoP {}", self.token))
            .header("DPoP", sent);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn told(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let response = self.ask(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Binding {
    Dpop,
    None,
}

fn for_admin(app: &TestApp) -> Request {
    let resource = format!("{}/admin", app.issuer);
    Request::new()
        .with("scope", "openid cardea:admin")
        .with("resource", &resource)
}

/// Attack H14.
#[tokio::test(flavor = "multi_thread")]
async fn h14_nobody_but_an_operator_with_a_token_for_it_is_let_in() {
    let app = TestApp::start_with(changes()).await;
    let nurse = || Card::new(&app, &CardProfile::nurse().with_key(KeyKind::P256));
    let end_user = Request::new();
    let no_scope = for_admin(&app).with("scope", "openid");
    for (name, card, request, binding, status, code) in [
        (
            "end user",
            nurse(),
            end_user,
            Binding::Dpop,
            403,
            "provider.admin_audience_mismatch",
        ),
        (
            "no scope",
            Card::pharmacist(&app),
            no_scope,
            Binding::Dpop,
            403,
            "provider.admin_scope_missing",
        ),
        (
            "no operator",
            nurse(),
            for_admin(&app),
            Binding::Dpop,
            403,
            "provider.admin_not_operator",
        ),
        (
            "unbound",
            Card::pharmacist(&app),
            for_admin(&app),
            Binding::None,
            401,
            "provider.admin_token_unbound",
        ),
    ] {
        let operator = Operator::with(&app, card, request, binding).await;
        for (method, path) in [
            (Method::GET, "/admin/clients"),
            (Method::DELETE, "/admin/clients/portal"),
            (Method::GET, "/admin/anchors"),
            (Method::POST, "/admin/reload"),
            (Method::GET, "/admin/initial-access-tokens"),
        ] {
            let response = operator.ask(method, path, None).await;
            assert_eq!(response.status(), status, "{name} {path}");
            assert_eq!(problem_code(response).await, code, "{name} {path}");
        }
        drop(operator.signed_in);
    }
    let bare = app.get("/admin/clients").send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert!(header(&bare, "www-authenticate").starts_with("DPoP "));
    assert_eq!(problem_code(bare).await, "provider.access_token_invalid");
    // The person's own refusals are on record, with her pseudonym.
    let events = app.events().await;
    let refused = events.iter().filter(|event| event.kind == "admin.refused");
    assert!(refused.clone().count() > 0);
    assert!(refused.clone().all(|event| event.sub.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_token_dies_with_the_card_and_serves_with_its_key_alone() {
    let app = TestApp::start_with(changes()).await;
    let mut operator = Operator::sign_in(&app).await;
    assert_eq!(
        operator.told(Method::GET, "/admin/clients", None).await.0,
        200
    );
    let bearer = app.get("/admin/clients").bearer_auth(&operator.token);
    let bearer = bearer.send().await.unwrap();
    assert_eq!(bearer.status(), 401);
    assert_eq!(
        problem_code(bearer).await,
        "provider.access_token_scheme_mismatch"
    );
    let departed = operator.card.departed(&app);
    operator.signed_in.connection.send(&departed).await;
    while operator.signed_in.connection.next().await.is_some() {}
    let gone = operator.ask(Method::GET, "/admin/clients", None).await;
    assert_eq!(gone.status(), 401);
    assert_eq!(problem_code(gone).await, "provider.access_token_revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_bound_to_certificates_is_refused_where_no_listener_asks_for_them() {
    let app = TestApp::start_with(changes()).await;
    let operator = Operator::sign_in(&app).await;
    let bound = json!({
        "client_id": "x", "name": "X", "redirect_uris": [REDIRECT_URI],
        "tls_client_certificate_bound_access_tokens": true,
    });
    let (status, refused) = operator
        .told(Method::POST, "/admin/clients", Some(bound))
        .await;
    let code = json!("provider.client_invalid");
    assert_eq!((status, &refused["code"]), (422, &code), "{refused}");
    assert!(refused.to_string().contains("asks for none"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_after_clients_and_each_change_names_her() {
    let app = TestApp::start_with(changes()).await;
    let operator = Operator::sign_in(&app).await;
    let table = json!({ "client_id": "new", "name": "Nouveau", "redirect_uris": [REDIRECT_URI] });
    let post = || operator.told(Method::POST, "/admin/clients", Some(table.clone()));
    let (status, added) = post().await;
    assert_eq!(
        (status, &added["source"]),
        (201, &json!("database")),
        "{added}"
    );
    let secret = added["secret"].as_str().unwrap().to_owned();
    let (status, twice) = post().await;
    assert_eq!(
        (status, &twice["code"]),
        (409, &json!("provider.client_exists"))
    );
    let unsafe_one = json!({ "client_id": "x", "name": "X", "redirect_uris": ["ftp://a.test/"] });
    let (status, _) = operator
        .told(Method::POST, "/admin/clients", Some(unsafe_one))
        .await;
    assert_eq!(status, 400);
    let configured =
        json!({ "client_id": CLIENT_ID, "name": "X", "redirect_uris": [REDIRECT_URI] });
    let (status, refused) = operator
        .told(Method::POST, "/admin/clients", Some(configured))
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("provider.client_exists"))
    );

    let mut changed = table.clone();
    changed["name"] = json!("Renommé");
    let path = "/admin/clients/new";
    let (status, put) = operator.told(Method::PUT, path, Some(changed)).await;
    assert_eq!((status, &put["name"]), (200, &json!("Renommé")), "{put}");
    assert!(put.get("secret").is_none(), "it keeps its secret");
    let path_of_secret = "/admin/clients/new/secret";
    let overlap = json!({ "overlap_seconds": 3600 });
    let (status, rotated) = operator
        .told(Method::POST, path_of_secret, Some(overlap))
        .await;
    assert_eq!(status, 200);
    assert_ne!(rotated["secret"], secret.as_str());
    let (status, listed) = operator.told(Method::GET, "/admin/clients", None).await;
    assert_eq!(status, 200);
    let ids = listed["clients"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|it| it["client_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["native", "portal", "new"]);
    assert!(!listed.to_string().contains(&secret));
    assert_eq!(operator.told(Method::DELETE, path, None).await.0, 204);
    let (status, gone) = operator.told(Method::GET, path, None).await;
    assert_eq!(
        (status, &gone["code"]),
        (404, &json!("provider.client_unknown"))
    );

    assert_hers(&app, &secret).await;
}

/// Each change names the operator by her pseudonym, and no secret.
async fn assert_hers(app: &TestApp, secret: &str) {
    let events = app.events().await;
    let login = events.iter().find(|event| event.kind == "login.accepted");
    let sub = login.unwrap().sub.clone().unwrap();
    for kind in [
        "client.added",
        "client.changed",
        "client.secret_rotated",
        "client.removed",
    ] {
        let event = events.iter().find(|event| event.kind == kind).unwrap();
        let by = format!("\"by\":{{\"sub\":\"{sub}\",\"client_id\":\"{CLIENT_ID}\"}}");
        assert!(event.details.contains(&by), "{kind}: {}", event.details);
        assert!(!event.details.contains(secret), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_and_takes_back_initial_access_tokens() {
    let app = TestApp::start_with(changes()).await;
    let operator = Operator::sign_in(&app).await;
    let path = "/admin/initial-access-tokens";
    let new = json!({ "note": "labo", "uses": 3, "limits": { "hosts": ["portal.example.test"] } });
    let (status, made) = operator.told(Method::POST, path, Some(new)).await;
    assert_eq!(status, 201, "{made}");
    let token = made["initial_access_token"].as_str().unwrap();
    for wrong in [
        json!({ "uses": 0 }),
        json!({ "uses": 1001 }),
        json!({ "lifetime_seconds": 91 * 86_400 }),
        json!({ "limits": { "hosts": ["HOST"] } }),
        json!({ "limits": { "grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"] } }),
    ] {
        let (status, told) = operator.told(Method::POST, path, Some(wrong.clone())).await;
        let code = "provider.initial_access_token_terms_invalid";
        assert_eq!((status, &told["code"]), (400, &json!(code)), "{wrong}");
    }
    let (_, listed) = operator.told(Method::GET, path, None).await;
    assert_eq!(listed["initial_access_tokens"][0]["uses_left"], 3);
    assert!(!listed.to_string().contains(token));
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(operator.told(Method::DELETE, &one, None).await.0, 204);
    let (status, told) = operator.told(Method::DELETE, &one, None).await;
    let code = "provider.initial_access_token_unknown";
    assert_eq!((status, &told["code"]), (404, &json!(code)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_there_is_no_admin_api() {
    let app = TestApp::start().await;
    let response = app.get("/admin/clients").send().await.unwrap();
    assert_eq!(response.status(), 404);
}
