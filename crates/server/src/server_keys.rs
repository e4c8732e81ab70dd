//! The keys that the server signs with, and the list that vouches for the challenge key.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use cardea_assertion::{
    CHALLENGE_KEYS_BYTES_MAX, ChallengeKeyList, UncomparedEnrolment, verify_challenge_keys,
};
use cardea_jose::{Algorithm, SigningKey, UnverifiedJws};
use cardea_provider::ProviderKeys;

use crate::config::{Issuer, KeysConfig};
use crate::error::Error;
use crate::key_file::{create_key, load_key, load_key_for, unusable};

/// What is read from the key files at start.
#[derive(Debug)]
pub(crate) struct ServerKeys {
    pub(crate) provider_keys: ProviderKeys,
    /// The signed challenge-key list as agents fetch it.
    pub(crate) challenge_list: String,
    /// The signed enrolment document, if this server gives one out.
    pub(crate) enrolment: Option<String>,
}

/// Token keys and the files they live in. Older keys, kept so that their tokens still verify,
/// lie beside them as `retired-*.pem`; an RSA key was one for PS256 if its name says so, such as
/// `retired-token-ps256-2026.pem`.
const TOKEN_KEYS: [(&str, Algorithm); 4] = [
    ("token-rs256.pem", Algorithm::Rs256),
    ("token-es256.pem", Algorithm::Es256),
    ("token-ps256.pem", Algorithm::Ps256),
    ("token-eddsa.pem", Algorithm::EdDsa),
];
const RETIRED_KEYS_MAX: usize = 8;

impl ServerKeys {
    /// Reads the keys; makes the token keys that are missing.
    pub(crate) fn load(config: &KeysConfig, issuer: &Issuer) -> Result<Self, Error> {
        create_folder(&config.dir)?;
        let mut token_keys = Vec::new();
        for (name, algorithm) in TOKEN_KEYS {
            token_keys.push(load_or_create(&config.dir.join(name), algorithm)?);
        }
        for file in retired_keys(&config.dir)? {
            token_keys.push(load_key_for(&file, named_algorithm(&file))?);
        }
        check_distinct(&token_keys, &config.dir)?;
        let challenge_key = load_challenge_key(&config.challenge_key)?;
        let challenge_list = load_challenge_list(config, issuer, &challenge_key)?;
        let enrolment = config.enrolment.as_ref();
        let enrolment = enrolment
            .map(|file| load_enrolment(file, issuer, &challenge_list))
            .transpose()?;
        Ok(Self {
            provider_keys: ProviderKeys::new(token_keys, challenge_key)
                .map_err(|source| Error::ProviderRefused { source })?,
            challenge_list,
            enrolment,
        })
    }
}

fn create_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| unusable(folder, "the folder cannot be made", source))
}

fn load_or_create(file: &Path, algorithm: Algorithm) -> Result<SigningKey, Error> {
    if file.exists() {
        return load_key_for(file, Some(algorithm));
    }
    let key = create_key(file, algorithm)?;
    tracing::info!(file = %file.display(), kid = key.kid(), "made a token key");
    Ok(key)
}

