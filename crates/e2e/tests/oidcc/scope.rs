//! The standard scopes. The suite skips these modules, for `scopes_supported` has none of them: a
//! card holds no e-mail address, no telephone number and no address, and three of the fourteen
//! claims of `profile`. Asked for all the same, they break nothing.

use anyhow::Result;
use cardea_e2e::conformance::{Answer, Suite};
use serde_json::Value;

/// What OIDC Core section 5.4 counts to each scope, as far as no card holds it.
const ON_NO_CARD: [&str; 16] = [
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "preferred_username",
    "email",
    "email_verified",
    "address",
    "phone_number",
    "phone_number_verified",
];

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_scope_profile() -> Result<()> {
    let (userinfo, granted) = userinfo_with("profile").await?;
    assert_eq!(granted, "openid profile");
    for claim in ["name", "given_name", "family_name"] {
        assert!(userinfo.body[claim].is_string(), "{userinfo:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_scope_email() -> Result<()> {
    is_ignored("email").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_scope_address() -> Result<()> {
    is_ignored("address").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_scope_phone() -> Result<()> {
    is_ignored("phone").await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_scope_all() -> Result<()> {
    let (userinfo, granted) = userinfo_with("email phone address profile").await?;
    assert_eq!(granted, "openid profile");
    assert!(userinfo.body["name"].is_string(), "{userinfo:?}");
    Ok(())
}

async fn is_ignored(scope: &str) -> Result<()> {
    let (userinfo, granted) = userinfo_with(scope).await?;
    assert_eq!(granted, "openid");
    assert!(userinfo.body.get("name").is_none(), "{userinfo:?}");
    Ok(())
}

/// Userinfo and the granted scope of a login with these scopes beside `openid`.
async fn userinfo_with(scopes: &str) -> Result<(Answer, String)> {
    let suite = Suite::open().await?;
    for scope in scopes.split(' ') {
        assert!(!suite.lists("scopes_supported", scope), "{scope}");
    }
    let agent = suite.user_agent()?;
    let request = suite.request()?.with("scope", &format!("openid {scopes}"));
    let signed_in = suite.sign_in(&agent, &request).await?;
    let userinfo = agent.userinfo(&suite, signed_in.access_token()).await?;
    for claim in ON_NO_CARD {
        assert_eq!(userinfo.body.get(claim), None::<&Value>, "{claim}");
    }
    // RFC 6749 section 5.1: said where it is less than was asked for.
    Ok((userinfo, signed_in.answer().text("scope")?.to_owned()))
}
