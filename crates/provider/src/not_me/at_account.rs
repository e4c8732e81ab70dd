//! The word on a line of her account page, and what she has done at once because of it.

use cardea_oauth2_types::Acr;
use cardea_storage::card::{self, Card};
use cardea_storage::{Transaction, agent_instance, instance_standing, not_me, session};
use time::OffsetDateTime;

use super::{Line, workstation_of};
use crate::instances::speaks_for_her;
use crate::session::{EndedInTransaction, EndedSession};
use crate::suspension::{Suspending, suspend_in};
use crate::{AccountSession, Error, Provider};

/// Longest id of an event, in bytes.
const EVENT_ID_BYTES_MAX: usize = 64;

/// What she wants done beyond the incident and the end of her other sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMeThen {
    /// Nothing yet.
    Nothing,
    /// A card of hers is suspended, the one in the reader included.
    SuspendCard(String),
    /// The workstation of the line is not hers any more.
    RevokeWorkstation,
    /// This session ends as well.
    EndThisSession,
}

/// What came of it, and what she may do next.
#[derive(Debug)]
pub struct NotMe {
    /// The incident's id; empty where so many wait already that none was opened.
    pub incident: String,
    /// When the line happened.
    pub occurred_at: OffsetDateTime,
    /// Whether the line is of a session that her card's PIN has opened.
    pub was_pin_used: bool,
    /// How many of her sessions ended now.
    pub sessions_ended: usize,
    /// Those, for whoever tells agents and portals.
    pub ended: Vec<EndedSession>,
    /// Whether the session in which she said it is over: her page is closed.
    pub is_over: bool,
    /// Her cards, the one that was used last first.
    pub cards: Vec<NotMeCard>,
    /// The workstation of the line, where it is one that she has used.
    pub workstation: Option<NotMeWorkstation>,
    /// Whether she is where she is known: elsewhere she suspends no card and takes nothing out.
    pub is_known_here: bool,
}

/// A card of hers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeCard {
    /// What her answer names.
    pub id: String,
    /// Its family.
    pub family: String,
    /// Its number.
    pub number: String,
    /// Whether it is the one in the reader.
    pub is_this_one: bool,
    /// Whether nobody signs in with it any more.
    pub is_suspended: bool,
}

/// The workstation of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeWorkstation {
    /// What it calls itself, or what the operator calls it.
    pub name: Option<String>,
    /// Whether it is the one that she sits at.
    pub is_this_one: bool,
    /// Whether it is taken out.
    pub is_revoked: bool,
}

impl Provider {
    /// Takes her word that a line of her log was not her doing, and does what she wants done then.
    /// The same line again opens no second incident.
    ///
    /// # Errors
    /// [`Error::NotMeLineUnknown`] for a line that is not hers, [`Error::NotMeTooMany`],
    /// [`Error::CardUnknown`], [`Error::CardSuspensionNotEntitled`],
    /// [`Error::WorkstationNotEntitled`], [`Error::SessionEnded`], [`Error::Storage`].
    pub async fn say_not_me(
        &self,
        account: &AccountSession,
        event_id: &str,
        then: NotMeThen,
    ) -> Result<NotMe, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        // She did something: the session counts as used, or is over by now.
        if !session::record_use(&mut transaction, &account.session_id, now).await? {
            return Err(Error::SessionEnded);
        }
        let event = match event_id.len() <= EVENT_ID_BYTES_MAX {
            true => not_me::find_event(&mut transaction, &account.sub, event_id).await?,
            false => None,
        };
        let event = event.ok_or(Error::NotMeLineUnknown)?;
        let of_line = match &event.session_id {
            Some(id) => session::find(&mut transaction, id).await?,
            None => None,
        };
        let jkt =
            workstation_of(&event).or_else(|| of_line.as_ref().map(|it| it.instance_jkt.clone()));
        let own_card = card::find_of_session(&mut transaction, &account.session_id).await?;
        let done = Doing {
            provider: self,
            account,
            own_card: own_card.map(|card| card.id),
            jkt,
            now,
        };
        let mut ended = done.follow(&mut transaction, &then).await?;
        let (cards, workstation, is_known_here) = done.offers(&mut transaction).await?;
        let is_of_this_one = of_line
            .as_ref()
            .is_some_and(|it| it.id == account.session_id);
        let ends_this_one = is_of_this_one || then == NotMeThen::EndThisSession;
        let kept = (!ends_this_one).then_some(account.session_id.as_str());
        let others = self.end_all_but(&mut transaction, &account.sub, kept, now);
        ended.extend(others.await?);
        let line = Line::of_event(&event, of_line.as_ref());
        let acr = of_line.as_ref().and_then(|it| Acr::find(&it.acr));
        let her = (account.session_id.as_str(), account.sub.as_str());
        let incident = self
            .report_not_me(&mut transaction, her, &line, ended.len(), now)
            .await?;
        transaction.commit().await?;
        let is_this_one = |it: &EndedInTransaction| it.session.id == account.session_id;
        let is_over = ended.iter().any(is_this_one);
        let ended: Vec<_> = ended
            .into_iter()
            .map(EndedInTransaction::announce)
            .collect();
        Ok(NotMe {
            incident,
            occurred_at: event.occurred_at,
            was_pin_used: matches!(acr, Some(Acr::CardPin | Acr::CardPinCached)),
            sessions_ended: ended.len(),
            ended,
            is_over,
            cards,
            workstation,
            is_known_here,
        })
    }
}

