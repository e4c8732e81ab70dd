//! Uses of a person's card that were refused, one row for each day and code, and whether she was
//! told.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Rows of one person that are listed: a day has few codes.
const OF_PERSON_MAX: i64 = 20;
const SECONDS_OF_DAY: i64 = 86_400;
/// After so long without one, the next is news at once, though she was not told of the others.
const QUIET_SECONDS: i64 = 15 * 60;

/// A use that was refused just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The row's id, where it is the first of its day and code.
    pub id_if_new: &'a str,
    /// The person whose card it was.
    pub sub: &'a str,
    /// What the login page said.
    pub code: &'a str,
    /// The portal.
    pub client_id: Option<&'a str>,
    /// The workstation's key and what it calls itself; none without an agent.
    pub instance: Option<(&'a str, Option<&'a str>)>,
}

/// What was refused on one day with one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedUse {
    /// Its id.
    pub id: String,
    /// What the login page said.
    pub code: String,
    /// The portal of the first.
    pub client_id: Option<String>,
    /// The workstation of the first.
    pub instance_jkt: Option<String>,
    /// What that calls itself.
    pub instance_name: Option<String>,
    /// Whether others were tried elsewhere.
    pub is_mixed: bool,
    /// How many there were.
    pub uses: i64,
    /// The first.
    pub first_at: OffsetDateTime,
    /// The last.
    pub last_at: OffsetDateTime,
    /// Since when it is news.
    pub news_at: OffsetDateTime,
}

/// Notes a refused use. It is news at once where she was told of the one before, where that was
/// tried at another workstation, and where it was long ago: what she did not answer in the morning
/// hides nobody in the afternoon.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn note(
    transaction: &mut Transaction,
    refused: Refused<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let (jkt, name) = refused.instance.unzip();
    sql::query(
        "INSERT INTO refused_use (id, sub, day, code, client_id, instance_jkt, instance_name,
                                  last_instance_jkt, last_instance_name, uses, first_at, last_at,
                                  news_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $7, 1, $8, $8, $8)
         ON CONFLICT (sub, day, code) DO UPDATE SET
             uses = refused_use.uses + 1, last_at = excluded.last_at,
             is_mixed = CASE WHEN COALESCE(refused_use.instance_jkt, '')
                                  = COALESCE(excluded.instance_jkt, '')
                             THEN refused_use.is_mixed ELSE 1 END,
             news_at = CASE WHEN refused_use.told_at IS NULL
                                 AND COALESCE(refused_use.last_instance_jkt, '')
                                     = COALESCE(excluded.last_instance_jkt, '')
                                 AND excluded.last_at - refused_use.last_at < $9
                            THEN refused_use.news_at ELSE excluded.news_at END,
             last_instance_jkt = excluded.last_instance_jkt,
             last_instance_name = excluded.last_instance_name,
             told_at = NULL",
    )
    .bind(refused.id_if_new)
    .bind(refused.sub)
    .bind(now.unix_timestamp().div_euclid(SECONDS_OF_DAY))
    .bind(refused.code)
    .bind(refused.client_id)
    .bind(jkt)
    .bind(name.flatten())
    .bind(now.unix_timestamp())
    .bind(QUIET_SECONDS)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Lists what a person has not said that she has seen, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_untold(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<RefusedUse>, Error> {
    let rows = sql::query(
        "SELECT id, code, client_id, instance_jkt, instance_name, is_mixed, uses, first_at,
                last_at, news_at
         FROM refused_use WHERE sub = $1 AND told_at IS NULL
         ORDER BY last_at DESC, id LIMIT $2",
    )
    .bind(sub)
    .bind(OF_PERSON_MAX)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Notes that a person has seen what was refused. False where it is not hers, or was seen before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_told(
    transaction: &mut Transaction,
    sub: &str,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE refused_use SET told_at = $3 WHERE id = $1 AND sub = $2 AND told_at IS NULL",
    )
    .bind(id)
    .bind(sub)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn read(row: &Row) -> Result<RefusedUse, Error> {
    Ok(RefusedUse {
        id: row.try_get("id")?,
        code: row.try_get("code")?,
        client_id: row.try_get("client_id")?,
        instance_jkt: row.try_get("instance_jkt")?,
        instance_name: row.try_get("instance_name")?,
        is_mixed: row.try_get::<i64>("is_mixed")? != 0,
        uses: row.try_get("uses")?,
        first_at: timestamp::required(row, "first_at")?,
        last_at: timestamp::required(row, "last_at")?,
        news_at: timestamp::required(row, "news_at")?,
    })
}
