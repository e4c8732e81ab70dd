//! Login challenges: what the card will be asked to sign (design, life of a login, step 2).

use cardea_assertion::{LoginChallenge, Purpose, UserVerification};
use cardea_jose::{random_base64url, sha256_base64url};
use cardea_oauth2_types::Acr;
use cardea_storage::SecretDigest;
use cardea_storage::challenge::{Challenge, count_of_request, insert};

use crate::authorization::{StoredParameters, load_request};
use crate::secret::RANDOM_BYTES;
use crate::{Error, Provider};

/// A person may mistype, pull the card, or reload the page; a robot must not fill the table.
const CHALLENGES_OF_REQUEST_MAX: i64 = 20;

impl Provider {
    /// Issues a challenge to the browser that began the login.
    ///
    /// # Errors
    /// [`Error::ChallengeLimitReached`], and those of a request that is unknown, foreign, expired
    /// or answered.
    pub async fn issue_challenge(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<String, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let request = load_request(&mut transaction, request_id, login_cookie, now).await?;
        let client = self
            .client_of_login(&request.client_id)
            .ok_or(Error::ClientUnknown)?;
        if count_of_request(&mut transaction, request_id).await? >= CHALLENGES_OF_REQUEST_MAX {
            return Err(Error::ChallengeLimitReached);
        }
        let parameters = StoredParameters::read(&request)?;
        // It waits for the person's consent alone. A card would open a session of its own, and end
        // the one that it began with for every client in it.
        if parameters.silent {
            return Err(Error::AuthorizationRequestUnknown);
        }
        let uv = self.weakest_verification(&parameters);
        let expires_at = now + self.lifetimes.challenge;
        let challenge = LoginChallenge {
            iss: self.issuer.as_str().to_owned(),
            purpose: Purpose::Login,
            nonce: random_base64url(RANDOM_BYTES)?,
            jti: random_base64url(RANDOM_BYTES)?,
            iat: now.unix_timestamp(),
            exp: expires_at.unix_timestamp(),
            client_id: client.client_id.clone(),
            client_name: client.name.clone(),
            scope: parameters.scope.clone(),
            device: self
                .address_of_device(&mut transaction, &parameters)
                .await?,
            host_account: parameters.host_account.clone(),
            acr: parameters.acr.weakest.map(|acr| acr.as_str().to_owned()),
            uv,
            browser: SecretDigest::of(login_cookie).as_str().to_owned(),
        };
        let compact = challenge.sign(&self.keys().challenge_key)?;
        let record = Challenge {
            jti: challenge.jti,
            authorization_request_id: request.id,
            challenge_sha256: sha256_base64url(compact.as_bytes()),
            nonce: challenge.nonce,
            issued_at: now,
            expires_at,
        };
        insert(&mut transaction, &record).await?;
        // A challenge that a power cut takes is answered in vain: nobody knows it any more.
        transaction.commit_with_the_next().await?;
        Ok(compact)
    }

    /// The weakest user verification that would do for a login: the operator's policy, raised by
    /// what the client asked for. An agent that could do less than the whole of it would only waste
    /// the person's time, so the challenge says it; what was reached is judged all the same.
    fn weakest_verification(&self, parameters: &StoredParameters) -> UserVerification {
        let weakest = self.user_verification.weakest_acr();
        let enough = |acr: &Acr| {
            acr.satisfies(weakest)
                && parameters.is_fresh_enough(*acr)
                && parameters.acr.is_met_by(*acr)
        };
        // Strongest first, so the last one is the weakest.
        match Acr::ALL.into_iter().rfind(enough) {
            Some(Acr::Card) => UserVerification::None,
            Some(Acr::CardPinCached) => UserVerification::Cached,
            _ => UserVerification::Now,
        }
    }
}
