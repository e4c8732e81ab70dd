//! A PKCS#11 token: keys that are made in it and never leave it.
//!
//! Calls into a module block. They are made off the asynchronous threads, a bounded number at once,
//! each in a session of its own from a pool. A session that fails is thrown away and the call made
//! once more in a new one; where that fails too the module is started anew. So a token that was
//! away serves again when it is back, without a restart of the server.
//!
//! Nothing can end a call that hangs in the module. So each is made on a thread of its own, and who
//! waits for it waits for so long and no longer; the thread goes on until the module lets go of it.
//! Calls that hang leave their places to others, but for so many: then all are refused at once.

mod key;
mod module;

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use openssl::rand::rand_bytes;
use zeroize::Zeroizing;

use crate::config::Pkcs11Config;
use crate::error::Error;
use crate::key_encryption::TAG_BYTES;

use self::module::Module;

pub(crate) use self::key::{KeyInToken, mechanisms};

/// Calls at once.
const CALLS_MAX: usize = 8;
/// How long a call waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(5);
/// How long one may take that makes a key: small tokens look for primes for a while.
const MAKING: Duration = Duration::from_secs(60);
/// Calls that hang, beside those that do not.
const HANGING_MAX: usize = 16;
/// Length of the AES key, in bytes.
const ENCRYPTION_KEY_BYTES: u64 = 32;
const TAG_BITS: u64 = 128;

/// A token that is logged in to.
#[derive(Debug)]
pub(crate) struct Token {
    module: Module,
    /// How long a call may take that makes nothing.
    patience: Duration,
    pool: Mutex<Pool>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<OpenSession>,
    /// Calls that somebody waits for.
    calls: HashSet<u64>,
    /// Calls that nobody waits for any more.
    hanging: HashSet<u64>,
    next: u64,
}

/// A session, and the keys that were found in it.
#[derive(Debug)]
struct OpenSession {
    session: Session,
    found: HashMap<Vec<u8>, ObjectHandle>,
}

/// Why a call failed, and whether the same call may well succeed in another session.
#[derive(Debug)]
enum Fault {
    /// The token or the session is not as it was.
    Session(String),
    /// Another try would end alike.
    Call(Error),
}

impl From<cryptoki::error::Error> for Fault {
    fn from(error: cryptoki::error::Error) -> Self {
        Self::Session(error.to_string())
    }
}

impl Token {
    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    /// `server.pkcs11_unavailable`, and those of the PIN's file.
    pub(crate) fn open(config: &Pkcs11Config) -> Result<Arc<Self>, Error> {
        Self::open_within(config, CALL)
    }

    fn open_within(config: &Pkcs11Config, patience: Duration) -> Result<Arc<Self>, Error> {
        let config = config.clone();
        let token = Arc::new(Self {
            module: within(patience, move || Module::load(&config))?,
            patience,
            pool: Mutex::default(),
            free: Condvar::new(),
        });
        token.call(|_| Ok(()))?;
        Ok(token)
    }

    /// Whether the token can do what a mechanism is for.
    ///
    /// # Errors
    /// `server.pkcs11_unavailable`.
    pub(crate) fn has_mechanism(self: &Arc<Self>, mechanism: MechanismType) -> Result<bool, Error> {
        let token = Arc::clone(self);
        let mechanisms = within(self.patience, move || token.module.mechanisms())?;
        Ok(mechanisms.contains(&mechanism))
    }

    pub(crate) fn has_encryption_key(self: &Arc<Self>, label: &str) -> Result<bool, Error> {
        let label = label.to_owned();
        self.call(move |open| {
            let keys = open.session.find_objects(&encryption_key(&label))?;
            Ok(!keys.is_empty())
        })
    }

    /// Makes an AES key that encrypts, and that the token never gives out.
    pub(crate) fn make_encryption_key(self: &Arc<Self>, label: &str) -> Result<(), Error> {
        let mut id = [0; 16];
        rand_bytes(&mut id)
            .map_err(|_| unavailable("the system gives no random bytes".to_owned()))?;
        let label = label.as_bytes().to_vec();
        self.call_within(MAKING, move |open| {
            let template = [
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::ValueLen(ENCRYPTION_KEY_BYTES.into()),
                Attribute::Label(label.clone()),
                Attribute::Id(id.to_vec()),
            ];
            open.session
                .generate_key(&Mechanism::AesKeyGen, &template)?;
            Ok(())
        })
    }

    /// Encrypts by the AES key with a label; the tag follows the text.
    pub(crate) fn encrypt(
        self: &Arc<Self>,
        label: &str,
        nonce: &[u8],
        bound: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (label, nonce, bound) = (label.to_owned(), nonce.to_vec(), bound.to_vec());
        let text = Zeroizing::new(text.to_vec());
        self.call(move |open| {
            let key = open.encryption_key(&label)?;
            let mut nonce = nonce.clone();
            let parameters = GcmParams::new(&mut nonce, &bound, TAG_BITS.into())?;
            let mechanism = Mechanism::AesGcm(parameters);
            Ok(open.session.encrypt(&mechanism, key, &text)?)
        })
    }

