//! Certificates that clients show in their TLS handshake (RFC 8705): who is proven by them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use cardea_jose::{JwkSet, base64url};
use cardea_pki::revocation::check_revocation;
use cardea_pki::{
    Certificate, EXTRA_CERTIFICATES_MAX, Error as PkiError, ExpectedSubject, KnownPaths,
    PathPolicy, Position, RevocationPolicy, TrustStore, ValidatedPath,
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    Client, ClientAuthentication, Demand, Endpoint, Error, EvidenceRequest, Provider,
    RevocationSource,
};

/// Most clients' certificates whose path is remembered, for each of the rules.
const KNOWN_CERTIFICATES_MAX: usize = 1024;

/// A certificate whose key the sender of a request has proven to hold. Nothing else is known of it
/// yet. Its `Debug` names nobody.
#[derive(Clone)]
pub struct PresentedCertificate {
    leaf: Certificate,
    extra: Vec<Certificate>,
    x5t_s256: String,
}

/// Which authorities may vouch for clients that authenticate with `tls_client_auth`.
#[derive(Debug)]
pub struct ClientCertificateRules {
    /// A name for logs and for the source of evidence; no card rules have the same.
    pub name: String,
    /// Trust anchors and known intermediates.
    pub trust_store: TrustStore,
    /// Rules of the certification path.
    pub path_policy: PathPolicy,
    /// Whether certificates are looked up at each request that they authenticate.
    pub revocation: ClientCertificateRevocation,
}

/// Whether revoked certificates of clients are found out.
#[derive(Debug)]
pub enum ClientCertificateRevocation {
    /// By these rules of evidence.
    Checked(RevocationPolicy),
    /// Never: for an authority that publishes nothing. A client is then locked out by its
    /// registration alone.
    Unchecked,
}

/// The rules of one moment, and where evidence comes from.
#[derive(Default)]
pub(crate) struct ClientCertificateTrust(RwLock<Option<Arc<Trusted>>>);

struct Trusted {
    rules: Vec<(ClientCertificateRules, KnownPaths)>,
    source: Arc<dyn RevocationSource>,
}

impl PresentedCertificate {
    /// Reads the certificates of a connection, the leaf first. What cannot be read above the leaf
    /// is left out: it can only help to build a path.
    ///
    /// # Errors
    /// [`Error::ClientCertificateMalformed`].
    pub fn read(leaf_first: &[Vec<u8>]) -> Result<Self, Error> {
        let (leaf, extra) = leaf_first
            .split_first()
            .ok_or(PkiError::CertificateMalformed("there is none"))
            .map_err(Error::ClientCertificateMalformed)?;
        let leaf = Certificate::parse(leaf).map_err(Error::ClientCertificateMalformed)?;
        let extra = extra
            .iter()
            .take(EXTRA_CERTIFICATES_MAX)
            .filter_map(|der| Certificate::parse(der).ok());
        Ok(Self {
            extra: extra.collect(),
            x5t_s256: base64url(leaf.sha256()),
            leaf,
        })
    }

    /// The base64url of its SHA-256: `x5t#S256` (RFC 8705 section 3.1).
    #[must_use]
    pub fn x5t_s256(&self) -> &str {
        &self.x5t_s256
    }

    /// RFC 8705 section 2.2: the certificate itself, where the registration has it, else its key.
    /// No path is built, but a certificate says itself how long it is good.
    pub(crate) fn check_registered(&self, jwks: &JwkSet, now: OffsetDateTime) -> Result<(), Error> {
        let is_registered = jwks.keys.iter().any(|key| match key.certificate() {
            Ok(Some(der)) => der == self.leaf.der(),
            Ok(None) => key
                .public_key()
                .is_ok_and(|key| key.public_eq(self.leaf.public_key())),
            Err(_) => false,
        });
        if !is_registered {
            return Err(Error::ClientCertificateUnregistered);
        }
        check_validity(&self.leaf, now).map_err(Error::ClientCertificateRefused)
    }
}

impl fmt::Debug for PresentedCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PresentedCertificate({:?})", self.leaf)
    }
}

fn check_validity(certificate: &Certificate, at: OffsetDateTime) -> Result<(), PkiError> {
    let position = Position::EndEntity;
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    if at < not_before {
        return Err(PkiError::CertificateNotYetValid {
            position,
            not_before,
            at,
        });
    }
    if at > not_after {
        return Err(PkiError::CertificateExpired {
            position,
            not_after,
            at,
        });
    }
    Ok(())
}

