//! The object identifiers that the test PKI writes.

use x509_cert::der::asn1::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

// X.520 attribute types.
/// `commonName`.
pub const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
/// `surname`.
pub const SURNAME: ObjectIdentifier = oid("2.5.4.4");
/// `serialNumber`, of a person or card.
pub const SERIAL_NUMBER: ObjectIdentifier = oid("2.5.4.5");
pub(crate) const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
pub(crate) const STATE: ObjectIdentifier = oid("2.5.4.8");
pub(crate) const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
pub(crate) const ORGANIZATIONAL_UNIT: ObjectIdentifier = oid("2.5.4.11");
pub(crate) const TITLE: ObjectIdentifier = oid("2.5.4.12");
/// `givenName`.
pub const GIVEN_NAME: ObjectIdentifier = oid("2.5.4.42");

// RFC 5280 extensions.
pub(crate) const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.14");
pub(crate) const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
pub(crate) const PRIVATE_KEY_USAGE_PERIOD: ObjectIdentifier = oid("2.5.29.16");
/// `id-ce-subjectAltName`.
pub const SUBJECT_ALT_NAME: ObjectIdentifier = oid("2.5.29.17");
pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
pub(crate) const CRL_NUMBER: ObjectIdentifier = oid("2.5.29.20");
pub(crate) const CRL_REASON: ObjectIdentifier = oid("2.5.29.21");
pub(crate) const DELTA_CRL_INDICATOR: ObjectIdentifier = oid("2.5.29.27");
pub(crate) const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = oid("2.5.29.28");
pub(crate) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = oid("2.5.29.31");
pub(crate) const CERTIFICATE_POLICIES: ObjectIdentifier = oid("2.5.29.32");
pub(crate) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.35");
pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
pub(crate) const FRESHEST_CRL: ObjectIdentifier = oid("2.5.29.46");
pub(crate) const AUTHORITY_INFO_ACCESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.1.1");
pub(crate) const ACCESS_OCSP: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1");
pub(crate) const ACCESS_CA_ISSUERS: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.2");
pub(crate) const OCSP_NONCE: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.2");
pub(crate) const OCSP_NO_CHECK: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.5");
pub(crate) const CPS_QUALIFIER: ObjectIdentifier = oid("1.3.6.1.5.5.7.2.1");
pub(crate) const USER_PRINCIPAL_NAME: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.3");

// United States: FIPS 201 appendix B, NIST's register of test policies.
/// `pivFASC-N`, an `otherName` of the subject alternative name.
pub const PIV_FASCN: ObjectIdentifier = oid("2.16.840.1.101.3.6.6");
/// `piv-interim`: whether the card was issued before the background investigation was completed.
pub const PIV_INTERIM: ObjectIdentifier = oid("2.16.840.1.101.3.6.9.1");
/// Test twin of `id-fpki-common-authentication`: PIV authentication.
pub const POLICY_PIV_AUTHENTICATION_TEST: ObjectIdentifier = oid("2.16.840.1.101.3.2.1.48.11");
/// Test twin of `id-fpki-common-cardAuth`: card authentication, without a PIN.
pub const POLICY_PIV_CARD_AUTHENTICATION_TEST: ObjectIdentifier = oid("2.16.840.1.101.3.2.1.48.13");
/// Test twin of `id-fpki-certpcy-pivi-hardware`: issuers outside the federal government.
pub const POLICY_PIV_INTEROPERABLE_TEST: ObjectIdentifier = oid("2.16.840.1.101.3.2.1.48.78");

// Germany: gemSpec_OID, Common PKI.
/// `id-isismtt-at-admission`.
pub const ADMISSION: ObjectIdentifier = oid("1.3.36.8.3.3");
/// `oid_hba_aut`: the certificate type C.HP.AUT.
pub const POLICY_HBA_AUTHENTICATION: ObjectIdentifier = oid("1.2.276.0.76.4.75");
/// `oid_hba_enc`: the certificate type C.HP.ENC of the same card.
pub const POLICY_HBA_ENCRYPTION: ObjectIdentifier = oid("1.2.276.0.76.4.74");
/// `oid_smc_b_aut`: the certificate type of an institution's card.
pub const POLICY_SMC_B_AUTHENTICATION: ObjectIdentifier = oid("1.2.276.0.76.4.77");

// Algorithms.
pub(crate) const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
pub(crate) const SHA256_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
pub(crate) const ECDSA_WITH_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");

// Private extensions of the French health cards, arc 1.2.250.1.71.1.2.
pub(crate) const CPS_CARD_TYPE: ObjectIdentifier = oid("1.2.250.1.71.1.2.2");
pub(crate) const CPS_CARD_NUMBER: ObjectIdentifier = oid("1.2.250.1.71.1.2.3");
pub(crate) const CPS_CERTIFICATE_KIND: ObjectIdentifier = oid("1.2.250.1.71.1.2.5");
pub(crate) const CPS_PROFESSION: ObjectIdentifier = oid("1.2.250.1.71.1.2.7");
pub(crate) const CPS_PROFESSION_IN_TRAINING: ObjectIdentifier = oid("1.2.250.1.71.1.2.8");

/// `anyPolicy`, RFC 5280 section 4.2.1.4.
pub const ANY_POLICY: ObjectIdentifier = oid("2.5.29.32.0");
/// `id-kp-serverAuth`.
pub const EKU_SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
/// `id-kp-clientAuth`.
pub const EKU_CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
/// `id-kp-emailProtection`.
pub const EKU_EMAIL_PROTECTION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
/// `id-kp-OCSPSigning`, RFC 6960 section 4.2.2.2.
pub const EKU_OCSP_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");
/// Microsoft smart card logon.
pub const EKU_SMARTCARD_LOGON: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.2");

// The real test chain gives every certificate one and the same policy, so policy rules could not
// be exercised with it. These are invented, under the enterprise number that RFC 5612 reserves
// for documentation (32473).
/// Policy of the authentication certificate of a CPS card.
pub const POLICY_CPS_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.1.1");
/// Policy of the authentication certificate of a CPF card.
pub const POLICY_CPF_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.1.2");
/// Policy of the authentication certificate of a CPE card.
pub const POLICY_CPE_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.1.3");
/// Policy of the authentication certificate of a CPA card.
pub const POLICY_CPA_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.1.4");
/// Policy of the signature certificate of a CPS card.
pub const POLICY_CPS_SIGNATURE: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.2.1");
/// Policy of the signature certificate of a CPF card.
pub const POLICY_CPF_SIGNATURE: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.2.2");
/// Policy of the signature certificate of a CPE card.
pub const POLICY_CPE_SIGNATURE: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.2.3");
/// Policy of the signature certificate of a CPA card.
pub const POLICY_CPA_SIGNATURE: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.2.4");
/// Policy of a professional's software certificate: never a card.
pub const POLICY_SOFTWARE: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.3.1");
/// Policy of an organisation's certificate.
pub const POLICY_ORGANISATION: ObjectIdentifier = oid("1.3.6.1.4.1.32473.71.4.1");
