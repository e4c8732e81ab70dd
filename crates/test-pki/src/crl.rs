//! Certificate revocation lists, signed in process.

use time::{Duration, OffsetDateTime};
use x509_cert::Version;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::Encode;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::serial_number::SerialNumber;

pub use x509_cert::ext::pkix::CrlReason;

use crate::authority::Authority;
use crate::authority_name::AuthorityName;
use crate::certificate_spec::{IssuedCertificate, RawExtension};
use crate::error::Error;
use crate::extension::{authority_key_identifier, distribution_point, extension};
use crate::key::{sign, signature_algorithm};
use crate::moment::x509_time;
use crate::object_identifier as oid;
use crate::test_pki::TestPki;

/// Days from `this_update` to `next_update` of an issuing authority's full CRL.
const ISSUING_WINDOW_DAYS: i64 = 6;
/// Days from `this_update` to `next_update` of a root's CRL.
const ROOT_WINDOW_DAYS: i64 = 45;

/// The content of a CRL before it is signed.
#[derive(Clone, Debug)]
pub struct CrlSpec {
    /// CRL number, RFC 5280 section 5.2.3; `None` leaves the extension out.
    pub number: Option<u64>,
    /// When this list was made.
    pub this_update: OffsetDateTime,
    /// When the next one comes at the latest.
    pub next_update: Option<OffsetDateTime>,
    /// What is revoked.
    pub revoked: Vec<RevokedEntry>,
    /// Makes it a delta CRL to the full one of this number, RFC 5280 section 5.2.4.
    pub delta_base: Option<u64>,
    /// Issuing distribution point (critical); the model's CRLs have none.
    pub scope: Option<CrlScope>,
    /// Whether the authority key identifier is written.
    pub authority_key_identifier: bool,
    /// Further extensions.
    pub extra_extensions: Vec<RawExtension>,
}

/// One line of a CRL.
#[derive(Clone, Debug)]
pub struct RevokedEntry {
    /// Serial number of the revoked certificate.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub at: OffsetDateTime,
    /// Why; the model writes no reason.
    pub reason: Option<CrlReason>,
}

/// What an issuing distribution point narrows a CRL to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlScope {
    /// Full name of the distribution point.
    pub uri: Option<String>,
    /// Only end entities.
    pub only_user_certificates: bool,
    /// Only authorities.
    pub only_authority_certificates: bool,
    /// The list speaks for other issuers too.
    pub indirect: bool,
}

impl CrlSpec {
    /// A full CRL made an hour before `at`, with the window of `authority`'s level.
    #[must_use]
    pub fn new(authority: AuthorityName, at: OffsetDateTime) -> Self {
        let this_update = at - Duration::HOUR;
        let window = if authority.is_root() {
            ROOT_WINDOW_DAYS
        } else {
            ISSUING_WINDOW_DAYS
        };
        Self {
            number: Some(1),
            this_update,
            next_update: Some(this_update + Duration::days(window)),
            revoked: Vec::new(),
            delta_base: None,
            scope: None,
            authority_key_identifier: true,
            extra_extensions: Vec::new(),
        }
    }

    /// Adds a certificate, revoked at `at` without a reason code.
    #[must_use]
    pub fn revoke(mut self, certificate: &IssuedCertificate, at: OffsetDateTime) -> Self {
        self.revoked.push(RevokedEntry {
            serial: certificate.serial.clone(),
            at,
            reason: None,
        });
        self
    }
}

impl Authority {
    /// Signs a CRL and returns its DER.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn crl(&self, spec: &CrlSpec) -> Result<Vec<u8>, Error> {
        let algorithm = signature_algorithm(&self.key);
        let mut entries = Vec::with_capacity(spec.revoked.len());
        for entry in &spec.revoked {
            entries.push(RevokedCert {
                serial_number: SerialNumber::new(&entry.serial)?,
                revocation_date: x509_time(entry.at)?,
                crl_entry_extensions: match entry.reason {
                    Some(reason) => Some(vec![extension(oid::CRL_REASON, false, &reason)?]),
                    None => None,
                },
            });
        }
        let tbs = TbsCertList {
            version: Version::V2,
            signature: algorithm.clone(),
            issuer: self.subject.clone(),
            this_update: x509_time(spec.this_update)?,
            next_update: spec.next_update.map(x509_time).transpose()?,
            // RFC 5280 section 5.1.2.6: absent, not empty, when nothing is revoked.
            revoked_certificates: (!entries.is_empty()).then_some(entries),
            crl_extensions: Some(self.crl_extensions(spec)?).filter(|list| !list.is_empty()),
        };
        let signature = sign(&self.key, &tbs.to_der()?)?;
        let list = CertificateList {
            tbs_cert_list: tbs,
            signature_algorithm: algorithm,
            signature,
        };
        Ok(list.to_der()?)
    }

    fn crl_extensions(&self, spec: &CrlSpec) -> Result<Vec<Extension>, Error> {
        let mut list = Vec::new();
        if spec.authority_key_identifier {
            list.push(authority_key_identifier(&self.key_identifier)?);
        }
        if let Some(number) = spec.number {
            list.push(extension(oid::CRL_NUMBER, false, &number)?);
        }
        if let Some(base) = spec.delta_base {
            list.push(extension(oid::DELTA_CRL_INDICATOR, true, &base)?);
        }
        if let Some(scope) = &spec.scope {
            let distribution_point = match &scope.uri {
                Some(uri) => distribution_point(uri)?.distribution_point,
                None => None::<DistributionPointName>,
            };
            let value = IssuingDistributionPoint {
                distribution_point,
                only_contains_user_certs: scope.only_user_certificates,
                only_contains_ca_certs: scope.only_authority_certificates,
                only_some_reasons: None,
                indirect_crl: scope.indirect,
                only_contains_attribute_certs: false,
            };
            list.push(extension(oid::ISSUING_DISTRIBUTION_POINT, true, &value)?);
        }
        for raw in &spec.extra_extensions {
            list.push(Extension {
                extn_id: raw.oid,
                critical: raw.critical,
                extn_value: x509_cert::der::asn1::OctetString::new(raw.der.as_slice())?,
            });
        }
        Ok(list)
    }
}

impl TestPki {
    /// A fresh CRL of every authority at the PKI's present, in the order of
    /// [`AuthorityName::all`], with `revoked` on the list of the authority that issued each.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn fresh_crls(&self, revoked: &[&IssuedCertificate]) -> Result<Vec<Vec<u8>>, Error> {
        AuthorityName::all()
            .map(|name| {
                let mut spec = CrlSpec::new(name, self.at());
                for certificate in revoked.iter().filter(|one| one.spec.issuer == name) {
                    spec = spec.revoke(certificate, self.at() - Duration::HOUR * 2);
                }
                self.authority(name)?.crl(&spec)
            })
            .collect()
    }
}
