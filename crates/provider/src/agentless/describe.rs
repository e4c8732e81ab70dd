//! The confirmation page: arriving there changes nothing but the log.

use cardea_pki::ProfessionalIdentity;

use crate::agentless::{Admitted, AgentlessVisit, parse_chain};
use crate::authentication::{KeyUse, PresentedCard, check_card, read_certificate};
use crate::authorization::respond::form_action;
use crate::{Error, Provider};

/// What the confirmation page shows.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentlessPage {
    /// The client's display name.
    pub client_name: String,
    /// The person's name, as her card has it; her number where it has none.
    pub person: String,
    /// Her profession's label, as her card has it.
    pub title: Option<String>,
    /// Stands for this login and this certificate; the answer must bring it back.
    pub confirmation: String,
    /// The languages that the client asked for, space-separated.
    pub ui_locales: Option<String>,
    /// What a policy must allow as the target of the page's form, beside this host and the issuer;
    /// see [`AuthorizationResponse::form_action`](crate::AuthorizationResponse::form_action).
    pub form_action: String,
    /// How long the session will last at most, in whole minutes.
    pub minutes_max: i64,
}

impl Provider {
    /// Says what the confirmation page shows. The certificate is judged as far as that goes without
    /// asking anybody, so that only names from cards that we trust are shown; nothing begins here.
    ///
    /// # Errors
    /// [`Error::AgentlessRefused`], [`Error::AgentlessInsufficient`], those of a request that is
    /// unknown, expired or answered, and those of a card; see
    /// [`PublicRefusal::after_proof`](crate::PublicRefusal::after_proof).
    pub async fn describe_agentless(
        &self,
        visit: AgentlessVisit<'_>,
    ) -> Result<AgentlessPage, Error> {
        match self.read_visit(visit).await {
            Ok(page) => Ok(page),
            Err(error) => {
                let now = self.now();
                Err(self
                    .record_refused_agentless(visit.request_id, None, error, now)
                    .await)
            }
        }
    }

    async fn read_visit(&self, visit: AgentlessVisit<'_>) -> Result<AgentlessPage, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let Admitted {
            request,
            parameters,
            client,
        } = self
            .admit_agentless(&mut transaction, visit.request_id, now)
            .await?;
        drop(transaction);
        let (certificate, extra) = parse_chain(visit.chain_der)?;
        let presented = PresentedCard {
            trust: &self.card_trust(),
            certificate: &certificate,
            extra: &extra,
            key_use: KeyUse::Handshake,
        };
        let identity = read_certificate(presented, now)?;
        check_card(&client.cards, &identity)?;
        Ok(AgentlessPage {
            client_name: client.name.clone(),
            person: name_of(&identity),
            title: identity.title.clone(),
            confirmation: self.confirmation_of(&request.id, &certificate)?,
            form_action: form_action(&parameters.redirect_uri),
            ui_locales: parameters.ui_locales,
            minutes_max: self.lifetimes.session_unwatched.whole_minutes(),
        })
    }
}

fn name_of(identity: &ProfessionalIdentity) -> String {
    let names = [&identity.given_name, &identity.family_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    match names.is_empty() {
        true => identity.subject_id.clone(),
        false => names.join(" "),
    }
}

impl std::fmt::Debug for AgentlessPage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AgentlessPage(redacted)")
    }
}
