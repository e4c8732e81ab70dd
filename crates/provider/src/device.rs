//! Device authorizations (RFC 8628): a host without a browser gets a code for a person to type at
//! her workstation, where her card answers; then the host gets tokens.
//!
//! The person's part is an ordinary login: a browser that knows the user code begins an
//! authorization request of ours ([`claim`](Provider::claim_device)), and where that login ends in
//! a code, the code stays here and the host turns it into tokens (docs/adr/0032).

mod authorize;
mod claim;
mod decide;
mod redeem;
mod user_code;
mod withdraw;

use time::{Duration, OffsetDateTime};

pub use authorize::{DeviceAuthorization, DeviceRequest};
pub use claim::{ClaimedDevice, DevicePage};

pub(crate) use claim::refuse_device;

use crate::{Client, Error, Permission, Provider, Secret};
use cardea_oauth2_types::GrantType;
use cardea_storage::{Transaction, device_authorization};

/// How long both codes are good: to walk to a workstation, and no longer.
const CODES_LIFETIME: Duration = Duration::minutes(10);
/// How long a device waits between two requests for tokens (RFC 8628 section 3.2).
const INTERVAL_SECONDS: i64 = 5;
/// However often a device comes too early, it is let wait no longer than this: the code that the
/// card's answer gave lives for a minute.
const INTERVAL_SECONDS_MAX: i64 = 30;
/// Requests of one client that have not expired, of one that has proven itself those that nobody
/// has answered. With as many as that open, a guess of a code hits one in 25 million times.
const OPEN_OF_CLIENT_MAX: i64 = 1_000;
/// Where the person's browser is led at the end, on our origin.
pub(crate) const DEVICE_PATH: &str = "/device";

impl Provider {
    /// The address that a person is told to open (RFC 8628 section 3.3).
    #[must_use]
    pub fn device_verification_uri(&self) -> String {
        format!("{}{DEVICE_PATH}", self.issuer.origin().as_str())
    }

    /// Whether devices are let in at all.
    #[must_use]
    pub fn offers_device_grant(&self) -> bool {
        self.rules.device_grant == Permission::Allowed
    }

    pub(crate) fn check_device_grant(&self, client: &Client) -> Result<(), Error> {
        if !self.offers_device_grant() {
            return Err(Error::GrantTypeUnsupported);
        }
        if client.may_use(GrantType::DeviceCode) {
            Ok(())
        } else {
            Err(Error::GrantTypeNotAllowed)
        }
    }
}

/// Gives a device the code that a card's answer has made, in the transaction of that answer.
pub(crate) async fn approve(
    transaction: &mut Transaction,
    id: &str,
    request_id: &str,
    code: &Secret,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let code = code.digest();
    if device_authorization::approve(transaction, id, request_id, &code, now).await? {
        Ok(())
    } else {
        Err(Error::DeviceAuthorizationOver)
    }
}
