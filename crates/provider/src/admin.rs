//! Who may use the admin API: an operator, with her own card, now (attack H14).
//!
//! An access token for the resource `{issuer}/admin` is not enough by itself. It must be bound to
//! a key that the request proves, come from a login with card and PIN that is minutes old, of a
//! session whose card is still there, and of a person whom the configuration names an operator.

mod known_operator;
mod operator_card;
mod operator_session;
mod person;

use cardea_jose::sha256_base64url;
use cardea_oauth2_types::Scope;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

pub(crate) use self::known_operator::KnownOperator;
use self::operator_session::OperatorCard;
pub use self::person::OperatorPerson;
use crate::dpop::PresentedToken;
use crate::event::{AdministrationEvent, Event};
use crate::key_binding::KeyBinding;
use crate::token::LiveAccessToken;
use crate::{
    AnchorRegistrations, Author, Client, ClientRegistrations, Error, InitialAccessTokens,
    NewClient, Permission, Provider,
};

/// The scope value that the admin API asks for.
pub const ADMIN_SCOPE: &str = "cardea:admin";
/// Where the admin API is, below the issuer; with the issuer it is the resource of its tokens.
pub const ADMIN_PATH: &str = "/admin";

/// Who operates this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminRules {
    /// The operators.
    pub operators: Vec<AdminOperator>,
    /// How old a login may be.
    pub authentication_age_max: Duration,
    /// Whether operators may add trust anchors, and take added ones away.
    pub anchors: Permission,
    /// Whether what matters most takes a second operator's card.
    pub four_eyes: FourEyes,
}

/// Whether lifting a stop and changing trust anchors takes the cards of two persons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FourEyes {
    /// What one operator proposes another confirms.
    Required,
    /// One operator decides.
    #[default]
    NotAsked,
}

/// One operator, as her card names her.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminOperator {
    /// The identifier on the card.
    pub subject_id: String,
    /// Its kind, such as `rpps`.
    pub subject_id_type: String,
    /// The card rules that her card leads to; none: any of the configuration's.
    pub trust_anchor: Option<String>,
    /// What stands for her in the configuration where she has several entries, so that she is one
    /// person in all of them.
    pub person: Option<String>,
}

/// Who has become an operator and who is one no more, as the record has it: no number of a card is
/// in it, but whoever knows one finds it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperatorsChanged {
    /// [`AdminOperator::digest`] of each new one.
    #[serde(rename = "operators_added", skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// The same of each that was taken out.
    #[serde(rename = "operators_removed", skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Where that has changed: whether what matters most takes two operators from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub four_eyes: Option<bool>,
}

impl AdminOperator {
    /// The base64url of the SHA-256 of `{subject_id_type}:{subject_id}`.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self {
            subject_id,
            subject_id_type,
            ..
        } = self;
        sha256_base64url(format!("{subject_id_type}:{subject_id}").as_bytes())
    }
}

impl OperatorsChanged {
    /// What differs between two sets of rules.
    #[must_use]
    pub fn between_rules(old: &AdminRules, new: &AdminRules) -> Self {
        let four_eyes = new.four_eyes == FourEyes::Required;
        Self {
            four_eyes: (old.four_eyes != new.four_eyes).then_some(four_eyes),
            ..Self::between(&old.operators, &new.operators)
        }
    }

    /// What differs between two sets of operators.
    #[must_use]
    pub fn between(old: &[AdminOperator], new: &[AdminOperator]) -> Self {
        let without = |these: &[AdminOperator], those: &[AdminOperator]| {
            let missing = these.iter().filter(|it| !those.contains(it));
            missing.map(AdminOperator::digest).collect()
        };
        Self {
            added: without(new, old),
            removed: without(old, new),
            four_eyes: None,
        }
    }
}

/// Proof that an operator asks, for one request.
#[derive(Clone, Debug)]
pub struct OperatorProven {
    author: Author,
    known: KnownOperator,
}

impl OperatorProven {
    /// Who is on record for what is changed.
    #[must_use]
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Who she is, whichever of her cards she has used.
    #[must_use]
    pub fn person(&self) -> &OperatorPerson {
        &self.known.person
    }

    /// The same, among the operators of this moment.
    pub(crate) fn known(&self) -> &KnownOperator {
        &self.known
    }
}

impl Provider {
    /// The resource that tokens of the admin API are for.
    #[must_use]
    pub fn admin_resource(&self) -> String {
        format!("{}{ADMIN_PATH}", self.issuer.as_str())
    }

