//! Whether the holder of a session is an operator, now: the one place that decides it, for the
//! admin API and for the console (attack H14).

use cardea_oauth2_types::Acr;
use cardea_pki::ProfessionalIdentity;
use cardea_storage::session::Session;
use cardea_storage::trust_anchor::TrustAnchorRecord;
use cardea_storage::{Transaction, session_card, trust_anchor};
use time::OffsetDateTime;

use super::operator_card;
use super::{AdminOperator, AdminRules, KnownOperator, OperatorPerson, OperatorProven};
use crate::{Author, Error, Provider};

/// What is known of the card of a session, read together with it.
#[derive(Debug, Default)]
pub(crate) struct OperatorCard {
    /// Its certificate and those above; none of a session that has ended meanwhile.
    chain: Option<String>,
    /// What was added to the trust anchors.
    added: Vec<TrustAnchorRecord>,
}

impl Provider {
    /// Reads what [`Provider::judge_operator_session`] judges.
    pub(crate) async fn find_operator_card(
        &self,
        transaction: &mut Transaction,
        session: &Session,
    ) -> Result<OperatorCard, Error> {
        Ok(OperatorCard {
            chain: session_card::find(transaction, &session.id).await?,
            added: trust_anchor::list(transaction).await?,
        })
    }

    /// Whether the holder of a session is an operator: by card and PIN, minutes ago, named in the
    /// configuration, by a card that leads where the configuration says.
    pub(crate) fn judge_operator_session(
        &self,
        rules: &AdminRules,
        session: &Session,
        card: &OperatorCard,
        client_id: &str,
        now: OffsetDateTime,
    ) -> Result<OperatorProven, Error> {
        check_authentication(rules, session, now)?;
        let identity: ProfessionalIdentity =
            serde_json::from_str(&session.identity).map_err(Error::StoredValueUnreadable)?;
        let is_she = |operator: &AdminOperator| {
            operator.subject_id == identity.subject_id
                && operator.subject_id_type == identity.subject_id_type.as_str()
        };
        let mut named = rules.operators.iter().filter(|it| is_she(it)).peekable();
        if named.peek().is_none() {
            return Err(Error::AdminNotOperator);
        }
        // No card is known of a session that has ended meanwhile.
        let chain = card.chain.as_deref().ok_or(Error::AdminNotOperator)?;
        let led_to = operator_card::rules_of(&self.card_trust(), chain, &card.added, now)?;
        let is_hers = |operator: &&AdminOperator| {
            let trust_anchor = operator.trust_anchor.as_ref();
            trust_anchor.is_none_or(|name| *name == led_to)
        };
        let operator = named.find(is_hers).ok_or(Error::AdminNotOperator)?;
        Ok(OperatorProven {
            author: Author::Person {
                sub: session.sub.clone(),
                client_id: client_id.to_owned(),
            },
            known: KnownOperator {
                person: OperatorPerson::new(operator, &identity, &session.sub),
                operators: rules.operators.clone(),
            },
        })
    }
}

/// Card and PIN, now: not a PIN of this morning, nor a card without one.
fn check_authentication(
    rules: &AdminRules,
    session: &Session,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let is_strong = session.acr == Acr::CardPin.as_str();
    let is_fresh = now - session.authenticated_at <= rules.authentication_age_max;
    if is_strong && is_fresh {
        Ok(())
    } else {
        Err(Error::AdminAuthenticationInsufficient)
    }
}
