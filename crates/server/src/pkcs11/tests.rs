//! With a real SoftHSM2, whose folder is read from the environment: each test is a process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, VerifyingKey};
use cardea_ledger::{CheckpointSigner as _, SignedCheckpoint};
use cardea_provider::event::{EventLog, StoredEvents};
use cardea_storage::Store;
use cardea_storage::signing_key::SigningKeyRecord;
use cardea_transparency::Hash;
use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use time::OffsetDateTime;

use super::{KeyInToken, Token, mechanisms};
use crate::config::{EncryptionConfig, KeysConfig, Pkcs11Config};
use crate::key_encryption::{Absent, KeyEncryption};
use crate::key_vault::KeyVault;
use crate::ledger::key::{KeyOfLog, find_verifier};

const INSIDE: &str = "CARDEA_TEST_SOFTHSM_INSIDE";
const PIN: &str = "1234";
const LABEL: &str = "cardea";

fn module_path() -> PathBuf {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    let found = places.iter().map(Path::new).find(|place| place.exists());
    found
        .expect("SoftHSM2 is missing; on Debian: apt-get install softhsm2")
        .to_owned()
}

/// Runs a test once more in a process whose SoftHSM has a folder of its own, with one token in it.
fn in_own_process(name: &str, test: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return test(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", LABEL])
        .args(["--pin", PIN, "--so-pin", "12345678"])
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .expect("SoftHSM2 is missing; on Debian: apt-get install softhsm2");
    assert!(made.status.success(), "{made:?}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("SOFTHSM2_CONF", &configuration)
        .env(INSIDE, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.contains("1 passed"),
        "no test is called {name}: {text}"
    );
}

fn config(folder: &Path, pin: &str) -> Pkcs11Config {
    use std::os::unix::fs::PermissionsExt as _;
    let pin_file = folder.join(format!("pin-{pin}"));
    std::fs::write(&pin_file, format!("{pin}\n")).unwrap();
    std::fs::set_permissions(&pin_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    Pkcs11Config {
        module: module_path(),
        token: LABEL.to_owned(),
        pin_file: Some(pin_file),
        pin_credential: None,
    }
}

/// A key that signs JWTs, and the record's form of it.
fn key(token: &Arc<Token>, algorithm: Algorithm) -> SigningKey {
    let made = KeyInToken::make(token, algorithm).unwrap();
    SigningKey::from_signer(Arc::new(made)).unwrap()
}

/// Within the time that parts two starts of the module.
fn until_it_signs(key: &SigningKey) {
    for _ in 0..200 {
        if key.sign_jwt("x+jwt", &serde_json::json!({})).is_ok() {
            return verifies(key);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it does not come back");
}

fn verifies(key: &SigningKey) {
    let token = key
        .sign_jwt("x+jwt", &serde_json::json!({ "a": 1 }))
        .unwrap();
    let verifying = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
    let jws = UnverifiedJws::parse(&token, 4096).unwrap();
    assert!(jws.verify(&verifying, "x+jwt").is_ok());
}

#[test]
fn keys_are_made_in_the_token_sign_and_never_come_out() {
    let name = "pkcs11::tests::keys_are_made_in_the_token_sign_and_never_come_out";
    in_own_process(name, |folder| {
        let token = Token::open(&config(folder, PIN)).unwrap();
        let mut kids = Vec::new();
        for algorithm in [
            Algorithm::Rs256,
            Algorithm::Ps256,
            Algorithm::Es256,
            Algorithm::EdDsa,
        ] {
            let needed = mechanisms(algorithm).unwrap();
            let has = |it| token.has_mechanism(it).unwrap();
            if algorithm == Algorithm::EdDsa && !needed.into_iter().all(has) {
                continue;
            }
            let key = key(&token, algorithm);
            verifies(&key);
            kids.push((algorithm, key.kid().to_owned()));
            assert_eq!(key.to_der().unwrap_err().code(), "jose.key_invalid");
        }
        nothing_comes_out(&token);
        // The same keys after a restart of the server, by their public halves; a destroyed one
        // signs no more.
        let again = Token::open(&config(folder, PIN)).unwrap();
        for (_, kid) in &kids {
            KeyInToken::destroy(&again, kid).unwrap();
        }
        assert!(objects(&again).is_empty(), "nothing is left behind");
    });
}

fn objects(token: &Arc<Token>) -> Vec<Vec<Attribute>> {
    let wanted = [AttributeType::Sensitive, AttributeType::Extractable];
    let all = token.call(move |open| {
        let template = [Attribute::Class(ObjectClass::PRIVATE_KEY)];
        let found = open.session.find_objects(&template)?;
        let read = found
            .into_iter()
            .map(|it| open.session.get_attributes(it, &wanted));
        Ok(read.collect::<Result<Vec<_>, _>>()?)
    });
    all.unwrap()
}

fn nothing_comes_out(token: &Arc<Token>) {
    let expected = vec![Attribute::Sensitive(true), Attribute::Extractable(false)];
    let all = objects(token);
    assert!(all.len() >= 3);
    assert!(all.iter().all(|it| *it == expected), "{all:?}");
}

#[test]
fn an_aes_key_of_the_token_encrypts_what_the_database_holds() {
    let name = "pkcs11::tests::an_aes_key_of_the_token_encrypts_what_the_database_holds";
    in_own_process(name, |folder| {
        let token = Token::open(&config(folder, PIN)).unwrap();
        let from = EncryptionConfig {
            pkcs11_key: Some("kek".to_owned()),
            ..EncryptionConfig::default()
        };
        let load = |absent| KeyEncryption::load(&from, folder, Some(&token), absent);
        let code = load(Absent::Refuse).unwrap_err().code();
        assert_eq!(code, "server.key_encryption_key_missing");
        let encryption = load(Absent::Make).unwrap();
        let key = SigningKey::generate(Algorithm::Rs256).unwrap();
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut record = SigningKeyRecord {
            kid: key.kid().to_owned(),
            algorithm: "RS256".to_owned(),
            generation: 1,
            public_jwk: String::new(),
            sealed: Some(encryption.seal(&key).unwrap()),
            created_at: now,
            signs_from: now,
            signs_until: None,
            verifies_until: None,
        };
        let again = load(Absent::Refuse).unwrap();
        assert_eq!(again.open(&record).unwrap().kid(), key.kid());
        record.algorithm = "PS256".to_owned();
        let error = again.open(&record).unwrap_err();
        assert_eq!(error.code(), "server.token_key_unreadable");
    });
}

/// Attack H16: the token goes away under the running server, and comes back.
#[test]
fn h16_a_token_that_was_away_serves_again() {
    let name = "pkcs11::tests::h16_a_token_that_was_away_serves_again";
    in_own_process(name, |folder| {
        let token = Token::open(&config(folder, PIN)).unwrap();
        let key = key(&token, Algorithm::Es256);
        verifies(&key);
        let (there, away) = (folder.join("tokens"), folder.join("away"));
        std::fs::rename(&there, &away).unwrap();
        std::fs::create_dir(&there).unwrap();
        for _ in 0..2 {
            let refused = key.sign_jwt("x+jwt", &serde_json::json!({}));
            assert_eq!(refused.unwrap_err().code(), "jose.signer_unavailable");
        }
        std::fs::remove_dir(&there).unwrap();
        std::fs::rename(&away, &there).unwrap();
        until_it_signs(&key);
        // As when another part of the process has ended the module.
        let module = Pkcs11::new(module_path()).unwrap();
        module.finalize().unwrap();
        until_it_signs(&key);
    });
}

/// A PIN that was refused is not given again: its tries are somebody else's to use.
#[test]
fn a_refused_pin_and_an_absent_token_stop_the_start() {
    let name = "pkcs11::tests::a_refused_pin_and_an_absent_token_stop_the_start";
    in_own_process(name, |folder| {
        let refused = |config: &Pkcs11Config| {
            let error = Token::open(config).unwrap_err();
            assert_eq!(error.code(), "server.pkcs11_unavailable");
            error.to_string()
        };
        let words = refused(&config(folder, "9999"));
        assert!(words.contains("refuses its PIN"), "{words}");
        let elsewhere = Pkcs11Config {
            token: "another".to_owned(),
            ..config(folder, PIN)
        };
        let words = refused(&elsewhere);
        assert!(words.contains("not there"), "{words}");
        let no_module = Pkcs11Config {
            module: folder.join("none.so"),
            ..config(folder, PIN)
        };
        let words = refused(&no_module);
        assert!(words.contains("cannot be loaded"), "{words}");
        assert!(Token::open(&config(folder, PIN)).is_ok());
    });
}

/// Many at once share a bounded number of sessions.
#[test]
fn many_signatures_at_once() {
    let name = "pkcs11::tests::many_signatures_at_once";
    in_own_process(name, |folder| {
        let token = Token::open(&config(folder, PIN)).unwrap();
        let key = key(&token, Algorithm::Es256);
        std::thread::scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|| (0..5).for_each(|_| verifies(&key)));
            }
        });
        assert!(token.pool().idle.len() <= super::CALLS_MAX);
    });
}

/// A token whose module does not come back: whoever opens one of its files to read waits for a
/// writer that there is not.
struct Hanging<'a> {
    folder: &'a Path,
    pipes: Vec<PathBuf>,
}

