//! What a person sees and does about her own workstations, on her account page.

use cardea_storage::agent_instance::{self, AgentInstance};
use cardea_storage::session::{self, Session, SessionState};
use cardea_storage::{Transaction, instance_standing};
use time::OffsetDateTime;

use super::{InstanceStanding, is_known, standing_of};
use crate::event::{Event, InstanceEvent};
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{AccountSession, Error, Provider};

/// Workstations that her page shows at most. More than that are no professional's own: somebody
/// makes keys, and she takes all the others out at once.
pub const OWN_WORKSTATIONS_SHOWN_MAX: usize = 50;
/// Workstations that she takes out with one press: each stands on record.
const OTHERS_MAX: u32 = 500;

/// A workstation of the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWorkstation {
    /// The thumbprint of its key.
    pub instance_jkt: String,
    /// What it calls itself, or what the operator calls it.
    pub name: Option<String>,
    /// Her first use of it.
    pub first_seen_at: OffsetDateTime,
    /// Her last use of it, or the last try.
    pub last_seen_at: OffsetDateTime,
    /// What it is to her.
    pub standing: InstanceStanding,
    /// Whether she took it out herself.
    pub is_revoked_by_owner: bool,
    /// How many sessions of hers run there.
    pub sessions: usize,
    /// Whether it is the one that she sits at.
    pub is_this_one: bool,
    /// Whether she may take it out, or let it in again, from where she sits.
    pub may_change: bool,
}

/// What she decided about one of her workstations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkstationChange {
    /// It is not hers any more, and her sessions there end.
    Revoke,
    /// It is hers again.
    Allow,
    /// Her sessions there end.
    EndSessions,
}

