//! The signature forms of certificates, CRLs and OCSP responses: ECDSA in DER, RSA with longer
//! hashes. OpenSSL verifies those for `cardea-pki`; the same OpenSSL call is held to the vectors
//! here, so that a library that reads signatures loosely is noticed.

use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};

use crate::plan::Plan;
use crate::vectors::{Group, Vector, run, unhex};

fn digest(name: &str) -> MessageDigest {
    match name {
        "SHA-256" => MessageDigest::sha256(),
        "SHA-384" => MessageDigest::sha384(),
        "SHA-512" => MessageDigest::sha512(),
        _ => panic!("{name} has no place in a certificate"),
    }
}

fn accepts(group: &Group, vector: &Vector) -> bool {
    let key = group.public_key();
    let mut verifier = Verifier::new(digest(&group.sha), &key).unwrap();
    if let (Id::RSA, Some(mask), Some(salt)) = (key.id(), &group.mgf_sha, group.s_len) {
        verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        verifier.set_rsa_mgf1_md(digest(mask)).unwrap();
        verifier
            .set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt))
            .unwrap();
    }
    let verified = verifier.verify_oneshot(&unhex(&vector.sig), &unhex(&vector.msg));
    verified.unwrap_or(false)
}

#[test]
fn openssl_has_the_verdict_of_every_vector_in_the_form_of_certificates() {
    run(Plan::Primitive, accepts);
}
