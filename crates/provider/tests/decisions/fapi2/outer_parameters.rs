//! What stands outside the pushed request counts for nothing.

use cardea_jose::random_base64url;

use super::super::world::{claims_of, query_value};
use super::{Fapi, parameters};

#[tokio::test]
async fn fapi2_security_profile_final_ensure_different_nonce_inside_and_outside_request_object() {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    let outside = random_base64url(16).unwrap();
    let begun = fapi
        .begin_with(&request_uri, |asked| asked.nonce = Some(outside))
        .await;
    let location = fapi.complete(&begun).await.unwrap().location();
    let id_token = fapi.redeem(&location).await.unwrap().id_token.unwrap();
    assert_eq!(claims_of(&id_token)["nonce"], "the nonce");
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_different_state_inside_and_outside_request_object() {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    let begun = fapi
        .begin_with(&request_uri, |asked| asked.state = Some("other".to_owned()))
        .await;
    let location = fapi.complete(&begun).await.unwrap().location();
    let state = query_value(&location, "state");
    assert_eq!(state.as_deref(), Some("the state"));
}

#[tokio::test]
async fn fapi2_security_profile_final_state_only_outside_request_object_not_used() {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|asked| asked.state = None).await.unwrap();
    let begun = fapi
        .begin_with(&request_uri, |asked| asked.state = Some("other".to_owned()))
        .await;
    let location = fapi.complete(&begun).await.unwrap().location();
    assert_eq!(query_value(&location, "state"), None);
}

#[tokio::test]
async fn fapi2_security_profile_final_par_without_duplicate_parameters() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    assert!(query_value(&location, "code").is_some());
}

/// Everything repeated outside is allowed as well, and ignored.
#[tokio::test]
async fn a_request_repeated_outside_its_reference_is_the_pushed_one() {
    let fapi = Fapi::new().await;
    let request_uri = fapi.push(|_| {}).await.unwrap();
    let begun = fapi
        .begin_with(&request_uri, |asked| {
            let request_uri = asked.request_uri.take();
            *asked = parameters(super::INSURER);
            asked.request_uri = request_uri;
            asked.redirect_uri = Some("https://evil.test/cb".to_owned());
        })
        .await;
    let location = fapi.complete(&begun).await.unwrap().location();
    assert!(location.starts_with("https://insurer.example.fr/cb?"));
}
