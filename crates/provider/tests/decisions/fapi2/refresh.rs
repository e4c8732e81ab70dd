//! Refresh tokens stay the same: each use needs the client's key and the tokens' (attack F6).

use cardea_oauth2_types::TokenParameters;

use super::super::world::claims_of;
use super::{Fapi, TOKEN_URL, names};

fn asked(refresh_token: &str) -> TokenParameters {
    TokenParameters {
        grant_type: Some("refresh_token".to_owned()),
        refresh_token: Some(refresh_token.to_owned()),
        ..TokenParameters::default()
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_refresh_token() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let tokens = fapi.redeem(&location).await.unwrap();
    let parameters = asked(&tokens.refresh_token.unwrap());
    // An answer that is lost on the way costs nothing: the same token serves again.
    for _ in 0..2 {
        let proof = fapi.proof(&fapi.dpop_key, TOKEN_URL);
        let refreshed = fapi
            .issue(&fapi.credentials(), &parameters, Some(&proof))
            .await
            .unwrap();
        assert_eq!(refreshed.refresh_token, None, "no other is given out");
        assert_eq!(refreshed.token_type, "DPoP");
        let confirmation = &claims_of(&refreshed.access_token)["cnf"];
        assert_eq!(confirmation["jkt"], fapi.dpop_key.kid());
    }
    // Without a proof there is no token.
    let unbound = fapi.issue(&fapi.credentials(), &parameters, None).await;
    let expected = ("invalid_dpop_proof", "provider.dpop_proof_missing");
    assert_eq!(names(&unbound.unwrap_err()), expected);
    // In another client's hands it ends.
    let proof = fapi.proof(&fapi.other_key, TOKEN_URL);
    let stolen = fapi
        .issue(&fapi.other_credentials(), &parameters, Some(&proof))
        .await;
    let expected = ("invalid_grant", "provider.refresh_token_client_mismatch");
    assert_eq!(names(&stolen.unwrap_err()), expected);
    let proof = fapi.proof(&fapi.dpop_key, TOKEN_URL);
    let ended = fapi
        .issue(&fapi.credentials(), &parameters, Some(&proof))
        .await;
    let expected = ("invalid_grant", "provider.refresh_token_revoked");
    assert_eq!(names(&ended.unwrap_err()), expected);
}

/// The life of a family still ends with the card.
#[tokio::test]
async fn a_refresh_token_that_is_not_replaced_dies_with_the_card() {
    let fapi = Fapi::new().await;
    let begun = fapi.begin(&fapi.push(|_| {}).await.unwrap()).await;
    let answer = fapi.world.answer(&begun).await;
    fapi.world.post(&begun, &answer).await.unwrap();
    fapi.world.present(&answer.presence_key).await;
    let provider = &fapi.world.provider;
    let completed = provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await
        .unwrap();
    let tokens = fapi.redeem(&completed.response.location()).await.unwrap();
    let parameters = asked(&tokens.refresh_token.unwrap());
    fapi.world.depart(&answer.presence_key).await;
    let proof = fapi.proof(&fapi.dpop_key, TOKEN_URL);
    let refused = fapi
        .issue(&fapi.credentials(), &parameters, Some(&proof))
        .await;
    assert_eq!(refused.unwrap_err().error.as_str(), "invalid_grant");
}
