//! A token in a slot: certificates, PIN state, signatures.

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use secrecy::SecretBox;
use tracing::warn;

use super::card_state::CardState;
use super::fault::from_pkcs11;
use crate::{
    Card, CardCertificate, Error, KeyAlgorithm, KeyReference, Pin, PinAfter, PinChange, PinEntry,
    PinMeans, PinStatus, SignRequest, Signature, signing,
};

/// Most certificates that are read from one token.
const CERTIFICATES_MAX: usize = 32;

/// A token of a PKCS#11 module.
pub struct Pkcs11Card {
    pub(super) context: Pkcs11,
    pub(super) slot: Slot,
    pub(super) slot_description: String,
    session: Session,
    label: String,
    pub(super) serial: String,
}

impl Pkcs11Card {
    pub(super) fn open(
        context: Pkcs11,
        slot: Slot,
        slot_description: String,
        token: &TokenInfo,
    ) -> Result<Self, Error> {
        let session = context.open_ro_session(slot).map_err(from_pkcs11)?;
        let label = token.label().trim().to_owned();
        let serial = token.serial_number().trim().to_owned();
        Ok(Self {
            context,
            slot,
            slot_description,
            session,
            label,
            serial,
        })
    }

    fn token_info(&self) -> Result<TokenInfo, Error> {
        self.context.get_token_info(self.slot).map_err(from_pkcs11)
    }

    fn is_logged_in(&self) -> Result<bool, Error> {
        let info = self.session.get_session_info().map_err(from_pkcs11)?;
        Ok(match info.session_state() {
            SessionState::RoPublic | SessionState::RwPublic => false,
            SessionState::RoUser | SessionState::RwUser | SessionState::RwSecurityOfficer => true,
        })
    }

    /// C_Login. The PIN goes to the module once, whatever it answers; without one, the module has
    /// it typed on the reader (PKCS #11 2.40 section 5.6, C_Login).
    fn log_in(&self, pin: Option<&Pin>) -> Result<(), Error> {
        let outcome = match pin {
            Some(pin) => {
                let pin = SecretBox::new(Box::new(pin.digits().to_vec()));
                self.session.login_with_raw(UserType::User, &pin)
            }
            None => self.session.login(UserType::User, None),
        };
        match outcome.map_err(from_pkcs11) {
            Err(Error::PinIncorrect { .. }) => Err(self.incorrect_pin()?),
            other => other,
        }
    }

    /// What is left after a wrong PIN.
    pub(super) fn incorrect_pin(&self) -> Result<Error, Error> {
        let status = pin_status_of(&self.token_info()?, false);
        Ok(if status.blocked {
            Error::PinBlocked
        } else {
            Error::PinIncorrect {
                tries_left: status.tries_left,
            }
        })
    }

    fn private_key(&self, id: &[u8]) -> Result<ObjectHandle, Error> {
        let template = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Id(id.to_vec()),
        ];
        let found = self.session.find_objects(&template).map_err(from_pkcs11)?;
        let [key] = found.as_slice() else {
            return Err(Error::KeyMissing);
        };
        let wanted = [AttributeType::AlwaysAuthenticate];
        let attributes = self
            .session
            .get_attributes(*key, &wanted)
            .map_err(from_pkcs11)?;
        if attributes.contains(&Attribute::AlwaysAuthenticate(true)) {
            return Err(Error::Unsupported {
                missing: "a key without a PIN of its own",
            });
        }
        Ok(*key)
    }

    fn rsa_signature(&self, key: ObjectHandle, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mechanisms = self
            .context
            .get_mechanism_list(self.slot)
            .map_err(from_pkcs11)?;
        let signature = if mechanisms.contains(&MechanismType::SHA256_RSA_PKCS) {
            self.session.sign(&Mechanism::Sha256RsaPkcs, key, message)
        } else {
            self.session
                .sign(&Mechanism::RsaPkcs, key, &signing::digest_info(message))
        };
        signature.map_err(from_pkcs11)
    }

    fn raw_signature(
        &self,
        request: &SignRequest<'_>,
        id: &[u8],
        algorithm: KeyAlgorithm,
    ) -> Result<Vec<u8>, Error> {
        let key = self.private_key(id)?;
        request.abandonment.check()?;
        match algorithm {
            KeyAlgorithm::Rsa2048 => self.rsa_signature(key, request.message),
            // CKM_ECDSA signs a hash and answers r‖s, which is the form of JWS.
            KeyAlgorithm::P256 => self
                .session
                .sign(&Mechanism::Ecdsa, key, &signing::sha256(request.message))
                .map_err(from_pkcs11),
        }
    }

    fn certificate(&self, object: ObjectHandle) -> Result<CardCertificate, Error> {
        let wanted = [AttributeType::Value, AttributeType::Id];
        let attributes = self
            .session
            .get_attributes(object, &wanted)
            .map_err(from_pkcs11)?;
        let (mut der, mut id) = (Vec::new(), Vec::new());
        for attribute in attributes {
            match attribute {
                Attribute::Value(value) => der = value,
                Attribute::Id(value) => id = value,
                _ => {}
            }
        }
        CardCertificate::parse(KeyReference::Pkcs11(id), der)
    }
}

