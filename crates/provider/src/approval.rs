//! Four eyes: what matters most takes the cards of two operators (docs/adr/0047).
//!
//! Lifting an account's stop and changing trust anchors go through [`Approvals`], from the console,
//! the admin API and the command line alike. Where four eyes are asked for, nothing changes but a
//! proposal; another operator's card confirms it, and then it is done in that very transaction.
//! Nobody confirms her own, with whichever card ([`OperatorPerson::is_same_as`]). A command proves
//! no person, so that its proposal takes two cards: the first takes it over, the second confirms.

mod change;
mod decide;
mod propose;
#[cfg(test)]
mod tests;

pub use change::ProposedChange;
pub use propose::Outcome;

use cardea_storage::Transaction;
use cardea_storage::account_stop::{self, AccountStop};
use cardea_storage::approval::{self, Approval, ApprovalState};
use time::{Duration, OffsetDateTime};

use crate::admin::KnownOperator;
use crate::event::{ApprovalEvent, Event};
use crate::{AdminRules, Author, Error, FourEyes, OperatorPerson, OperatorProven};
use crate::{Permission, Provider, Records};

/// How long a proposal waits.
pub const PROPOSAL_LIFETIME: Duration = Duration::hours(24);
/// Proposals that wait at a time.
pub const PROPOSALS_MAX: usize = 100;
/// Decided proposals that are listed.
const DECIDED_MAX: u32 = 50;
/// How long what became of a proposal stands beside the log.
const DECIDED_KEPT: Duration = Duration::days(180);

/// The proposals of a database, in an operator's or a command's name.
#[derive(Clone, Debug)]
pub struct Approvals {
    records: Records,
    four_eyes: FourEyes,
    /// Whether this one may change trust anchors.
    anchors: Permission,
    /// None for a command.
    operator: Option<KnownOperator>,
}

/// A proposal as operators see it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its name.
    pub id: String,
    /// What is to be done.
    pub change: ProposedChange,
    /// Who proposed it.
    pub proposed_by: Author,
    /// The person who stands for it; none of a command's that nobody has taken over.
    pub proposer: Option<OperatorPerson>,
    /// When.
    pub proposed_at: OffsetDateTime,
    /// Until when it can be confirmed.
    pub expires_at: OffsetDateTime,
    /// Where it lifts a stop and waits, as the list has it: the stop, and the account's others that
    /// go with it.
    pub stops: Vec<AccountStop>,
    /// What has become of it.
    pub state: ApprovalState,
    /// When.
    pub decided_at: Option<OffsetDateTime>,
    /// Whether whoever asks may confirm it, or take it over.
    pub is_for_another: bool,
}

impl Provider {
    /// The proposals, for an operator who has signed in.
    #[must_use]
    pub fn approvals(&self, rules: &AdminRules, operator: &OperatorProven) -> Approvals {
        Approvals {
            records: self.records(operator.author()),
            four_eyes: rules.four_eyes,
            anchors: rules.anchors,
            operator: Some(operator.known().clone()),
        }
    }
}

impl Provider {
    /// Ends the proposals that nobody has confirmed in time, each on record, and says how many;
    /// call it every few seconds.
    ///
    /// It goes by the time alone. Whether whoever proposed operates still is judged where an
    /// operator looks, by the configuration that she is judged by: while operators change, nodes
    /// have read different files.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn expire_approvals(&self) -> Result<u64, Error> {
        let now = self.now();
        let mut reading = self.store.begin_read().await?;
        let open = approval::list_open(&mut reading, u32::MAX).await?;
        drop(reading);
        if open.iter().all(|it| now < it.expires_at) {
            return Ok(0);
        }
        let mut ended = 0;
        let mut transaction = self.store.begin().await?;
        for late in open.into_iter().filter(|it| now >= it.expires_at) {
            if let Some(event) = end(&mut transaction, late, now).await? {
                self.record(&mut transaction, event).await?;
                ended += 1;
            }
        }
        transaction.commit().await?;
        Ok(ended)
    }
}

