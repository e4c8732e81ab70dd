//! A P-256 key in a token of a PKCS#11 module, such as a TPM: it never leaves the token.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cardea_jose::{Algorithm, Jwk, JwtSigner};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use secrecy::SecretBox;

use crate::Error;
use crate::config::{TokenName, TokenPlace};
use crate::protected_program;

/// The key's name inside the token, as `CKA_ID` and `CKA_LABEL`.
const KEY_NAME: &str = "cardea-agent-instance";
/// The DER object identifier of P-256 (RFC 5480 section 2.1.1.1).
const P256_OID_DER: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// An uncompressed point of P-256 (SEC 1 section 2.3.3).
const POINT_BYTES: usize = 65;
/// Most slots that are looked at.
const SLOTS_MAX: usize = 64;

/// What is to be done where the token does not have the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent<'a> {
    /// Make it: there never was one.
    Make,
    /// Refuse, and refuse any other than the one with this thumbprint: another key would be another
    /// workstation to everybody, and nobody would know why.
    Refuse { kid: &'a str },
}

/// An instance key in a token. Nothing is kept open between signatures: a TPM has room for three
/// keys at a time, which others of this machine need as well.
pub(super) struct TokenKey {
    place: TokenPlace,
    public_jwk: Jwk,
    /// The login state of a token belongs to the whole process: one signature at a time.
    signing: Mutex<()>,
}

struct Opened {
    session: Session,
    key: ObjectHandle,
    public_jwk: Jwk,
}

impl TokenKey {
    /// Finds the key in the token, or makes it.
    ///
    /// # Errors
    /// [`Error::InstanceKeyUnavailable`]; [`Error::FileUnsafe`] for a PIN that others can read.
    pub(super) fn open(place: TokenPlace, absent: Absent<'_>) -> Result<Self, Error> {
        let opened = Opened::new(&place, absent)?;
        Ok(Self {
            place,
            public_jwk: opened.public_jwk,
            signing: Mutex::new(()),
        })
    }

    fn sign(&self, hash: &[u8]) -> Result<Vec<u8>, Error> {
        let _alone = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = Opened::new(&self.place, Absent::Refuse { kid: self.kid() })?;
        // CKM_ECDSA answers r‖s, which is the form of JWS.
        opened
            .session
            .sign(&Mechanism::Ecdsa, opened.key, hash)
            .map_err(|error| unavailable(format!("it does not sign: {error}")))
    }
}

impl JwtSigner for TokenKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn public_jwk(&self) -> &Jwk {
        &self.public_jwk
    }

    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, cardea_jose::Error> {
        let hash = openssl::sha::sha256(message);
        // A TPM takes a good part of a second.
        let signed = off_the_runtime(|| self.sign(&hash));
        signed.map_err(|error| {
            tracing::error!(code = error.code(), %error, "the instance key does not sign");
            cardea_jose::Error::SignerUnavailable
        })
    }
}

impl Opened {
    fn new(place: &TokenPlace, absent: Absent<'_>) -> Result<Self, Error> {
        let module = load(place)?;
        let slot = find_slot(&module, &place.token)?;
        check_tries(&module, slot, place)?;
        let session = module
            .open_rw_session(slot)
            .map_err(|error| unavailable(format!("no session can be opened: {error}")))?;
        log_in(&session, place)?;
        let key = match (find(&session, ObjectClass::PRIVATE_KEY)?, absent) {
            (Some(key), _) => key,
            (None, Absent::Make) => generate(&session)?,
            (None, Absent::Refuse { .. }) => {
                return Err(unavailable("the token no longer holds the key".to_owned()));
            }
        };
        let public_jwk = public_jwk(&session)?;
        if let Absent::Refuse { kid } = absent
            && public_jwk.thumbprint() != kid
        {
            return Err(unavailable("the token holds another key".to_owned()));
        }
        Ok(Self {
            session,
            key,
            public_jwk,
        })
    }
}

fn load(place: &TokenPlace) -> Result<Pkcs11, Error> {
    // It runs in the agent itself and is given the token's PIN (attack D16).
    protected_program::check(&place.module).map_err(|error| match error {
        Error::FileUnreadable { path, .. } => {
            unavailable(format!("the module {} is not there", path.display()))
        }
        other => other,
    })?;
    let module = Pkcs11::new(&place.module).map_err(|error| {
        let path = place.module.display();
        unavailable(format!("the module {path} cannot be loaded: {error}"))
    })?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // A module is initialised once a process, and a card may be reached through it as well.
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(unavailable(format!("the module does not start: {error}"))),
    }
}

fn find_slot(module: &Pkcs11, token: &TokenName) -> Result<Slot, Error> {
    let slots = module
        .get_slots_with_token()
        .map_err(|error| unavailable(format!("the module shows no tokens: {error}")))?;
    let is_wanted = |slot: &Slot| match token {
        TokenName::Slot(number) => slot.id() == *number,
        TokenName::Label(label) => module
            .get_token_info(*slot)
            .is_ok_and(|info| info.token_initialized() && info.label().trim() == label),
    };
    let mut found = slots.into_iter().take(SLOTS_MAX).filter(is_wanted);
    match (found.next(), found.next()) {
        (Some(slot), None) => Ok(slot),
        (None, _) => Err(unavailable("the token is not there".to_owned())),
        (Some(_), Some(_)) => Err(unavailable("two tokens have this label".to_owned())),
    }
}

