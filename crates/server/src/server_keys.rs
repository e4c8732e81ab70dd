//! The challenge key, and the documents of the offline roots that vouch for it.

use std::fs;
use std::path::Path;

use cardea_assertion::UncomparedEnrolment;
use cardea_jose::{Jwk, SigningKey};
use cardea_provider::{ProviderKeys, TokenKey};

use crate::challenge_list::{ChallengeList, Expected, read_list};
use crate::config::{Issuer, KeysConfig};
use crate::error::Error;
use crate::key_file::{load_key, unusable};

/// What is read from files at start.
#[derive(Debug)]
pub(crate) struct ServerKeys {
    challenge_key: SigningKey,
    other_challenge_keys: Vec<SigningKey>,
    /// The signed challenge-key list as agents fetch it.
    pub(crate) challenge_list: ChallengeList,
    /// The signed enrolment document, if this server gives one out.
    pub(crate) enrolment: Option<String>,
}

impl ServerKeys {
    /// Reads the files.
    pub(crate) fn load(config: &KeysConfig, issuer: &Issuer) -> Result<Self, Error> {
        let challenge_key = load_challenge_key(&config.challenge_key)?;
        let others = config.other_challenge_keys.iter();
        let other_challenge_keys = others
            .map(|file| load_key(file))
            .collect::<Result<_, _>>()?;
        let mut expected = Expected {
            issuer: issuer.clone(),
            challenge_kid: challenge_key.kid().to_owned(),
            roots: Vec::new(),
        };
        let (compact, version) = load_challenge_list(config, &expected)?;
        let mut enrolment = None;
        if let Some(file) = &config.enrolment {
            let (text, roots) = load_enrolment(file, issuer)?;
            expected.roots = roots;
            if expected.check(&compact).is_err() {
                let reason = "none of its root keys has signed the challenge-key list";
                return Err(unfit(file, reason.to_owned()));
            }
            enrolment = Some(text);
        }
        let file = &config.challenge_list;
        Ok(Self {
            challenge_list: ChallengeList::new(file, expected, &compact, version),
            challenge_key,
            other_challenge_keys,
            enrolment,
        })
    }

    /// The keys of the provider: these challenge keys, and token keys.
    pub(crate) fn provider_keys(&self, token_keys: Vec<TokenKey>) -> Result<ProviderKeys, Error> {
        ProviderKeys::new(token_keys, self.challenge_key.clone())
            .and_then(|keys| keys.and_challenge_keys(&self.other_challenge_keys))
            .map_err(|source| Error::ProviderRefused { source })
    }
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

fn load_challenge_list(config: &KeysConfig, expected: &Expected) -> Result<(String, u64), Error> {
    let file = &config.challenge_list;
    let issuer = &expected.issuer;
    let command = format!(
        "cardea keys challenge-list sign --root ROOT.pem --issuer {issuer} --version N --key \
         CHALLENGE.jwk --out NEW.jws` where the root key is, with what `cardea keys public {}` \
         prints, and `cardea keys challenge-list publish NEW.jws",
        config.challenge_key.display()
    );
    if !file.exists() {
        let what = "signed challenge-key list";
        return Err(Error::KeyMissing {
            file: file.to_owned(),
            what,
            command,
        });
    }
    // Agents verify the list against the roots they have pinned. The server has no root key, and
    // only makes sure that it does not hand out a list that agents would refuse.
    let compact = read_list(file)?;
    let list = expected.check(&compact);
    let list = list.map_err(|reason| Error::ChallengeListUnusable {
        file: file.to_owned(),
        reason,
        command,
    })?;
    Ok((compact, list.version))
}

/// The enrolment document and its root keys. What workstations would refuse, or could not follow
/// later, is not given out.
pub(crate) fn load_enrolment(file: &Path, issuer: &Issuer) -> Result<(String, Vec<Jwk>), Error> {
    let text = fs::read_to_string(file)
        .map_err(|source| unusable(file, "the enrolment document cannot be read", source))?;
    let read = UncomparedEnrolment::read(&text).map_err(|error| unfit(file, error.to_string()))?;
    let document = read.unconfirmed();
    if document.iss != issuer.as_str() {
        return Err(unfit(file, "it is made for another issuer".to_owned()));
    }
    Ok((text.trim().to_owned(), document.roots.keys.clone()))
}

fn unfit(file: &Path, reason: String) -> Error {
    Error::EnrolmentUnusable {
        file: file.to_owned(),
        reason,
    }
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
                log: None,
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
            "cardea keys challenge-list sign",
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
