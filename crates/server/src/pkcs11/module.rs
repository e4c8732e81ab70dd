//! The module: loaded once a process, whoever uses it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard, TryLockError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use secrecy::SecretBox;

use super::{Fault, Pin, unavailable};
use crate::config::Pkcs11Config;
use crate::error::Error;
use crate::key_encryption::read_credential;
use crate::key_file::read_private;

/// A module is not started anew more often: that ends every session of the process.
const RESTART_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// How long a new start waits for calls to end: one that hangs never does.
const RESTART_WAIT: Duration = Duration::from_secs(2);
const RESTART_LOOK: Duration = Duration::from_millis(5);
/// Most slots that are looked at.
const SLOTS_MAX: usize = 64;

/// Held while any module is called; for itself alone while one is started anew, which ends every
/// session of the process.
static RUNNING: RwLock<()> = RwLock::new(());

#[derive(Debug)]
pub(super) struct Module {
    config: Pkcs11Config,
    module: RwLock<Pkcs11>,
    restarted: Mutex<Option<Instant>>,
    /// The token has refused the PIN: it is not given again, so that its tries are not used up.
    pin_refused: AtomicBool,
}

impl Module {
    pub(super) fn load(config: &Pkcs11Config) -> Result<Self, Error> {
        let running = RUNNING.read().unwrap_or_else(PoisonError::into_inner);
        let module = start(config)?;
        drop(running);
        Ok(Self {
            config: config.clone(),
            module: RwLock::new(module),
            restarted: Mutex::new(None),
            pin_refused: AtomicBool::new(false),
        })
    }

    /// Does what calls the module.
    pub(super) fn while_running<T>(&self, work: impl FnOnce() -> T) -> T {
        let _running = RUNNING.read().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// Opens a session that is logged in.
    pub(super) fn open_session(&self) -> Result<Session, Fault> {
        self.while_running(|| {
            let module = self.module();
            let slot = self.find_slot(&module)?;
            self.check_tries(&module, slot)?;
            let session = module.open_rw_session(slot)?;
            self.log_in(&session)?;
            Ok(session)
        })
    }

    pub(super) fn mechanisms(&self) -> Result<Vec<MechanismType>, Error> {
        self.while_running(|| {
            let module = self.module();
            let slot = self.find_slot(&module)?;
            let list = module.get_mechanism_list(slot);
            list.map_err(|error| unavailable(error.to_string()))
        })
    }

    /// Ends the module and starts it again: it looks for its tokens anew. Not so soon after it was.
    pub(super) fn restart(&self) -> Result<(), Error> {
        let _alone = alone()?;
        let mut restarted = self
            .restarted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if restarted.is_some_and(|at| at.elapsed() < RESTART_INTERVAL_MIN) {
            return Ok(());
        }
        *restarted = Some(Instant::now());
        drop(restarted);
        let mut module = self.module.write().unwrap_or_else(PoisonError::into_inner);
        // One that has ended by itself cannot be ended, and is started all the same.
        let _ = module.clone().finalize();
        *module = start(&self.config)?;
        Ok(())
    }

    fn module(&self) -> Pkcs11 {
        let module = self.module.read().unwrap_or_else(PoisonError::into_inner);
        module.clone()
    }

    fn find_slot(&self, module: &Pkcs11) -> Result<Slot, Fault> {
        let slots = module.get_slots_with_token()?;
        let is_wanted = |slot: &Slot| {
            module.get_token_info(*slot).is_ok_and(|info| {
                info.token_initialized() && info.label().trim() == self.config.token
            })
        };
        let mut found = slots.into_iter().take(SLOTS_MAX).filter(is_wanted);
        match (found.next(), found.next()) {
            (Some(slot), None) => Ok(slot),
            (None, _) => Err(Fault::Session("the token is not there".to_owned())),
            (Some(_), Some(_)) => Err(Fault::Call(unavailable(
                "two tokens have this label".to_owned(),
            ))),
        }
    }

    /// A server that is started again and again with a wrong PIN leaves the last try to a person.
    fn check_tries(&self, module: &Pkcs11, slot: Slot) -> Result<(), Fault> {
        let refused = |reason: &str| Err(Fault::Call(unavailable(reason.to_owned())));
        if self.pin_refused.load(Ordering::Relaxed) {
            return refused("the token has refused its PIN: correct it, then restart the server");
        }
        let info = module.get_token_info(slot)?;
        if info.user_pin_locked() {
            return refused("the token's PIN is locked");
        }
        if info.user_pin_final_try() {
            return refused("the token has one try of its PIN left, which the server does not use");
        }
        Ok(())
    }

    fn log_in(&self, session: &Session) -> Result<(), Fault> {
        let mut pin = self.read_pin().map_err(Fault::Call)?;
        let pin = SecretBox::new(Box::new(std::mem::take(&mut *pin)));
        match session.login_with_raw(UserType::User, &pin) {
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Pkcs11Error::Pkcs11(
                error @ (RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange),
                _,
            )) => {
                self.pin_refused.store(true, Ordering::Relaxed);
                let reason = format!("the token refuses its PIN: {error}");
                Err(Fault::Call(unavailable(reason)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read_pin(&self) -> Result<Pin, Error> {
        let mut pin = match (&self.config.pin_file, &self.config.pin_credential) {
            (Some(file), _) => read_private(file)?,
            (None, Some(name)) => Pin::new(read_credential(name)?.as_bytes().to_vec()),
            (None, None) => Pin::default(),
        };
        let end = pin.trim_ascii_end().len();
        zeroize::Zeroize::zeroize(pin.get_mut(end..).unwrap_or_default());
        pin.truncate(end);
        Ok(pin)
    }
}

/// Whether decryption failed because of what was to be decrypted. SoftHSM2 has one answer for that
/// and for more.
pub(super) fn is_of_the_text(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange | RvError::GeneralError,
            _
        )
    )
}

/// Waits for the calls that are under way. Nobody queues behind a call that hangs: those that come
/// meanwhile go on.
fn alone() -> Result<RwLockWriteGuard<'static, ()>, Error> {
    let begun = Instant::now();
    loop {
        match RUNNING.try_write() {
            Ok(alone) => return Ok(alone),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < RESTART_WAIT => {
                std::thread::sleep(RESTART_LOOK);
            }
            Err(TryLockError::WouldBlock) => {
                let reason = "it cannot be started anew while a call hangs in its module";
                return Err(unavailable(reason.to_owned()));
            }
        }
    }
}

fn start(config: &Pkcs11Config) -> Result<Pkcs11, Error> {
    let path = config.module.display();
    let module = Pkcs11::new(&config.module)
        .map_err(|error| unavailable(format!("the module {path} cannot be loaded: {error}")))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(unavailable(format!("the module does not start: {error}"))),
    }
}
