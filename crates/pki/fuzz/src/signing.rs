//! Good signatures under a key that everybody knows.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use std::sync::LazyLock;
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, BitString, OctetString};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_ocsp::OcspResponse;

/// Stands in the place of a signature in seeds, which thereby are the same each time.
const NO_SIGNATURE: [u8; 8] = *b"unsigned";

/// The test authority's key: worthless, since its private half stands here.
pub static KEY: LazyLock<PKey<Private>> =
    LazyLock::new(|| derive_key([0x5a; 32]).expect("a constant"));

/// The key of every test card, as worthless as the authority's.
pub static CARD_KEY: LazyLock<PKey<Private>> =
    LazyLock::new(|| derive_key([0x5b; 32]).expect("a constant"));

fn derive_key(private: [u8; 32]) -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let number = BigNum::from_slice(&private)?;
    let mut point = EcPoint::new(&group)?;
    point.mul_generator2(&group, &number, &mut *BigNumContext::new()?)?;
    PKey::from_ec_key(EcKey::from_private_components(&group, &number, &point)?)
}

/// A certificate or CRL with its last member replaced by a good signature over the first; `None`
/// when it is not a sequence of three.
pub fn sign_again(der: &[u8]) -> Option<Vec<u8>> {
    let to_be_signed = signed_part(der)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &KEY).ok()?;
    let signature = signer.sign_oneshot_to_vec(to_be_signed).ok()?;
    with_signature(der, &signature)
}

/// The same without a signature that verifies.
pub fn without_signature(der: &[u8]) -> Option<Vec<u8>> {
    with_signature(der, &NO_SIGNATURE)
}

/// An OCSP response whose basic response and included certificates are changed by `change`.
pub fn change_response(der: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut response = OcspResponse::from_der(der).ok()?;
    let bytes = response.response_bytes.as_mut()?;
    let mut basic = change(bytes.response.as_bytes())?;
    // Included certificates are rare, and whole ones rarer: other bytes stay as they are.
    if let Ok(mut parsed) = x509_ocsp::BasicOcspResponse::from_der(&basic)
        && let Some(certificates) = &mut parsed.certs
    {
        for certificate in certificates {
            let changed = change(&certificate.to_der().ok()?)?;
            *certificate = Certificate::from_der(&changed).ok()?;
        }
        basic = parsed.to_der().ok()?;
    }
    bytes.response = OctetString::new(basic).ok()?;
    response.to_der().ok()
}

/// The members of a signed structure as they are encoded: what is signed, the algorithm, the
/// signature, and whatever an issuer put behind.
fn members(der: &[u8]) -> Option<Vec<&[u8]>> {
    let outer = AnyRef::from_der(der).ok()?;
    let mut reader = SliceReader::new(outer.value()).ok()?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(reader.tlv_bytes().ok()?);
    }
    (members.len() >= 3).then_some(members)
}

fn signed_part(der: &[u8]) -> Option<&[u8]> {
    members(der)?.first().copied()
}

fn with_signature(der: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let signature = BitString::from_bytes(signature).ok()?.to_der().ok()?;
    let mut members = members(der)?;
    *members.get_mut(2)? = &signature;
    let body = members.concat();
    let sequence = AnyRef::new(x509_cert::der::Tag::Sequence, &body).ok()?;
    sequence.to_der().ok()
}
