//! The cards that persons have signed in with: whether each is suspended, and the code that
//! suspends it.
//!
//! A row is made by a login whose card was judged good, never by a stranger: there are as many as
//! cards.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// Cards of one person that are listed at most; a professional has a handful in a lifetime.
const OF_PERSON_MAX: i64 = 100;

/// A card that a person has signed in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Random: the name of the card in events and commands.
    pub id: String,
    /// Whose it is.
    pub sub: String,
    /// Its family, such as `cps`.
    pub family: String,
    /// Its number, as its certificate says it.
    pub number: String,
    /// The first login with it.
    pub first_seen_at: OffsetDateTime,
    /// The last login with it.
    pub last_seen_at: OffsetDateTime,
    /// The slow digest of the code that suspends it, where there is one.
    pub code_digest: Option<SecretDigest>,
    /// When that was made.
    pub code_made_at: Option<OffsetDateTime>,
    /// When its owner was last offered one.
    pub code_offered_at: Option<OffsetDateTime>,
    /// Since when it is suspended, and by what.
    pub suspension: Option<Suspension>,
    /// When its owner said that she knows of the suspension.
    pub told_at: Option<OffsetDateTime>,
    /// When somebody last tried to sign in with it while it was suspended.
    pub refused_at: Option<OffsetDateTime>,
}

/// That a card lets nobody in any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: OffsetDateTime,
    /// `code` or `operator`.
    pub by: String,
}

/// A card as its certificate names it.
#[derive(Clone, Copy, Debug)]
pub struct SeenCard<'a> {
    /// What it is called if it was never seen before.
    pub id_if_new: &'a str,
    /// Whose it is.
    pub sub: &'a str,
    /// Its family.
    pub family: &'a str,
    /// Its number.
    pub number: &'a str,
}

/// What becomes of the code that a card has when it is given another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierCode {
    /// It stays, and there is no other.
    Kept,
    /// It is dead.
    Replaced,
}

/// Every column that [`read`] reads.
macro_rules! columns {
    () => {
        "card.id, card.sub, card.family, card.number, card.first_seen_at, card.last_seen_at,
         card.code_digest, card.code_made_at, card.code_offered_at, card.suspended_at,
         card.suspended_by, card.told_at, card.refused_at"
    };
}

/// A statement that finds cards.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM card ", $rest)
    };
}

/// Notes a login with a card, and holds its row until the end of the transaction: who suspends the
/// card waits, or has suspended it before. One that is suspended is given back as it was.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn record_use(
    transaction: &mut Transaction,
    seen: SeenCard<'_>,
    now: OffsetDateTime,
) -> Result<Card, Error> {
    let row = sql::query(concat!(
        "INSERT INTO card (id, sub, family, number, first_seen_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (sub, family, number) DO UPDATE SET last_seen_at =
             CASE WHEN card.suspended_at IS NULL THEN excluded.last_seen_at
                  ELSE card.last_seen_at END
         RETURNING ",
        "id, sub, family, number, first_seen_at, last_seen_at, code_digest, code_made_at,
         code_offered_at, suspended_at, suspended_by, told_at, refused_at"
    ))
    .bind(seen.id_if_new)
    .bind(seen.sub)
    .bind(seen.family)
    .bind(seen.number)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    read(&row)
}

/// Finds a card by its id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, id: &str) -> Result<Option<Card>, Error> {
    let statement = select!("WHERE card.id = $1");
    find_by(transaction, statement, id).await
}

/// Finds the card of a session that is not over; none for one that an older program opened.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_of_session(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<Option<Card>, Error> {
    let statement = select!(
        "JOIN session_card ON session_card.card_id = card.id WHERE session_card.session_id = $1"
    );
    find_by(transaction, statement, session_id).await
}

/// Finds the card whose code has this part for looking it up; the caller compares the code.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_by_code(
    transaction: &mut Transaction,
    lookup: &str,
) -> Result<Option<Card>, Error> {
    let statement = select!("WHERE card.code_lookup = $1");
    find_by(transaction, statement, lookup).await
}

async fn find_by(
    transaction: &mut Transaction,
    statement: &'static str,
    key: &str,
) -> Result<Option<Card>, Error> {
    let row = sql::query(statement)
        .bind(key)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Lists a person's cards by her name with us, the one that was used last first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(transaction: &mut Transaction, sub: &str) -> Result<Vec<Card>, Error> {
    let statement =
        select!("WHERE card.sub = $1 ORDER BY card.last_seen_at DESC, card.id LIMIT $2");
    list_by(transaction, statement, sub).await
}

/// Lists the cards of whoever has this number in a register, the one that was used last first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person_number(
    transaction: &mut Transaction,
    person_value: &str,
) -> Result<Vec<Card>, Error> {
    let statement = select!(
        "JOIN subject ON subject.sub = card.sub WHERE subject.person_value = $1
         ORDER BY card.last_seen_at DESC, card.id LIMIT $2"
    );
    list_by(transaction, statement, person_value).await
}

/// Lists the cards that have this number.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_number(
    transaction: &mut Transaction,
    number: &str,
) -> Result<Vec<Card>, Error> {
    let statement =
        select!("WHERE card.number = $1 ORDER BY card.last_seen_at DESC, card.id LIMIT $2");
    list_by(transaction, statement, number).await
}

