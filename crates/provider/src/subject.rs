//! The names that clients have for a person (OIDC Core section 8).

use cardea_storage::Transaction;
use time::OffsetDateTime;

use crate::{Client, Error, Provider};

impl Provider {
    /// What a client calls the person whom we call `sub`.
    pub(crate) async fn subject_for(
        &self,
        _transaction: &mut Transaction,
        _client: &Client,
        sub: &str,
        _now: OffsetDateTime,
    ) -> Result<String, Error> {
        Ok(sub.to_owned())
    }
}