impl Card for Pkcs11Card {
    fn card_name(&self) -> String {
        self.label.clone()
    }

    fn serial(&mut self) -> Result<String, Error> {
        if self.serial.is_empty() {
            return Err(Error::Unsupported {
                missing: "a serial number",
            });
        }
        Ok(self.serial.clone())
    }

    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error> {
        let template = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
        ];
        let objects = self.session.find_objects(&template).map_err(from_pkcs11)?;
        let mut certificates = Vec::new();
        let mut unreadable = None;
        for object in objects.into_iter().take(CERTIFICATES_MAX) {
            match self.certificate(object) {
                Ok(certificate) => certificates.push(certificate),
                Err(error @ Error::CertificateMalformed { .. }) => {
                    warn!(
                        code = error.code(),
                        "a certificate on the token is unreadable"
                    );
                    unreadable.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match unreadable {
            Some(error)
                if !certificates
                    .iter()
                    .any(CardCertificate::is_for_authentication) =>
            {
                Err(error)
            }
            _ => Ok(certificates),
        }
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        Ok(pin_status_of(&self.token_info()?, self.is_logged_in()?))
    }

    fn pin_means(&mut self) -> Result<PinMeans, Error> {
        Ok(if self.token_info()?.protected_authentication_path() {
            PinMeans::Reader
        } else {
            PinMeans::Keyboard
        })
    }

    fn clear_pin(&mut self) -> Result<PinAfter, Error> {
        // Nothing is ever kept through a module.
        Ok(PinAfter::LoggedOut)
    }

    fn change_pin(&mut self, change: &PinChange<'_>) -> Result<PinAfter, Error> {
        self.set_pin(change)
    }

    fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let KeyReference::Pkcs11(id) = request.certificate.key() else {
            return Err(Error::KeyMissing);
        };
        let algorithm = request.certificate.key_algorithm()?;
        let before = self.pin_status()?;
        if before.verified {
            // C_Login would answer "already logged in" and not look at the PIN.
            return Err(Error::PinNotDemanded);
        }
        let pin = match request.pin {
            PinEntry::Typed(pin) => Some(pin),
            PinEntry::OnReader if self.pin_means()? == PinMeans::Reader => None,
            PinEntry::OnReader => return Err(Error::PinPadMissing),
            PinEntry::Verified | PinEntry::NotAsked => return Err(Error::PinNotVerified),
        };
        if request
            .card_serial
            .is_some_and(|serial| serial != self.serial)
        {
            return Err(Error::CardRemoved);
        }
        before.check_may_try(request.last_try)?;
        request.abandonment.check()?;
        let card_state = CardState::read(&self.slot_description);
        self.log_in(pin)?;
        // From here on every way out logs out, also where the PIN was to be kept: through a module
        // every program of this user could use the key meanwhile.
        let login = Login {
            card: self,
            card_state,
            is_over: false,
        };
        let jws_bytes = self.raw_signature(request, id, algorithm)?;
        let pin_after = login.end();
        signing::check_signature(request.certificate, request.message, &jws_bytes)?;
        Ok(Signature::new(
            algorithm.signature_algorithm(),
            jws_bytes,
            pin_after,
        ))
    }
}

/// The token's flags (PKCS #11 2.40 table 6): only the last try is told exactly.
fn pin_status_of(token: &TokenInfo, verified: bool) -> PinStatus {
    let blocked = token.user_pin_locked();
    let tries_left = match (blocked, token.user_pin_final_try()) {
        (true, _) => Some(0),
        (false, true) => Some(1),
        (false, false) => None,
    };
    PinStatus {
        tries_left,
        verified,
        blocked,
    }
}

/// Our login; logs out when it goes, on error paths and panics too.
struct Login<'a> {
    card: &'a Pkcs11Card,
    card_state: CardState,
    is_over: bool,
}

impl Login<'_> {
    fn end(mut self) -> PinAfter {
        self.is_over = true;
        self.log_out()
    }

    fn log_out(&self) -> PinAfter {
        if let Err(error) = self.card.session.logout() {
            warn!(error = %error, "the token did not log out");
            return PinAfter::NotCleared;
        }
        let pin_after = self.card_state.restore(&self.card.slot_description);
        if pin_after == PinAfter::NotCleared {
            warn!("the card did not clear its PIN state");
        }
        pin_after
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.log_out();
        }
    }
}
