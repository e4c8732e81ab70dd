//! What is done with each file, and where this crate is stricter than the vectors.

use cardea_jose::Algorithm;

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// `r || s` signatures, each with the verdict of the file.
    P1363(Algorithm),
    /// PKCS #1 v1.5 signatures, each with the verdict of the file.
    Rs256,
    /// PSS signatures with the parameters of PS256, each with the verdict of the file.
    Ps256,
    /// PSS signatures of many parameters: those of PS256 have the verdict of the file, all others
    /// are refused.
    Ps256AmongOthers,
    /// As `Ps256AmongOthers`, under keys whose certificate restricts them to PSS.
    Ps256RestrictedKey,
    /// PSS signatures with other parameters than PS256: those called valid are refused.
    NoPs256,
    /// Keys that no algorithm here uses: all are refused.
    KeyRefused,
    /// The form that certificates and CRLs have, through the call of OpenSSL that verifies those:
    /// each with the verdict of the file.
    Primitive,
    /// Compact and JSON serializations of JWS.
    JsonWebSignature,
    /// Sets of JSON web keys, and a JWS each.
    JsonWebKey,
    /// As `JsonWebSignature`; what is encrypted has no place here.
    JsonWebCrypto,
    /// Not run, for this reason.
    NotApplicable(&'static str),
}

/// Every file of the index: its name, the number of its vectors, and what is done with it.
pub(crate) const PLAN: [(&str, usize, Plan); 32] = [
    (
        "ecdh_secp256r1_webcrypto_test.json",
        353,
        Plan::NotApplicable("key agreement: nothing here derives a shared secret"),
    ),
    (
        "ecdsa_secp256r1_sha256_p1363_test.json",
        262,
        Plan::P1363(Algorithm::Es256),
    ),
    ("ecdsa_secp256r1_sha256_test.json", 484, Plan::Primitive),
    ("ecdsa_secp256r1_sha512_test.json", 554, Plan::Primitive),
    ("ecdsa_secp384r1_sha256_test.json", 472, Plan::Primitive),
    (
        "ecdsa_secp384r1_sha384_p1363_test.json",
        280,
        Plan::P1363(Algorithm::Es384),
    ),
    ("ecdsa_secp384r1_sha384_test.json", 504, Plan::Primitive),
    ("ecdsa_secp384r1_sha512_test.json", 542, Plan::Primitive),
    (
        "ecdsa_secp521r1_sha512_p1363_test.json",
        318,
        Plan::KeyRefused,
    ),
    ("ecdsa_secp521r1_sha512_test.json", 542, Plan::Primitive),
    ("json_web_crypto_test.json", 83, Plan::JsonWebCrypto),
    (
        "json_web_encryption_test.json",
        139,
        Plan::NotApplicable("JWE: nothing here encrypts or decrypts a token"),
    ),
    ("json_web_key_test.json", 26, Plan::JsonWebKey),
    ("json_web_signature_test.json", 401, Plan::JsonWebSignature),
    ("rsa_pss_2048_sha256_mgf1_0_test.json", 103, Plan::NoPs256),
    (
        "rsa_pss_2048_sha256_mgf1_32_params_test.json",
        108,
        Plan::Ps256RestrictedKey,
    ),
    ("rsa_pss_2048_sha256_mgf1_32_test.json", 108, Plan::Ps256),
    (
        "rsa_pss_2048_sha256_mgf1sha1_20_test.json",
        108,
        Plan::NoPs256,
    ),
    (
        "rsa_pss_2048_sha384_mgf1_48_test.json",
        141,
        Plan::Primitive,
    ),
    ("rsa_pss_3072_sha256_mgf1_32_test.json", 108, Plan::Ps256),
    ("rsa_pss_4096_sha256_mgf1_32_test.json", 108, Plan::Ps256),
    (
        "rsa_pss_4096_sha384_mgf1_48_test.json",
        141,
        Plan::Primitive,
    ),
    (
        "rsa_pss_4096_sha512_mgf1_64_test.json",
        179,
        Plan::Primitive,
    ),
    (
        "rsa_pss_misc_params_test.json",
        150,
        Plan::Ps256RestrictedKey,
    ),
    ("rsa_pss_misc_test.json", 150, Plan::Ps256AmongOthers),
    ("rsa_signature_2048_sha256_test.json", 259, Plan::Rs256),
    ("rsa_signature_2048_sha384_test.json", 258, Plan::Primitive),
    ("rsa_signature_2048_sha512_test.json", 259, Plan::Primitive),
    ("rsa_signature_3072_sha256_test.json", 259, Plan::Rs256),
    ("rsa_signature_3072_sha384_test.json", 259, Plan::Primitive),
    ("rsa_signature_4096_sha256_test.json", 258, Plan::Rs256),
    ("rsa_signature_4096_sha384_test.json", 259, Plan::Primitive),
];

const SYMMETRIC: &str = "HMAC is not in the closed list: who could verify could also sign";
const OTHER_HASH: &str = "RS384, RS512, PS384, PS512 and ES512 are not in the closed list";

/// Vectors called valid that are refused here: file, vectors, reason.
pub(crate) const STRICTER: [(&str, &[u32], &str); 8] = [
    (
        "rsa_signature_2048_sha256_test.json",
        &[258, 259],
        "the public exponent is 3, under the floor of FIPS 186-5",
    ),
    (
        "rsa_signature_3072_sha256_test.json",
        &[259],
        "the public exponent is 3, under the floor of FIPS 186-5",
    ),
    (
        "json_web_signature_test.json",
        &[1, 348, 352, 357, 358, 359, 372, 373, 376, 377],
        SYMMETRIC,
    ),
    (
        "json_web_signature_test.json",
        &[
            264, 265, 266, 267, 268, 269, 270, 271, 320, 321, 322, 323, 325, 326, 327, 328,
        ],
        OTHER_HASH,
    ),
    (
        "json_web_signature_test.json",
        &[346, 347, 350, 351],
        OTHER_HASH,
    ),
    ("json_web_key_test.json", &[2, 13, 14, 15], SYMMETRIC),
    ("json_web_crypto_test.json", &[1, 48], SYMMETRIC),
    (
        "json_web_crypto_test.json",
        &[50, 67],
        "JWE: nothing here encrypts or decrypts a token",
    ),
];
