//! Challenges of card grants: given to a client that is known, for a scope that it may have.

use cardea_assertion::{GrantChallenge, Purpose};
use cardea_jose::{random_base64url, sha256_base64url};
use cardea_oauth2_types::{GrantType, Scope, TokenParameters};
use cardea_storage::grant_challenge::{self, count_open_of_client, insert};
use time::OffsetDateTime;

use crate::client_authentication::ClientCredentials;
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::{Client, Error, Provider};

/// Challenges of one client that have not expired, answered or not. Anybody who knows the id of a
/// public client can ask for them and answer them with junk, so they must not fill the database;
/// the workstations of a large hospital do not come near it.
const OPEN_OF_CLIENT_MAX: i64 = 4_500;

/// A challenge for business software.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedGrantChallenge {
    /// The signed challenge, for the agent.
    pub challenge: String,
    /// How long it can be answered, in seconds.
    pub expires_in: i64,
}

impl Provider {
    /// Gives a challenge to a client that may use the card grant, for at most the scope and the
    /// resources of its registration.
    ///
    /// # Errors
    /// Those of client authentication; [`Error::GrantTypeNotAllowed`], [`Error::ScopeNotAllowed`],
    /// [`Error::ResourceNotAllowed`], [`Error::CardGrantChallengeLimitReached`].
    pub async fn issue_grant_challenge(
        &self,
        credentials: &ClientCredentials,
        parameters: &TokenParameters,
    ) -> Result<IssuedGrantChallenge, Error> {
        let now = self.now();
        let client = match self.authenticate_client(credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.note_refusal(None, error, now)),
        };
        match self.issue_to(&client, parameters, now).await {
            Ok(issued) => Ok(issued),
            Err(error) => Err(self.note_refusal(Some(&client), error, now)),
        }
    }

    async fn issue_to(
        &self,
        client: &Client,
        parameters: &TokenParameters,
        now: OffsetDateTime,
    ) -> Result<IssuedGrantChallenge, Error> {
        if !client.may_use(GrantType::CardGrant) {
            return Err(Error::GrantTypeNotAllowed);
        }
        let scope = asked_scope(client, parameters.scope.as_deref())?;
        let resources = asked_resources(client, &parameters.resource)?;
        let expires_at = now + self.lifetimes.challenge;
        let challenge = GrantChallenge {
            iss: self.issuer.as_str().to_owned(),
            purpose: Purpose::Grant,
            nonce: random_base64url(RANDOM_BYTES)?,
            jti: random_base64url(RANDOM_BYTES)?,
            iat: now.unix_timestamp(),
            exp: expires_at.unix_timestamp(),
            client_id: client.client_id.clone(),
            client_name: client.name.clone(),
            scope: scope.to_string(),
            resource: resources,
        };
        let compact = challenge.sign(&self.keys().challenge_key)?;
        let record = grant_challenge::GrantChallenge {
            jti: challenge.jti,
            client_id: challenge.client_id,
            challenge_sha256: sha256_base64url(compact.as_bytes()),
            nonce: challenge.nonce,
            scope: challenge.scope,
            resources: serde_json::to_string(&challenge.resource)
                .map_err(Error::StoredValueUnreadable)?,
            issued_at: now,
            expires_at,
        };
        let mut transaction = self.store.begin().await?;
        let open = count_open_of_client(&mut transaction, &record.client_id, now).await?;
        if open >= OPEN_OF_CLIENT_MAX {
            return Err(Error::CardGrantChallengeLimitReached);
        }
        insert(&mut transaction, &record).await?;
        transaction.commit().await?;
        Ok(IssuedGrantChallenge {
            challenge: compact,
            expires_in: self.lifetimes.challenge.whole_seconds(),
        })
    }

    /// A refused challenge changed nothing and is noted only: anybody can provoke it.
    fn note_refusal(&self, client: Option<&Client>, error: Error, now: OffsetDateTime) -> Error {
        let kind = EventKind::CardGrantRefused {
            code: error.code(),
            instance_jkt: None,
            card: None,
        };
        let mut event = Event::new(kind, now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        self.note(&event);
        error
    }
}

/// What the client asked for, or all that it is registered for. Nothing is left out silently: the
/// person is asked once, for exactly this.
fn asked_scope(client: &Client, asked: Option<&str>) -> Result<Scope, Error> {
    let Some(asked) = asked else {
        return Ok(client.scope.clone());
    };
    let asked = Scope::parse(asked)?;
    if asked.is_empty() || asked.intersection(&client.scope) != asked {
        return Err(Error::ScopeNotAllowed);
    }
    Ok(asked)
}

fn asked_resources(client: &Client, asked: &[String]) -> Result<Vec<String>, Error> {
    let mut resources: Vec<String> = Vec::new();
    for resource in asked {
        if !client.resources.contains(resource) {
            return Err(Error::ResourceNotAllowed);
        }
        if !resources.contains(resource) {
            resources.push(resource.clone());
        }
    }
    Ok(resources)
}