impl Approvals {
    /// The proposals, for a command on the server's own machine.
    #[must_use]
    pub fn of_command(records: Records, four_eyes: FourEyes) -> Self {
        Self {
            records,
            four_eyes,
            anchors: Permission::Allowed,
            operator: None,
        }
    }

    /// Whether a change takes another operator.
    #[must_use]
    pub fn four_eyes(&self) -> FourEyes {
        self.four_eyes
    }

    /// Lists what waits, the oldest first, and then what was decided lately. What is past its time
    /// is put on record as expired.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StoredValueUnreadable`].
    pub async fn list(&self) -> Result<Vec<Proposal>, Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        self.expire(&mut transaction, now).await?;
        let open_max = u32::try_from(PROPOSALS_MAX).unwrap_or(u32::MAX);
        let mut all = approval::list_open(&mut transaction, open_max).await?;
        all.extend(approval::list_decided(&mut transaction, DECIDED_MAX).await?);
        let proposals = all.into_iter().map(|it| self.proposal(it));
        let mut proposals = proposals.collect::<Result<Vec<_>, Error>>()?;
        for proposal in &mut proposals {
            if let (ApprovalState::Open, ProposedChange::LiftStop { stop, .. }) =
                (proposal.state, &proposal.change)
            {
                proposal.stops = account_stop::list_lifted_with(&mut transaction, stop).await?;
            }
        }
        transaction.commit().await?;
        Ok(proposals)
    }

    /// Ends what nobody has confirmed in time, and what somebody proposed who operates no more,
    /// each on record.
    async fn expire(
        &self,
        transaction: &mut Transaction,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        for late in approval::list_open(transaction, u32::MAX).await? {
            let is_hers_still = match (&self.operator, proposer_of(&late)?) {
                (Some(operator), Some(proposer)) => operator.is_operator(&proposer),
                _ => true,
            };
            if is_hers_still && now < late.expires_at {
                continue;
            }
            if let Some(event) = end(transaction, late, now).await? {
                self.records.append(transaction, &event).await?;
            }
        }
        approval::delete_decided_before(transaction, now - DECIDED_KEPT).await?;
        Ok(())
    }

    fn proposal(&self, stored: Approval) -> Result<Proposal, Error> {
        let proposer = proposer_of(&stored)?;
        let is_hers = proposer
            .as_ref()
            .zip(self.operator.as_ref())
            .is_some_and(|(proposer, operator)| operator.is(proposer));
        let is_open = stored.state == ApprovalState::Open;
        Ok(Proposal {
            change: serde_json::from_str(&stored.change).map_err(Error::StoredValueUnreadable)?,
            proposed_by: serde_json::from_str(&stored.proposed_by)
                .map_err(Error::StoredValueUnreadable)?,
            is_for_another: is_open && self.operator.is_some() && !is_hers,
            stops: Vec::new(),
            id: stored.id,
            proposer,
            proposed_at: stored.proposed_at,
            expires_at: stored.expires_at,
            state: stored.state,
            decided_at: stored.decided_at,
        })
    }

    fn author_as_json(&self) -> Result<String, Error> {
        serde_json::to_string(&self.records.author).map_err(Error::StoredValueUnreadable)
    }

    /// Whoever may not change trust anchors over HTTP may not propose it either.
    fn check_anchors_allowed(&self) -> Result<(), Error> {
        match self.anchors {
            Permission::Allowed => Ok(()),
            Permission::Refused => Err(Error::AdminAnchorsOff),
        }
    }
}

/// Ends an open proposal, once, and gives the event of it.
async fn end(
    transaction: &mut Transaction,
    late: Approval,
    now: OffsetDateTime,
) -> Result<Option<Event>, Error> {
    let is_ended =
        approval::decide(transaction, &late.id, ApprovalState::Expired, None, now).await?;
    let kind = ApprovalEvent::Expired { proposal: late.id };
    Ok(is_ended.then(|| Event::new(kind, now)))
}

/// The person who stands for a proposal, as she was when she made it hers.
fn proposer_of(stored: &Approval) -> Result<Option<OperatorPerson>, Error> {
    let proposer = stored.proposer.as_deref().map(serde_json::from_str);
    proposer.transpose().map_err(Error::StoredValueUnreadable)
}
