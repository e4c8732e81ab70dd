//! Requests are pushed, and what may be pushed (attacks E1, E5, E6, E13 and E14).

use cardea_jose::sha256_base64url;
use cardea_provider::{AuthorizationError, BegunAuthorization};
use time::Duration;

use super::super::world::query_value;
use super::{CLINIC, Fapi, INSURER, parameters};

#[tokio::test]
async fn fapi2_security_profile_final_ensure_unsigned_authorization_request_without_using_par_fails()
 {
    let fapi = Fapi::new().await;
    let asked = parameters(INSURER);
    let begun = fapi.world.provider.begin_authorization(asked, None).await;
    let Err(AuthorizationError::Redirect {
        error,
        source,
        response,
    }) = begun
    else {
        panic!("{begun:?}")
    };
    assert_eq!(error.as_str(), "invalid_request");
    assert_eq!(source.code(), "provider.pushed_request_missing");
    assert_eq!(query_value(&response.location(), "code"), None);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_redirect_uri_in_authorization_request() {
    let fapi = Fapi::new().await;
    let refused = fapi.push_refusal(|asked| asked.redirect_uri = None).await;
    assert_eq!(
        refused,
        ("invalid_request", "provider.redirect_uri_missing")
    );
}

const MISMATCH: (&str, &str) = ("invalid_request", "provider.redirect_uri_mismatch");

#[tokio::test]
async fn fapi2_security_profile_final_ensure_registered_redirect_uri() {
    let fapi = Fapi::new().await;
    for elsewhere in [
        "https://insurer.example.fr/cb/1",
        "https://insurer.example.fr/cb?dummy=1",
        "https://insurer.example.fr.evil.test/cb",
    ] {
        let refused = fapi
            .push_refusal(|asked| asked.redirect_uri = Some(elsewhere.to_owned()))
            .await;
        assert_eq!(refused, MISMATCH, "{elsewhere}");
    }
}

/// RFC 9126 section 2.4 would let a proven client name any address; here none may.
#[tokio::test]
async fn fapi2_security_profile_final_plain_fapi_tolerate_unregistered_redirect_uri() {
    let fapi = Fapi::new().await;
    let refused = fapi
        .push_refusal(|asked| asked.redirect_uri = Some("https://new.example.fr/cb".to_owned()))
        .await;
    assert_eq!(refused, MISMATCH);
}

async fn refuses_response_type(response_type: &str) {
    let fapi = Fapi::new().await;
    let refused = fapi
        .push_refusal(|asked| asked.response_type = Some(response_type.to_owned()))
        .await;
    let expected = (
        "unsupported_response_type",
        "provider.response_type_unsupported",
    );
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_response_type_code_idtoken_fails() {
    refuses_response_type("code id_token").await;
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_response_type_token_fails() {
    refuses_response_type("token").await;
}

#[tokio::test]
async fn a_response_mode_that_shows_the_code_to_scripts_is_refused() {
    let fapi = Fapi::new().await;
    for mode in ["fragment", "fragment.jwt", "web_message", "none"] {
        let refused = fapi
            .push_refusal(|asked| asked.response_mode = Some(mode.to_owned()))
            .await;
        let expected = ("invalid_request", "provider.response_mode_unsupported");
        assert_eq!(refused, expected, "{mode}");
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_par_authorization_request_containing_request_uri_form_param()
{
    let fapi = Fapi::new().await;
    let refused = fapi
        .push_refusal(|asked| {
            asked.request_uri = Some("urn:ietf:params:oauth:request_uri:abc".to_owned());
        })
        .await;
    assert_eq!(refused, ("invalid_request", "provider.request_uri_pushed"));
}

#[tokio::test]
async fn fapi2_security_profile_final_par_ensure_pkce_required() {
    let fapi = Fapi::new().await;
    let refused = fapi
        .push_refusal(|asked| {
            asked.code_challenge = None;
            asked.code_challenge_method = None;
        })
        .await;
    assert_eq!(refused, ("invalid_request", "provider.pkce_missing"));
}

#[tokio::test]
async fn fapi2_security_profile_final_par_plain_pkce_rejected() {
    let fapi = Fapi::new().await;
    let verifier = sha256_base64url(b"a verifier");
    for method in [Some("plain"), None] {
        let refused = fapi
            .push_refusal(|asked| {
                asked.code_challenge = Some(verifier.clone());
                asked.code_challenge_method = method.map(str::to_owned);
            })
            .await;
        let expected = ("invalid_request", "provider.pkce_method_unsupported");
        assert_eq!(refused, expected, "{method:?}");
    }
}

/// The page may be reloaded until an answer goes out.
#[tokio::test]
async fn fapi2_security_profile_final_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds()
 {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    fapi.begin(&request_uri).await;
    let begun = fapi.begin(&request_uri).await;
    let location = fapi.complete(&begun).await.unwrap().location();
    fapi.redeem(&location).await.unwrap();
}

/// Refused on a page of ours: nothing is known that a redirect could go to.
async fn refused_on_page(fapi: &Fapi, client_id: &str, request_uri: &str) -> &'static str {
    let opened = fapi
        .open_with(request_uri, |asked| {
            asked.client_id = Some(client_id.to_owned());
        })
        .await;
    match opened {
        Err(AuthorizationError::Page(error)) => {
            assert_eq!(error.oauth_error().as_str(), "invalid_request_uri");
            error.code()
        }
        other => panic!("no page: {other:?}"),
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_par_attempt_reuse_request_uri() {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    let begun = fapi.begin(&request_uri).await;
    fapi.complete(&begun).await.unwrap();
    let refused = refused_on_page(&fapi, INSURER, &request_uri).await;
    assert_eq!(refused, "provider.request_uri_reused");
}

/// Section 5.3.2.2: a lifetime of less than 600 seconds, also where more was configured.
#[tokio::test]
async fn fapi2_security_profile_final_par_attempt_to_use_expired_request_uri() {
    let fapi = Fapi::with(|settings| {
        settings.config.lifetimes.pushed_authorization_request = Duration::hours(1);
    })
    .await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    fapi.world.pass(Duration::seconds(598));
    let opened = fapi.open_with(&request_uri, |_| {}).await;
    assert!(matches!(opened, Ok(BegunAuthorization::Login { .. })));
    fapi.world.pass(Duration::seconds(1));
    let refused = refused_on_page(&fapi, INSURER, &request_uri).await;
    assert_eq!(refused, "provider.request_uri_expired");
}

#[tokio::test]
async fn fapi2_security_profile_final_par_attempt_to_use_request_uri_for_different_client() {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    let refused = refused_on_page(&fapi, CLINIC, &request_uri).await;
    assert_eq!(refused, "provider.request_uri_unknown");
}
