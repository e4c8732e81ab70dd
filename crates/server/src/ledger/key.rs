//! The key that signs the log's checkpoints: Ed25519, encrypted in the database or in the PKCS#11
//! token, as token keys are.

use std::sync::Arc;

use cardea_jose::{Algorithm, Jwk, JwtSigner as _, SigningKey};
use cardea_ledger::CheckpointSigner;
use cardea_provider::event::EventLog;
use cardea_provider::{Clock as _, LedgerRecords};
use cardea_storage::Store;
use cardea_storage::ledger::{LedgerKeyRecord, list_keys};
use cardea_storage::signing_key::SigningKeyRecord;
use cardea_transparency::{
    Checkpoint, Hash, KeyName, Note, NoteSignature, SignatureKind, VerifierKey,
};
use time::OffsetDateTime;

use crate::clock::SystemClock;
use crate::error::Error;
use crate::key_rotation::failed;
use crate::key_vault::KeyVault;

const ALGORITHM: Algorithm = Algorithm::EdDsa;

/// The key, under the log's name.
pub(crate) struct KeyOfLog {
    verifier: VerifierKey,
    key: SigningKey,
}

impl KeyOfLog {
    /// Opens the log's key, and makes it where there is none and the log has not begun.
    ///
    /// # Errors
    /// Those of the vault and of the database; `ledger.signing_failed` where the key opens and does
    /// not sign; `ledger.key_missing` where another signed what there is.
    pub(crate) async fn load_or_make(
        store: &Store,
        vault: Arc<KeyVault>,
        event_log: Arc<dyn EventLog>,
        origin: &str,
        is_begun: bool,
    ) -> Result<Self, Error> {
        if let Some(key) = Self::load(store, Arc::clone(&vault), origin).await? {
            return Ok(key);
        }
        if is_begun {
            let source = cardea_ledger::Error::KeyMissing;
            return Err(Error::LedgerUnavailable { source });
        }
        let own = Arc::clone(&vault);
        let made = blocking(move || own.make_ledger_key()).await?;
        let record = LedgerKeyRecord {
            kid: made.public_jwk.thumbprint(),
            public_jwk: serde_json::to_string(&made.public_jwk).map_err(|_| unreadable("new"))?,
            sealed: made.sealed,
            created_at: SystemClock.now(),
        };
        let verifier = verifier_of(&made.public_jwk, origin)?;
        let named = verifier.to_string();
        let kept = LedgerRecords::add_key(store, &*event_log, record.clone(), &named);
        let kept = kept.await.map_err(failed)?;
        if kept.kid != record.kid && record.sealed.is_none() {
            vault.discard(&record.kid);
        }
        open(vault, kept, origin).await
    }

    /// Opens the log's key; none where none was made.
    ///
    /// # Errors
    /// As [`KeyOfLog::load_or_make`].
    pub(crate) async fn load(
        store: &Store,
        vault: Arc<KeyVault>,
        origin: &str,
    ) -> Result<Option<Self>, Error> {
        let unavailable = |source| Error::DatabaseUnavailable { source };
        let mut reading = store.begin_read().await.map_err(unavailable)?;
        let keys = list_keys(&mut reading).await.map_err(unavailable)?;
        drop(reading);
        match keys.into_iter().next() {
            Some(record) => open(vault, record, origin).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The public half of the log's key, under the log's name, whether or not the key opens; none where
/// none was made.
///
/// # Errors
/// Those of the database, and `server.token_key_unreadable`.
pub(crate) async fn find_verifier(
    store: &Store,
    origin: &str,
) -> Result<Option<VerifierKey>, Error> {
    let unavailable = |source| Error::DatabaseUnavailable { source };
    let mut reading = store.begin_read().await.map_err(unavailable)?;
    let keys = list_keys(&mut reading).await.map_err(unavailable)?;
    drop(reading);
    let Some(record) = keys.into_iter().next() else {
        return Ok(None);
    };
    let jwk = serde_json::from_str(&record.public_jwk).map_err(|_| unreadable(&record.kid))?;
    verifier_of(&jwk, origin).map(Some)
}

impl CheckpointSigner for KeyOfLog {
    fn origin(&self) -> &str {
        self.verifier.name().as_str()
    }

    fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, note: &Note) -> Result<NoteSignature, cardea_ledger::Error> {
        let bytes = self.key.sign_message(note.text().as_bytes());
        let bytes = bytes.map_err(|error| cardea_ledger::Error::SigningFailed {
            reason: error.to_string(),
        })?;
        Ok(NoteSignature::new(&self.verifier, bytes))
    }
}

/// Opens a key off the asynchronous threads.
async fn open(
    vault: Arc<KeyVault>,
    record: LedgerKeyRecord,
    origin: &str,
) -> Result<KeyOfLog, Error> {
    let origin = origin.to_owned();
    blocking(move || KeyOfLog::open_now(&vault, record, &origin)).await
}

impl KeyOfLog {
    /// Opens a key, and sees that what it signs verifies by the public half that stands beside it.
    ///
    /// # Errors
    /// Those of the vault; `ledger.signing_failed`.
    pub(crate) fn open_now(
        vault: &KeyVault,
        record: LedgerKeyRecord,
        origin: &str,
    ) -> Result<Self, Error> {
        let jwk: Jwk =
            serde_json::from_str(&record.public_jwk).map_err(|_| unreadable(&record.kid))?;
        let verifier = verifier_of(&jwk, origin)?;
        let key = vault.load(&as_signing_key(record))?;
        let key = Self { verifier, key };
        key.check()?;
        Ok(key)
    }

    fn check(&self) -> Result<(), Error> {
        let unavailable = |source| Error::LedgerUnavailable { source };
        let note = Checkpoint::new(self.origin(), 0, Hash::EMPTY_ROOT)
            .and_then(|checkpoint| checkpoint.to_note());
        let mut note = note.map_err(|source| unavailable(source.into()))?;
        let signature = self.sign(&note).map_err(unavailable)?;
        let signed = note
            .add(signature)
            .and_then(|()| note.verify(std::slice::from_ref(&self.verifier)).map(drop));
        signed.map_err(|source| {
            unavailable(cardea_ledger::Error::SigningFailed {
                reason: source.to_string(),
            })
        })
    }
}

/// A key of the log, in the form that the vault opens.
pub(crate) fn as_signing_key(record: LedgerKeyRecord) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: record.kid,
        algorithm: ALGORITHM.as_str().to_owned(),
        generation: 0,
        public_jwk: record.public_jwk,
        sealed: record.sealed,
        created_at: record.created_at,
        signs_from: OffsetDateTime::UNIX_EPOCH,
        signs_until: None,
        verifies_until: None,
    }
}

fn verifier_of(jwk: &Jwk, origin: &str) -> Result<VerifierKey, Error> {
    let unusable = |_| unreadable(jwk.kid.as_deref().unwrap_or("new"));
    let public = jwk.public_key().map_err(|_| unusable(()))?;
    let public = public.raw_public_key().map_err(|_| unusable(()))?;
    let public: [u8; 32] = public.try_into().map_err(|_| unusable(()))?;
    let name = KeyName::new(origin).map_err(|source| Error::LedgerUnavailable {
        source: source.into(),
    })?;
    Ok(VerifierKey::new(name, SignatureKind::Ed25519, public))
}

fn unreadable(kid: &str) -> Error {
    Error::TokenKeyUnreadable {
        kid: kid.to_owned(),
    }
}

/// Off the asynchronous threads: a token may take its time.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| failed(cardea_jose::Error::SignerUnavailable.into()))?
}
