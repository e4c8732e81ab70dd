//! Keys and certificates for this crate's unit tests.

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509Builder, X509Extension, X509Name};

use crate::tlv::element_bytes;
use crate::{CardCertificate, KeyReference, PivSlot};

/// 2026-01-01T00:00:00Z.
const NOT_BEFORE: i64 = 1_767_225_600;
const YEAR_SECONDS: i64 = 365 * 86_400;

pub(crate) fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub(crate) fn p256_key() -> PKey<Private> {
    ec_key(Nid::X9_62_PRIME256V1)
}

pub(crate) fn ec_key(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A certificate as a health professional's card carries it for authentication; tests change one
/// field.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) key: PKey<Private>,
    pub(crate) digital_signature: bool,
    pub(crate) non_repudiation: bool,
    pub(crate) client_auth: bool,
    pub(crate) email_protection: bool,
    /// Order of GN, CN and SN inside their one multi-valued RDN.
    pub(crate) name_order: [usize; 3],
    pub(crate) surname: &'static str,
    pub(crate) surnames: usize,
    pub(crate) card_product: Option<Vec<u8>>,
    pub(crate) starts_years_later: i64,
}

impl Recipe {
    pub(crate) fn new(key: PKey<Private>) -> Self {
        Self {
            key,
            digital_signature: true,
            non_repudiation: false,
            client_auth: true,
            email_protection: false,
            name_order: [0, 1, 2],
            surname: "DURAND",
            surnames: 1,
            card_product: Some(vec![0x02, 0x01, 0x00]),
            starts_years_later: 0,
        }
    }

    /// The card's other certificate: same holder, same issuer, wrong purpose.
    pub(crate) fn for_signing(key: PKey<Private>) -> Self {
        Self {
            digital_signature: false,
            non_repudiation: true,
            client_auth: false,
            email_protection: true,
            ..Self::new(key)
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(4711).unwrap();
        builder
            .set_serial_number(&Asn1Integer::from_bn(&serial).unwrap())
            .unwrap();
        builder
            .set_subject_name(&X509Name::from_der(&self.subject()).unwrap())
            .unwrap();
        builder
            .set_issuer_name(&X509Name::from_der(&issuer()).unwrap())
            .unwrap();
        let start = NOT_BEFORE + self.starts_years_later * YEAR_SECONDS;
        builder
            .set_not_before(&Asn1Time::from_unix(start).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::from_unix(start + 3 * YEAR_SECONDS).unwrap())
            .unwrap();
        builder.set_pubkey(&self.key).unwrap();
        self.append_usages(&mut builder);
        if let Some(product) = &self.card_product {
            let oid = Asn1Object::from_str("1.2.250.1.71.1.2.2").unwrap();
            let value = Asn1OctetString::new_from_bytes(product).unwrap();
            let extension = X509Extension::new_from_der(&oid, false, &value).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    pub(crate) fn certificate(&self, slot: PivSlot) -> CardCertificate {
        CardCertificate::parse(KeyReference::Piv(slot), self.der()).unwrap()
    }

    fn append_usages(&self, builder: &mut X509Builder) {
        let mut usage = KeyUsage::new();
        if self.digital_signature {
            usage.digital_signature();
        }
        if self.non_repudiation {
            usage.non_repudiation();
        }
        if self.digital_signature || self.non_repudiation {
            builder
                .append_extension(usage.critical().build().unwrap())
                .unwrap();
        }
        let mut extended = ExtendedKeyUsage::new();
        if self.client_auth {
            extended.client_auth();
        }
        if self.email_protection {
            extended.email_protection();
        }
        if self.client_auth || self.email_protection {
            builder.append_extension(extended.build().unwrap()).unwrap();
        }
    }

    fn subject(&self) -> Vec<u8> {
        let names = [
            attribute(&[0x55, 0x04, 0x2A], "Camille"),
            attribute(&[0x55, 0x04, 0x03], "899700000017"),
            attribute(&[0x55, 0x04, 0x04], self.surname).repeat(self.surnames),
        ];
        let together: Vec<u8> = self
            .name_order
            .iter()
            .flat_map(|place| names[*place].clone())
            .collect();
        let rdns = [
            set(&attribute(&[0x55, 0x04, 0x06], "FR")),
            set(&attribute(&[0x55, 0x04, 0x0C], "Pharmacien")),
            set(&together),
        ];
        element_bytes(0x30, &rdns.concat()).unwrap()
    }
}

fn issuer() -> Vec<u8> {
    let rdns = set(&attribute(
        &[0x55, 0x04, 0x03],
        "TEST AC IGC-SANTE FORT PERSONNES",
    ));
    element_bytes(0x30, &rdns).unwrap()
}

fn attribute(oid: &[u8], value: &str) -> Vec<u8> {
    let oid = element_bytes(0x06, oid).unwrap();
    let value = element_bytes(0x0C, value.as_bytes()).unwrap();
    element_bytes(0x30, &[oid, value].concat()).unwrap()
}

fn set(content: &[u8]) -> Vec<u8> {
    element_bytes(0x31, content).unwrap()
}
