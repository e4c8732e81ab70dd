//! Logout that a client begins (OpenID Connect RP-Initiated Logout 1.0).

use anyhow::{Context, Result};
use cardea_e2e::conformance::{FIRST, SignedIn, Suite, UserAgent, Visit};
use cardea_jose::{Algorithm, SigningKey, base64url, random_base64url};
use serde_json::json;

/// A browser in which somebody is signed in.
struct Party {
    suite: Suite,
    agent: UserAgent,
    signed_in: SignedIn,
    /// As odd as the suite's, which wants to see it whole again.
    state: String,
}

impl Party {
    async fn sign_in() -> Result<Self> {
        let suite = Suite::open().await?;
        let agent = suite.user_agent()?;
        let signed_in = suite.sign_in(&agent, &suite.request()?).await?;
        Ok(Self {
            suite,
            agent,
            signed_in,
            state: format!("{}{PUNCTUATION}", random_base64url(45)?),
        })
    }

    fn hint(&self) -> (&str, &str) {
        ("id_token_hint", self.signed_in.id_token())
    }

    fn state(&self) -> (&str, &str) {
        ("state", &self.state)
    }

    async fn log_out(&self, parameters: &[(&str, &str)]) -> Result<Visit> {
        self.agent.log_out(&self.suite, parameters).await
    }

    /// Whether a silent authorization finds nobody.
    async fn is_over(&self) -> Result<bool> {
        let request = self.suite.request()?.with("prompt", "none");
        let request = request.with_long_state()?;
        let visit = self.agent.authorize(&self.suite, &request).await?;
        match request.error(&self.suite, &visit) {
            Ok(error) => Ok(error == "login_required"),
            Err(_) => request.code(&self.suite, &visit).map(|_| false),
        }
    }

    /// The browser stays with us and is asked; after a yes it is signed out, and stays still.
    async fn is_asked(&self, visit: &Visit) -> Result<()> {
        let page = visit.page()?;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(r#"name="confirmed""#), "{}", page.text);
        assert!(!self.is_over().await?, "nobody has confirmed");
        let confirmed = self.agent.confirm_logout(&self.suite).await?;
        assert_eq!(confirmed.page()?.status, 200);
        assert!(self.is_over().await?);
        Ok(())
    }
}

/// The suite has every visible character in its state except `+` and `;`.
const PUNCTUATION: &str = "!\"#$%&'()*,-./:<=>?@[\\]^_`{|}~";

const AFTERWARDS: (&str, &str) = ("post_logout_redirect_uri", FIRST.post_logout_redirect_uri);

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout() -> Result<()> {
    let party = Party::sign_in().await?;
    let visit = party
        .log_out(&[party.hint(), AFTERWARDS, party.state()])
        .await?;
    let state = visit.state_at(AFTERWARDS.1)?;
    assert_eq!(state.as_deref(), Some(party.state.as_str()));
    assert!(party.is_over().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_no_state() -> Result<()> {
    let party = Party::sign_in().await?;
    let visit = party.log_out(&[party.hint(), AFTERWARDS]).await?;
    assert_eq!(visit.state_at(AFTERWARDS.1)?, None);
    assert!(party.is_over().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() -> Result<()> {
    let party = Party::sign_in().await?;
    let elsewhere = format!("{}/{}", AFTERWARDS.1, random_base64url(8)?);
    let elsewhere = (AFTERWARDS.0, elsewhere.as_str());
    let visit = party
        .log_out(&[party.hint(), elsewhere, party.state()])
        .await?;
    party.is_asked(&visit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri() -> Result<()> {
    let party = Party::sign_in().await?;
    let elsewhere = format!("{}?foo=bar", AFTERWARDS.1);
    let elsewhere = (AFTERWARDS.0, elsewhere.as_str());
    let visit = party
        .log_out(&[party.hint(), elsewhere, party.state()])
        .await?;
    party.is_asked(&visit).await
}

/// The suite's change: the token's claims under a header that says `none`.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_modified_id_token_hint() -> Result<()> {
    let party = Party::sign_in().await?;
    let claims = party.signed_in.id_token().split('.').nth(1);
    let header = base64url(br#"{"alg": "none"}"#);
    let modified = format!("{header}.{}.", claims.context("no claims")?);
    let hint = ("id_token_hint", modified.as_str());
    let visit = party.log_out(&[hint, AFTERWARDS, party.state()]).await?;
    party.is_asked(&visit).await
}

/// The suite's token: signed with the client's own key, issuer and audience changed about.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_bad_id_token_hint() -> Result<()> {
    let party = Party::sign_in().await?;
    let iat = party.signed_in.number("iat")?;
    let claims = json!({
        "iss": FIRST.id,
        "sub": "SubjectID",
        "aud": party.suite.endpoint("issuer")?,
        "nonce": "flibble",
        "iat": iat,
        "exp": iat + 300,
    });
    let forged = SigningKey::generate(Algorithm::Rs256)?.sign_jwt("JWT", &claims)?;
    let hint = ("id_token_hint", forged.as_str());
    let visit = party.log_out(&[hint, AFTERWARDS, party.state()]).await?;
    party.is_asked(&visit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_no_id_token_hint() -> Result<()> {
    let party = Party::sign_in().await?;
    let visit = party.log_out(&[AFTERWARDS, party.state()]).await?;
    party.is_asked(&visit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_no_params() -> Result<()> {
    let party = Party::sign_in().await?;
    let visit = party.log_out(&[]).await?;
    party.is_asked(&visit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_only_state() -> Result<()> {
    let party = Party::sign_in().await?;
    let visit = party.log_out(&[party.state()]).await?;
    party.is_asked(&visit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri() -> Result<()> {
    let party = Party::sign_in().await?;
    let visit = party.log_out(&[party.hint(), party.state()]).await?;
    assert_eq!(visit.page()?.status, 200);
    assert!(party.is_over().await?);
    Ok(())
}