impl Trusted {
    /// The first rules whose anchors the certificate leads to, of those that the client may be
    /// vouched for by.
    fn validate(
        &self,
        presented: &PresentedCertificate,
        authority: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(&ClientCertificateRules, ValidatedPath), PkiError> {
        let mut refused = PkiError::UntrustedAnchor {
            same_name_issuers: 0,
        };
        let is_wanted =
            |rules: &ClientCertificateRules| authority.is_none_or(|it| it == rules.name);
        for (rules, known_paths) in self.rules.iter().filter(|(rules, _)| is_wanted(rules)) {
            let validated = known_paths.validate_certificate(
                &presented.leaf,
                &presented.extra,
                &rules.trust_store,
                &rules.path_policy,
                now,
            );
            match validated {
                Ok(path) => return Ok((rules, path)),
                // "Untrusted" by one set of anchors says less than any other refusal.
                Err(PkiError::UntrustedAnchor { .. }) => {}
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

impl ClientCertificateTrust {
    fn current(&self) -> Option<Arc<Trusted>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}

impl Provider {
    /// Believes these authorities about clients from now on, and no others. Without a call none is
    /// believed.
    pub fn replace_client_certificate_rules(
        &self,
        rules: Vec<ClientCertificateRules>,
        source: Arc<dyn RevocationSource>,
    ) {
        let with_paths = |rules| (rules, KnownPaths::new(KNOWN_CERTIFICATES_MAX));
        let trusted = Trusted {
            rules: rules.into_iter().map(with_paths).collect(),
            source,
        };
        let trust = &self.client_certificate_trust.0;
        *trust.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(trusted));
    }

    /// Takes the endpoints of another origin of ours, where clients with certificates call them,
    /// for audiences of client assertions too. The first call counts; without one there is nowhere
    /// that certificates are shown.
    pub fn accept_audiences_at(&self, origin: &str) {
        let _ = self.alias_origin.set(origin.to_owned());
    }

    /// Refuses a registration that certificates are needed for, while none are asked for anywhere:
    /// such a client could never prove itself, or never be given a token.
    pub(crate) fn check_certificates_are_taken(&self, client: &Client) -> Result<(), Error> {
        let by_certificate = matches!(
            client.authentication,
            ClientAuthentication::TlsClientAuth(_) | ClientAuthentication::SelfSignedTlsClientAuth
        );
        let key = match client.certificate_bound_access_tokens {
            _ if self.alias_origin.get().is_some() => return Ok(()),
            _ if by_certificate => "token_endpoint_auth_method",
            Demand::Required => "tls_client_certificate_bound_access_tokens",
            Demand::Optional => return Ok(()),
        };
        Err(Error::ClientInvalid {
            client_id: client.client_id.clone(),
            key,
            reason: "needs certificates of clients, and this server asks for none",
        })
    }

    /// The `aud` of an assertion, or where it names an endpoint by the origin for clients with
    /// certificates, what it is called at the issuer.
    pub(crate) fn aud_at_issuer<'a>(&self, aud: &'a Value) -> Cow<'a, Value> {
        let origin = self.alias_origin.get();
        let path = origin.and_then(|origin| aud.as_str()?.strip_prefix(origin.as_str()));
        let at_issuer = path.map(|path| format!("{}{path}", self.issuer.origin().as_str()));
        // The origin alone is nobody's name.
        let is_endpoint =
            |url: &String| Endpoint::is_authenticated_url(url, &self.issuer, self.profile());
        match at_issuer.filter(is_endpoint) {
            Some(url) => Cow::Owned(Value::String(url)),
            None => Cow::Borrowed(aud),
        }
    }

    /// `tls_client_auth` (RFC 8705 section 2.1): the one name that was registered, a path to an
    /// anchor for clients, and evidence that nothing of it is revoked. In this order: a certificate
    /// of somebody else costs no signature check, and a stranger's own no question to a responder.
    pub(crate) async fn check_client_certificate(
        &self,
        presented: &PresentedCertificate,
        subject: &ExpectedSubject,
        authority: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let refused = Error::ClientCertificateRefused;
        let trusted = self.client_certificate_trust.current();
        let Some(trusted) = trusted else {
            return Err(refused(PkiError::UntrustedAnchor {
                same_name_issuers: 0,
            }));
        };
        if !subject.is_named_by(&presented.leaf) {
            return Err(Error::ClientCertificateSubjectMismatch);
        }
        let (rules, path) = trusted
            .validate(presented, authority, now)
            .map_err(refused)?;
        let ClientCertificateRevocation::Checked(policy) = &rules.revocation else {
            return Ok(());
        };
        let wanted = EvidenceRequest {
            card_rules: &rules.name,
            path: &path,
            policy,
            at: now,
        };
        let evidence = trusted.source.fetch(wanted).await;
        check_revocation(&path, &evidence, policy, now).map_err(refused)?;
        Ok(())
    }

    /// As [`Provider::check_client_certificate`], as far as it can be seen without evidence.
    pub(crate) fn names_client(
        &self,
        presented: &PresentedCertificate,
        subject: &ExpectedSubject,
        authority: Option<&str>,
        now: OffsetDateTime,
    ) -> bool {
        subject.is_named_by(&presented.leaf)
            && self
                .client_certificate_trust
                .current()
                .is_some_and(|trusted| trusted.validate(presented, authority, now).is_ok())
    }
}
