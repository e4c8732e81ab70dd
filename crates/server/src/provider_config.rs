//! From the configuration file's words to the provider's.

use std::fs;
use std::path::Path;

use cardea_pki::profile::{CardFamily, CardRule, PersonIdentifierType, ProfilePolicy};
use cardea_pki::revocation::NonceAbsent;
use cardea_pki::{
    Certificate, CertificatePolicies, ExplicitPolicy, ExtendedKeyUsageChaining, Inhibit, Oid,
    PathPolicy, RevocationPolicy, TrustStore,
};
use cardea_provider::{
    AgentlessLogin, AuthorizationRules, CardRules, Demand, Lifetimes, MassLossBounds, ProofRules,
    ProviderConfig, UserVerificationPolicy,
};
use time::Duration;

use crate::anchor_reload::ConfiguredAnchor;
use crate::client_registration::client_of;
use crate::config::{
    CardRuleConfig, Config, ExtendedKeyUsageChainingConfig, OcspNonce, PinPolicy, RevocationConfig,
    TestCardsConfig, TrustAnchorConfig, load_profile,
};
use crate::error::Error;
use crate::key_file::unusable;
use crate::revocation_fetch::AnchorSettings;

/// The provider's configuration, and how the evidence of its trust anchors is fetched.
pub(crate) fn build(
    config: &Config,
    anchors: &[ConfiguredAnchor],
) -> Result<(ProviderConfig, Vec<AnchorSettings>), Error> {
    let settings = anchors.iter().map(|anchor| {
        let rules = &anchor.rules;
        AnchorSettings::new(&rules.name, &anchor.revocation, &rules.trust_store)
    });
    let card_rules = anchors.iter().map(|anchor| anchor.rules.clone());
    let refused = |source| Error::ProviderRefused { source };
    let issuer = cardea_provider::Issuer::parse(config.issuer.as_str()).map_err(refused)?;
    let mut clients = Vec::new();
    for client in &config.client {
        clients.push(client_of(client, &config.profile.rules()).map_err(refused)?);
    }
    let provider_config = ProviderConfig {
        issuer,
        profile: config.profile.into(),
        clients,
        card_rules: card_rules.collect(),
        lifetimes: lifetimes_of(config),
        user_verification: match config.card.pin_policy {
            PinPolicy::Strict => UserVerificationPolicy::PinNow,
            PinPolicy::Pharmacy => UserVerificationPolicy::PinCached,
            PinPolicy::CardAlone => UserVerificationPolicy::CardAlone,
        },
        authorization_rules: AuthorizationRules {
            pushed_authorization_requests: match config.require_pushed_authorization_requests {
                true => Demand::Required,
                false => Demand::Optional,
            },
            signed_request_objects: match config.require_signed_request_object {
                true => Demand::Required,
                false => Demand::Optional,
            },
            pushed_requests_of_client_max: config.limits.pushed_requests_per_client,
            waiting_logins_max: config.limits.waiting_logins_max,
            suspend_code_offer: config.suspension.offer_code.into(),
        },
        mass_loss: MassLossBounds {
            agents_min: config.presence.mass_loss_agents,
            percent: config.presence.mass_loss_percent,
        },
        sandbox: config.sandbox,
        proof_rules: ProofRules::default(),
        agentless: match config.agentless() {
            Some(_) => AgentlessLogin::Allowed,
            None => AgentlessLogin::Refused,
        },
    };
    Ok((provider_config, settings.collect()))
}

fn lifetimes_of(config: &Config) -> Lifetimes {
    let seconds = |seconds: u32| Duration::seconds(i64::from(seconds));
    let unwatched = config.agentless.as_ref();
    let unwatched = unwatched.map(|it| Duration::minutes(i64::from(it.session_minutes)));
    let default = Lifetimes::default();
    Lifetimes {
        session_unwatched: unwatched.unwrap_or(default.session_unwatched),
        session_idle: seconds(config.session.idle_seconds),
        session_absolute: seconds(config.session.absolute_seconds),
        access_token: seconds(config.session.access_token_seconds),
        presence_interval: seconds(config.presence.interval_seconds),
        presence_grace: seconds(config.presence.grace_seconds),
        mass_loss_grace: seconds(config.presence.mass_loss_grace_seconds),
        session_recheck: seconds(config.session.recheck_seconds),
        logout_retry: seconds(config.session.logout_retry_seconds),
        retention: config.retention.sessions(),
        kept_for: config.retention.kept_for(),
        ..default
    }
}

/// The rules of a trust anchor, with what its files hold.
///
/// # Errors
/// [`Error::FileUnusable`], [`Error::TrustAnchorUnusable`].
pub(crate) fn card_rules_of(anchor: &TrustAnchorConfig) -> Result<CardRules, Error> {
    let intermediates = anchor.intermediates.as_deref();
    Ok(CardRules {
        name: anchor.name.clone(),
        trust_store: load_trust_store(&anchor.anchors, intermediates)?,
        path_policy: path_policy_of(anchor),
        revocation_policy: revocation_policy_of(&anchor.revocation),
        // The configuration has made the path of a profile file absolute.
        profile: load_profile(&anchor.profile, Path::new(""))?,
        profile_policy: profile_policy_of(anchor),
    })
}

/// Which evidence of revocation serves.
pub(crate) fn revocation_policy_of(revocation: &RevocationConfig) -> RevocationPolicy {
    RevocationPolicy {
        preference: revocation.order.preference(),
        crl_age_seconds_max: revocation.crl_age_seconds_max,
        authority_crl_age_seconds_max: revocation.authority_crl_age_seconds_max,
        crl_grace_seconds: revocation.stale_crl_grace_seconds,
        ocsp_age_seconds_max: revocation.ocsp_age_seconds_max,
        nonce_absent: match revocation.ocsp_nonce {
            OcspNonce::Optional => NonceAbsent::Accept,
            OcspNonce::Required => NonceAbsent::Refuse,
        },
        ..RevocationPolicy::default()
    }
}

