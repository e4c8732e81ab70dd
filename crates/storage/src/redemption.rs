//! The three outcomes of taking something that can be taken once.

use crate::sql::{Query, Row};
use crate::{Error, Transaction};

/// What happened to a single-use record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption<T> {
    /// Taken now, by this caller alone.
    Redeemed(T),
    /// Taken before by someone else, or by this caller's own repetition.
    AlreadyRedeemed(T),
    /// Never issued, or forgotten long after it expired.
    Unknown,
}

/// Takes what is taken once. `taking` decides in its one statement, so of parallel attempts exactly
/// one gets the row; the others wait for its transaction, and learn from `finding` whose turn was
/// over.
pub(crate) async fn redeem<T>(
    transaction: &mut Transaction,
    taking: Query<'_>,
    finding: Query<'_>,
    read: fn(&Row) -> Result<T, Error>,
) -> Result<Redemption<T>, Error> {
    let connection = transaction.connection();
    if let Some(row) = taking.fetch_optional(connection).await? {
        return read(&row).map(Redemption::Redeemed);
    }
    match finding.fetch_optional(connection).await? {
        Some(row) => read(&row).map(Redemption::AlreadyRedeemed),
        None => Ok(Redemption::Unknown),
    }
}
