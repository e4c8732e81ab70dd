//! The device authorization endpoint (RFC 8628 section 3.1).

use std::net::IpAddr;

use cardea_jose::random_base64url;
use cardea_oauth2_types::AuthorizationParameters;
use cardea_storage::device_authorization::{self, count_open_of_client, insert, make_room};
use time::{Duration, OffsetDateTime};

use super::user_code::UserCode;
use super::{CODES_LIFETIME, INTERVAL_SECONDS, OPEN_OF_CLIENT_MAX};
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::{Client, ClientCredentials, DpopRequest, Error, Provider, Secret, TokenError};

/// How often another user code is made when one is taken already.
const USER_CODES_TRIED: u32 = 3;

/// What a device is told (RFC 8628 section 3.2).
#[derive(Debug)]
pub struct DeviceAuthorization {
    /// What the device turns into tokens.
    pub device_code: Secret,
    /// What the person types.
    pub user_code: String,
    /// Where she types it.
    pub verification_uri: String,
    /// How long both codes are good for.
    pub lifetime: Duration,
    /// How long the device waits between two requests for tokens.
    pub interval: Duration,
}

impl Provider {
    /// Takes a device's request: the client proves itself as at the token endpoint. `address` is
    /// where it asks from, which the person is shown.
    ///
    /// # Errors
    /// [`TokenError`], in the form of the token endpoint (RFC 8628 section 3.2).
    pub async fn authorize_device(
        &self,
        credentials: &ClientCredentials,
        parameters: &AuthorizationParameters,
        dpop: DpopRequest<'_>,
        address: IpAddr,
    ) -> Result<DeviceAuthorization, TokenError> {
        let now = self.now();
        let client = match self.authenticate_client(credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_before_login(None, error, now).await),
        };
        // Who speaks for a public client may be a stranger; a proven one has its places to itself.
        let source = credentials.source().filter(|_| !client.is_confidential());
        let from = (address, source);
        match self
            .begin_device(&client, parameters, &dpop, from, now)
            .await
        {
            Ok(begun) => Ok(begun),
            Err(error) => Err(self.refuse_before_login(Some(&client), error, now).await),
        }
    }

    /// Puts a device's request on record that was refused before its client could be named.
    pub async fn refuse_device_request(&self, error: Error) -> TokenError {
        self.refuse_before_login(None, error, self.now()).await
    }

    async fn begin_device(
        &self,
        client: &Client,
        parameters: &AuthorizationParameters,
        dpop: &DpopRequest<'_>,
        (address, source): (IpAddr, Option<&str>),
        now: OffsetDateTime,
    ) -> Result<DeviceAuthorization, Error> {
        self.check_device_grant(client)?;
        let named = parameters.client_id.as_ref();
        if named.is_some_and(|named| *named != client.client_id) {
            return Err(Error::ClientUnknown);
        }
        // As where a request is pushed: a key that is shown here is the one that counts later. It
        // need not be shown yet.
        let jkt = match dpop.proof {
            Some(_) => self.check_dpop(client, dpop, None, now).await?,
            None => None,
        }
        .map(|key| key.jkt);
        if jkt.is_some() && parameters.dpop_jkt.is_some() && jkt != parameters.dpop_jkt {
            return Err(Error::DpopJktMismatch);
        }
        let jkt = jkt.or_else(|| parameters.dpop_jkt.clone());
        let id = random_base64url(RANDOM_BYTES)?;
        let stored = self.decide_for_device(client, parameters, &id, jkt).await?;
        let parameters = serde_json::to_string(&stored).map_err(Error::StoredValueUnreadable)?;
        for _ in 0..USER_CODES_TRIED {
            let (device_code, user_code) = (Secret::random()?, UserCode::random()?);
            let record = device_authorization::DeviceAuthorization {
                id: id.clone(),
                device_code: device_code.digest(),
                user_code: user_code.digest(),
                client_id: client.client_id.clone(),
                address: address.to_canonical().to_string(),
                source: source.map(str::to_owned),
                parameters: parameters.clone(),
                created_at: now,
                expires_at: now + CODES_LIFETIME,
                interval_seconds: INTERVAL_SECONDS,
                polled_at: None,
                request_id: None,
                code: None,
                refused_at: None,
            };
            match self.store_device(client, &record, now).await {
                Err(Error::Storage(cardea_storage::Error::Conflict)) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    return Ok(DeviceAuthorization {
                        device_code,
                        user_code: user_code.shown(),
                        verification_uri: self.device_verification_uri(),
                        lifetime: CODES_LIFETIME,
                        interval: Duration::seconds(INTERVAL_SECONDS),
                    });
                }
            }
        }
        Err(Error::DeviceAuthorizationLimitReached)
    }

    async fn store_device(
        &self,
        client: &Client,
        record: &device_authorization::DeviceAuthorization,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        let open = count_open_of_client(&mut transaction, &client.client_id, now).await?;
        if open >= OPEN_OF_CLIENT_MAX {
            // As where requests are pushed: a few networks that fill all places give way to those
            // that have fewer (attack H9).
            let made_room = match record.source.as_deref() {
                Some(from) => make_room(&mut transaction, &client.client_id, from, now).await?,
                None => false,
            };
            if !made_room {
                return Err(Error::DeviceAuthorizationLimitReached);
            }
        }
        insert(&mut transaction, record).await?;
        let event = Event::new(EventKind::DeviceAsked {}, now).of_client(&client.client_id);
        // Anybody can speak for a public client, and events outlive the request.
        if client.is_confidential() || self.may_record(&event) {
            self.record(&mut transaction, event).await?;
        }
        Ok(transaction.commit().await?)
    }
}
