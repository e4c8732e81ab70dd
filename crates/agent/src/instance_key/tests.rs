use std::os::unix::fs::PermissionsExt as _;

use cardea_jose::{UnverifiedJws, VerifyingKey, sign_jwt_with_jwk};

use super::*;

fn open(place: &InstanceKeyPlace, state_dir: &Path) -> Result<InstanceKey, Error> {
    InstanceKey::open(place, state_dir, None)
}

#[test]
fn the_key_is_made_once_and_only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = open(&InstanceKeyPlace::Automatic, folder.path()).unwrap();
    assert_eq!(key.place(), "file");
    let again = open(&InstanceKeyPlace::File, folder.path()).unwrap();
    assert_eq!(again.kid(), key.kid());
    let path = folder.path().join(FILE_NAME);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_that_others_can_read_or_that_is_damaged_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let code = || {
        let opened = open(&InstanceKeyPlace::File, folder.path());
        opened.err().map(|error| error.code())
    };
    assert_eq!(code(), None);
    let path = folder.path().join(FILE_NAME);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(code(), Some("agent.file_unsafe"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "damaged").unwrap();
    assert_eq!(code(), Some("agent.state_unusable"));
}

mod in_a_tpm {
    use super::software_tpm::SoftwareTpm;
    use super::*;

    fn place(tpm: &SoftwareTpm) -> InstanceKeyPlace {
        InstanceKeyPlace::Pkcs11(TokenPlace {
            module: tpm.module(),
            token: TokenName::Label(TOKEN_LABEL.to_owned()),
            pin_file: tpm.pin_file(),
        })
    }

    #[test]
    fn the_key_stays_in_the_tpm_and_is_missed_when_that_is_gone() {
        let name = concat!(
            "instance_key::tests::in_a_tpm::",
            "the_key_stays_in_the_tpm_and_is_missed_when_that_is_gone"
        );
        SoftwareTpm::with(name, lives_in);
    }

    fn lives_in(tpm: &SoftwareTpm) {
        let state = tempfile::tempdir().unwrap();
        let kid = is_made_there_and_found_again(tpm, state.path());
        is_found_by_itself_at_a_first_start(tpm, &kid);
        nothing_else_takes_its_place(tpm, state.path(), &kid);
        a_refused_pin_is_not_given_again(tpm, state.path());
        is_missed_when_the_tpm_is_gone(tpm, state.path());
    }

    /// The code and the words of a refused start.
    fn refused(place: &InstanceKeyPlace, state_dir: &Path) -> (&'static str, String) {
        let error = open(place, state_dir).err().unwrap();
        (error.code(), error.to_string())
    }

    fn set_mode(file: &Path, mode: u32) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn is_made_there_and_found_again(tpm: &SoftwareTpm, state_dir: &Path) -> String {
        let key = open(&place(tpm), state_dir).unwrap();
        assert_eq!(key.place(), "pkcs11");
        assert!(!state_dir.join(FILE_NAME).exists());

        // It signs, and what it signs verifies under the key that the instance names.
        let claims = serde_json::json!({ "a": 1 });
        let token = sign_jwt_with_jwk(&key, "x+jwt", &claims).unwrap();
        let jws = UnverifiedJws::parse(&token, 4096).unwrap();
        let jwk = jws.jwk().unwrap().clone();
        assert_eq!(jwk.thumbprint(), key.kid());
        let verifying = VerifyingKey::from_jwk(&jwk).unwrap();
        assert!(jws.verify(&verifying, "x+jwt").is_ok());
        let listed = tpm.list_objects();
        assert!(listed.contains("never extractable"), "{listed}");

        // The same one after a restart, also where the configuration says nothing of it.
        let kid = key.kid().to_owned();
        drop(key);
        for again in [place(tpm), InstanceKeyPlace::Automatic] {
            assert_eq!(open(&again, state_dir).unwrap().kid(), kid);
        }
        kid
    }

    /// Set up as the manual says.
    fn is_found_by_itself_at_a_first_start(tpm: &SoftwareTpm, kid: &str) {
        let second = tempfile::tempdir().unwrap();
        std::fs::copy(tpm.pin_file(), second.path().join(PIN_FILE_NAME)).unwrap();
        let found = open(&InstanceKeyPlace::Automatic, second.path()).unwrap();
        assert_eq!((found.place(), found.kid()), ("pkcs11", kid));
        drop(found);
        // A key in use stays where it is.
        let third = tempfile::tempdir().unwrap();
        let file = open(&InstanceKeyPlace::File, third.path()).unwrap();
        std::fs::copy(tpm.pin_file(), third.path().join(PIN_FILE_NAME)).unwrap();
        let same = open(&InstanceKeyPlace::Automatic, third.path()).unwrap();
        assert_eq!((same.place(), same.kid()), ("file", file.kid()));
    }

    /// Another token, a PIN that others can read, another key: no new identity.
    fn nothing_else_takes_its_place(tpm: &SoftwareTpm, state_dir: &Path, kid: &str) {
        let elsewhere = InstanceKeyPlace::Pkcs11(TokenPlace {
            module: tpm.module(),
            token: TokenName::Label("another".to_owned()),
            pin_file: tpm.pin_file(),
        });
        assert_eq!(
            refused(&elsewhere, state_dir).0,
            "agent.instance_key_unavailable"
        );
        set_mode(&tpm.pin_file(), 0o644);
        assert_eq!(refused(&place(tpm), state_dir).0, "agent.file_unsafe");
        set_mode(&tpm.pin_file(), 0o600);
        let remembered = state_dir.join(TOKEN_FILE_NAME);
        let text = std::fs::read_to_string(&remembered).unwrap();
        std::fs::write(&remembered, text.replace(kid, "another")).unwrap();
        let (code, words) = refused(&place(tpm), state_dir);
        assert_eq!(code, "agent.instance_key_unavailable");
        assert!(words.contains("another key"), "{words}");
        std::fs::write(&remembered, text).unwrap();
    }

    /// Whatever its file holds then.
    fn a_refused_pin_is_not_given_again(tpm: &SoftwareTpm, state_dir: &Path) {
        let wrong = state_dir.join("wrong-pin");
        let InstanceKeyPlace::Pkcs11(token) = place(tpm) else {
            unreachable!()
        };
        let mistaken = InstanceKeyPlace::Pkcs11(TokenPlace {
            pin_file: wrong.clone(),
            ..token
        });
        std::fs::write(&wrong, "11112222").unwrap();
        set_mode(&wrong, 0o600);
        let (code, words) = refused(&mistaken, state_dir);
        assert_eq!(code, "agent.instance_key_unavailable");
        assert!(words.contains("refuses its PIN"), "{words}");
        std::fs::copy(tpm.pin_file(), &wrong).unwrap();
        let (code, words) = refused(&mistaken, state_dir);
        assert_eq!(code, "agent.instance_key_unavailable");
        assert!(words.contains("restart the agent"), "{words}");
    }

    /// While the agent runs: it signs nothing, and makes nothing up.
    fn is_missed_when_the_tpm_is_gone(tpm: &SoftwareTpm, state_dir: &Path) {
        let claims = serde_json::json!({ "a": 1 });
        let running = open(&place(tpm), state_dir).unwrap();
        tpm.stop();
        let error = sign_jwt_with_jwk(&running, "x+jwt", &claims).unwrap_err();
        assert_eq!(error.code(), "jose.signer_unavailable");
        drop(running);
        assert_eq!(
            refused(&place(tpm), state_dir).0,
            "agent.instance_key_unavailable"
        );
        assert!(!state_dir.join(FILE_NAME).exists());
    }
}

mod software_tpm;
