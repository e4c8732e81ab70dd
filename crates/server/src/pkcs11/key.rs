//! A token key whose private half is in a PKCS#11 token.

use std::sync::Arc;

use cardea_jose::{Algorithm, Jwk, JwtSigner};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rand::rand_bytes;
use openssl::rsa::Rsa;

use super::{Fault, MAKING, OpenSession, Token, unavailable};
use crate::error::Error;

/// What the keys are called in the token.
const LABEL: &str = "cardea token key";
const RSA_BITS: u64 = 2048;
const PSS_SALT_BYTES: u64 = 32;
/// DER of the curves' object identifiers (RFC 5480 section 2.1.1.1, RFC 8410 section 3).
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// Longest point: an uncompressed one of P-256 (SEC 1 section 2.3.3).
const P256_POINT_BYTES: usize = 65;
const ED25519_POINT_BYTES: usize = 32;

/// A key that the token signs with.
#[derive(Debug)]
pub(crate) struct KeyInToken {
    token: Arc<Token>,
    algorithm: Algorithm,
    public_jwk: Jwk,
}

impl KeyInToken {
    /// The key with a public half, which the token is asked for when it is to sign.
    pub(crate) fn new(token: Arc<Token>, algorithm: Algorithm, public_jwk: Jwk) -> Self {
        Self {
            token,
            algorithm,
            public_jwk,
        }
    }

    /// Makes a key in the token.
    ///
    /// # Errors
    /// `server.pkcs11_unavailable`.
    pub(crate) fn make(token: &Arc<Token>, algorithm: Algorithm) -> Result<Self, Error> {
        let public_jwk = token.call_within(MAKING, move |open| make(&open.session, algorithm))?;
        Ok(Self::new(Arc::clone(token), algorithm, public_jwk))
    }

    pub(crate) fn public_jwk(&self) -> &Jwk {
        &self.public_jwk
    }

    /// Has the token forget the key.
    ///
    /// # Errors
    /// `server.pkcs11_unavailable`.
    pub(crate) fn destroy(token: &Arc<Token>, kid: &str) -> Result<(), Error> {
        let kid = kid.to_owned();
        token.call(move |open| {
            open.found.remove(kid.as_bytes());
            let template = [Attribute::Id(kid.as_bytes().to_vec())];
            for object in open.session.find_objects(&template)? {
                open.session.destroy_object(object)?;
            }
            Ok(())
        })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let kid = self.kid().as_bytes().to_vec();
        let (algorithm, message) = (self.algorithm, message.to_vec());
        self.token.call(move |open: &mut OpenSession| {
            let template = [
                Attribute::Class(ObjectClass::PRIVATE_KEY),
                Attribute::Id(kid.clone()),
            ];
            let key = open.find(kid.clone(), &template)?;
            sign(&open.session, key, algorithm, &message)
        })
    }
}

impl JwtSigner for KeyInToken {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn public_jwk(&self) -> &Jwk {
        &self.public_jwk
    }

    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, cardea_jose::Error> {
        self.sign(message).map_err(|error| {
            tracing::error!(code = error.code(), %error, "a token key does not sign");
            cardea_jose::Error::SignerUnavailable
        })
    }
}

/// What a token must be able to do for keys of an algorithm.
pub(crate) fn mechanisms(algorithm: Algorithm) -> Option<[MechanismType; 2]> {
    match algorithm {
        Algorithm::Rs256 => Some([
            MechanismType::RSA_PKCS_KEY_PAIR_GEN,
            MechanismType::SHA256_RSA_PKCS,
        ]),
        Algorithm::Ps256 => Some([
            MechanismType::RSA_PKCS_KEY_PAIR_GEN,
            MechanismType::SHA256_RSA_PKCS_PSS,
        ]),
        Algorithm::Es256 => Some([MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA]),
        Algorithm::EdDsa => Some([
            MechanismType::ECC_EDWARDS_KEY_PAIR_GEN,
            MechanismType::EDDSA,
        ]),
        _ => None,
    }
}