    /// Decrypts; none where it is not what was encrypted.
    pub(crate) fn decrypt(
        self: &Arc<Self>,
        label: &str,
        nonce: &[u8],
        bound: &[u8],
        text: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        if text.len() < TAG_BYTES {
            return Ok(None);
        }
        let (label, nonce, bound) = (label.to_owned(), nonce.to_vec(), bound.to_vec());
        let text = text.to_vec();
        self.call(move |open| {
            let key = open.encryption_key(&label)?;
            let mut nonce = nonce.clone();
            let parameters = GcmParams::new(&mut nonce, &bound, TAG_BITS.into())?;
            match open
                .session
                .decrypt(&Mechanism::AesGcm(parameters), key, &text)
            {
                Ok(text) => Ok(Some(text)),
                Err(error) if module::is_of_the_text(&error) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Makes a call in a session of the token, off the asynchronous threads.
    fn call<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Fn(&mut OpenSession) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        self.call_within(self.patience, work)
    }

    fn call_within<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Duration,
        work: impl Fn(&mut OpenSession) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        off_the_runtime(|| {
            let turn = Turn::take(self)?;
            let (token, number) = (Arc::clone(self), turn.number);
            let outcome = wait_for(limit, move || {
                let outcome = token.call_here(&work);
                drop(turn);
                outcome
            });
            outcome.unwrap_or_else(|| {
                self.let_go(number);
                Err(hangs(limit))
            })
        })
    }

    fn call_here<T>(
        &self,
        work: &impl Fn(&mut OpenSession) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        if let Some(open) = self.idle() {
            match self.attempt(open, work) {
                Err(Fault::Session(_)) => self.forget_idle(),
                outcome => return outcome.map_err(Error::from),
            }
        }
        let first = self
            .open_session()
            .and_then(|open| self.attempt(open, work));
        match first {
            Err(Fault::Session(reason)) => {
                tracing::warn!(reason, "the PKCS#11 token does not serve: tried anew");
                self.forget_idle();
                self.module.restart()?;
                let again = self.open_session()?;
                Ok(self.attempt(again, work)?)
            }
            outcome => outcome.map_err(Error::from),
        }
    }

    fn attempt<T>(
        &self,
        mut open: OpenSession,
        work: &impl Fn(&mut OpenSession) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.module.while_running(|| {
            let outcome = work(&mut open);
            match &outcome {
                Err(Fault::Session(_)) => drop(open),
                _ => self.pool().idle.push(open),
            }
            outcome
        })
    }

    fn open_session(&self) -> Result<OpenSession, Fault> {
        Ok(OpenSession {
            session: self.module.open_session()?,
            found: HashMap::new(),
        })
    }

    /// Nobody waits for this call any more: its place is another's.
    fn let_go(&self, number: u64) {
        let mut pool = self.pool();
        if pool.calls.remove(&number) {
            pool.hanging.insert(number);
        }
        self.free.notify_one();
    }

    fn idle(&self) -> Option<OpenSession> {
        self.pool().idle.pop()
    }

    fn forget_idle(&self) {
        let idle = std::mem::take(&mut self.pool().idle);
        self.module.while_running(|| drop(idle));
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the calls at once.
struct Turn {
    token: Arc<Token>,
    number: u64,
}

impl Turn {
    fn take(token: &Arc<Token>) -> Result<Self, Error> {
        let is_stuck = |pool: &Pool| pool.hanging.len() >= HANGING_MAX;
        let must_wait = |pool: &mut Pool| !is_stuck(pool) && pool.calls.len() >= CALLS_MAX;
        let waited = token.free.wait_timeout_while(token.pool(), TURN, must_wait);
        let (mut pool, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_stuck(&pool) {
            return Err(unavailable("its calls hang".to_owned()));
        }
        if waited.timed_out() {
            return Err(unavailable("it is too busy".to_owned()));
        }
        let number = pool.next;
        pool.next = number.wrapping_add(1);
        pool.calls.insert(number);
        Ok(Self {
            token: Arc::clone(token),
            number,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut pool = self.token.pool();
        if !pool.calls.remove(&self.number) {
            pool.hanging.remove(&self.number);
        }
        self.token.free.notify_one();
    }
}

/// Does what calls the module, and gives up waiting for it after a while.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    off_the_runtime(|| wait_for(limit, work).unwrap_or_else(|| Err(hangs(limit))))
}

/// None where it is not done in time. The thread ends with the work, and with the process.
fn wait_for<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = sync_channel(1);
    let thread = std::thread::Builder::new().name("pkcs11".to_owned());
    // Whoever waited may be gone.
    let started = thread.spawn(move || drop(sender.send(work())));
    started.ok()?;
    receiver.recv_timeout(limit).ok()
}

fn hangs(limit: Duration) -> Error {
    let seconds = limit.as_secs();
    unavailable(format!("it has not answered within {seconds} seconds"))
}

impl OpenSession {
    fn encryption_key(&mut self, label: &str) -> Result<ObjectHandle, Fault> {
        let name = format!("AES {label}").into_bytes();
        self.find(name, &encryption_key(label))
    }

    /// Finds an object, or remembers that it did.
    fn find(&mut self, name: Vec<u8>, template: &[Attribute]) -> Result<ObjectHandle, Fault> {
        if let Some(found) = self.found.get(&name) {
            return Ok(*found);
        }
        match self.session.find_objects(template)?.as_slice() {
            [one] => {
                self.found.insert(name, *one);
                Ok(*one)
            }
            // It may be there once the token is back.
            [] => Err(Fault::Session("the token does not have the key".to_owned())),
            _ => Err(Fault::Call(unavailable(
                "the token has two keys of one name".to_owned(),
            ))),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Session(reason) => unavailable(reason),
            Fault::Call(error) => error,
        }
    }
}

fn encryption_key(label: &str) -> [Attribute; 3] {
    [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

fn unavailable(reason: String) -> Error {
    Error::Pkcs11Unavailable { reason }
}

/// A module may take a good part of a second: other tasks go on meanwhile.
fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

type Pin = Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests;
