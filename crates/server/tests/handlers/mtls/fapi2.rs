//! A whole login under `profile = "fapi2"` by a portal that has a certificate and no DPoP: pushed,
//! proven and bound by one and the same (FAPI 2.0 Security Profile sections 5.3.2.1 and 5.3.2.2).

use cardea_jose::UnverifiedJws;
use reqwest::Response;
use serde_json::{Value, json};

use super::bound_tokens::library;
use super::stand::Stand;
use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::CLIENT_ID;

const PORTAL: &str = "portal.example.test";

async fn open() -> Stand {
    let by_name = |name: &str| {
        format!(
            "token_endpoint_auth_method = \"tls_client_auth\"\n\
             tls_client_auth_san_dns = \"{name}\"\n\
             tls_client_certificate_bound_access_tokens = true"
        )
    };
    let secret = "secret = \"0123456789abcdef0123456789abcdef\"\n\
                  id_token_signed_response_alg = \"ES256\"";
    let clients = vec![
        (secret, by_name(PORTAL)),
        (
            "token_endpoint_auth_method = \"none\"",
            by_name("native.example.test"),
        ),
    ];
    let stand = Stand::open_with("profile = \"fapi2\"\n", "", clients).await;
    stand.issue("own", &stand.spec(PORTAL));
    stand.issue("other", &stand.spec(PORTAL));
    stand.issue("stranger", &stand.spec("stranger.example.test"));
    stand
}

async fn post(
    stand: &Stand,
    certificate: Option<&str>,
    path: &str,
    form: &[(&'static str, String)],
) -> Response {
    let mut form = form.to_vec();
    form.retain(|(name, _)| *name != "client_id");
    form.push(("client_id", CLIENT_ID.to_owned()));
    let request = library(stand, certificate).post(format!("{}{path}", stand.url));
    request.form(&form).send().await.unwrap()
}

async fn code_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let uri = body["error_uri"].as_str().unwrap_or_default().to_owned();
    (status, uri.rsplit('/').next().unwrap().to_owned())
}

#[tokio::test]
async fn fapi2_by_one_certificate_from_the_pushed_request_to_userinfo() {
    let stand = open().await;
    let request = Request::new();
    let missing = (401, "provider.client_certificate_missing".to_owned());
    let bare = post(&stand, None, "/par", &request.parameters).await;
    assert_eq!(code_of(bare).await, missing);
    let pushed = post(&stand, Some("own"), "/par", &request.parameters).await;
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
        ..Request::new()
    };
    let card = Card::pharmacist(&stand.app);
    let signed_in = sign_in(&stand.app, &carried, &card).await;

    let form = request.token_form(&signed_in.code);
    let bare = post(&stand, None, "/token", &form).await;
    assert_eq!(code_of(bare).await, missing);
    let mismatch = "provider.client_certificate_subject_mismatch".to_owned();
    let stranger = post(&stand, Some("stranger"), "/token", &form).await;
    assert_eq!(code_of(stranger).await, (401, mismatch));
    let tokens = post(&stand, Some("own"), "/token", &form).await;
    assert_eq!(tokens.status(), 200);
    let tokens: Value = tokens.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let access = UnverifiedJws::parse(token, 8192).unwrap();
    assert_eq!(access.algorithm().as_str(), "ES256");
    let claims: Value = access.unverified_claims().unwrap();
    assert!(claims["cnf"]["x5t#S256"].is_string(), "{claims}");

    for (certificate, status) in [(Some("own"), 200), (Some("other"), 401), (None, 401)] {
        let request = library(&stand, certificate).get(format!("{}/userinfo", stand.url));
        let answer = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{certificate:?}");
    }
    let document = stand
        .curl_main("/.well-known/openid-configuration", &[])
        .await;
    let methods = &document.body["token_endpoint_auth_methods_supported"];
    let expected = [
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
    ];
    assert_eq!(*methods, json!(expected));
}
