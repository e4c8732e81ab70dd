//! Persons and the random `sub` by which clients know them.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// What identifies a person for as long as they practise: a register's number, never a card's.
///
/// `scheme` keeps registers apart, and invented persons of test cards from real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonId<'a> {
    /// The register, such as `rpps`.
    pub scheme: &'a str,
    /// The number in it.
    pub value: &'a str,
}

/// Returns the person's `sub`, which is `sub_if_new` the first time this person is seen.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn load_or_create(
    transaction: &mut Transaction,
    person: PersonId<'_>,
    sub_if_new: &str,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let row = sql::query(
        "INSERT INTO subject (sub, person_scheme, person_value, created_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (person_scheme, person_value)
         DO UPDATE SET last_seen_at = excluded.last_seen_at
         RETURNING sub",
    )
    .bind(sub_if_new)
    .bind(person.scheme)
    .bind(person.value)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("sub")
}

/// The `sub` of a person who was seen before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find(
    transaction: &mut Transaction,
    person: PersonId<'_>,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT sub FROM subject WHERE person_scheme = $1 AND person_value = $2")
        .bind(person.scheme)
        .bind(person.value)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("sub")).transpose()
}

/// The number by which a register knows the person of a `sub`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_value(transaction: &mut Transaction, sub: &str) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT person_value FROM subject WHERE sub = $1")
        .bind(sub)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("person_value")).transpose()
}

/// The `sub` of the one person with a number; none where two registers have it.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_by_value(
    transaction: &mut Transaction,
    value: &str,
) -> Result<Option<String>, Error> {
    let rows = sql::query("SELECT sub FROM subject WHERE person_value = $1 LIMIT 2")
        .bind(value)
        .fetch_all(transaction.connection())
        .await?;
    match rows.as_slice() {
        [row] => Ok(Some(row.try_get("sub")?)),
        _ => Ok(None),
    }
}

/// Whom registers know by a number, written with the register (`rpps:899700000001`) or without;
/// registers of test cards are others, so there may be several. In the order of their names.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_numbered(
    transaction: &mut Transaction,
    number: &str,
) -> Result<Vec<String>, Error> {
    let (scheme, value) = match number.rsplit_once(':') {
        Some((scheme, value)) => (Some(scheme), value),
        None => (None, number),
    };
    let rows = sql::query(
        "SELECT sub, person_scheme FROM subject WHERE person_value = $1 ORDER BY sub LIMIT 20",
    )
    .bind(value)
    .fetch_all(transaction.connection())
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let of: String = row.try_get("person_scheme")?;
        // Registers of test cards have a word before the name of the real one.
        let is_of = |scheme: &str| of == scheme || of.ends_with(&format!(":{scheme}"));
        if scheme.is_none_or(is_of) {
            found.push(row.try_get("sub")?);
        }
    }
    Ok(found)
}
