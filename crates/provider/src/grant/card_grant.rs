//! The card grant of business software without a browser (RFC 7523 section 2.1).

use cardea_oauth2_types::TokenResponse;
use time::OffsetDateTime;

use super::{ProvenRequest, Refused};
use crate::{Error, Provider};

impl Provider {
    pub(super) async fn redeem_card_grant(
        &self,
        _request: &ProvenRequest<'_>,
        _now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        Err(Error::GrantTypeUnsupported.into())
    }
}