async fn list_by(
    transaction: &mut Transaction,
    statement: &'static str,
    key: &str,
) -> Result<Vec<Card>, Error> {
    let rows = sql::query(statement)
        .bind(key)
        .bind(OF_PERSON_MAX)
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` suspended cards, the one that was suspended last first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_suspended(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<Card>, Error> {
    let rows = sql::query(select!(
        "WHERE card.suspended_at IS NOT NULL ORDER BY card.suspended_at DESC, card.id LIMIT $1"
    ))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists a person's suspended cards that she was not told of yet.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_untold(transaction: &mut Transaction, sub: &str) -> Result<Vec<Card>, Error> {
    let statement = select!(
        "WHERE card.sub = $1 AND card.suspended_at IS NOT NULL AND card.told_at IS NULL
         ORDER BY card.suspended_at, card.id LIMIT $2"
    );
    list_by(transaction, statement, sub).await
}

/// Gives a card that is not suspended the code that suspends it. False when the card is suspended
/// or unknown, or has a code that stays.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`] when another card's code is looked up by the same.
pub async fn set_code(
    transaction: &mut Transaction,
    id: &str,
    (lookup, digest): (&str, &SecretDigest),
    earlier: EarlierCode,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE card SET code_lookup = $2, code_digest = $3, code_made_at = $4,
                         code_offered_at = $4, ticket_sha256 = NULL, ticket_expires_at = NULL
         WHERE id = $1 AND suspended_at IS NULL
           AND (code_digest IS NULL OR CAST($5 AS BIGINT) = 1)",
    )
    .bind(id)
    .bind(lookup)
    .bind(digest.as_str())
    .bind(now.unix_timestamp())
    .bind(i64::from(earlier == EarlierCode::Replaced))
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Whether another card's code is looked up by this.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn is_lookup_taken(transaction: &mut Transaction, lookup: &str) -> Result<bool, Error> {
    let row = sql::query("SELECT id FROM card WHERE code_lookup = $1")
        .bind(lookup)
        .fetch_optional(transaction.connection())
        .await?;
    Ok(row.is_some())
}

/// Notes that the owner was offered a code.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_offer(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    update_at(
        transaction,
        "UPDATE card SET code_offered_at = $2 WHERE id = $1",
        id,
        now,
    )
    .await
}

/// Notes that the owner was told of the suspension.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_told(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let statement = "UPDATE card SET told_at = $2 WHERE id = $1 AND suspended_at IS NOT NULL";
    update_at(transaction, statement, id, now).await
}

/// Notes that somebody tried to sign in with a suspended card.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_refusal(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let statement = "UPDATE card SET refused_at = $2 WHERE id = $1 AND suspended_at IS NOT NULL";
    update_at(transaction, statement, id, now).await
}

async fn update_at(
    transaction: &mut Transaction,
    statement: &'static str,
    id: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(statement)
        .bind(id)
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Keeps the one ticket by which the browser that brought the right code may say yes; an earlier
/// one is dead.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn set_ticket(
    transaction: &mut Transaction,
    id: &str,
    ticket: &SecretDigest,
    expires_at: OffsetDateTime,
) -> Result<(), Error> {
    sql::query("UPDATE card SET ticket_sha256 = $2, ticket_expires_at = $3 WHERE id = $1")
        .bind(id)
        .bind(ticket.as_str())
        .bind(expires_at.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Takes a ticket that is still good: one statement decides, so it serves once. One that is too
/// old is none.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn take_ticket(
    transaction: &mut Transaction,
    ticket: &SecretDigest,
    now: OffsetDateTime,
) -> Result<Option<Card>, Error> {
    let row = sql::query(
        "UPDATE card SET ticket_sha256 = NULL, ticket_expires_at = NULL
         WHERE ticket_sha256 = $1 AND ticket_expires_at > $2
         RETURNING id, sub, family, number, first_seen_at, last_seen_at, code_digest, code_made_at,
                   code_offered_at, suspended_at, suspended_by, told_at, refused_at",
    )
    .bind(ticket.as_str())
    .bind(now.unix_timestamp())
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Suspends a card: no login with it can commit any more. False when it is suspended or unknown.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn suspend(
    transaction: &mut Transaction,
    id: &str,
    by: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE card SET suspended_at = $3, suspended_by = $2, told_at = NULL, refused_at = NULL
         WHERE id = $1 AND suspended_at IS NULL",
    )
    .bind(id)
    .bind(by)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Lets a suspended card in again. Its code is spent: the next login offers another. False when it
/// is not suspended.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn resume(transaction: &mut Transaction, id: &str) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE card SET suspended_at = NULL, suspended_by = NULL, told_at = NULL,
                         refused_at = NULL, code_lookup = NULL, code_digest = NULL,
                         code_made_at = NULL, code_offered_at = NULL, ticket_sha256 = NULL,
                         ticket_expires_at = NULL
         WHERE id = $1 AND suspended_at IS NOT NULL",
    )
    .bind(id)
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

fn read(row: &Row) -> Result<Card, Error> {
    let code_digest: Option<String> = row.try_get("code_digest")?;
    let suspended_by: Option<String> = row.try_get("suspended_by")?;
    let since = timestamp::optional(row, "suspended_at")?;
    Ok(Card {
        id: row.try_get("id")?,
        sub: row.try_get("sub")?,
        family: row.try_get("family")?,
        number: row.try_get("number")?,
        first_seen_at: timestamp::required(row, "first_seen_at")?,
        last_seen_at: timestamp::required(row, "last_seen_at")?,
        code_digest: code_digest.map(SecretDigest::from_stored),
        code_made_at: timestamp::optional(row, "code_made_at")?,
        code_offered_at: timestamp::optional(row, "code_offered_at")?,
        suspension: since.map(|since| Suspension {
            since,
            by: suspended_by.unwrap_or_default(),
        }),
        told_at: timestamp::optional(row, "told_at")?,
        refused_at: timestamp::optional(row, "refused_at")?,
    })
}
