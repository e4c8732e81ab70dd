//! The whole test PKI in memory: three roots, four issuing authorities, their responders.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::thread;

use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::authority::Authority;
use crate::authority_name::AuthorityName;
use crate::card_profile::{CardProfile, IssuedCard};
use crate::certificate_spec::{BasicConstraints, CertificateSpec, IssuedCertificate, Pointers};
use crate::error::Error;
use crate::key::KeyKind;
use crate::publication::{PublicationPoints, PublicationSettings};

/// How to make a test PKI.
#[derive(Clone, Debug)]
pub struct PkiSettings {
    /// The present: authorities are five years old by then and live twenty.
    pub at: OffsetDateTime,
    /// Keys of roots and issuing authorities; RSA 4096 in the model.
    pub authority_key: KeyKind,
    /// Keys of the OCSP responders.
    pub responder_key: KeyKind,
    /// Addresses that go into the certificates.
    pub publication: PublicationSettings,
}

impl PkiSettings {
    /// The model's key sizes. Making seven RSA 4096 keys takes seconds.
    #[must_use]
    pub fn faithful(at: OffsetDateTime) -> Self {
        Self {
            at,
            authority_key: KeyKind::Rsa4096,
            responder_key: KeyKind::Rsa2048,
            publication: PublicationSettings::default(),
        }
    }

    /// P-256 everywhere above the cards: made in milliseconds, for tests in process.
    #[must_use]
    pub fn fast(at: OffsetDateTime) -> Self {
        Self {
            authority_key: KeyKind::P256,
            responder_key: KeyKind::P256,
            ..Self::faithful(at)
        }
    }
}

/// The test PKI. It never changes once made, so that tests can share one; what is revoked is said
/// to each CRL and OCSP answer instead.
#[derive(Clone, Debug)]
pub struct TestPki {
    authorities: BTreeMap<AuthorityName, Authority>,
    responders: BTreeMap<AuthorityName, IssuedCertificate>,
    at: OffsetDateTime,
}

impl TestPki {
    /// The present of [`TestPki::shared`].
    pub const SHARED_AT: OffsetDateTime = datetime!(2026-01-15 12:00:00 UTC);

