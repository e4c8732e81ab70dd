//! What another operator says to a proposal.

use cardea_storage::Transaction;
use cardea_storage::account_stop;
use cardea_storage::approval::{self, Approval, ApprovalState};
use time::OffsetDateTime;

use super::{Approvals, Proposal, ProposedChange};
use crate::event::{ApprovalEvent, Event};
use crate::{Author, Error, OperatorPerson};

/// What a confirmation has brought about.
#[derive(Clone, Debug)]
pub enum Confirmation {
    /// It is done.
    Done(Box<Proposal>),
    /// A command's proposal is this operator's now, and waits for another one.
    TakenOver(Box<Proposal>),
}

impl Approvals {
    /// Confirms a proposal of another operator's, and does what it says. That of a command, which
    /// proves nobody, is taken over by the first who confirms it and done by the second.
    ///
    /// # Errors
    /// [`Error::ApprovalUnknown`], [`Error::ApprovalDecided`], [`Error::ApprovalExpired`],
    /// [`Error::ApprovalOwn`], [`Error::ApprovalNeedsPerson`], [`Error::AdminAnchorsOff`], those of
    /// the change, [`Error::Storage`].
    pub async fn confirm(&self, id: &str) -> Result<Confirmation, Error> {
        let person = self.person.as_ref().ok_or(Error::ApprovalNeedsPerson)?;
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        self.expire(&mut transaction, now).await?;
        let stored = approval::find(&mut transaction, id).await?;
        let stored = stored.ok_or(Error::ApprovalUnknown)?;
        let outcome = self.settle(&mut transaction, stored, person, now).await;
        match outcome {
            Ok(confirmation) => {
                transaction.commit().await?;
                Ok(confirmation)
            }
            Err(error) => {
                // What was begun is undone; the refusal goes on record by itself.
                drop(transaction);
                self.record_refusal(id, &error, now).await?;
                Err(error)
            }
        }
    }

    async fn settle(
        &self,
        transaction: &mut Transaction,
        stored: Approval,
        person: &OperatorPerson,
        now: OffsetDateTime,
    ) -> Result<Confirmation, Error> {
        check_open(&stored)?;
        let proposal = self.proposal(stored)?;
        let by = self.records.author.clone();
        let id = proposal.id.clone();
        let Some(proposer) = &proposal.proposer else {
            let hers = serde_json::to_string(person).map_err(Error::StoredValueUnreadable)?;
            if !approval::take_over(transaction, &id, &hers).await? {
                return Err(Error::ApprovalDecided);
            }
            let kind = ApprovalEvent::TakenOver { proposal: id, by };
            self.records
                .append(transaction, &Event::new(kind, now))
                .await?;
            return Ok(Confirmation::TakenOver(Box::new(Proposal {
                proposer: Some(person.clone()),
                is_for_another: false,
                ..proposal
            })));
        };
        if proposer.is_same_as(person) {
            return Err(Error::ApprovalOwn);
        }
        if let ProposedChange::LiftStop { stop, .. } = &proposal.change {
            // Nor does anybody vouch for herself.
            let stop = account_stop::find(transaction, stop).await?;
            if stop.is_some_and(|stop| stop.sub.as_ref() == Some(&person.sub)) {
                return Err(Error::ApprovalOwn);
            }
        }
        // What a command proposes is the word of whoever looks after the machine.
        let is_commands = matches!(proposal.proposed_by, Author::Account(_));
        if proposal.change.is_of_anchors() && !is_commands {
            self.check_anchors_allowed()?;
        }
        let decided_by = self.author_as_json()?;
        let state = ApprovalState::Confirmed;
        if !approval::decide(transaction, &id, state, Some(&decided_by), now).await? {
            return Err(Error::ApprovalDecided);
        }
        let kind = ApprovalEvent::Confirmed { proposal: id, by };
        self.records
            .append(transaction, &Event::new(kind, now))
            .await?;
        self.carry_out(transaction, &proposal.change, &proposal.proposed_by, now)
            .await?;
        Ok(Confirmation::Done(Box::new(Proposal {
            state,
            decided_at: Some(now),
            is_for_another: false,
            ..proposal
        })))
    }

    /// Takes a proposal back: whoever made it, or any operator, for whom it is a no.
    ///
    /// # Errors
    /// [`Error::ApprovalUnknown`], [`Error::ApprovalDecided`], [`Error::ApprovalExpired`],
    /// [`Error::Storage`].
    pub async fn cancel(&self, id: &str) -> Result<Proposal, Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        self.expire(&mut transaction, now).await?;
        let stored = approval::find(&mut transaction, id).await?;
        let stored = stored.ok_or(Error::ApprovalUnknown)?;
        check_open(&stored)?;
        let by = self.author_as_json()?;
        let state = ApprovalState::Cancelled;
        if !approval::decide(&mut transaction, id, state, Some(&by), now).await? {
            return Err(Error::ApprovalDecided);
        }
        let kind = ApprovalEvent::Cancelled {
            proposal: id.to_owned(),
            by: self.records.author.clone(),
        };
        let event = Event::new(kind, now);
        self.records.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        let proposal = self.proposal(stored)?;
        Ok(Proposal {
            state,
            decided_at: Some(now),
            is_for_another: false,
            ..proposal
        })
    }

    /// Somebody who wants to confirm her own, or what is over, stands on record.
    async fn record_refusal(
        &self,
        id: &str,
        error: &Error,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if error.is_internal() || matches!(error, Error::ApprovalUnknown) {
            return Ok(());
        }
        let kind = ApprovalEvent::Refused {
            code: error.code(),
            proposal: id.to_owned(),
            by: self.records.author.clone(),
        };
        let mut transaction = self.records.store.begin().await?;
        // What had expired by then was undone with the rest.
        self.expire(&mut transaction, now).await?;
        let event = Event::new(kind, now);
        self.records.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }
}

fn check_open(stored: &Approval) -> Result<(), Error> {
    match stored.state {
        ApprovalState::Open => Ok(()),
        ApprovalState::Expired => Err(Error::ApprovalExpired),
        ApprovalState::Confirmed | ApprovalState::Cancelled => Err(Error::ApprovalDecided),
    }
}
