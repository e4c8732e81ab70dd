//! A certificate revocation list whose every field can be changed before it is signed.

use crate::authority::{Authority, NOW, extension, sign, signature_algorithm, time_of};
use cardea_pki::revocation::Crl;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use time::{Duration, OffsetDateTime};
use x509_cert::certificate::Version;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::Encode;
use x509_cert::der::asn1::Uint;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::ext::pkix::crl::{BaseCrlNumber, CrlReason, IssuingDistributionPoint};
use x509_cert::serial_number::SerialNumber;

/// A list before it is signed.
#[derive(Clone)]
pub(crate) struct ListDraft {
    pub(crate) tbs: TbsCertList,
    pub(crate) key: PKey<Private>,
    pub(crate) digest: MessageDigest,
}

impl ListDraft {
    /// A complete list of `issuer`: six days, issued an hour ago, nobody revoked.
    pub(crate) fn of(issuer: &Authority) -> Self {
        let digest = MessageDigest::sha256();
        let tbs = TbsCertList {
            version: Version::V2,
            signature: signature_algorithm(&issuer.key, digest),
            issuer: issuer.name(),
            this_update: time_of(NOW - Duration::HOUR),
            next_update: Some(time_of(NOW - Duration::HOUR + Duration::days(6))),
            revoked_certificates: None,
            crl_extensions: Some(vec![number(100)]),
        };
        Self {
            tbs,
            key: issuer.key.clone(),
            digest,
        }
    }

    pub(crate) fn revoke(&mut self, serial: &SerialNumber, reason: Option<CrlReason>) {
        let reason = reason.map(|reason| vec![extension("2.5.29.21", false, &reason)]);
        self.entry(serial, reason);
    }

    pub(crate) fn entry(&mut self, serial: &SerialNumber, extensions: Option<Vec<Extension>>) {
        self.tbs
            .revoked_certificates
            .get_or_insert_default()
            .push(RevokedCert {
                serial_number: serial.clone(),
                revocation_date: time_of(NOW - Duration::days(2)),
                crl_entry_extensions: extensions,
            });
    }

    pub(crate) fn set(&mut self, extension: Extension) {
        let extensions = self.tbs.crl_extensions.get_or_insert_default();
        extensions.retain(|other| other.extn_id != extension.extn_id);
        extensions.push(extension);
    }

    pub(crate) fn window(
        &mut self,
        this_update: OffsetDateTime,
        next_update: Option<OffsetDateTime>,
    ) {
        self.tbs.this_update = time_of(this_update);
        self.tbs.next_update = next_update.map(time_of);
    }

    pub(crate) fn digest(&mut self, digest: MessageDigest) {
        self.digest = digest;
        self.tbs.signature = signature_algorithm(&self.key, digest);
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let tbs = self.tbs.to_der().expect("DER");
        CertificateList {
            signature: sign(&self.key, self.digest, &tbs),
            signature_algorithm: signature_algorithm(&self.key, self.digest),
            tbs_cert_list: self.tbs.clone(),
        }
        .to_der()
        .expect("DER")
    }

    pub(crate) fn crl(&self) -> Crl {
        Crl::parse(&self.der()).expect("a list")
    }
}

/// An issuing distribution point that limits nothing until it is changed.
pub(crate) fn scope(change: impl FnOnce(&mut IssuingDistributionPoint)) -> Extension {
    let mut point = IssuingDistributionPoint {
        distribution_point: None,
        only_contains_user_certs: false,
        only_contains_ca_certs: false,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    };
    change(&mut point);
    extension("2.5.29.28", true, &point)
}

/// Makes a list a delta list that starts from the list with this number.
pub(crate) fn base_number(value: u32) -> Extension {
    let number = BaseCrlNumber(Uint::new(&value.to_be_bytes()).expect("a number"));
    extension("2.5.29.27", true, &number)
}

pub(crate) fn number(value: u32) -> Extension {
    extension(
        "2.5.29.20",
        false,
        &CrlNumber(Uint::new(&value.to_be_bytes()).expect("a number")),
    )
}
