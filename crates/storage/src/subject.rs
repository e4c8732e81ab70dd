//! Persons and the random `sub` by which clients know them.

use sqlx::Row as _;
use time::OffsetDateTime;

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
    let row = sqlx::query(
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
    Ok(row.try_get("sub")?)
}
