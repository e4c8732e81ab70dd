//! The running server follows the trust anchors: those of its files, read anew on demand, and those
//! that operators added to the database.

use cardea_provider::{CardRules, CardRulesPlan, Provider};

use crate::config::{RevocationConfig, TrustAnchorConfig};
use crate::error::Error;
use crate::provider_config::card_rules_of;
use crate::revocation_fetch::AnchorSettings;
use crate::state::AppState;

/// A `[[trust_anchor]]` with what its files hold.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredAnchor {
    pub(crate) rules: CardRules,
    pub(crate) revocation: RevocationConfig,
}

/// Reads the files of every `[[trust_anchor]]`.
///
/// # Errors
/// [`Error::FileUnusable`], [`Error::TrustAnchorUnusable`].
pub(crate) fn read_configured(
    anchors: &[TrustAnchorConfig],
) -> Result<Vec<ConfiguredAnchor>, Error> {
    let read = |anchor: &TrustAnchorConfig| {
        Ok(ConfiguredAnchor {
            rules: card_rules_of(anchor)?,
            revocation: anchor.revocation.clone(),
        })
    };
    anchors.iter().map(read).collect()
}

/// What would be in force with the database's certificates among those of the files.
///
/// # Errors
/// [`cardea_provider::Error::Storage`].
pub(crate) async fn plan(
    provider: &Provider,
    configured: &[ConfiguredAnchor],
) -> Result<CardRulesPlan, cardea_provider::Error> {
    let rules = configured.iter().map(|anchor| anchor.rules.clone());
    provider.plan_card_rules(rules.collect()).await
}

/// Puts a plan in force. Evidence is fetched for the new anchors before anybody is let in by them.
///
/// # Errors
/// Those of [`Provider::install_card_rules`].
pub(crate) async fn install(
    state: &AppState,
    configured: &[ConfiguredAnchor],
    plan: CardRulesPlan,
) -> Result<(), cardea_provider::Error> {
    for (sha256, error) in plan.left_out() {
        tracing::error!(
            sha256,
            cause = error.code(),
            reason = %error,
            code = "server.anchor_left_out",
            "a certificate of the database cannot be used"
        );
    }
    let settings = plan.rules().iter().zip(configured).map(|(rules, anchor)| {
        AnchorSettings::new(&rules.name, &anchor.revocation, &rules.trust_store)
    });
    let others = state.administration().client_anchors().iter().cloned();
    let settings = settings.chain(others).collect();
    state.revocation().replace_anchors(settings);
    state.provider().install_card_rules(plan).await?;
    tracing::info!("the trust anchors are read anew");
    Ok(())
}

/// Looks whether the added anchors have changed. When the database does not answer, those known
/// before stay.
pub(crate) async fn follow_anchors(state: &AppState) {
    if let Err(error) = try_to_follow(state).await {
        tracing::error!(
            cause = error.code(),
            code = "server.anchors_not_read",
            "the trust anchors stay as they were"
        );
    }
}

async fn try_to_follow(state: &AppState) -> Result<(), cardea_provider::Error> {
    let provider = state.provider();
    if !provider.anchors_have_changed().await? {
        return Ok(());
    }
    // A reload that is under way puts both in force itself.
    let _alone = state.administration().alone().await;
    let configured = state.administration().configured_anchors();
    let plan = plan(provider, &configured).await?;
    install(state, &configured, plan).await?;
    state.revocation().refresh_lists().await;
    Ok(())
}
