//! JSON Web Keys, Signatures and Tokens for Cardea, over OpenSSL alone.
//!
//! It signs our own tokens through `jsonwebtoken` (with OpenSSL as its provider) and reads every
//! token, ours and others', through one strict parser: closed algorithm list, `typ` demanded,
//! headers that would make us fetch or trust a key refused (RFC 7515, RFC 7517, RFC 7518,
//! RFC 7638, RFC 8725). DPoP proofs are verified against their request (RFC 9449). It does not
//! check claims such as `exp`: time belongs to the caller.
//!
//! ```
//! use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, VerifyingKey};
//!
//! # fn main() -> Result<(), cardea_jose::Error> {
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let token = key.sign_jwt("example+jwt", &serde_json::json!({ "sub": "42" }))?;
//!
//! let verifying_key = VerifyingKey::from_jwk(key.public_jwk())?;
//! let verified = UnverifiedJws::parse(&token, 4096)?.verify(&verifying_key, "example+jwt")?;
//! assert_eq!(verified.claims::<serde_json::Value>()?["sub"], "42");
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod digest;
mod dpop;
mod error;
mod jwk;
mod jws;
mod jwt_signer;
mod key_floor;
mod mac_key;
mod openssl_provider;
mod random;
mod remembered;
mod signature;
mod signing_key;

pub use algorithm::Algorithm;
pub use digest::{
    base64url, constant_time_eq, parse_base64url, random_base64url, sha256, sha256_base64url,
};
pub use dpop::{DPOP_TYP, DpopProof, DpopTarget, DpopTolerance, sign_dpop_proof};
pub use error::Error;
pub use jwk::{Jwk, JwkSet};
pub use jws::{UnverifiedJws, VerifiedJws, VerifyingKey};
pub use jwt_signer::{JwtSigner, sign_jwt_with_jwk};
pub use key_floor::{RSA_BITS_MAX, RSA_BITS_MIN};
pub use mac_key::MacKey;
pub use remembered::Remembered;
pub use signing_key::SigningKey;
