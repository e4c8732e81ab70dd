//! The person's side: she types the code, sees who asks, and goes on to her card, or says no.

use cardea_assertion::HostAccount;
use cardea_storage::device_authorization::{self, DeviceAuthorization};
use time::{Duration, OffsetDateTime};

use super::user_code::UserCode;
use crate::authorization::{StoredParameters, load_request};
use crate::event::{Event, EventKind};
use crate::{Error, Provider, Secret};

/// A request whose code was typed in a browser.
#[derive(Debug)]
pub struct ClaimedDevice {
    /// Names the login that begins with it.
    pub request_id: String,
    /// For this browser alone.
    pub login_cookie: Secret,
    /// How long the login is good for.
    pub lifetime: Duration,
}

/// What the person is shown before her card is asked for (RFC 8628 section 5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePage {
    /// The client's registered name: what she signs in to.
    pub client_name: String,
    /// Where the request came from.
    pub address: String,
    /// What the host says about who is at its door, where it is to be believed that far.
    pub host_account: Option<HostAccount>,
    /// When.
    pub asked_at: OffsetDateTime,
    /// How long ago, by the server's clock.
    pub age: Duration,
}

impl Provider {
    /// Takes a user code that a person typed, and begins a login for it in her browser. The code
    /// may be typed again, here or elsewhere, until it is answered; the last browser counts.
    ///
    /// # Errors
    /// [`Error::DeviceUserCodeUnknown`] for what is no code of a request that waits, and
    /// [`Error::WaitingLoginsLimitReached`].
    pub async fn claim_device(&self, typed: &str) -> Result<ClaimedDevice, Error> {
        let now = self.now();
        let code = UserCode::parse(typed)?;
        let mut transaction = self.store.begin_read().await?;
        let found =
            device_authorization::find_by_user_code(&mut transaction, &code.digest()).await?;
        drop(transaction);
        // Answered, expired or never given out: whoever guesses learns no difference.
        let device = found
            .filter(|device| is_waiting(device, now))
            .ok_or(Error::DeviceUserCodeUnknown)?;
        let client = self
            .clients
            .find(&device.client_id)
            .ok_or(Error::DeviceUserCodeUnknown)?;
        self.check_device_grant(&client)?;
        let parameters: StoredParameters =
            serde_json::from_str(&device.parameters).map_err(Error::StoredValueUnreadable)?;
        let (request_id, login_cookie) =
            self.store_request(&client, &parameters, None, now).await?;
        let mut transaction = self.store.begin().await?;
        if !device_authorization::claim(&mut transaction, &device.id, &request_id, now).await? {
            return Err(Error::DeviceUserCodeUnknown);
        }
        let event = Event::new(EventKind::DeviceCodeTyped {}, now)
            .of_request(&request_id)
            .of_client(&client.client_id);
        // Whoever has a host's terminal has its codes, without a card.
        self.record_if_room(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(ClaimedDevice {
            request_id,
            login_cookie,
            lifetime: self.lifetimes.authorization_request,
        })
    }

    /// Says what the person is shown, to the browser in which the code was typed alone.
    ///
    /// # Errors
    /// Those of [`Provider::describe_login`]; [`Error::DeviceAuthorizationOver`] when the request
    /// has expired or went to another browser.
    pub async fn describe_device(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<DevicePage, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let request = load_request(&mut transaction, request_id, login_cookie, now).await?;
        let parameters = StoredParameters::read(&request)?;
        let id = parameters.device_id;
        let id = id.ok_or(Error::AuthorizationRequestUnknown)?;
        let device = device_authorization::find(&mut transaction, &id).await?;
        let device = device
            .filter(|it| is_waiting(it, now) && it.request_id.as_deref() == Some(request_id))
            .ok_or(Error::DeviceAuthorizationOver)?;
        let client = self
            .clients
            .find(&device.client_id)
            .ok_or(Error::ClientUnknown)?;
        Ok(DevicePage {
            client_name: client.name.clone(),
            address: device.address,
            host_account: parameters.host_account,
            asked_at: device.created_at,
            age: now - device.created_at,
        })
    }

    /// Where a device has asked from, for the prompt at the workstation.
    pub(crate) async fn address_of_device(
        &self,
        transaction: &mut cardea_storage::Transaction,
        parameters: &StoredParameters,
    ) -> Result<Option<String>, Error> {
        let Some(id) = &parameters.device_id else {
            return Ok(None);
        };
        let device = device_authorization::find(transaction, id).await?;
        Ok(Some(device.ok_or(Error::DeviceAuthorizationOver)?.address))
    }
}

fn is_waiting(device: &DeviceAuthorization, now: OffsetDateTime) -> bool {
    device.code.is_none() && device.refused_at.is_none() && now < device.expires_at
}

/// Takes a person's no to a device, in the transaction that answers her login with it. Nothing is
/// to do for a login of a browser's own, or where the request went to another browser meanwhile.
pub(crate) async fn refuse_device(
    provider: &Provider,
    transaction: &mut cardea_storage::Transaction,
    parameters: &StoredParameters,
    (request_id, client_id): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Some(id) = &parameters.device_id else {
        return Ok(());
    };
    if device_authorization::refuse(transaction, id, request_id, now).await? {
        let event = Event::new(EventKind::DeviceRefused {}, now)
            .of_request(request_id)
            .of_client(client_id);
        provider.record_if_room(transaction, event).await?;
    }
    Ok(())
}
