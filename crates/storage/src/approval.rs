//! Changes that take two operators: proposed by one, confirmed by another.
//!
//! Only an operator's card, or a command on the server's own machine, makes a row.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Random.
    pub id: String,
    /// What it changes: of one thing there is one open proposal at most.
    pub target: String,
    /// The change; the caller owns the form.
    pub change: String,
    /// By whom; the caller owns the form.
    pub proposed_by: String,
    /// The person who stands for it; none of a command's, until an operator takes it over. The
    /// caller owns the form.
    pub proposer: Option<String>,
    /// When.
    pub proposed_at: OffsetDateTime,
    /// Until when it can be confirmed.
    pub expires_at: OffsetDateTime,
    /// What has become of it.
    pub state: ApprovalState,
    /// By whom; the caller owns the form.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<OffsetDateTime>,
}

/// What has become of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// It waits.
    Open,
    /// It was confirmed, and is done.
    Confirmed,
    /// It was taken back.
    Cancelled,
    /// Nobody confirmed it in time.
    Expired,
}

impl ApprovalState {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "open" => Ok(Self::Open),
            "confirmed" => Ok(Self::Confirmed),
            "cancelled" => Ok(Self::Cancelled),
            "expired" => Ok(Self::Expired),
            _ => Err(Error::Corrupt {
                column: "state".to_owned(),
            }),
        }
    }
}

/// A statement that finds proposals.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, target, change, proposed_by, proposer, proposed_at, expires_at, state,
                    decided_by, decided_at FROM approval ",
            $rest
        )
    };
}

/// Stores an open proposal; false where one for the same target is open.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn insert(transaction: &mut Transaction, new: &Approval) -> Result<bool, Error> {
    let done = sql::query(
        "INSERT INTO approval
             (id, target, change, proposed_by, proposer, proposed_at, expires_at, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open')
         ON CONFLICT (target) WHERE state = 'open' DO NOTHING",
    )
    .bind(new.id.as_str())
    .bind(new.target.as_str())
    .bind(new.change.as_str())
    .bind(new.proposed_by.as_str())
    .bind(new.proposer.as_deref())
    .bind(new.proposed_at.unix_timestamp())
    .bind(new.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds a proposal.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, id: &str) -> Result<Option<Approval>, Error> {
    let row = sql::query(select!("WHERE id = $1"))
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Lists the open proposals, the oldest first, those that are past their time among them.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_open(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<Approval>, Error> {
    let rows = sql::query(select!(
        "WHERE state = 'open' ORDER BY proposed_at, id LIMIT $1"
    ))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists the proposals that were decided or have expired, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_decided(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<Approval>, Error> {
    let rows = sql::query(select!(
        "WHERE decided_at IS NOT NULL ORDER BY decided_at DESC, id LIMIT $1"
    ))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Gives an open proposal without a person one; false where it is not open any more, or has one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn take_over(
    transaction: &mut Transaction,
    id: &str,
    proposer: &str,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE approval SET proposer = $2
         WHERE id = $1 AND state = 'open' AND proposer IS NULL",
    )
    .bind(id)
    .bind(proposer)
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Decides an open proposal, once; false where it is decided already.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn decide(
    transaction: &mut Transaction,
    id: &str,
    state: ApprovalState,
    by: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE approval SET state = $2, decided_by = $3, decided_at = $4
         WHERE id = $1 AND state = 'open'",
    )
    .bind(id)
    .bind(state.as_str())
    .bind(by)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes proposals that were decided before a moment: what happened stands in the log.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_decided_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<(), Error> {
    sql::query("DELETE FROM approval WHERE decided_at < $1")
        .bind(before.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Approval, Error> {
    let state: String = row.try_get("state")?;
    Ok(Approval {
        id: row.try_get("id")?,
        target: row.try_get("target")?,
        change: row.try_get("change")?,
        proposed_by: row.try_get("proposed_by")?,
        proposer: row.try_get("proposer")?,
        proposed_at: timestamp::required(row, "proposed_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
        state: ApprovalState::parse(&state)?,
        decided_by: row.try_get("decided_by")?,
        decided_at: timestamp::optional(row, "decided_at")?,
    })
}
