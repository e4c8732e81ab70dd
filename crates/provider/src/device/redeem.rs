//! A device asks for its tokens, again and again until the person has answered (RFC 8628 sections
//! 3.4 and 3.5).

use cardea_oauth2_types::TokenResponse;
use cardea_storage::device_authorization::{self, DeviceAuthorization};
use cardea_storage::{SecretDigest, Transaction};
use time::{Duration, OffsetDateTime};

use super::INTERVAL_SECONDS_MAX;
use crate::grant::{ProvenRequest, Refused};
use crate::{Error, Provider};

/// What `slow_down` adds to the wait (RFC 8628 section 3.5).
const SLOWER_BY_SECONDS: i64 = 5;
/// The network may bring two requests closer together than they were sent.
const EARLY_BY: Duration = Duration::SECOND;

impl Provider {
    /// Gives a device its tokens once, spending the device code and the login's code in one
    /// transaction with them; until the person has answered, says how to go on.
    pub(crate) async fn redeem_device_code(
        &self,
        request: &ProvenRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        self.check_device_grant(request.client)?;
        let device_code = request.parameters.device_code.as_deref();
        let digest = SecretDigest::of(device_code.ok_or(Error::DeviceCodeMissing)?);
        let mut transaction = self.store.begin().await?;
        let held = device_authorization::hold(&mut transaction, &digest).await?;
        let device = held.ok_or(Error::DeviceCodeUnknown)?;
        // Nothing is taken from the device whose code it is.
        if device.client_id != request.client.client_id {
            return Err(Error::DeviceCodeClientMismatch.into());
        }
        if device.refused_at.is_some() {
            return Err(Error::DeviceCodeRefused.into());
        }
        if let Some(code) = &device.code {
            return self.redeem_digest(transaction, request, code, now).await;
        }
        if now >= device.expires_at {
            return Err(Error::DeviceCodeExpired.into());
        }
        let error = note_poll(&mut transaction, &device, now).await?;
        // A power cut that takes this takes a device's haste.
        transaction.commit_with_the_next().await?;
        // Every device that waits says so every few seconds: nothing for the record or the log.
        Err(Refused::OnRecord(error))
    }
}

/// Notes that the device came, and says what it is answered: wait, or wait longer.
async fn note_poll(
    transaction: &mut Transaction,
    device: &DeviceAuthorization,
    now: OffsetDateTime,
) -> Result<Error, Error> {
    let wait = Duration::seconds(device.interval_seconds);
    let too_early = device
        .polled_at
        .is_some_and(|polled| now + EARLY_BY < polled + wait);
    let (interval, error) = if too_early {
        let slower = device.interval_seconds.saturating_add(SLOWER_BY_SECONDS);
        let slower = slower.min(INTERVAL_SECONDS_MAX);
        (slower, Error::DeviceCodePolledTooOften)
    } else {
        (device.interval_seconds, Error::DeviceCodePending)
    };
    device_authorization::note_poll(transaction, &device.id, interval, now).await?;
    Ok(error)
}