/// Places whose token has refused the PIN of the file: it is not given a second time by a process
/// that has nobody to ask, so that a wrong file does not use up the token's tries.
static REFUSED: Mutex<Vec<TokenPlace>> = Mutex::new(Vec::new());

fn refused() -> MutexGuard<'static, Vec<TokenPlace>> {
    REFUSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is a try to spare. An agent that is started again and again with a wrong file must
/// leave the last one to a person.
fn check_tries(module: &Pkcs11, slot: Slot, place: &TokenPlace) -> Result<(), Error> {
    if refused().contains(place) {
        return Err(unavailable(format!(
            "the token has refused the PIN in {}: correct it, then restart the agent",
            place.pin_file.display()
        )));
    }
    let info = module
        .get_token_info(slot)
        .map_err(|error| unavailable(format!("the token does not tell its state: {error}")))?;
    check_flags(info.user_pin_locked(), info.user_pin_final_try())
}

fn check_flags(is_locked: bool, is_final_try: bool) -> Result<(), Error> {
    if is_locked {
        let reason = "the token's PIN is locked; whoever administers the token can reset it";
        return Err(unavailable(reason.to_owned()));
    }
    if is_final_try {
        let reason = "the token has one try of its PIN left, which the agent does not use: log in \
                      to it once with the right PIN by the token's own tool";
        return Err(unavailable(reason.to_owned()));
    }
    Ok(())
}

fn log_in(session: &Session, place: &TokenPlace) -> Result<(), Error> {
    let mut pin = protected_program::read_secret(&place.pin_file)?;
    let end = pin.trim_ascii_end().len();
    zeroize::Zeroize::zeroize(pin.get_mut(end..).unwrap_or_default());
    pin.truncate(end);
    let pin = SecretBox::new(Box::new(pin));
    match session.login_with_raw(UserType::User, &pin) {
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(error) => {
            if let Pkcs11Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            ) = error
            {
                refused().push(place.clone());
            }
            Err(unavailable(format!("the token refuses its PIN: {error}")))
        }
    }
}

fn find(session: &Session, class: ObjectClass) -> Result<Option<ObjectHandle>, Error> {
    let template = [
        Attribute::Class(class),
        Attribute::Id(KEY_NAME.as_bytes().to_vec()),
    ];
    let found = session
        .find_objects(&template)
        .map_err(|error| unavailable(format!("the token cannot be searched: {error}")))?;
    match found.as_slice() {
        [] => Ok(None),
        [key] => Ok(Some(*key)),
        _ => Err(unavailable("the token holds the key twice".to_owned())),
    }
}

/// Makes a key that signs, and that the token never gives out.
fn generate(session: &Session) -> Result<ObjectHandle, Error> {
    let name = KEY_NAME.as_bytes().to_vec();
    let public = [
        Attribute::Token(true),
        Attribute::Verify(true),
        Attribute::EcParams(P256_OID_DER.to_vec()),
        Attribute::Id(name.clone()),
        Attribute::Label(name.clone()),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Id(name.clone()),
        Attribute::Label(name),
    ];
    let (_, key) = session
        .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
        .map_err(|error| unavailable(format!("the token makes no key: {error}")))?;
    Ok(key)
}

fn public_jwk(session: &Session) -> Result<Jwk, Error> {
    let unreadable = || unavailable("the public key cannot be read".to_owned());
    let object = find(session, ObjectClass::PUBLIC_KEY)?.ok_or_else(unreadable)?;
    let attributes = session
        .get_attributes(object, &[AttributeType::EcPoint])
        .map_err(|_| unreadable())?;
    let Some(Attribute::EcPoint(encoded)) = attributes.into_iter().next() else {
        return Err(unreadable());
    };
    // DER OCTET STRING of 65 bytes (PKCS #11 2.40 section 2.3.3); some modules leave it out.
    let point = match encoded.as_slice() {
        [0x04, 0x41, point @ ..] if point.len() == POINT_BYTES => point,
        point if point.len() == POINT_BYTES => point,
        _ => return Err(unreadable()),
    };
    let key = || -> Result<Jwk, cardea_jose::Error> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = openssl::bn::BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, point, &mut context)?;
        let key = EcKey::from_public_key(&group, &point)?;
        key.check_key()?;
        let key = PKey::from_ec_key(key)?;
        let mut jwk = Jwk::from_public_key(&key)?;
        jwk.alg = Some(Algorithm::Es256);
        Ok(jwk)
    };
    key().map_err(|_| unreadable())
}

fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

fn unavailable(reason: String) -> Error {
    Error::InstanceKeyUnavailable { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_locked_pin_nor_the_last_try_is_used() {
        assert!(check_flags(false, false).is_ok());
        for (is_locked, is_final_try, words) in [
            (true, false, "locked"),
            (true, true, "locked"),
            (false, true, "one try"),
        ] {
            let error = check_flags(is_locked, is_final_try).unwrap_err();
            assert_eq!(error.code(), "agent.instance_key_unavailable");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
