//! Request objects without a signature. The suite skips these modules where `none` is not listed
//! for request objects; what it would send is refused without a page that asks for the card.

use anyhow::Result;
use cardea_e2e::conformance::{Suite, SuiteRequest, UserAgent};
use cardea_jose::base64url;
use serde_json::{Map, Value, json};

/// Not a module for static clients: their request URIs would have to be registered.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported() -> Result<()> {
    let (suite, agent) = signed_in().await?;
    assert_eq!(
        suite.metadata()["request_uri_parameter_supported"],
        json!(false)
    );
    let address = "https://localhost.emobix.co.uk:8443/test/a/cardea/requesturi/w1tC8x#hash";
    let request = suite.request()?.with("request_uri", address);
    let visit = agent.authorize(&suite, &request).await?;
    assert_eq!(request.error(&suite, &visit)?, "request_uri_not_supported");
    assert!(!visit.asked());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported() -> Result<()>
{
    let (suite, agent) = signed_in().await?;
    assert!(!suite.lists("request_object_signing_alg_values_supported", "none"));
    let request = suite.request()?;
    let object = unsigned(&suite, &request)?;
    let request = request.with("request", &object);
    let visit = agent.authorize(&suite, &request).await?;
    let error = request.error(&suite, &visit)?;
    assert!(["request_not_supported", "invalid_request_object"].contains(&error.as_str()));
    assert!(!visit.asked());
    Ok(())
}

/// One address inside the object, another one beside it: neither gets anything.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_ensure_request_object_with_redirect_uri() -> Result<()> {
    let (suite, agent) = signed_in().await?;
    let request = suite.request()?;
    let object = unsigned(&suite, &request)?;
    let elsewhere = format!("{}/invalid", request.client().redirect_uri);
    let request = request
        .with("request", &object)
        .with("redirect_uri", &elsewhere);
    let visit = agent.authorize(&suite, &request).await?;
    assert_eq!(visit.page()?.status, 400);
    assert!(!visit.asked());
    Ok(())
}

async fn signed_in() -> Result<(Suite, UserAgent)> {
    let suite = Suite::open().await?;
    let agent = suite.user_agent()?;
    suite.sign_in(&agent, &suite.request()?).await?;
    Ok((suite, agent))
}

/// The request's parameters as the suite puts them into an object.
fn unsigned(suite: &Suite, request: &SuiteRequest) -> Result<String> {
    let parameters = request.parameters().iter();
    let mut claims: Map<String, Value> = parameters
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    claims.insert("iss".to_owned(), json!(request.client().id));
    claims.insert("aud".to_owned(), json!(suite.endpoint("issuer")?));
    let header = base64url(br#"{"alg":"none"}"#);
    Ok(format!(
        "{header}.{}.",
        base64url(json!(claims).to_string().as_bytes())
    ))
}