    /// Makes a PKI. Two calls make two PKIs of the same names with different keys, which is how a
    /// test gets a foreign authority that only its key tells apart.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn new(settings: &PkiSettings) -> Result<Self, Error> {
        let mut keys = generate_keys(settings.authority_key)?;
        let mut authorities = BTreeMap::new();
        for name in AuthorityName::all() {
            let key = take_key(&mut keys, name)?;
            let points = PublicationPoints::new(name, &settings.publication);
            let mut spec = CertificateSpec::authority(name.root(), name.subject(), settings.at);
            let authority = if name.is_root() {
                spec.pointers = Pointers::None;
                Authority::self_signed(&spec, key, points)?
            } else {
                spec.basic_constraints = BasicConstraints::Authority {
                    path_length: Some(0),
                };
                let root = find(&authorities, name.root())?;
                Authority::from_issued(&root.issue_with_key(&spec, key)?, points)?
            };
            authorities.insert(name, authority);
        }
        let mut responders = BTreeMap::new();
        for name in AuthorityName::ISSUING {
            let mut spec = CertificateSpec::ocsp_responder(*name, settings.at);
            spec.key = settings.responder_key;
            responders.insert(*name, find(&authorities, *name)?.issue(&spec)?);
        }
        Ok(Self {
            authorities,
            responders,
            at: settings.at,
        })
    }

    /// Takes up a PKI again whose authorities were kept somewhere. It has no OCSP responders in
    /// process: [`TestPki::responder`] finds none.
    #[must_use]
    pub fn restore(authorities: BTreeMap<AuthorityName, Authority>, at: OffsetDateTime) -> Self {
        Self {
            authorities,
            responders: BTreeMap::new(),
            at,
        }
    }

    /// Makes a PKI of P-256 authorities in milliseconds.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL refuses.
    pub fn fast(at: OffsetDateTime) -> Result<Self, Error> {
        Self::new(&PkiSettings::fast(at))
    }

    /// One fast PKI for the whole process, with [`TestPki::SHARED_AT`] as its present.
    ///
    /// # Errors
    /// The error that the first call met.
    pub fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceLock<Result<TestPki, Error>> = OnceLock::new();
        SHARED.get_or_init(|| Self::fast(Self::SHARED_AT)).as_ref()
    }

    /// The present that this PKI was made for.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// One of the authorities.
    ///
    /// # Errors
    /// [`Error::AuthorityMissing`] for a name outside [`AuthorityName::all`].
    pub fn authority(&self, name: AuthorityName) -> Result<&Authority, Error> {
        find(&self.authorities, name)
    }

    /// The delegated OCSP responder of an issuing authority.
    ///
    /// # Errors
    /// [`Error::AuthorityMissing`] for a root or a name outside [`AuthorityName::ISSUING`].
    pub fn responder(&self, name: AuthorityName) -> Result<&IssuedCertificate, Error> {
        self.responders
            .get(&name)
            .ok_or_else(|| Error::AuthorityMissing {
                name: name.to_string(),
            })
    }

    /// The three roots in DER: ELEMENTAIRE, STANDARD, FORT.
    #[must_use]
    pub fn anchors_der(&self) -> Vec<Vec<u8>> {
        self.certificates(AuthorityName::is_root)
    }

    /// The issuing authorities in DER.
    #[must_use]
    pub fn intermediates_der(&self) -> Vec<Vec<u8>> {
        self.certificates(|name| !name.is_root())
    }

    /// The roots that stand behind cards (STANDARD and FORT) in DER.
    ///
    /// A verifier of cards must not trust ELEMENTAIRE, whose certificates are software.
    #[must_use]
    pub fn card_anchors_der(&self) -> Vec<Vec<u8>> {
        let elementaire = AuthorityName::ELEMENTAIRE_PERSONNES.range();
        self.certificates(|name| name.is_root() && name.range() != elementaire)
    }

    fn certificates(&self, wanted: impl Fn(AuthorityName) -> bool) -> Vec<Vec<u8>> {
        AuthorityName::all()
            .filter(|name| wanted(*name))
            .filter_map(|name| self.authorities.get(&name))
            .map(|authority| authority.certificate_der().to_vec())
            .collect()
    }

    /// Issues a certificate from the authority that `spec` names.
    ///
    /// # Errors
    /// [`Error`] when the authority is missing, or OpenSSL or the encoding refuses.
    pub fn issue(&self, spec: &CertificateSpec) -> Result<IssuedCertificate, Error> {
        self.authority(spec.issuer)?.issue(spec)
    }

    /// Issues the two certificates of a card, valid from the day before the PKI's present.
    ///
    /// # Errors
    /// [`Error`] when the profile is not consistent, or OpenSSL or the encoding refuses.
    pub fn issue_card(&self, profile: &CardProfile) -> Result<IssuedCard, Error> {
        self.issue_card_with(profile, self.at, |_| {})
    }

    /// Issues a card at another time, with `change` applied to both certificates before they are
    /// signed.
    ///
    /// # Errors
    /// As for [`TestPki::issue_card`].
    pub fn issue_card_with(
        &self,
        profile: &CardProfile,
        at: OffsetDateTime,
        change: impl Fn(&mut CertificateSpec),
    ) -> Result<IssuedCard, Error> {
        let mut profile = profile.clone();
        let card_number = match profile.card_number.take() {
            Some(number) => number,
            None => random_card_number()?,
        };
        profile.card_number = Some(card_number.clone());
        let mut authentication = profile.authentication(at)?;
        change(&mut authentication);
        let mut signature = profile.signature(at)?;
        change(&mut signature);
        Ok(IssuedCard {
            authentication: self.issue(&authentication)?,
            signature: self.issue(&signature)?,
            card_number,
        })
    }
}

fn find(
    authorities: &BTreeMap<AuthorityName, Authority>,
    name: AuthorityName,
) -> Result<&Authority, Error> {
    authorities
        .get(&name)
        .ok_or_else(|| Error::AuthorityMissing {
            name: name.to_string(),
        })
}

/// One key for each authority, made in parallel because RSA 4096 takes about a second each.
fn generate_keys(kind: KeyKind) -> Result<BTreeMap<AuthorityName, PKey<Private>>, Error> {
    thread::scope(|scope| {
        let threads: Vec<_> = AuthorityName::all()
            .map(|name| (name, scope.spawn(move || kind.generate())))
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| {
                let key = thread
                    .join()
                    .map_err(|_| Error::CryptoFailed(openssl::error::ErrorStack::get()))??;
                Ok((name, key))
            })
            .collect()
    })
}

fn take_key(
    keys: &mut BTreeMap<AuthorityName, PKey<Private>>,
    name: AuthorityName,
) -> Result<PKey<Private>, Error> {
    keys.remove(&name).ok_or_else(|| Error::AuthorityMissing {
        name: name.to_string(),
    })
}

/// `<issuer>/<card>` with an issuer number that belongs to nobody.
fn random_card_number() -> Result<String, Error> {
    let mut bytes = [0; 4];
    rand_bytes(&mut bytes)?;
    Ok(format!(
        "9999000001/26{:08}",
        u32::from_be_bytes(bytes) % 100_000_000
    ))
}
