//! The device authorization endpoint (RFC 8628 section 3.1).

use std::net::IpAddr;

use cardea_jose::random_base64url;
use cardea_oauth2_types::{AuthorizationParameters, HostAccountParameters};
use cardea_storage::Transaction;
use cardea_storage::device_authorization::{
    self, count_open_of_client, count_unanswered_of_client, forget_oldest_unclaimed, insert,
    make_room,
};
use time::{Duration, OffsetDateTime};

use super::user_code::UserCode;
use super::{CODES_LIFETIME, INTERVAL_SECONDS, OPEN_OF_CLIENT_MAX};
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::{Client, ClientCredentials, DpopRequest, Error, Provider, Secret, TokenError};

/// How often another user code is made when one is taken already.
const USER_CODES_TRIED: u32 = 3;

/// What a device asks.
#[derive(Debug)]
pub struct DeviceRequest<'a> {
    /// What for.
    pub parameters: &'a AuthorizationParameters,
    /// What a host says about who is at its door.
    pub host_account: &'a HostAccountParameters,
    /// What the database calls the network that this is, where the host says it: any name that one
    /// network has and others have not.
    pub remote_source: Option<String>,
    /// The proof that the device holds a key, where it sends one.
    pub dpop: DpopRequest<'a>,
    /// Where it asks from, which the person is shown.
    pub address: IpAddr,
}

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
    /// Takes a device's request: the client proves itself as at the token endpoint.
    ///
    /// # Errors
    /// [`TokenError`], in the form of the token endpoint (RFC 8628 section 3.2).
    pub async fn authorize_device(
        &self,
        credentials: &ClientCredentials,
        request: DeviceRequest<'_>,
    ) -> Result<DeviceAuthorization, TokenError> {
        let now = self.now();
        let client = match self.authenticate_client(credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_before_login(None, error, now).await),
        };
        // Who speaks for a public client may be a stranger. A proven one speaks for itself, but a
        // stranger may stand at its door: any `ssh` makes a host ask.
        let source = if client.is_confidential() {
            request.remote_source.as_deref()
        } else {
            credentials.source()
        };
        match self.begin_device(&client, &request, source, now).await {
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
        request: &DeviceRequest<'_>,
        source: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<DeviceAuthorization, Error> {
        let (parameters, dpop) = (request.parameters, &request.dpop);
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
        let stored = self.decide_for_device(client, request, &id, jkt).await?;
        let parameters = serde_json::to_string(&stored).map_err(Error::StoredValueUnreadable)?;
        for _ in 0..USER_CODES_TRIED {
            let (device_code, user_code) = (Secret::random()?, UserCode::random()?);
            let record = device_authorization::DeviceAuthorization {
                id: id.clone(),
                device_code: device_code.digest(),
                user_code: user_code.digest(),
                client_id: client.client_id.clone(),
                address: request.address.to_canonical().to_string(),
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
        if !has_room(&mut transaction, client, record.source.as_deref(), now).await? {
            return Err(Error::DeviceAuthorizationLimitReached);
        }
        insert(&mut transaction, record).await?;
        let event = Event::new(EventKind::DeviceAsked {}, now).of_client(&client.client_id);
        // Any stranger's `ssh` makes a host ask, and events outlive the request.
        self.record_if_room(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }
}

/// Whether a client may have one more device, after making room where somebody floods (attack H9).
async fn has_room(
    transaction: &mut Transaction,
    client: &Client,
    source: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let id = client.client_id.as_str();
    let open = if client.is_confidential() {
        // An answer needs somebody at a workstation; what waits for none is in nobody's way.
        count_unanswered_of_client(transaction, id, now).await?
    } else {
        count_open_of_client(transaction, id, now).await?
    };
    if open < OPEN_OF_CLIENT_MAX {
        return Ok(true);
    }
    // As where requests are pushed: a few networks that fill all places give way to those that have
    // fewer.
    if let Some(source) = source
        && make_room(transaction, id, source, now).await?
    {
        return Ok(true);
    }
    // Nobody can be told apart from the flood. A host keeps letting people in: whoever comes takes
    // the place of the one who has waited longest and has not typed her code.
    Ok(client.is_confidential() && forget_oldest_unclaimed(transaction, id, source, now).await?)
}
