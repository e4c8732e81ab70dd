//! Client authentication at the endpoints that clients call themselves (RFC 6749 section 2.3, OIDC
//! Core section 9).

mod assertion;
mod basic;

use std::sync::Arc;

use cardea_oauth2_types::TokenParameters;
use cardea_storage::SecretDigest;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::client::{ClientAuthentication, ClientSecret};
use crate::client_certificate::PresentedCertificate;
use crate::protocol_profile::SecretTransport;
use crate::{Client, Error, Provider};

pub use assertion::AssertionAudience;

/// What a request says about which client sends it.
#[derive(Debug)]
pub struct ClientCredentials {
    client_id: String,
    proof: Proof,
    source: Option<String>,
    certificate: Option<PresentedCertificate>,
}

enum Proof {
    None,
    Basic(Zeroizing<String>),
    Post(Zeroizing<String>),
    Assertion(Zeroizing<String>),
}

impl ClientCredentials {
    /// Reads them from the `Authorization` header and the body, which must not both prove.
    ///
    /// # Errors
    /// [`Error::ClientAuthenticationRepeated`], [`Error::ClientAuthenticationMissing`],
    /// [`Error::ClientAuthenticationFailed`] for a header that cannot be read, and
    /// [`Error::ClientAssertionInvalid`] for an assertion that names no client.
    pub fn read(authorization: Option<&str>, parameters: &TokenParameters) -> Result<Self, Error> {
        let header_used = authorization.is_some();
        let secret_used = parameters.client_secret.is_some();
        let assertion_used =
            parameters.client_assertion.is_some() || parameters.client_assertion_type.is_some();
        let methods = [header_used, secret_used, assertion_used];
        if methods.into_iter().filter(|used| *used).count() > 1 {
            return Err(Error::ClientAuthenticationRepeated);
        }
        let credentials = if let Some(header) = authorization {
            let (client_id, secret) =
                basic::read(header).ok_or(Error::ClientAuthenticationFailed)?;
            Self {
                client_id,
                proof: Proof::Basic(secret),
                source: None,
                certificate: None,
            }
        } else if assertion_used {
            let assertion = assertion::read(parameters)?;
            Self {
                client_id: assertion::unverified_subject(assertion)?,
                proof: Proof::Assertion(Zeroizing::new(assertion.to_owned())),
                source: None,
                certificate: None,
            }
        } else {
            let client_id = parameters.client_id.clone();
            let secret = parameters.client_secret.clone().map(Zeroizing::new);
            Self {
                client_id: client_id.ok_or(Error::ClientAuthenticationMissing)?,
                proof: secret.map_or(Proof::None, Proof::Post),
                source: None,
                certificate: None,
            }
        };
        // RFC 6749 section 3.2.1, RFC 7521 section 4.2: a client_id beside the proof is allowed,
        // if it says the same.
        match &parameters.client_id {
            Some(named) if *named != credentials.client_id => {
                Err(Error::ClientAuthenticationFailed)
            }
            _ => Ok(credentials),
        }
    }

    /// Adds where the request comes from: any name that one network has and others have not.
    /// What strangers may do in the name of a public client is shared out among networks.
    #[must_use]
    pub fn sent_from(mut self, source: String) -> Self {
        self.source = Some(source);
        self
    }

    /// Adds the certificate of the connection that the request came over (RFC 8705). It is proof
    /// for a client that registered it as such, and beside another proof what tokens are bound to.
    #[must_use]
    pub fn with_certificate(mut self, certificate: PresentedCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// The certificate of the connection.
    pub(crate) fn certificate(&self) -> Option<&PresentedCertificate> {
        self.certificate.as_ref()
    }

    /// Where the request comes from, if that is known.
    pub(crate) fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The client that the request names; nothing is proven by it.
    #[must_use]
    pub fn unverified_client_id(&self) -> &str {
        &self.client_id
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Basic(_) => "Basic(redacted)",
            Self::Post(_) => "Post(redacted)",
            Self::Assertion(_) => "Assertion(redacted)",
        })
    }
}