impl<'a> Hanging<'a> {
    fn begin(folder: &'a Path) -> Self {
        let tokens = std::fs::read_dir(folder.join("tokens")).unwrap();
        let inside = tokens.map(|it| it.unwrap().path());
        let files = inside.flat_map(|it| std::fs::read_dir(it).unwrap());
        let files: Vec<_> = files.map(|it| it.unwrap().path()).collect();
        let mut pipes = Vec::new();
        for file in files.into_iter().filter(|it| it.is_file()) {
            std::fs::rename(&file, put_by(&file)).unwrap();
            let made = Command::new("mkfifo").arg(&file).status().unwrap();
            assert!(made.success());
            pipes.push(file);
        }
        assert!(!pipes.is_empty());
        Self { folder, pipes }
    }

    /// The files are back, and whoever waits goes on.
    fn end(self, token: &Token) {
        let gone = self.folder.join("pipes");
        std::fs::create_dir(&gone).unwrap();
        let mut pipes = Vec::new();
        for (number, pipe) in self.pipes.into_iter().enumerate() {
            let put_by = put_by(&pipe);
            let elsewhere = gone.join(number.to_string());
            std::fs::rename(&pipe, &elsewhere).unwrap();
            std::fs::rename(put_by, pipe).unwrap();
            pipes.push(elsewhere);
        }
        for _ in 0..600 {
            for pipe in &pipes {
                let both = std::fs::OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open(pipe);
                drop(both.unwrap());
            }
            if token.pool().hanging.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("calls hang for ever");
    }
}

fn put_by(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.put-by", file.display()))
}

/// Attack H16: a call that hangs in the module holds nobody for ever, and not all that there is;
/// when the module lets go, the token serves again.
#[test]
fn h16_a_call_that_hangs_is_given_up() {
    let name = "pkcs11::tests::h16_a_call_that_hangs_is_given_up";
    in_own_process(name, |folder| {
        let patience = Duration::from_secs(2);
        let token = Token::open_within(&config(folder, PIN), patience).unwrap();
        let key = key(&token, Algorithm::Es256);
        verifies(&key);
        let hanging = Hanging::begin(folder);
        let refused = || {
            let begun = Instant::now();
            let signed = key.sign_jwt("x+jwt", &serde_json::json!({}));
            assert_eq!(signed.unwrap_err().code(), "jose.signer_unavailable");
            begun.elapsed()
        };
        let took = refused();
        assert!(took >= patience, "{took:?}");
        std::thread::scope(|scope| {
            for _ in 0..24 {
                scope.spawn(refused);
            }
        });
        let hangs = token.pool().hanging.len();
        let bounds = super::HANGING_MAX..super::HANGING_MAX + super::CALLS_MAX;
        assert!(bounds.contains(&hangs), "{hangs}");
        let took = refused();
        assert!(took < patience, "so many hang: {took:?}");
        let error = token.has_encryption_key("kek").unwrap_err();
        assert_eq!(error.code(), "server.pkcs11_unavailable");
        assert!(error.to_string().contains("its calls hang"), "{error}");
        hanging.end(&token);
        until_it_signs(&key);
        assert!(token.pool().calls.is_empty());
    });
}

/// The log's key may lie in the token as token keys do: Ed25519, the one kind that notes know.
#[test]
fn the_log_s_key_is_made_in_the_token_and_signs_checkpoints_that_anybody_verifies() {
    let name = "pkcs11::tests::\
                the_log_s_key_is_made_in_the_token_and_signs_checkpoints_that_anybody_verifies";
    in_own_process(name, |folder| {
        let keys = format!(
            "dir = {folder:?}\nchallenge_key = \"/none\"\nchallenge_list = \"/none\"\n\
             store = \"pkcs11\"\n"
        );
        let mut keys: KeysConfig = toml::from_str(&keys).unwrap();
        keys.pkcs11 = Some(config(folder, PIN));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let url = format!("sqlite://{}", folder.join("log.sqlite").display());
            let store = Store::open(&url).await.unwrap();
            let vault = Arc::new(KeyVault::open(&keys, &[], false).unwrap());
            let events: Arc<dyn EventLog> = Arc::new(StoredEvents);
            let origin = "id.example/log";
            let made = KeyOfLog::load_or_make(&store, vault, Arc::clone(&events), origin, false);
            let made = made.await.unwrap().verifier().clone();
            // The same after a restart, by what the database knows of it.
            let vault = Arc::new(KeyVault::open(&keys, &[], false).unwrap());
            let key = KeyOfLog::load_or_make(&store, vault, events, origin, true);
            let key = key.await.unwrap();
            assert_eq!(*key.verifier(), made);
            let found = find_verifier(&store, origin).await.unwrap();
            assert_eq!(found, Some(made.clone()));
            let signed = SignedCheckpoint::sign(&key, 0, Hash::EMPTY_ROOT).unwrap();
            let text = signed.note.to_string();
            SignedCheckpoint::read(&text, origin, &made).unwrap();
            store.close().await;
        });
        let token = Token::open(&config(folder, PIN)).unwrap();
        assert!(!objects(&token).is_empty(), "the key is in the token");
    });
}
