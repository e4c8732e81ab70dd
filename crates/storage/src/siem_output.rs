//! How far each output of the log's events has come, and which node sends it.
//!
//! An output follows the log's places, which are dense and in order, and not times or ids: on
//! PostgreSQL a row may come into sight after one that was written later.

use crate::ledger::{stored, unsigned};
use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// An output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiemOutput {
    /// Its name in the configuration.
    pub name: String,
    /// The place of the next event: all below are out.
    pub next_place: u64,
    /// Until when a node holds it, unix seconds by that node's clock.
    pub held_until: i64,
}

/// Who sends an output: one node at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiemHold {
    /// The output.
    pub name: String,
    /// The holder's own name.
    pub holder: String,
    /// The count of changes of hands: whoever comes with an older one was overtaken.
    pub fence: i64,
}

/// Begins an output where there is none of the name, and says whether it did.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn begin(
    transaction: &mut Transaction,
    name: &str,
    next_place: u64,
) -> Result<bool, Error> {
    let done = sql::query(
        "INSERT INTO siem_output (name, next_place, holder, fence, held_until)
         VALUES ($1, $2, NULL, 0, 0) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(stored(next_place)?)
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds an output.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, name: &str) -> Result<Option<SiemOutput>, Error> {
    let row = sql::query("SELECT name, next_place, held_until FROM siem_output WHERE name = $1")
        .bind(name)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Takes an output over where nobody holds it, or the time of who does is over at `now`, and gives
/// the place to go on from. Nobody holds it for more than twice as long as is asked for here: a
/// time further ahead is one of a clock that was wrong.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn take_over(
    transaction: &mut Transaction,
    (name, holder): (&str, &str),
    now: i64,
    until: i64,
) -> Result<Option<(SiemHold, u64)>, Error> {
    let row = sql::query(
        "UPDATE siem_output SET holder = $2, fence = fence + 1, held_until = $3
         WHERE name = $1
           AND (holder IS NULL OR holder = $2 OR held_until < $4 OR held_until > $5)
         RETURNING fence, next_place",
    )
    .bind(name)
    .bind(holder)
    .bind(until)
    .bind(now)
    .bind(until.saturating_add(until.saturating_sub(now)))
    .fetch_optional(transaction.connection())
    .await?;
    row.map(|row| {
        let hold = SiemHold {
            name: name.to_owned(),
            holder: holder.to_owned(),
            fence: row.try_get("fence")?,
        };
        let place = unsigned(row.try_get("next_place")?, "siem_output.next_place")?;
        Ok((hold, place))
    })
    .transpose()
}

/// Notes how far an output has come, and goes on holding it. False for whoever was overtaken.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn advance(
    transaction: &mut Transaction,
    hold: &SiemHold,
    next_place: u64,
    until: i64,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE siem_output SET next_place = $4, held_until = $5
         WHERE name = $1 AND holder = $2 AND fence = $3",
    )
    .bind(hold.name.as_str())
    .bind(hold.holder.as_str())
    .bind(hold.fence)
    .bind(stored(next_place)?)
    .bind(until)
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets an output go, so that another node need not wait for the end of the hold.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn let_go(transaction: &mut Transaction, hold: &SiemHold) -> Result<(), Error> {
    sql::query(
        "UPDATE siem_output SET holder = NULL, held_until = 0
         WHERE name = $1 AND holder = $2 AND fence = $3",
    )
    .bind(hold.name.as_str())
    .bind(hold.holder.as_str())
    .bind(hold.fence)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

fn read(row: &Row) -> Result<SiemOutput, Error> {
    Ok(SiemOutput {
        name: row.try_get("name")?,
        next_place: unsigned(row.try_get("next_place")?, "siem_output.next_place")?,
        held_until: row.try_get("held_until")?,
    })
}
