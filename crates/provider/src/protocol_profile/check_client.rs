//! Whether a registration is safe, and one that the profile lets in.

use cardea_jose::{Algorithm, Jwk};
use cardea_oauth2_types::GrantType;

use super::{ClientProof, Permission, ProfileRules};
use crate::{Client, ClientAuthentication, Demand, Error, SubjectType};

/// The key of a registration that is wrong, and why.
type Fault = (&'static str, &'static str);

impl ProfileRules {
    /// Checks a registration by itself ([`Client::check`]) and against the profile. What the
    /// profile demands and the registration leaves open is no contradiction: it is demanded when
    /// the client comes.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] with the key that is wrong.
    pub fn check_client(&self, client: &Client) -> Result<(), Error> {
        client.check()?;
        let checks = [
            Self::check_grants,
            Self::check_proof,
            Self::check_pkce,
            Self::check_chosen_algorithms,
            Self::check_keys,
            Self::check_id_token_algorithm,
            Self::check_subject_type,
        ];
        checks
            .into_iter()
            .try_for_each(|check| check(self, client))
            .map_err(|(key, reason)| Error::ClientInvalid {
                client_id: client.client_id.clone(),
                key,
                reason,
            })
    }

    /// FAPI 2.0 Security Profile section 5.3.2.1: confidential clients alone, and by a key.
    fn check_proof(&self, client: &Client) -> Result<(), Fault> {
        let by_key = !matches!(
            client.authentication,
            ClientAuthentication::None
                | ClientAuthentication::SecretBasic(_)
                | ClientAuthentication::SecretPost(_)
        );
        match self.client_proof {
            ClientProof::Key if !by_key => Err((
                "token_endpoint_auth_method",
                "must be private_key_jwt, tls_client_auth or self_signed_tls_client_auth \
                 because of the profile",
            )),
            ClientProof::Key | ClientProof::AsRegistered => Ok(()),
        }
    }

    fn check_grants(&self, client: &Client) -> Result<(), Fault> {
        match self.device_grant {
            Permission::Refused if client.may_use(GrantType::DeviceCode) => Err((
                "grant_types",
                "must not hold the device grant because of the profile",
            )),
            _ => Ok(()),
        }
    }

    fn check_pkce(&self, client: &Client) -> Result<(), Fault> {
        match (self.pkce, client.pkce) {
            (Demand::Required, Demand::Optional) => {
                Err(("pkce", "must be required because of the profile"))
            }
            _ => Ok(()),
        }
    }

    /// A portal that takes the algorithm from the token's header could be given another.
    fn check_id_token_algorithm(&self, client: &Client) -> Result<(), Fault> {
        match self.id_token_algorithm {
            Some(algorithm) if client.id_token_signed_response_alg != algorithm => Err((
                "id_token_signed_response_alg",
                "must be the one that the profile pins",
            )),
            _ => Ok(()),
        }
    }

    fn check_subject_type(&self, client: &Client) -> Result<(), Fault> {
        match (self.pairwise_subjects, client.subject_type) {
            (Permission::Refused, SubjectType::Pairwise) => Err((
                "subject_type",
                "must be public because of the profile, whose claims number the person",
            )),
            _ => Ok(()),
        }
    }

    fn check_chosen_algorithms(&self, client: &Client) -> Result<(), Fault> {
        let chosen = [
            (
                "id_token_signed_response_alg",
                Some(client.id_token_signed_response_alg),
            ),
            (
                "access_token_signed_response_alg",
                client.access_token_signed_response_alg,
            ),
            (
                "userinfo_signed_response_alg",
                client.userinfo_signed_response_alg,
            ),
            (
                "authorization_signed_response_alg",
                client.authorization_signed_response_alg,
            ),
            (
                "introspection_signed_response_alg",
                client.introspection_signed_response_alg,
            ),
            (
                "request_object_signing_alg",
                client.request_object_signing_alg,
            ),
        ];
        let refused = |algorithm: Option<Algorithm>| algorithm.is_some_and(|it| !self.admits(it));
        match chosen.into_iter().find(|(_, it)| refused(*it)) {
            Some((key, _)) => Err((key, "is an algorithm that the profile does not allow")),
            None => Ok(()),
        }
    }

    /// A key that nothing may be signed with is a mistake: its owner would find out at the first
    /// login. Keys of certificates sign in TLS, which has rules of its own.
    fn check_keys(&self, client: &Client) -> Result<(), Fault> {
        if client.authentication == ClientAuthentication::SelfSignedTlsClientAuth {
            return Ok(());
        }
        let useless = |jwk: &Jwk| {
            let named = |algorithm: &Algorithm| jwk.alg.is_none_or(|named| named == *algorithm);
            let key = jwk.public_key();
            !key.is_ok_and(|key| {
                let mut fitting = Algorithm::for_public_key(&key).iter();
                fitting.any(|algorithm| named(algorithm) && self.admits(*algorithm))
            })
        };
        if client.jwks.keys.iter().any(useless) {
            let reason = "has a key that fits no algorithm which the profile allows";
            return Err(("jwks", reason));
        }
        Ok(())
    }
}