fn retired_keys(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| unusable(folder, "the folder cannot be read", source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with("retired-") && name.ends_with(".pem") && files.len() < RETIRED_KEYS_MAX
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The algorithm that the name of a file holds as a word.
fn named_algorithm(file: &Path) -> Option<Algorithm> {
    let name = file.file_stem()?.to_str()?.to_ascii_lowercase();
    let mut words = name.split(|character: char| !character.is_ascii_alphanumeric());
    words.find_map(|word| {
        let mut known = TOKEN_KEYS.iter().map(|(_, algorithm)| *algorithm);
        known.find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(word))
    })
}

/// One key with two algorithms would be two keys with one id, and nobody could tell which is meant.
fn check_distinct(keys: &[SigningKey], folder: &Path) -> Result<(), Error> {
    let mut ids = HashSet::new();
    if keys.iter().all(|key| ids.insert(key.kid())) {
        return Ok(());
    }
    Err(Error::KeyUnusable {
        file: folder.to_owned(),
        source: cardea_jose::Error::KeyInvalid {
            reason: "the folder holds one token key twice",
        },
    })
}

fn load_challenge_key(file: &Path) -> Result<SigningKey, Error> {
    if !file.exists() {
        return Err(Error::KeyMissing {
            file: file.to_owned(),
            what: "challenge key",
            command: format!("cardea keys new-challenge-key --out {}", file.display()),
        });
    }
    load_key(file)
}

fn load_challenge_list(
    config: &KeysConfig,
    issuer: &Issuer,
    challenge_key: &SigningKey,
) -> Result<String, Error> {
    let file = &config.challenge_list;
    let command = format!(
        "cardea keys sign-challenge-list --root ROOT.pem --issuer {issuer} --version N --key {} \
         --out {}",
        config.challenge_key.display(),
        file.display()
    );
    if !file.exists() {
        let what = "signed challenge-key list";
        return Err(Error::KeyMissing {
            file: file.to_owned(),
            what,
            command,
        });
    }
    let unfit = |reason| Error::ChallengeListUnusable {
        file: file.to_owned(),
        reason,
        command: command.clone(),
    };
    let text = fs::read_to_string(file)
        .map_err(|source| unusable(file, "the list cannot be read", source))?;
    let compact = text.trim();
    // Agents verify the list against the roots they have pinned. The server has no root key, and
    // only makes sure that it does not hand out a list that agents would refuse.
    let list: ChallengeKeyList = UnverifiedJws::parse(compact, CHALLENGE_KEYS_BYTES_MAX)
        .and_then(|jws| jws.unverified_claims())
        .map_err(|_| unfit("is not a challenge-key list"))?;
    if list.iss != issuer.as_str() {
        return Err(unfit("is made for another issuer"));
    }
    if list.keys.find(challenge_key.kid()).is_none() {
        return Err(unfit("does not list the challenge key"));
    }
    Ok(compact.to_owned())
}

/// What workstations would refuse, or could not follow later, is not given out.
fn load_enrolment(file: &Path, issuer: &Issuer, challenge_list: &str) -> Result<String, Error> {
    let unfit = |reason: String| Error::EnrolmentUnusable {
        file: file.to_owned(),
        reason,
    };
    let text = fs::read_to_string(file)
        .map_err(|source| unusable(file, "the enrolment document cannot be read", source))?;
    let read = UncomparedEnrolment::read(&text).map_err(|error| unfit(error.to_string()))?;
    let document = read.unconfirmed();
    if document.iss != issuer.as_str() {
        return Err(unfit("it is made for another issuer".to_owned()));
    }
    let roots = &document.roots.keys;
    if verify_challenge_keys(challenge_list, roots, issuer.as_str(), 0).is_err() {
        let reason = "none of its root keys has signed the challenge-key list";
        return Err(unfit(reason.to_owned()));
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cardea_jose::Algorithm;

    use super::ServerKeys;
    use crate::command::enrolment::{self, Introduction};
    use crate::command::keys::{ChallengeListRequest, sign_challenge_list};
    use crate::config::{Issuer, KeysConfig};
    use crate::error::Error;
    use crate::key_file::create_key;

    fn config(folder: &Path) -> KeysConfig {
        toml::from_str::<KeysConfig>(&format!(
            "dir = {0:?}\nchallenge_key = {1:?}\nchallenge_list = {2:?}",
            folder.join("keys"),
            folder.join("challenge.pem"),
            folder.join("list.jws"),
        ))
        .unwrap()
    }

    fn load(folder: &Path, issuer: &str) -> Result<ServerKeys, Error> {
        ServerKeys::load(
            &config(folder),
            &Issuer::try_from(issuer.to_owned()).unwrap(),
        )
    }

    fn sign(folder: &Path, key: &str) {
        create_key(&folder.join("root.pem"), Algorithm::Es256).unwrap();
        sign_challenge_list(&ChallengeListRequest {
            root: folder.join("root.pem"),
            issuer: Issuer::try_from("https://login.example.test".to_owned()).unwrap(),
            version: 1,
            keys: vec![folder.join(key)],
            out: folder.join("list.jws"),
        })
        .unwrap();
    }

    #[test]
    fn token_keys_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        create_key(&folder.path().join("challenge.pem"), Algorithm::Es256).unwrap();
        sign(folder.path(), "challenge.pem");
        let kids = |keys: ServerKeys| {
            let keys = keys.provider_keys.token_keys();
            keys.iter()
                .map(|it| it.key.kid().to_owned())
                .collect::<Vec<_>>()
        };
        let first = kids(load(folder.path(), "https://login.example.test").unwrap());
        let second = kids(load(folder.path(), "https://login.example.test").unwrap());
        assert_eq!(first.len(), 4);
        assert_eq!(first, second);
    }

    /// Attack G9: a key that was replaced verifies as long as its file lies there, and signs
    /// nothing.
    #[test]
    fn retired_keys_are_kept_for_verifying_in_the_algorithm_of_their_name() {
        let folder = tempfile::tempdir().unwrap();
        create_key(&folder.path().join("challenge.pem"), Algorithm::Es256).unwrap();
        sign(folder.path(), "challenge.pem");
        let keys = folder.path().join("keys");
        let all = || {
            let loaded = load(folder.path(), "https://login.example.test")?;
            let keys = loaded.provider_keys.token_keys();
            let kids = keys
                .iter()
                .map(|it| (it.key.algorithm(), it.key.kid().to_owned()));
            Ok::<_, Error>(kids.collect::<Vec<_>>())
        };
        let before = all().unwrap();
        for (old, retired) in [
            ("token-ps256.pem", "retired-token-ps256-2026.pem"),
            ("token-rs256.pem", "retired-2026.pem"),
        ] {
            std::fs::rename(keys.join(old), keys.join(retired)).unwrap();
        }
        let after = all().unwrap();
        let position = |kid: &(Algorithm, String)| after.iter().position(|it| it == kid);
        for kid in &before {
            assert!(position(kid).is_some(), "{kid:?} is published yet");
        }
        // The first key of an algorithm signs.
        let first = |algorithm| after.iter().find(|it| it.0 == algorithm).unwrap();
        for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
            assert!(!before.contains(first(algorithm)), "a new key signs");
        }
        std::fs::copy(keys.join("token-rs256.pem"), keys.join("retired-ps256.pem")).unwrap();
        assert_eq!(all().unwrap_err().code(), "server.key_unusable");
    }

    #[test]
    fn an_enrolment_document_must_be_ours_and_of_the_root_that_signed_the_list() {
        const OURS: &str = "https://login.example.test";
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        create_key(&at("challenge.pem"), Algorithm::Es256).unwrap();
        create_key(&at("other.pem"), Algorithm::Es256).unwrap();
        sign(folder.path(), "challenge.pem");
        let code = |root: &str, issuer: &str| {
            let introduction = Introduction {
                root: at(root),
                second_root: None,
                issuer: Issuer::try_from(issuer.to_owned()).unwrap(),
                name: "Portail".to_owned(),
                origins: Vec::new(),
                out: at("enrolment.jws"),
            };
            enrolment::sign(&introduction).unwrap();
            let mut config = config(folder.path());
            config.enrolment = Some(at("enrolment.jws"));
            let issuer = Issuer::try_from(OURS.to_owned()).unwrap();
            let loaded = ServerKeys::load(&config, &issuer);
            loaded.err().map(|error| error.code())
        };
        let unusable = Some("server.enrolment_unusable");
        assert_eq!(code("root.pem", OURS), None);
        assert_eq!(code("other.pem", OURS), unusable);
        assert_eq!(code("root.pem", "https://other.example.test"), unusable);
    }

    #[test]
    fn missing_and_unfit_files_name_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let check = |issuer: &str, code: &str, words: &str| {
            let error = load(folder.path(), issuer).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(words), "{error}");
        };
        const OURS: &str = "https://login.example.test";
        check(
            OURS,
            "server.key_missing",
            "cardea keys new-challenge-key --out",
        );
        create_key(&folder.path().join("challenge.pem"), Algorithm::Es256).unwrap();
        check(
            OURS,
            "server.key_missing",
            "cardea keys sign-challenge-list",
        );
        create_key(&folder.path().join("other.pem"), Algorithm::Es256).unwrap();
        sign(folder.path(), "other.pem");
        check(
            OURS,
            "server.challenge_list_unusable",
            "does not list the challenge key",
        );
        check(
            "https://other.example.test",
            "server.challenge_list_unusable",
            "another issuer",
        );
        std::fs::write(folder.path().join("list.jws"), "x.y.z").unwrap();
        check(
            OURS,
            "server.challenge_list_unusable",
            "is not a challenge-key list",
        );
    }
}
