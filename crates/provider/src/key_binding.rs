//! What a token is bound to, so that whoever copies it cannot use it: a DPoP key (RFC 9449) or a
//! client certificate (RFC 8705).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::dpop::DpopRequest;
use crate::{Client, ClientCredentials, Demand, Error, Provider};

/// The key or the certificate that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyBinding {
    /// The RFC 7638 thumbprint of a DPoP key.
    Dpop(String),
    /// The base64url of the 32 bytes of a certificate's SHA-256, not of their hexadecimal digits.
    Certificate(String),
}

/// A proof-of-possession key in a token (RFC 7800): one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmation {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none", default)]
    x5t_s256: Option<String>,
}

impl KeyBinding {
    /// What two columns say, of which one at most is filled.
    pub(crate) fn of_stored(dpop_jkt: Option<&str>, x5t_s256: Option<&str>) -> Option<Self> {
        let dpop = dpop_jkt.map(|jkt| Self::Dpop(jkt.to_owned()));
        dpop.or_else(|| x5t_s256.map(|digest| Self::Certificate(digest.to_owned())))
    }

    /// The DPoP key's thumbprint, where it is one.
    #[must_use]
    pub fn dpop_jkt(&self) -> Option<&str> {
        match self {
            Self::Dpop(jkt) => Some(jkt),
            Self::Certificate(_) => None,
        }
    }

    /// The certificate's digest, where it is one.
    #[must_use]
    pub fn x5t_s256(&self) -> Option<&str> {
        match self {
            Self::Dpop(_) => None,
            Self::Certificate(digest) => Some(digest),
        }
    }

    /// The `token_type` of a token so bound: RFC 8705 section 3 leaves it a bearer token by name.
    pub(crate) fn token_type(binding: Option<&Self>) -> &'static str {
        match binding {
            Some(Self::Dpop(_)) => "DPoP",
            Some(Self::Certificate(_)) | None => "Bearer",
        }
    }

    pub(crate) fn confirmation(&self) -> Confirmation {
        Confirmation {
            jkt: self.dpop_jkt().map(str::to_owned),
            x5t_s256: self.x5t_s256().map(str::to_owned),
        }
    }
}

impl Provider {
    /// Finds out what the tokens of a request will be bound to: the certificate for a client whose
    /// tokens are bound to certificates, the key of a DPoP proof for any other that sends one.
    ///
    /// A proof is spent in a transaction of its own: call this outside any other.
    pub(crate) async fn check_key_binding(
        &self,
        client: &Client,
        credentials: &ClientCredentials,
        dpop: &DpopRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<KeyBinding>, Error> {
        if client.certificate_bound_access_tokens == Demand::Optional {
            let key = self.check_dpop(client, dpop, None, now).await?;
            return Ok(key.map(|key| KeyBinding::Dpop(key.jkt)));
        }
        // A client that shows both would not know which of the two the token needs.
        if dpop.proof.is_some() {
            return Err(Error::KeyBindingAmbiguous);
        }
        let certificate = credentials.certificate();
        let certificate = certificate.ok_or(Error::CertificateBindingMissing)?;
        let digest = certificate.x5t_s256().to_owned();
        Ok(Some(KeyBinding::Certificate(digest)))
    }
}
