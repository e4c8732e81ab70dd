//! Whether somebody is let in from the workstation that she sits at.

use cardea_storage::agent_instance::{InstanceUse, find, record_refused_use, record_use};
use cardea_storage::instance_standing::DecidedStanding;
use cardea_storage::session::Session;
use cardea_storage::{Transaction, authorization_request, instance_standing};
use time::OffsetDateTime;

use super::{InstancePolicy, InstanceRefusal, RefusedInstance, refusal, standing_of};
use crate::authorization::StoredParameters;
use crate::event::{Event, EventKind, InstanceEvent};
use crate::session::is_unwatched;
use crate::{Client, Error, Provider};

impl Provider {
    /// Notes the use of a workstation in the transaction that opens a session there, and refuses
    /// one that the client does not let in.
    ///
    /// The use comes first: where the person's row is revoked at the same time, one of the two
    /// waits for the other, and what it then reads is what the other left.
    pub(crate) async fn admit_instance(
        &self,
        transaction: &mut Transaction,
        client_id: &str,
        sub: &str,
        (instance_jkt, name): (&str, Option<&str>),
        now: OffsetDateTime,
    ) -> Result<InstanceUse, Error> {
        let client = self.client_of_login(client_id);
        let client = client.ok_or(Error::ClientUnknown)?;
        let instance_use = record_use(transaction, sub, (instance_jkt, name), now).await?;
        let reason = refusal_at(transaction, client.instances, sub, instance_jkt, now).await?;
        match reason {
            None => Ok(instance_use),
            Some(reason) => Err(Error::InstanceRefused {
                reason,
                about: Some(Box::new(RefusedInstance {
                    sub: sub.to_owned(),
                    instance_jkt: instance_jkt.to_owned(),
                    name: name.map(str::to_owned),
                })),
            }),
        }
    }

    /// Whether a running session would be let in by a client today, as far as its workstation goes.
    pub(crate) async fn still_admits_instance(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        session: &Session,
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        if is_unwatched(session) {
            return Ok(client.instances == InstancePolicy::Any);
        }
        let (sub, jkt) = (&session.sub, &session.instance_jkt);
        let refused = refusal_at(transaction, client.instances, sub, jkt, now).await?;
        Ok(refused.is_none())
    }

    /// Whether an operator has revoked the workstation of a session while it began: neither of the
    /// two transactions saw the other.
    pub(crate) async fn is_revoked_for_all(
        &self,
        transaction: &mut Transaction,
        session: &Session,
    ) -> Result<bool, Error> {
        let decided = instance_standing::find(transaction, &session.instance_jkt).await?;
        Ok(decided.is_some_and(|it| it.standing == DecidedStanding::Revoked))
    }

    /// Puts a login on record that was refused for its workstation, so that its person is told of
    /// it where she is known; the request remembers why, for the portal. Of somebody who was never
    /// signed in nothing is kept but the refusal itself.
    pub(crate) async fn tie_refused_instance(
        &self,
        event: Event,
        request_id: Option<&str>,
        error: &Error,
    ) -> Result<Event, Error> {
        let Error::InstanceRefused {
            about: Some(about), ..
        } = error
        else {
            return Ok(event);
        };
        let RefusedInstance {
            sub,
            instance_jkt,
            name,
        } = about.as_ref();
        let now = event.occurred_at;
        let mut transaction = self.store.begin().await?;
        if let Some(id) = request_id
            && let Some(request) =
                authorization_request::hold_incomplete(&mut transaction, id).await?
        {
            let mut parameters = StoredParameters::read(&request)?;
            parameters.refusal = Some(error.code().to_owned());
            let text = parameters.to_stored()?;
            authorization_request::replace_parameters(&mut transaction, id, &text).await?;
        }
        let instance = (instance_jkt.as_str(), name.as_deref());
        let instance_use = record_refused_use(&mut transaction, sub, instance, now).await?;
        let is_of_hers = find(&mut transaction, sub, instance_jkt).await?.is_some();
        if !is_of_hers {
            transaction.commit().await?;
            return Ok(event);
        }
        let tied = |kind: EventKind| Event {
            kind,
            ..event.clone()
        };
        if instance_use == InstanceUse::First {
            let first = EventKind::AgentInstanceFirstUsed {
                instance_jkt: instance_jkt.clone(),
                workstation: name.clone(),
            };
            let first = tied(first).of_person(sub);
            self.record(&mut transaction, first).await?;
        }
        let refused = InstanceEvent::Refused {
            code: error.code(),
            instance_jkt: instance_jkt.clone(),
            workstation: name.clone(),
        };
        let refused = tied(refused.into()).of_person(sub);
        self.record(&mut transaction, refused).await?;
        transaction.commit().await?;
        Ok(event.of_person(sub))
    }
}

async fn refusal_at(
    transaction: &mut Transaction,
    policy: InstancePolicy,
    sub: &str,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<Option<InstanceRefusal>, Error> {
    let own = find(transaction, sub, instance_jkt).await?;
    let decided = instance_standing::find(transaction, instance_jkt).await?;
    let standing = standing_of(own.as_ref(), decided.as_ref(), now);
    Ok(refusal(policy, standing))
}

/// The refusal that a request remembers, for the answer to its portal.
pub(crate) fn refused_earlier(code: Option<&str>) -> Option<Error> {
    let reasons = [
        InstanceRefusal::NotKnown,
        InstanceRefusal::NotManaged,
        InstanceRefusal::Revoked,
        InstanceRefusal::RevokedByOwner,
    ];
    let error = |reason| Error::InstanceRefused {
        reason,
        about: None,
    };
    let mut errors = reasons.into_iter().map(error);
    errors.find(|error| Some(error.code()) == code)
}