impl Provider {
    /// A person's workstations, the one that she used last first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_own_workstations(
        &self,
        account: &AccountSession,
    ) -> Result<Vec<OwnWorkstation>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let sub = &account.sub;
        let running = session::list_of_person(&mut transaction, sub).await?;
        let shown_max = u32::try_from(OWN_WORKSTATIONS_SHOWN_MAX).unwrap_or(u32::MAX);
        let instances = agent_instance::list_of_person(&mut transaction, sub, shown_max).await?;
        let may_speak = speaks_for_her(&mut transaction, account, now).await?;
        let mut shown = Vec::new();
        for own in instances {
            let decided = instance_standing::find(&mut transaction, &own.instance_jkt).await?;
            let (standing, _) = standing_of(Some(&own), decided.as_ref(), now);
            let is_this_one = own.instance_jkt == account.instance_jkt;
            let is_there = |it: &&Session| {
                it.instance_jkt == own.instance_jkt && it.state == SessionState::Active
            };
            shown.push(OwnWorkstation {
                sessions: running.iter().filter(is_there).count(),
                standing,
                is_revoked_by_owner: own.revoked_at.is_some(),
                is_this_one,
                may_change: may_speak && !is_this_one,
                name: decided.and_then(|it| it.name).or(own.name),
                instance_jkt: own.instance_jkt,
                first_seen_at: own.first_seen_at,
                last_seen_at: own.last_seen_at,
            });
        }
        Ok(shown)
    }

    /// Does what she decided about a workstation of hers.
    ///
    /// Only where she is known she may take others out or let them in again: whoever brought her
    /// card to a workstation of his own could shut her out of all of hers. The one that she sits at
    /// stays, so that one is left. Sessions she may end from anywhere.
    ///
    /// # Errors
    /// [`Error::WorkstationUnknown`], [`Error::WorkstationNotEntitled`],
    /// [`Error::SessionEnded`], [`Error::Storage`].
    pub async fn change_own_workstation(
        &self,
        account: &AccountSession,
        instance_jkt: &str,
        change: WorkstationChange,
    ) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        // She did something: the session counts as used, or is over by now.
        if !session::record_use(&mut transaction, &account.session_id, now).await? {
            return Err(Error::SessionEnded);
        }
        let sub = &account.sub;
        let other = agent_instance::find(&mut transaction, sub, instance_jkt).await?;
        let other = other.ok_or(Error::WorkstationUnknown)?;
        if change != WorkstationChange::EndSessions {
            self.check_entitled(&mut transaction, account, &other, now)
                .await?;
        }
        let ended = match change {
            WorkstationChange::Revoke => {
                let her = (account.session_id.as_str(), sub.as_str());
                self.revoke_for(&mut transaction, her, instance_jkt, now)
                    .await?
            }
            WorkstationChange::Allow => {
                self.allow_own(&mut transaction, account, &other, now)
                    .await?;
                Vec::new()
            }
            WorkstationChange::EndSessions => {
                self.end_own_at(&mut transaction, sub, instance_jkt, EndReason::Logout, now)
                    .await?
            }
        };
        transaction.commit().await?;
        Ok(ended
            .into_iter()
            .map(EndedInTransaction::announce)
            .collect())
    }

    /// Takes out every workstation of hers but the one that she sits at, with her sessions there,
    /// and says which sessions ended. Whoever has card and PIN can make more keys than a page
    /// shows: none of them is out of her reach. Where there are very many, it takes out those that
    /// came last.
    ///
    /// # Errors
    /// [`Error::WorkstationNotEntitled`], [`Error::SessionEnded`], [`Error::Storage`].
    pub async fn revoke_other_workstations(
        &self,
        account: &AccountSession,
    ) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        if !session::record_use(&mut transaction, &account.session_id, now).await? {
            return Err(Error::SessionEnded);
        }
        if !speaks_for_her(&mut transaction, account, now).await? {
            return Err(Error::WorkstationNotEntitled);
        }
        let hers = (account.sub.as_str(), account.instance_jkt.as_str());
        let revoked =
            agent_instance::revoke_others(&mut transaction, hers, OTHERS_MAX, now).await?;
        let mut ended = Vec::new();
        for jkt in &revoked {
            let her = (account.session_id.as_str(), account.sub.as_str());
            ended.extend(self.end_revoked(&mut transaction, her, jkt, now).await?);
        }
        transaction.commit().await?;
        let ended = ended.into_iter();
        Ok(ended.map(EndedInTransaction::announce).collect())
    }

    async fn check_entitled(
        &self,
        transaction: &mut Transaction,
        account: &AccountSession,
        other: &AgentInstance,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if other.instance_jkt != account.instance_jkt
            && speaks_for_her(transaction, account, now).await?
        {
            Ok(())
        } else {
            Err(Error::WorkstationNotEntitled)
        }
    }

    /// Takes a workstation out for the person of a session, who speaks for herself there, and ends
    /// her sessions at it.
    pub(crate) async fn revoke_for(
        &self,
        transaction: &mut Transaction,
        (session_id, sub): (&str, &str),
        jkt: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        // The row first: a login there waits for it, or is among the sessions that end.
        if !agent_instance::revoke(transaction, sub, jkt, now).await? {
            return Ok(Vec::new());
        }
        self.end_revoked(transaction, (session_id, sub), jkt, now)
            .await
    }

    /// Ends her sessions at a workstation that she has just taken out, and puts both on record.
    async fn end_revoked(
        &self,
        transaction: &mut Transaction,
        (session_id, sub): (&str, &str),
        jkt: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let reason = EndReason::WorkstationRevoked;
        let ended = self.end_own_at(transaction, sub, jkt, reason, now).await?;
        let own = agent_instance::find(transaction, sub, jkt).await?;
        let kind = InstanceEvent::RevokedByOwner {
            instance_jkt: jkt.to_owned(),
            workstation: own.and_then(|it| it.name),
            sessions_ended: u64::try_from(ended.len()).unwrap_or(u64::MAX),
        };
        let event = Event::new(kind, now).of_session(session_id, sub);
        self.record(transaction, event).await?;
        Ok(ended)
    }

    async fn allow_own(
        &self,
        transaction: &mut Transaction,
        account: &AccountSession,
        other: &AgentInstance,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let (sub, jkt) = (&account.sub, &other.instance_jkt);
        if !agent_instance::allow_again(transaction, sub, jkt, now).await? {
            return Ok(());
        }
        let kind = InstanceEvent::AllowedByOwner {
            instance_jkt: jkt.clone(),
            workstation: other.name.clone(),
        };
        let event = Event::new(kind, now).of_session(&account.session_id, sub);
        self.record(transaction, event).await
    }

    /// Ends a person's sessions at a workstation.
    pub(crate) async fn end_own_at(
        &self,
        transaction: &mut Transaction,
        sub: &str,
        instance_jkt: &str,
        reason: EndReason,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let mut ended = Vec::new();
        for session in &session::list_of_person(transaction, sub).await? {
            if session.instance_jkt == instance_jkt {
                ended.extend(self.end_in(transaction, session, reason, now).await?);
            }
        }
        Ok(ended)
    }
}

/// Whether the workstation that she sits at may speak for her: about her other workstations, her
/// other cards, and the code that she has printed. An operator's trust is no word of hers: at a
/// machine that everybody uses sits whoever found her card and its PIN (docs/adr/0035).
pub(crate) async fn speaks_for_her(
    transaction: &mut Transaction,
    account: &AccountSession,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let own = agent_instance::find(transaction, &account.sub, &account.instance_jkt).await?;
    Ok(own.is_some_and(|own| is_known(&own, now)))
}