/// Reads trust anchors, and the issuing authorities that may help to reach them.
pub(crate) fn load_trust_store(
    anchors: &Path,
    intermediates: Option<&Path>,
) -> Result<TrustStore, Error> {
    let anchors = load_certificates(anchors)?;
    let intermediates = intermediates.map(load_certificates).transpose()?;
    Ok(TrustStore::new(anchors, intermediates.unwrap_or_default()))
}

/// What a login asks of every path, and what the operator adds for this issuer.
fn path_policy_of(anchor: &TrustAnchorConfig) -> PathPolicy {
    let mut initial: Vec<Oid> = anchor
        .initial_policies
        .iter()
        .map(|policy| policy.oid().clone())
        .collect();
    // A set with `anyPolicy` in it is the set of all (RFC 5280 section 6.1.1 (c)).
    if initial.contains(&Oid::any_policy()) {
        initial.clear();
    }
    let inhibit = |wanted| {
        if wanted {
            Inhibit::FromTheStart
        } else {
            Inhibit::AsCertificatesAsk
        }
    };
    PathPolicy {
        extended_key_usage_chaining: match anchor.extended_key_usage_chaining {
            ExtendedKeyUsageChainingConfig::Enforced => ExtendedKeyUsageChaining::Enforced,
            ExtendedKeyUsageChainingConfig::EndEntityOnly => {
                ExtendedKeyUsageChaining::EndEntityOnly
            }
        },
        certificate_policies: CertificatePolicies {
            initial,
            explicit_policy: if anchor.require_explicit_policy {
                ExplicitPolicy::Required
            } else {
                ExplicitPolicy::AsCertificatesAsk
            },
            policy_mapping: inhibit(anchor.inhibit_policy_mapping),
            any_policy: inhibit(anchor.inhibit_any_policy),
        },
        ..PathPolicy::login()
    }
}

fn profile_policy_of(anchor: &TrustAnchorConfig) -> ProfilePolicy {
    let policy = match anchor.test_cards {
        TestCardsConfig::Refuse => ProfilePolicy::production(),
        TestCardsConfig::Require => ProfilePolicy::sandbox(),
    };
    let rule = |rule: &CardRuleConfig| CardRule {
        family: CardFamily::new(&rule.family),
        policies: rule
            .policies
            .iter()
            .map(|policy| policy.oid().clone())
            .collect(),
    };
    let kind = |kind: &String| PersonIdentifierType::new(kind);
    ProfilePolicy {
        cards: anchor
            .cards
            .as_ref()
            .map(|rules| rules.iter().map(rule).collect()),
        identifiers: anchor
            .identifiers
            .as_ref()
            .map(|kinds| kinds.iter().map(kind).collect()),
        ..policy
    }
}

pub(crate) fn load_certificates(file: &Path) -> Result<Vec<Certificate>, Error> {
    let pem = fs::read(file)
        .map_err(|source| unusable(file, "the certificates cannot be read", source))?;
    Certificate::parse_pem_bundle(&pem).map_err(|source| Error::TrustAnchorUnusable {
        file: file.to_owned(),
        source: Box::new(source),
    })
}

#[cfg(test)]
mod tests {
    use cardea_pki::{ExplicitPolicy, ExtendedKeyUsageChaining, Inhibit, PathPolicy};

    use super::path_policy_of;
    use crate::config::Config;

    fn path_policy(lines: &str) -> PathPolicy {
        let example = include_str!("../cardea.example.toml");
        let added = format!("profile = \"cps\"\n{lines}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cardea.toml");
        std::fs::write(&file, example.replacen("profile = \"cps\"", &added, 1)).unwrap();
        path_policy_of(&Config::load(&file).unwrap().trust_anchor[0])
    }

    #[test]
    fn without_a_word_a_path_is_what_every_login_asks() {
        assert_eq!(path_policy(""), PathPolicy::login());
        let enforced = path_policy("extended_key_usage_chaining = \"enforced\"");
        assert_eq!(enforced, PathPolicy::login());
    }

    #[test]
    fn each_key_reaches_its_own_rule_of_the_path() {
        let lone = path_policy("extended_key_usage_chaining = \"end_entity_only\"");
        let expected = PathPolicy {
            extended_key_usage_chaining: ExtendedKeyUsageChaining::EndEntityOnly,
            ..PathPolicy::login()
        };
        assert_eq!(lone, expected);
        let policies = |lines| path_policy(lines).certificate_policies;
        let mut expected = PathPolicy::login().certificate_policies;
        expected.explicit_policy = ExplicitPolicy::Required;
        assert_eq!(policies("require_explicit_policy = true"), expected);
        let mut expected = PathPolicy::login().certificate_policies;
        expected.policy_mapping = Inhibit::FromTheStart;
        assert_eq!(policies("inhibit_policy_mapping = true"), expected);
        let mut expected = PathPolicy::login().certificate_policies;
        expected.any_policy = Inhibit::FromTheStart;
        assert_eq!(policies("inhibit_any_policy = true"), expected);
        let named = policies("initial_policies = [\"1.2.3\", \"1.2.4\"]");
        assert_eq!(named.initial.len(), 2);
        let all = policies("initial_policies = [\"1.2.3\", \"2.5.29.32.0\"]");
        assert!(all.initial.is_empty(), "anyPolicy means all");
    }
}
