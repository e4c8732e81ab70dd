//! A device takes its request back: whoever asked there is gone, or waits no longer.

use cardea_storage::{Redemption, SecretDigest, authorization_code, device_authorization};
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::grant::{of_session_of, revoke};
use crate::{Client, Error, Provider};

impl Provider {
    /// Takes a client's own device code back, as the revocation endpoint takes its tokens (RFC 7009
    /// has no such token; docs/adr/0032): what nobody has answered is forgotten, so that it takes
    /// no place and its code opens nothing; what the answer gave is spent, or taken back. False for
    /// what is no device code of this server.
    pub(crate) async fn withdraw_device(
        &self,
        client: &Client,
        device_code: &str,
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        let mut transaction = self.store.begin().await?;
        let digest = SecretDigest::of(device_code);
        let Some(device) = device_authorization::hold(&mut transaction, &digest).await? else {
            return Ok(false);
        };
        if device.client_id != client.client_id {
            return Ok(true);
        }
        let Some(code) = &device.code else {
            device_authorization::forget(&mut transaction, &device.id).await?;
            let event = Event::new(EventKind::DeviceWithdrawn {}, now).of_client(&client.client_id);
            self.record_if_room(&mut transaction, event).await?;
            transaction.commit().await?;
            return Ok(true);
        };
        let taken = authorization_code::redeem(&mut transaction, code, now).await?;
        let revoked = revoke::of_code(&mut transaction, code, now).await?;
        if let Redemption::Redeemed(code) | Redemption::AlreadyRedeemed(code) = taken {
            let kind = EventKind::TokenRevoked {
                token: "device_code",
                grants_revoked: revoked.grants,
                families_revoked: revoked.families,
            };
            let event = Event::new(kind, now).of_client(&client.client_id);
            let event = of_session_of(&mut transaction, event, &code.sid).await?;
            self.record(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
