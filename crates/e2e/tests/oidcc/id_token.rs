//! How ID tokens are signed, and the class they name.

use anyhow::{Context, Result};
use cardea_e2e::conformance::Suite;
use cardea_jose::{Algorithm, UnverifiedJws};
use serde_json::Value;

/// Not a module for static clients, whose algorithm the operator chooses; RS256 is the default.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_idtoken_signature() -> Result<()> {
    let suite = Suite::open().await?;
    let signed_in = suite
        .sign_in(&suite.user_agent()?, &suite.request()?)
        .await?;
    let jws = UnverifiedJws::parse(signed_in.id_token(), 8192)?;
    assert_eq!(jws.algorithm(), Algorithm::Rs256);
    assert!(
        jws.kid()
            .is_some_and(|kid| suite.keys().find(kid).is_some())
    );
    Ok(())
}

/// Skipped: `none` is not offered, and here is no client that gets it.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_idtoken_unsigned() -> Result<()> {
    let suite = Suite::open().await?;
    assert!(!suite.lists("id_token_signing_alg_values_supported", "none"));
    let signed_in = suite
        .sign_in(&suite.user_agent()?, &suite.request()?)
        .await?;
    let signature = signed_in.id_token().rsplit('.').next();
    assert!(signature.is_some_and(|signature| signature.len() > 80));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_request_with_acr_values_succeeds() -> Result<()> {
    let suite = Suite::open().await?;
    let offered = suite.metadata()["acr_values_supported"].as_array();
    let offered: Vec<_> = offered
        .context("no classes")?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let request = suite.request()?.with("acr_values", &offered.join(" "));
    let signed_in = suite.sign_in(&suite.user_agent()?, &request).await?;
    let acr = signed_in.claims()["acr"].as_str().context("no acr")?;
    assert!(offered.contains(&acr), "{acr}");
    Ok(())
}