fn sign(
    session: &Session,
    key: ObjectHandle,
    algorithm: Algorithm,
    message: &[u8],
) -> Result<Vec<u8>, Fault> {
    let not_ours = || Fault::Call(unavailable("no key of this algorithm is made".to_owned()));
    let signed = match algorithm {
        Algorithm::Rs256 => session.sign(&Mechanism::Sha256RsaPkcs, key, message),
        Algorithm::Ps256 => {
            let parameters = PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: PSS_SALT_BYTES.into(),
            };
            session.sign(&Mechanism::Sha256RsaPkcsPss(parameters), key, message)
        }
        // CKM_ECDSA answers r‖s, which is the form of JWS.
        Algorithm::Es256 => {
            let hash = openssl::sha::sha256(message);
            session.sign(&Mechanism::Ecdsa, key, &hash)
        }
        Algorithm::EdDsa => {
            let parameters = EddsaParams::new(EddsaSignatureScheme::Pure);
            session.sign(&Mechanism::Eddsa(parameters), key, message)
        }
        _ => return Err(not_ours()),
    };
    Ok(signed?)
}

fn make(session: &Session, algorithm: Algorithm) -> Result<Jwk, Fault> {
    let mut provisional = [0; 16];
    rand_bytes(&mut provisional)
        .map_err(|_| Fault::Call(unavailable("no random bytes".to_owned())))?;
    let name = || {
        [
            Attribute::Label(LABEL.as_bytes().to_vec()),
            Attribute::Id(provisional.to_vec()),
        ]
    };
    let (mechanism, kind) = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => (
            Mechanism::RsaPkcsKeyPairGen,
            vec![
                Attribute::ModulusBits(RSA_BITS.into()),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ],
        ),
        Algorithm::EdDsa => (
            Mechanism::EccEdwardsKeyPairGen,
            vec![Attribute::EcParams(ED25519.to_vec())],
        ),
        _ => (
            Mechanism::EccKeyPairGen,
            vec![Attribute::EcParams(P256.to_vec())],
        ),
    };
    let mut public = vec![Attribute::Token(true), Attribute::Verify(true)];
    public.extend(kind);
    public.extend(name());
    let mut private = vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    private.extend(name());
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    let named = public_jwk(session, public, algorithm).and_then(|jwk| {
        let id = [Attribute::Id(jwk.thumbprint().into_bytes())];
        session.update_attributes(public, &id)?;
        session.update_attributes(private, &id)?;
        Ok(jwk)
    });
    if named.is_err() {
        // What nobody could find again is not left behind.
        let _ = session.destroy_object(private);
        let _ = session.destroy_object(public);
    }
    named
}

fn public_jwk(session: &Session, object: ObjectHandle, algorithm: Algorithm) -> Result<Jwk, Fault> {
    let unreadable = || Fault::Call(unavailable("the public key cannot be read".to_owned()));
    let attributes = session.get_attributes(
        object,
        match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                &[AttributeType::Modulus, AttributeType::PublicExponent][..]
            }
            _ => &[AttributeType::EcPoint],
        },
    )?;
    let key = match attributes.as_slice() {
        [
            Attribute::Modulus(modulus),
            Attribute::PublicExponent(exponent),
        ] => rsa(modulus, exponent).ok(),
        [Attribute::EcPoint(encoded)] if algorithm == Algorithm::EdDsa => {
            let point = point(encoded, ED25519_POINT_BYTES).ok_or_else(unreadable)?;
            PKey::public_key_from_raw_bytes(point, Id::ED25519).ok()
        }
        [Attribute::EcPoint(encoded)] => {
            let point = point(encoded, P256_POINT_BYTES).ok_or_else(unreadable)?;
            p256(point).ok()
        }
        _ => None,
    };
    let key = key.ok_or_else(unreadable)?;
    let mut jwk = Jwk::from_public_key(&key).map_err(|_| unreadable())?;
    jwk.alg = Some(algorithm);
    jwk.intended_use = Some("sig".to_owned());
    Ok(jwk)
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<PKey<Public>, openssl::error::ErrorStack> {
    let (modulus, exponent) = (BigNum::from_slice(modulus)?, BigNum::from_slice(exponent)?);
    PKey::from_rsa(Rsa::from_public_components(modulus, exponent)?)
}

fn p256(point: &[u8]) -> Result<PKey<Public>, openssl::error::ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, point, &mut context)?;
    let key = EcKey::from_public_key(&group, &point)?;
    key.check_key()?;
    PKey::from_ec_key(key)
}

/// A point in a DER OCTET STRING (PKCS #11 2.40 section 2.3.3); some modules leave that out.
fn point(encoded: &[u8], bytes: usize) -> Option<&[u8]> {
    let length = u8::try_from(bytes).ok()?;
    let inner = encoded.strip_prefix(&[0x04, length]);
    inner
        .filter(|point| point.len() == bytes)
        .or_else(|| (encoded.len() == bytes).then_some(encoded))
}
