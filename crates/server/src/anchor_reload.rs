//! The running server follows the trust anchors: those of its files, read anew on demand, and those
//! that operators added to the database.

use cardea_provider::{CardRules, CardRulesPlan, Provider};

use tracing::Instrument as _;

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
/// Those of [`Provider::plan_card_rules`].
pub(crate) async fn plan(
    provider: &Provider,
    configured: &[ConfiguredAnchor],
) -> Result<CardRulesPlan, cardea_provider::Error> {
    let rules = configured.iter().map(|anchor| anchor.rules.clone());
    provider.plan_card_rules(rules.collect()).await
}

/// Puts a plan in force, at once. Evidence can be fetched for the new anchors before anybody is let
/// in by them; without it their cards are refused.
pub(crate) fn install(state: &AppState, configured: &[ConfiguredAnchor], plan: CardRulesPlan) {
    for (sha256, error) in plan.left_out() {
        tracing::error!(
            sha256,
            cause = error.code(),
            reason = %error,
            code = "server.anchor_left_out",
            "a certificate of the database cannot be used"
        );
    }
    let settings = plan.rules().zip(configured).map(|(rules, anchor)| {
        AnchorSettings::new(&rules.name, &anchor.revocation, &rules.trust_store)
    });
    let others = state.administration().client_anchors();
    let settings = settings.chain(others).collect();
    state.revocation().replace_anchors(settings);
    state.provider().install_card_rules(plan);
    tracing::info!("the trust anchors are read anew");
}

/// Fetches lists of revoked certificates for anchors that are new, while everything else goes on:
/// their hosts may take minutes to answer, or never do.
pub(crate) fn fetch_lists(state: &AppState) {
    let state = state.clone();
    let fetch = async move {
        tokio::select! {
            () = state.revocation().refresh_lists() => {}
            () = state.stopped() => {}
        }
    };
    tokio::spawn(fetch.in_current_span());
}

/// Has sessions' cards looked at again where fewer may be let in. What the database does not take
/// is tried again at the next look for changes.
pub(crate) async fn look_at_cards_again(state: &AppState) {
    if let Err(error) = state.provider().look_at_cards_again().await {
        not_followed(&error);
    }
}

/// Looks whether the added anchors have changed. When the database does not answer, those known
/// before stay.
pub(crate) async fn follow_anchors(state: &AppState) {
    if let Err(error) = try_to_follow(state).await {
        not_followed(&error);
    }
    // Also what earlier replacements are owed.
    look_at_cards_again(state).await;
}

fn not_followed(error: &cardea_provider::Error) {
    tracing::error!(
        cause = error.code(),
        code = "server.anchors_not_read",
        "the trust anchors, or the sessions of replaced ones, stay as they were for now"
    );
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
    install(state, &configured, plan);
    fetch_lists(state);
    Ok(())
}
