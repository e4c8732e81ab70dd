//! A change that is wanted: done at once, or proposed where it takes two.

use cardea_jose::{base64url, random_base64url};
use cardea_pki::Certificate;
use cardea_storage::account_stop::AccountStop;
use cardea_storage::approval::{self, Approval, ApprovalState};
use cardea_storage::{account_stop, trust_anchor};
use time::OffsetDateTime;

use super::{Approvals, PROPOSAL_LIFETIME, PROPOSALS_MAX, Proposal, ProposedChange};
use crate::anchors::{check_new, fingerprint};
use crate::event::{ApprovalEvent, Event};
use crate::guard_reports::check_reason;
use crate::secret::RANDOM_BYTES;
use crate::{AccountStops, AddedAnchor, AnchorRegistrations, AnchorRole, Error, FourEyes};

/// What has become of a wanted change.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It is done.
    Done(T),
    /// It waits for another operator.
    Proposed(Box<Proposal>),
}

impl Approvals {
    /// Lifts a stop, or proposes it; see [`AccountStops::lift`].
    ///
    /// # Errors
    /// Those of the change; [`Error::ApprovalExists`], [`Error::ApprovalLimitReached`];
    /// [`Error::ApprovalOwn`] where one operator decides and the account is her own.
    pub async fn lift_stop(&self, id: &str, reason: &str) -> Result<Outcome<AccountStop>, Error> {
        check_reason(reason)?;
        let mut reading = self.records.store.begin_read().await?;
        let stops = account_stop::list_lifted_with(&mut reading, id).await?;
        let (stop, others) = stops.split_first().ok_or(Error::StopUnknown)?;
        if self.four_eyes == FourEyes::NotAsked {
            // Nobody vouches for herself, where one decides alone neither.
            if let Some(operator) = &self.operator
                && operator.has_account(&mut reading, stop).await?
            {
                return Err(Error::ApprovalOwn);
            }
            drop(reading);
            let stops = AccountStops::new(self.records.clone());
            return stops.lift(id, reason).await.map(Outcome::Done);
        }
        drop(reading);
        let change = ProposedChange::LiftStop {
            stop: stop.id.clone(),
            service: stop.service.clone(),
            reason: reason.to_owned(),
            with: others.iter().map(|other| other.id.clone()).collect(),
        };
        self.propose(change).await
    }

    /// Adds a certificate to `rules`, whose own certificates are `configured`, or proposes it; see
    /// [`AnchorRegistrations::add`].
    ///
    /// # Errors
    /// Those of the change; [`Error::AdminAnchorsOff`], [`Error::ApprovalExists`],
    /// [`Error::ApprovalLimitReached`].
    pub async fn add_anchor(
        &self,
        rules: &str,
        role: AnchorRole,
        certificate: &Certificate,
        configured: &[&Certificate],
    ) -> Result<Outcome<AddedAnchor>, Error> {
        self.check_anchors_allowed()?;
        let registrations = AnchorRegistrations::new(self.records.clone());
        if self.four_eyes == FourEyes::NotAsked {
            let added = registrations.add(rules, role, certificate, configured);
            return added.await.map(Outcome::Done);
        }
        check_new(role, certificate, configured, self.records.now())?;
        let sha256 = fingerprint(certificate);
        if self.is_added(rules, &sha256).await? {
            return Err(Error::AnchorExists);
        }
        let change = ProposedChange::AddAnchor {
            rules: rules.to_owned(),
            role,
            sha256,
            subject: certificate.subject().to_string(),
            certificate: base64url(certificate.der()),
        };
        self.propose(change).await
    }

    /// Takes an added certificate away, or proposes it; see [`AnchorRegistrations::remove`].
    ///
    /// # Errors
    /// Those of the change; [`Error::AdminAnchorsOff`], [`Error::ApprovalExists`],
    /// [`Error::ApprovalLimitReached`].
    pub async fn remove_anchor(&self, rules: &str, sha256: &str) -> Result<Outcome<()>, Error> {
        self.check_anchors_allowed()?;
        if self.four_eyes == FourEyes::NotAsked {
            let registrations = AnchorRegistrations::new(self.records.clone());
            let removed = registrations.remove(rules, sha256);
            return removed.await.map(Outcome::Done);
        }
        if !self.is_added(rules, sha256).await? {
            return Err(Error::AnchorUnknown);
        }
        let change = ProposedChange::RemoveAnchor {
            rules: rules.to_owned(),
            sha256: sha256.to_owned(),
        };
        self.propose(change).await
    }

    async fn is_added(&self, rules: &str, sha256: &str) -> Result<bool, Error> {
        let mut reading = self.records.store.begin_read().await?;
        let added = trust_anchor::list(&mut reading).await?;
        Ok(added
            .iter()
            .any(|it| it.rules == rules && it.sha256 == sha256))
    }

    /// Puts a proposal on record.
    async fn propose<T>(&self, change: ProposedChange) -> Result<Outcome<T>, Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        self.expire(&mut transaction, now).await?;
        let waiting = approval::list_open(&mut transaction, u32::MAX).await?;
        if waiting.len() >= PROPOSALS_MAX {
            return Err(Error::ApprovalLimitReached);
        }
        let new = self.row_of(&change, now)?;
        if !approval::insert(&mut transaction, &new).await? {
            return Err(Error::ApprovalExists);
        }
        let kind = ApprovalEvent::Proposed {
            proposal: new.id.clone(),
            by: self.records.author.clone(),
            change,
            expires_at: new.expires_at.unix_timestamp(),
        };
        let event = Event::new(kind, now);
        self.records.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(Outcome::Proposed(Box::new(self.proposal(new)?)))
    }

    pub(super) fn row_of(
        &self,
        change: &ProposedChange,
        now: OffsetDateTime,
    ) -> Result<Approval, Error> {
        let proposer = self
            .operator
            .as_ref()
            .map(|it| serde_json::to_string(&it.person));
        let proposed_at = now.truncate_to_second();
        Ok(Approval {
            id: random_base64url(RANDOM_BYTES)?,
            target: change.target(),
            change: serde_json::to_string(change).map_err(Error::StoredValueUnreadable)?,
            proposed_by: self.author_as_json()?,
            proposer: proposer.transpose().map_err(Error::StoredValueUnreadable)?,
            proposed_at,
            expires_at: proposed_at + PROPOSAL_LIFETIME,
            state: ApprovalState::Open,
            decided_by: None,
            decided_at: None,
        })
    }
}