    /// Whether a request comes from an operator. The refusal's OAuth name tells 401 (come back with
    /// a better token) from 403 (nobody's token would do).
    ///
    /// # Errors
    /// Those of an access token; [`Error::AdminAudienceMismatch`], [`Error::AdminScopeMissing`],
    /// [`Error::AdminTokenUnbound`], [`Error::AdminAuthenticationInsufficient`],
    /// [`Error::AdminNotOperator`], [`Error::AdminAnchorAdded`], and those of the proof.
    pub async fn authorize_operator(
        &self,
        rules: &AdminRules,
        presented: PresentedToken<'_>,
    ) -> Result<OperatorProven, Error> {
        let now = self.now();
        let mut about = None;
        let outcome = self
            .judge_operator(rules, &presented, &mut about, now)
            .await;
        let Err(error) = &outcome else {
            return outcome;
        };
        let mut event = Event::new(
            AdministrationEvent::AdminRefused { code: error.code() },
            now,
        );
        if let Some((session_id, sub)) = &about {
            event = event.of_session(session_id, sub);
            self.record_alone(event).await?;
        } else {
            self.note(&event);
        }
        outcome
    }

    async fn judge_operator(
        &self,
        rules: &AdminRules,
        presented: &PresentedToken<'_>,
        about: &mut Option<(String, String)>,
        now: OffsetDateTime,
    ) -> Result<OperatorProven, Error> {
        let mut transaction = self.store.begin_read().await?;
        let live = self
            .validate_access_token(&mut transaction, presented.token, now)
            .await?;
        let card = match &live.session {
            Some(session) => self.find_operator_card(&mut transaction, session).await?,
            None => OperatorCard::default(),
        };
        drop(transaction);
        if !live.claims.aud.contains(&self.admin_resource()) {
            return Err(Error::AdminAudienceMismatch);
        }
        if !Scope::parse(&live.claims.scope)?.contains(ADMIN_SCOPE) {
            return Err(Error::AdminScopeMissing);
        }
        self.check_bound(&live, presented, now).await?;
        // A service's own token has no person behind it.
        let session = live.session.as_ref().ok_or(Error::AdminNotOperator)?;
        *about = Some((session.id.clone(), session.sub.clone()));
        self.judge_operator_session(rules, session, &card, &live.client.client_id, now)
    }

    /// A token that whoever has it can use is refused before its proof is looked at.
    async fn check_bound(
        &self,
        live: &LiveAccessToken,
        presented: &PresentedToken<'_>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let (dpop_jkt, x5t_s256) = (&live.grant.dpop_jkt, &live.grant.x5t_s256);
        let bound_to = KeyBinding::of_stored(dpop_jkt.as_deref(), x5t_s256.as_deref());
        if bound_to.is_none() {
            return Err(Error::AdminTokenUnbound);
        }
        self.check_possession(&live.client, bound_to.as_ref(), presented, now)
            .await
    }

    /// The clients of the database, in an operator's name.
    #[must_use]
    pub fn client_registrations(&self, operator: &OperatorProven) -> ClientRegistrations {
        ClientRegistrations::new(self.records(&operator.author))
    }

    /// The initial access tokens of the database, in an operator's name.
    #[must_use]
    pub fn initial_access_tokens(&self, operator: &OperatorProven) -> InitialAccessTokens {
        InitialAccessTokens::new(self.records(&operator.author))
    }

    /// The added trust anchors of the database, in an operator's name.
    #[must_use]
    pub fn anchor_registrations(&self, operator: &OperatorProven) -> AnchorRegistrations {
        AnchorRegistrations::new(self.records(&operator.author))
    }

    /// Refuses a registration that running servers would leave out.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`], [`Error::KeyMissing`], [`Error::ClientExists`] for the id of a
    /// client of the configuration.
    pub fn check_new_client(&self, new: &NewClient) -> Result<(), Error> {
        self.check_registration(new)?;
        self.check_not_configured(&new.client.client_id)
    }

    /// Refuses a client of the configuration, which is changed there.
    ///
    /// # Errors
    /// [`Error::ClientExists`].
    pub fn check_not_configured(&self, client_id: &str) -> Result<(), Error> {
        if self.clients.is_configured(client_id) {
            let client_id = client_id.to_owned();
            return Err(Error::ClientExists { client_id });
        }
        Ok(())
    }

    /// The clients of the configuration, by their ids.
    #[must_use]
    pub fn configured_clients(&self) -> Vec<std::sync::Arc<Client>> {
        let mut all: Vec<_> = self.clients.configured().into_values().collect();
        all.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        all
    }
}
