//! The certificates of the cards of open sessions, and when each is to be looked at again.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// A session whose card is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCard {
    /// The session.
    pub session_id: String,
    /// The certificates that the card sent; the caller owns the form.
    pub chain: String,
}

/// Keeps the certificates of a session's card, and which card it is.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(
    transaction: &mut Transaction,
    session_id: &str,
    (card_id, chain): (&str, &str),
    recheck_at: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO session_card (session_id, chain, recheck_at, card_id)
         VALUES ($1, $2, $3, $4)",
    )
    .bind(session_id)
    .bind(chain)
    .bind(recheck_at.unix_timestamp())
    .bind(card_id)
    .execute(transaction.connection())
    .await?;
    // Guards report after the session is over, too, and its certificates are gone by then.
    sql::query("UPDATE session SET card_id = $2 WHERE id = $1")
        .bind(session_id)
        .bind(card_id)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// The card of a session, also of one that is over; none for one that an older program opened.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn card_of(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT card_id FROM session WHERE id = $1")
        .bind(session_id)
        .fetch_optional(transaction.connection())
        .await?;
    Ok(row.map(|row| row.try_get("card_id")).transpose()?.flatten())
}

/// Takes up to `count_max` cards that are due, and puts them off to `next`: of two nodes that ask
/// at once, one gets each.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn take_due(
    transaction: &mut Transaction,
    now: OffsetDateTime,
    next: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<DueCard>, Error> {
    let rows = sql::query(
        "UPDATE session_card SET recheck_at = $2
         WHERE recheck_at <= $1 AND session_id IN
             (SELECT session_id FROM session_card WHERE recheck_at <= $1
              ORDER BY recheck_at LIMIT $3)
         RETURNING session_id, chain",
    )
    .bind(now.unix_timestamp())
    .bind(next.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DueCard {
                session_id: row.try_get("session_id")?,
                chain: row.try_get("chain")?,
            })
        })
        .collect()
}

/// Whether any card is due, without taking it.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn is_due(transaction: &mut Transaction, now: OffsetDateTime) -> Result<bool, Error> {
    let row = sql::query("SELECT session_id FROM session_card WHERE recheck_at <= $1 LIMIT 1")
        .bind(now.unix_timestamp())
        .fetch_optional(transaction.connection())
        .await?;
    Ok(row.is_some())
}

/// The certificates that a session's card sent.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT chain FROM session_card WHERE session_id = $1")
        .bind(session_id)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("chain")).transpose()
}

/// Sets when a session's card is next due.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn put_off(
    transaction: &mut Transaction,
    session_id: &str,
    next: OffsetDateTime,
) -> Result<(), Error> {
    sql::query("UPDATE session_card SET recheck_at = $2 WHERE session_id = $1")
        .bind(session_id)
        .bind(next.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Makes every card due now, as after a change of the anchors that they lead to.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn make_all_due(transaction: &mut Transaction, now: OffsetDateTime) -> Result<(), Error> {
    sql::query("UPDATE session_card SET recheck_at = $1 WHERE recheck_at > $1")
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets the card of a session.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete(transaction: &mut Transaction, session_id: &str) -> Result<(), Error> {
    sql::query("DELETE FROM session_card WHERE session_id = $1")
        .bind(session_id)
        .execute(transaction.connection())
        .await?;
    Ok(())
}
