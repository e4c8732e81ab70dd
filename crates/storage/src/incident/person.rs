//! People by the numbers of their registers, for operators who have to tell them, or name them.

use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// The `sub` of the person whom a register knows by a number.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_person(
    transaction: &mut Transaction,
    scheme: &str,
    value: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT sub FROM subject WHERE person_scheme = $1 AND person_value = $2")
        .bind(scheme)
        .bind(value)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("sub")).transpose()
}

/// `scheme:number` of people, by their `sub`, in no order.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_person_ids(
    transaction: &mut Transaction,
    subs: &[String],
) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for subs in subs.chunks(200) {
        let places: Vec<_> = (1..=subs.len()).map(|at| format!("${at}")).collect();
        let statement = format!(
            "SELECT sub, person_scheme, person_value FROM subject WHERE sub IN ({})",
            places.join(", ")
        );
        let mut query = sql::query_built(statement);
        for sub in subs {
            query = query.bind(sub.as_str());
        }
        let rows = query.fetch_all(transaction.connection()).await?;
        let read = |row: &Row| {
            let (scheme, value): (String, String) =
                (row.try_get("person_scheme")?, row.try_get("person_value")?);
            Ok((row.try_get("sub")?, format!("{scheme}:{value}")))
        };
        let page: Result<Vec<_>, Error> = rows.iter().map(read).collect();
        found.extend(page?);
    }
    Ok(found)
}

/// Which of these events are there, in no order.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_existing_events(
    transaction: &mut Transaction,
    ids: &[String],
) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for ids in ids.chunks(200) {
        let places: Vec<_> = (1..=ids.len()).map(|at| format!("${at}")).collect();
        let statement = format!("SELECT id FROM event WHERE id IN ({})", places.join(", "));
        let mut query = sql::query_built(statement);
        for id in ids {
            query = query.bind(id.as_str());
        }
        let rows = query.fetch_all(transaction.connection()).await?;
        let page: Result<Vec<_>, Error> = rows.iter().map(|row| row.try_get("id")).collect();
        found.extend(page?);
    }
    Ok(found)
}
