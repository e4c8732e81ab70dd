//! A portal's tokens that are bound to its certificate.

use std::fs;

use reqwest::{Certificate, Client, Identity, RequestBuilder};
use serde_json::Value;

use super::stand::{SERVICE, Stand};
use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, header};

/// reqwest with a client certificate of the stand's.
pub(super) fn library(stand: &Stand, certificate: Option<&str>) -> Client {
    let read = |name: String| fs::read(stand.path(&name)).unwrap();
    let mut builder = Client::builder().no_proxy();
    for authority in Certificate::from_pem_bundle(&read("anchors.pem".to_owned())).unwrap() {
        builder = builder.add_root_certificate(authority);
    }
    if let Some(name) = certificate {
        let (chain, key) = (read(format!("{name}.pem")), read(format!("{name}.key")));
        builder = builder.identity(Identity::from_pkcs8_pem(&chain, &key).unwrap());
    }
    builder.build().unwrap()
}

async fn refusal(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (
        response.status().as_u16(),
        header(&response, "www-authenticate"),
    )
}

#[tokio::test]
async fn f11_a_portal_s_token_serves_over_its_certificate_alone() {
    let stand = Stand::open("").await;
    stand.issue("own", &stand.spec(SERVICE));
    stand.issue("other", &stand.spec(SERVICE));
    let card = Card::pharmacist(&stand.app);
    let request = Request::new();
    let signed_in = sign_in(&stand.app, &request, &card).await;
    let token_url = format!("{}/token", stand.url);
    let ask = |certificate| {
        let library = library(&stand, certificate);
        let form = request.token_form(&signed_in.code);
        let asking = library.post(&token_url).form(&form);
        asking.basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send()
    };
    // Without a certificate the code is left as it was.
    let bare = ask(None).await.unwrap();
    assert_eq!(bare.status(), 400);
    let bare: Value = bare.json().await.unwrap();
    let uri = bare["error_uri"].as_str().unwrap();
    assert!(
        uri.ends_with("/provider.certificate_binding_missing"),
        "{uri}"
    );
    let tokens = ask(Some("own")).await.unwrap();
    assert_eq!(tokens.status(), 200);
    let tokens: Value = tokens.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(tokens["token_type"], "Bearer");

    let userinfo = |certificate| {
        let library = library(&stand, certificate);
        library
            .get(format!("{}/userinfo", stand.url))
            .bearer_auth(token)
    };
    let good = userinfo(Some("own")).send().await.unwrap();
    assert_eq!(good.status(), 200);
    for (request, code) in [
        (
            userinfo(Some("other")),
            "provider.access_token_certificate_mismatch",
        ),
        (userinfo(None), "provider.access_token_certificate_missing"),
        // The main listener asks nobody for a certificate.
        (
            stand.app.get("/userinfo").bearer_auth(token),
            "provider.access_token_certificate_missing",
        ),
    ] {
        let (status, challenge) = refusal(request).await;
        assert_eq!(status, 401);
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains(code), "{code}: {challenge}");
    }
    let spoofed = stand.app.get("/userinfo").bearer_auth(token);
    let (status, _) = refusal(spoofed.header("Client-Cert", stand.binary("own"))).await;
    assert_eq!(status, 401);

    // A resource server learns from introspection which certificate to compare.
    let form = format!("token={token}");
    let user = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let told = stand
        .curl(None, "/introspect", &["--user", &user, "--data", &form])
        .await;
    let digest = &told.body["cnf"]["x5t#S256"];
    assert_eq!(digest.as_str().unwrap().len(), 43, "{told:?}");
}