impl Provider {
    /// Whether the request carries the proof of a client with a secret or a key, as far as that
    /// can be seen without the database: an assertion may have been used before.
    #[must_use]
    pub fn carries_proof(&self, credentials: &ClientCredentials) -> bool {
        let now = self.now();
        let Some(client) = self.clients.find(&credentials.client_id) else {
            refuse_unknown(credentials, now);
            return false;
        };
        match (&client.authentication, &credentials.proof) {
            (
                ClientAuthentication::SecretBasic(registered)
                | ClientAuthentication::SecretPost(registered),
                Proof::Basic(secret) | Proof::Post(secret),
            ) if self.takes_transport(&client, &credentials.proof) => {
                registered.accepts(&SecretDigest::of(secret), now)
            }
            (ClientAuthentication::PrivateKeyJwt, Proof::Assertion(assertion)) => {
                self.verify_assertion(&client, assertion, now).is_ok()
            }
            (ClientAuthentication::TlsClientAuth(subject), Proof::None) => {
                credentials.certificate().is_some_and(|certificate| {
                    self.names_client(
                        certificate,
                        subject,
                        client.certificate_authority.as_deref(),
                        now,
                    )
                })
            }
            (ClientAuthentication::SelfSignedTlsClientAuth, Proof::None) => credentials
                .certificate()
                .is_some_and(|it| it.check_registered(&client.jwks, now).is_ok()),
            _ => false,
        }
    }

    /// Decides whether a client is who it says, by the one method that it registered. An unknown
    /// client and a wrong secret are one refusal, after the same work (attack F5).
    ///
    /// A client assertion is spent in a transaction of its own: call this outside any other.
    pub(crate) async fn authenticate_client(
        &self,
        credentials: &ClientCredentials,
        now: OffsetDateTime,
    ) -> Result<Arc<Client>, Error> {
        let Some(client) = self.clients.find(&credentials.client_id) else {
            return Err(refuse_unknown(credentials, now));
        };
        match (&client.authentication, &credentials.proof) {
            (ClientAuthentication::None, Proof::None) => Ok(client),
            (
                ClientAuthentication::SecretBasic(registered)
                | ClientAuthentication::SecretPost(registered),
                Proof::Basic(secret) | Proof::Post(secret),
            ) if self.takes_transport(&client, &credentials.proof) => {
                if registered.accepts(&SecretDigest::of(secret), now) {
                    Ok(client)
                } else {
                    Err(Error::ClientAuthenticationFailed)
                }
            }
            (ClientAuthentication::PrivateKeyJwt, Proof::Assertion(assertion)) => {
                self.spend_assertion(&client, assertion, now).await?;
                Ok(client)
            }
            (ClientAuthentication::TlsClientAuth(subject), Proof::None) => {
                let certificate = credentials.certificate();
                let certificate = certificate.ok_or(Error::ClientCertificateMissing)?;
                let authority = client.certificate_authority.as_deref();
                self.check_client_certificate(certificate, subject, authority, now)
                    .await?;
                Ok(client)
            }
            (ClientAuthentication::SelfSignedTlsClientAuth, Proof::None) => {
                let certificate = credentials.certificate();
                let certificate = certificate.ok_or(Error::ClientCertificateMissing)?;
                certificate.check_registered(&client.jwks, now)?;
                Ok(client)
            }
            (_, Proof::None) => Err(Error::ClientAuthenticationMissing),
            (_, _) => Err(Error::ClientAuthenticationMethodMismatch),
        }
    }
}

impl Provider {
    /// Whether a client with a secret may send it so.
    fn takes_transport(&self, client: &Client, proof: &Proof) -> bool {
        self.rules.secret_transport == SecretTransport::HeaderOrForm
            || matches!(
                (&client.authentication, proof),
                (ClientAuthentication::SecretBasic(_), Proof::Basic(_))
                    | (ClientAuthentication::SecretPost(_), Proof::Post(_))
            )
    }
}

/// Compares a presented secret with one that nobody has.
fn refuse_unknown(credentials: &ClientCredentials, now: OffsetDateTime) -> Error {
    if let Proof::Basic(secret) | Proof::Post(secret) = &credentials.proof {
        let nobodys = ClientSecret::from(SecretDigest::from_sha256(&[0; 32]));
        std::hint::black_box(nobodys.accepts(&SecretDigest::of(secret), now));
    }
    Error::ClientAuthenticationFailed
}

#[cfg(test)]
mod tests;