/// What is done besides, for one person at one line.
struct Doing<'a> {
    provider: &'a Provider,
    account: &'a AccountSession,
    /// The card in the reader.
    own_card: Option<String>,
    /// The workstation of the line.
    jkt: Option<String>,
    now: OffsetDateTime,
}

type Offers = (Vec<NotMeCard>, Option<NotMeWorkstation>, bool);

impl Doing<'_> {
    /// Only where she is known anything is shut: whoever brought her card to a workstation of his
    /// own could else shut her out (docs/adr/0035).
    async fn follow(
        &self,
        transaction: &mut Transaction,
        then: &NotMeThen,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        match then {
            NotMeThen::Nothing | NotMeThen::EndThisSession => Ok(Vec::new()),
            NotMeThen::SuspendCard(id) => self.suspend(transaction, id).await,
            NotMeThen::RevokeWorkstation => self.revoke(transaction).await,
        }
    }

    async fn suspend(
        &self,
        transaction: &mut Transaction,
        card_id: &str,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let found = card::find(transaction, card_id).await?;
        let card = found.filter(|card| card.sub == self.account.sub);
        let card = card.ok_or(Error::CardUnknown)?;
        if !speaks_for_her(transaction, self.account, self.now).await? {
            return Err(Error::CardSuspensionNotEntitled);
        }
        let suspended = suspend_in(transaction, &card, Suspending::AsOwner, self.now).await?;
        let Some(suspended) = suspended else {
            return Ok(Vec::new());
        };
        for event in suspended.events {
            self.provider.record(transaction, event).await?;
        }
        Ok(suspended.ended)
    }

    async fn revoke(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let here = &self.account.instance_jkt;
        let jkt = self.jkt.as_ref().filter(|jkt| *jkt != here);
        let jkt = jkt.ok_or(Error::WorkstationNotEntitled)?;
        if !speaks_for_her(transaction, self.account, self.now).await? {
            return Err(Error::WorkstationNotEntitled);
        }
        let her = (self.account.session_id.as_str(), self.account.sub.as_str());
        self.provider
            .revoke_for(transaction, her, jkt, self.now)
            .await
    }

    async fn offers(&self, transaction: &mut Transaction) -> Result<Offers, Error> {
        let account = self.account;
        let is_known_here = speaks_for_her(transaction, account, self.now).await?;
        let cards = card::list_of_person(transaction, &account.sub).await?;
        let view = |card: Card| NotMeCard {
            is_this_one: self.own_card.as_ref() == Some(&card.id),
            is_suspended: card.suspension.is_some(),
            id: card.id,
            family: card.family,
            number: card.number,
        };
        let cards = cards.into_iter().map(view).collect();
        Ok((cards, self.workstation(transaction).await?, is_known_here))
    }

    async fn workstation(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Option<NotMeWorkstation>, Error> {
        let Some(jkt) = &self.jkt else {
            return Ok(None);
        };
        let own = agent_instance::find(transaction, &self.account.sub, jkt).await?;
        let Some(own) = own else {
            return Ok(None);
        };
        let decided = instance_standing::find(transaction, jkt).await?;
        Ok(Some(NotMeWorkstation {
            name: decided.and_then(|it| it.name).or(own.name),
            is_this_one: *jkt == self.account.instance_jkt,
            is_revoked: own.revoked_at.is_some(),
        }))
    }
}
