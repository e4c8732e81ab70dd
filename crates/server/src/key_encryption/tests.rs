use std::os::unix::fs::PermissionsExt as _;

use cardea_jose::{Algorithm, SigningKey};
use cardea_storage::signing_key::{SealedKey, SigningKeyRecord};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Absent, KEY_BYTES, KeyEncryption};
use crate::config::EncryptionConfig;

fn record(key: &SigningKey, sealed: SealedKey) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: key.kid().to_owned(),
        algorithm: key.algorithm().as_str().to_owned(),
        generation: 1,
        public_jwk: String::new(),
        sealed: Some(sealed),
        created_at: OffsetDateTime::UNIX_EPOCH,
        signs_from: OffsetDateTime::UNIX_EPOCH,
        signs_until: None,
        verifies_until: None,
    }
}

fn encryption_by(key: [u8; KEY_BYTES]) -> KeyEncryption {
    KeyEncryption::from_key(Box::new(Zeroizing::new(key)))
}

#[test]
fn what_was_sealed_opens_and_shows_nothing() {
    let encryption = encryption_by([7; 32]);
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let sealed = encryption.seal(&key).unwrap();
        assert_ne!(sealed, encryption.seal(&key).unwrap(), "the nonce is fresh");
        let opened = encryption.open(&record(&key, sealed)).unwrap();
        assert_eq!((opened.kid(), opened.algorithm()), (key.kid(), algorithm));
    }
    assert!(!format!("{encryption:?}").contains('7'.to_string().repeat(8).as_str()));
}

/// Whoever can write to the database gives no key another one's name, algorithm or content.
#[test]
fn what_was_changed_does_not_open() {
    let encryption = encryption_by([7; 32]);
    let [key, other] = [Algorithm::Rs256; 2].map(|it| SigningKey::generate(it).unwrap());
    let good = record(&key, encryption.seal(&key).unwrap());
    let sealed = good.sealed.clone().unwrap();
    let with = |text: String| {
        let encryption_key_id = sealed.encryption_key_id.clone();
        Some(SealedKey {
            sealed: text,
            encryption_key_id,
        })
    };
    let flipped = |place: usize| {
        let mut bytes = cardea_jose::parse_base64url(&sealed.sealed).unwrap();
        bytes[place] ^= 1;
        with(cardea_jose::base64url(&bytes))
    };
    let resealed = |sealed| SigningKeyRecord {
        sealed,
        ..good.clone()
    };
    let (mut renamed, mut other_algorithm) = (good.clone(), good.clone());
    renamed.kid = other.kid().to_owned();
    other_algorithm.algorithm = "PS256".to_owned();
    let changes = [
        ("kid", renamed),
        ("algorithm", other_algorithm),
        ("another key's", resealed(encryption.seal(&other).ok())),
        ("nonce", resealed(flipped(0))),
        ("text", resealed(flipped(40))),
        ("short", resealed(with("AAAA".to_owned()))),
        ("none", resealed(None)),
    ];
    for (name, record) in changes {
        let error = encryption.open(&record).unwrap_err();
        assert_eq!(error.code(), "server.token_key_unreadable", "{name}");
    }
    let stranger = encryption_by([8; 32]);
    let error = stranger.open(&good).unwrap_err();
    assert_eq!(error.code(), "server.token_key_unreadable");
    assert!(encryption.open(&good).is_ok());
}

/// Attack H16: a lost key is not replaced where something is encrypted with it.
#[test]
fn the_file_is_made_once_private_and_only_where_nothing_is_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let load =
        |absent| KeyEncryption::load(&EncryptionConfig::default(), folder.path(), None, absent);
    let code = |absent| load(absent).err().map(|error| error.code());
    assert_eq!(
        code(Absent::Refuse),
        Some("server.key_encryption_key_missing")
    );
    let made = load(Absent::Make).unwrap();
    assert_eq!(load(Absent::Refuse).unwrap().id(), made.id());
    let file = folder.path().join("key-encryption.key");
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&file, mode).unwrap();
    };
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    set_mode(0o640);
    assert_eq!(code(Absent::Make), Some("server.key_not_private"));
    set_mode(0o600);
    // As the command of docs/keys.md writes it, with padding.
    let written = std::process::Command::new("sh")
        .args(["-c", "openssl rand 32 | basenc --base64url"])
        .output()
        .unwrap();
    let text = String::from_utf8(written.stdout).unwrap();
    assert!(text.ends_with("=\n"), "{text}");
    std::fs::write(&file, &text).unwrap();
    let padded = load(Absent::Refuse).unwrap();
    std::fs::write(&file, text.trim_end_matches(['=', '\n'])).unwrap();
    assert_eq!(load(Absent::Refuse).unwrap().id(), padded.id());
    for text in [
        "",
        "short",
        &"A".repeat(44),
        &format!("{}==", "A".repeat(43)),
        "not base64url at all, of some length",
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(
            code(Absent::Make),
            Some("server.key_encryption_key_malformed"),
            "{text}"
        );
    }
}
