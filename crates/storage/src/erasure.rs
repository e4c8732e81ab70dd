//! Deleting a person's rows on request, beside the log. What is needed for others' safety, or for
//! what still runs, stays.

use crate::sql;
use crate::{Error, Transaction};

/// What goes, by table, children first; `$1` is the person.
const DELETES: [(&str, &str); 12] = [
    ("guard_notice", "DELETE FROM guard_notice WHERE sub = $1"),
    ("refused_use", "DELETE FROM refused_use WHERE sub = $1"),
    ("not_me", "DELETE FROM not_me WHERE sub = $1"),
    (
        "account_stop",
        "DELETE FROM account_stop WHERE sub = $1 AND lifted_at IS NOT NULL",
    ),
    (
        "incident_note",
        "DELETE FROM incident_note WHERE incident_id IN
             (SELECT id FROM incident WHERE sub = $1 AND state = 'closed')",
    ),
    (
        "incident",
        "DELETE FROM incident WHERE sub = $1 AND state = 'closed'",
    ),
    ("consent", "DELETE FROM consent WHERE sub = $1"),
    ("session_name", "DELETE FROM session_name WHERE sub = $1"),
    (
        "agent_instance",
        "DELETE FROM agent_instance WHERE sub = $1",
    ),
    (
        "card",
        "DELETE FROM card WHERE sub = $1 AND suspended_at IS NULL",
    ),
    (
        "pairwise_subject",
        "DELETE FROM pairwise_subject WHERE sub = $1
         AND NOT EXISTS (SELECT 1 FROM session WHERE sub = $1)
         AND NOT EXISTS (SELECT 1 FROM card WHERE sub = $1)
         AND NOT EXISTS (SELECT 1 FROM incident WHERE sub = $1)
         AND NOT EXISTS (SELECT 1 FROM account_stop WHERE sub = $1)",
    ),
    (
        "subject",
        "DELETE FROM subject WHERE sub = $1
         AND NOT EXISTS (SELECT 1 FROM session WHERE sub = $1)
         AND NOT EXISTS (SELECT 1 FROM card WHERE sub = $1)
         AND NOT EXISTS (SELECT 1 FROM incident WHERE sub = $1)
         AND NOT EXISTS (SELECT 1 FROM account_stop WHERE sub = $1)",
    ),
];

/// What may stay of a person, by table.
const STAYING: [(&str, &str); 6] = [
    (
        "guard_report",
        "SELECT COUNT(*) AS rows_left FROM guard_report WHERE sub = $1 OR said_sub = $1",
    ),
    (
        "session",
        "SELECT COUNT(*) AS rows_left FROM session WHERE sub = $1",
    ),
    (
        "card",
        "SELECT COUNT(*) AS rows_left FROM card WHERE sub = $1",
    ),
    (
        "account_stop",
        "SELECT COUNT(*) AS rows_left FROM account_stop WHERE sub = $1",
    ),
    (
        "incident",
        "SELECT COUNT(*) AS rows_left FROM incident WHERE sub = $1",
    ),
    (
        "subject",
        "SELECT COUNT(*) AS rows_left FROM subject WHERE sub = $1",
    ),
];

/// Deletes a person's rows, and says how many went of each table that had some.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_rows_of_person(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<(&'static str, u64)>, Error> {
    let mut gone = Vec::new();
    for (table, delete) in DELETES {
        let done = sql::query(delete)
            .bind(sub)
            .execute(transaction.connection())
            .await?;
        if done.rows_affected() > 0 {
            gone.push((table, done.rows_affected()));
        }
    }
    Ok(gone)
}

/// The tables that still have rows of a person.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_staying(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<&'static str>, Error> {
    let mut staying = Vec::new();
    for (table, count) in STAYING {
        let row = sql::query(count)
            .bind(sub)
            .fetch_one(transaction.connection())
            .await?;
        let rows: i64 = row.try_get("rows_left")?;
        if rows > 0 {
            staying.push(table);
        }
    }
    Ok(staying)
}
