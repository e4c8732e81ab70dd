//! What another operator says to a proposal.

use cardea_storage::Transaction;
use cardea_storage::account_stop::{self, AccountStop};
use cardea_storage::approval::{self, Approval, ApprovalState};
use time::OffsetDateTime;

use super::{Approvals, Proposal, ProposedChange};
use crate::admin::KnownOperator;
use crate::event::{ApprovalEvent, Event};
use crate::{Author, Error};

/// What an operator says to a proposal, in a word of its own each: whoever presses a button that
/// has become another one meanwhile does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    TakesOver,
    Confirms,
}

impl Approvals {
    /// Confirms a proposal of another operator's, and does what it says.
    ///
    /// # Errors
    /// [`Error::ApprovalUnknown`], [`Error::ApprovalDecided`], [`Error::ApprovalExpired`],
    /// [`Error::ApprovalOwn`], [`Error::ApprovalNeedsPerson`], [`Error::AdminAnchorsOff`], those of
    /// the change, [`Error::Storage`]; [`Error::ApprovalChanged`] for a command's that nobody has
    /// taken over, and where a stop has come since.
    pub async fn confirm(&self, id: &str) -> Result<Proposal, Error> {
        self.answer(id, Answer::Confirms).await
    }

    /// Makes a command's proposal, which proves nobody, this operator's own. Another confirms it.
    ///
    /// # Errors
    /// [`Error::ApprovalUnknown`], [`Error::ApprovalDecided`], [`Error::ApprovalExpired`],
    /// [`Error::ApprovalNeedsPerson`], [`Error::Storage`]; [`Error::ApprovalChanged`] where
    /// somebody stands for it already.
    pub async fn take_over(&self, id: &str) -> Result<Proposal, Error> {
        self.answer(id, Answer::TakesOver).await
    }

    async fn answer(&self, id: &str, answer: Answer) -> Result<Proposal, Error> {
        let operator = self.operator.as_ref().ok_or(Error::ApprovalNeedsPerson)?;
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        self.expire(&mut transaction, now).await?;
        let stored = approval::find(&mut transaction, id).await?;
        let stored = stored.ok_or(Error::ApprovalUnknown)?;
        let outcome = match answer {
            Answer::TakesOver => self.adopt(&mut transaction, stored, operator, now).await,
            Answer::Confirms => self.settle(&mut transaction, stored, operator, now).await,
        };
        match outcome {
            Ok(proposal) => {
                transaction.commit().await?;
                Ok(proposal)
            }
            Err(error) => {
                // What was begun is undone; the refusal goes on record by itself.
                drop(transaction);
                self.record_refusal(id, &error, now).await?;
                Err(error)
            }
        }
    }

    async fn adopt(
        &self,
        transaction: &mut Transaction,
        stored: Approval,
        operator: &KnownOperator,
        now: OffsetDateTime,
    ) -> Result<Proposal, Error> {
        check_open(&stored)?;
        let proposal = self.proposal(stored)?;
        let person = &operator.person;
        let hers = serde_json::to_string(person).map_err(Error::StoredValueUnreadable)?;
        if !approval::take_over(transaction, &proposal.id, &hers).await? {
            return Err(Error::ApprovalChanged);
        }
        let kind = ApprovalEvent::TakenOver {
            proposal: proposal.id.clone(),
            by: self.records.author.clone(),
        };
        let event = Event::new(kind, now);
        self.records.append(transaction, &event).await?;
        Ok(Proposal {
            proposer: Some(person.clone()),
            is_for_another: false,
            ..proposal
        })
    }

    async fn settle(
        &self,
        transaction: &mut Transaction,
        stored: Approval,
        operator: &KnownOperator,
        now: OffsetDateTime,
    ) -> Result<Proposal, Error> {
        check_open(&stored)?;
        let proposal = self.proposal(stored)?;
        let by = self.records.author.clone();
        let id = proposal.id.clone();
        let proposer = proposal.proposer.as_ref();
        if operator.is(proposer.ok_or(Error::ApprovalChanged)?) {
            return Err(Error::ApprovalOwn);
        }
        if let ProposedChange::LiftStop { stop, with, .. } = &proposal.change {
            check_stops(transaction, (stop, with), operator).await?;
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
        let event = Event::new(kind, now);
        self.records.append(transaction, &event).await?;
        self.carry_out(transaction, &proposal.change, &proposal.proposed_by, now)
            .await?;
        Ok(Proposal {
            state,
            decided_at: Some(now),
            is_for_another: false,
            ..proposal
        })
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

/// Nobody confirms what is about her own account, nor the lift of a stop that came after the
/// proposal: nobody has seen it there.
async fn check_stops(
    transaction: &mut Transaction,
    (stop, with): (&str, &[String]),
    operator: &KnownOperator,
) -> Result<(), Error> {
    let Some(stop) = account_stop::find(transaction, stop).await? else {
        return Err(Error::StopUnknown);
    };
    if operator.has_account(transaction, &stop).await? {
        return Err(Error::ApprovalOwn);
    }
    let account = (stop.subject.as_str(), stop.service.as_str());
    account_stop::lock(transaction, &[account]).await?;
    let lifted = account_stop::list_lifted_with(transaction, &stop.id).await?;
    let is_known = |it: &AccountStop| it.id == stop.id || with.contains(&it.id);
    match lifted.iter().all(is_known) {
        true => Ok(()),
        false => Err(Error::ApprovalChanged),
    }
}
