//! The command against issuers of its own, as a person or a script runs it.

mod issuer;

use std::os::unix::fs::PermissionsExt as _;

use cardea_assertion::Origin;
use tempfile::TempDir;

use self::issuer::{Answer, Issuer};
use super::*;

/// A workstation's configuration folder.
struct Workstation {
    folder: TempDir,
}

/// How a run ended, and what was said.
struct Ran {
    code: Option<&'static str>,
    said: String,
}

impl Workstation {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    async fn run(&self, options: &Options, typed: &str) -> Ran {
        let environment = Environment {
            locale: Some("en_GB.UTF-8".to_owned()),
            state_home: Some(self.folder.path().join("state")),
            ..Environment::default()
        };
        let (mut input, mut output) = (typed.as_bytes(), Vec::new());
        let desk = Desk {
            config: &self.config(),
            environment: &environment,
            input: &mut input,
            output: &mut output,
        };
        let done = run(options, desk).await;
        let mut said = String::from_utf8(output).unwrap();
        if let Err(error) = &done {
            said.push_str(&error.to_string());
        }
        Ran {
            code: done.err().map(|error| error.code()),
            said,
        }
    }

    /// A person who types this answer.
    async fn enrol(&self, source: &str, typed: &str) -> Ran {
        self.run(&from(source), typed).await
    }

    fn enrolled(&self) -> Vec<Enrolled> {
        Config::enrolled(&self.config()).unwrap()
    }
}

fn from(source: &str) -> Options {
    Options {
        source: Some(source.to_owned()),
        ..Options::default()
    }
}

#[tokio::test]
async fn an_issuer_is_shown_compared_and_pinned() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    let ran = workstation.enrol(&issuer.url, "yes\n").await;
    assert_eq!(ran.code, None, "{}", ran.said);
    for shown in [
        &issuer.url,
        "Portail d’essai",
        "not encrypted",
        &issuer.fingerprints()[0],
        &issuer.fingerprints()[1],
    ] {
        assert!(ran.said.contains(shown), "{shown}: {}", ran.said);
    }
    let [enrolled] = <[Enrolled; 1]>::try_from(workstation.enrolled()).unwrap();
    let pinned = &enrolled.enrolment;
    assert_eq!(pinned.issuer.as_str(), issuer.url);
    assert_eq!(pinned.origins, [Origin::parse(&issuer.url).unwrap()]);
    assert_eq!(pinned.roots.len(), 2);
    let mode = std::fs::metadata(&enrolled.file).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    // The agent reads it, also beside a configuration that a person has written.
    std::fs::write(workstation.config(), "# mine\nport = 47111\n").unwrap();
    let environment = Environment {
        state_home: Some(workstation.folder.path().join("state")),
        ..Environment::default()
    };
    let config = Config::load(&workstation.config(), &environment).unwrap();
    assert_eq!(config.enrolments.len(), 1);

    let again = workstation.enrol(&issuer.url, "").await;
    assert_eq!(again.code, None);
    assert!(again.said.contains("nothing was changed"), "{}", again.said);
    let list = Options {
        list: true,
        ..Options::default()
    };
    let listed = workstation.run(&list, "").await;
    assert!(listed.said.contains(&issuer.fingerprints()[1]));
    let remove = |issuer: &str| Options {
        remove: Some(issuer.to_owned()),
        ..Options::default()
    };
    let other = workstation.run(&remove("https://other.example"), "").await;
    assert_eq!(other.code, Some("agent.issuer_unknown"));
    let removed = workstation.run(&remove(&issuer.url), "").await;
    assert_eq!(removed.code, None, "{}", removed.said);
    assert!(workstation.enrolled().is_empty());
    let text = std::fs::read_to_string(workstation.config()).unwrap();
    assert!(text.starts_with("# mine"), "what a person wrote stays");
}

#[tokio::test]
async fn nothing_is_pinned_without_a_whole_yes_or_all_fingerprints() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    for typed in ["", "\n", "y\n", "no\n", "yes please\n", "o\n"] {
        let ran = workstation.enrol(&issuer.url, typed).await;
        assert_eq!(ran.code, Some("agent.enrolment_unconfirmed"), "{typed:?}");
    }
    let [first, second] = <[String; 2]>::try_from(issuer.fingerprints()).unwrap();
    let stranger = Issuer::start().await.fingerprints()[0].clone();
    for (fingerprints, accept_warnings, code) in [
        (
            vec![first.clone()],
            true,
            Some("agent.enrolment_unconfirmed"),
        ),
        (
            vec![first.clone(), stranger],
            true,
            Some("agent.enrolment_unconfirmed"),
        ),
        (
            vec![first.clone(), second.clone()],
            false,
            Some("agent.enrolment_unconfirmed"),
        ),
        (vec![second, first.to_lowercase()], true, None),
    ] {
        assert!(workstation.enrolled().is_empty());
        let options = Options {
            fingerprints,
            accept_warnings,
            ..from(&issuer.url)
        };
        let ran = workstation.run(&options, "yes\n").await;
        assert_eq!(ran.code, code, "{options:?} {}", ran.said);
    }
    assert_eq!(workstation.enrolled().len(), 1);
}

#[tokio::test]
async fn a_file_that_was_handed_over_serves_as_well() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    let file = workstation.folder.path().join("enrolment.jws");
    std::fs::write(&file, issuer.document()).unwrap();
    let ran = workstation.enrol(file.to_str().unwrap(), "oui\n").await;
    assert_eq!(ran.code, None, "{}", ran.said);
    assert_eq!(workstation.enrolled().len(), 1);
    let missing = workstation.enrol("no-such-file", "yes\n").await;
    assert_eq!(missing.code, Some("agent.file_unreadable"));
}

#[tokio::test]
async fn each_way_that_an_address_can_fail_has_its_code() {
    let workstation = Workstation::new();
    for (source, code) in [
        ("http://login.example", "agent.enrolment_address_invalid"),
        ("ftp://login.example", "agent.enrolment_address_invalid"),
        ("https://LOGIN.example", "agent.enrolment_address_invalid"),
        ("http://127.0.0.1:9", "agent.issuer_unreachable"),
    ] {
        let ran = workstation.enrol(source, "yes\n").await;
        assert_eq!(ran.code, Some(code), "{source}: {}", ran.said);
    }
    let issuer = Issuer::start().await;
    let other = Issuer::start().await;
    for (answer, code) in [
        (Answer::of(404, ""), "agent.issuer_unreachable"),
        (Answer::of(500, ""), "agent.issuer_unreachable"),
        (Answer::elsewhere(&other.url), "agent.issuer_unreachable"),
        (Answer::of(200, "x.y.z"), "agent.enrolment_invalid"),
        (
            Answer::of(200, &"x".repeat(9000)),
            "agent.enrolment_invalid",
        ),
        (
            Answer::of(200, &other.document()),
            "agent.enrolment_foreign_issuer",
        ),
    ] {
        issuer.answer(answer);
        let ran = workstation.enrol(&issuer.url, "yes\n").await;
        assert_eq!(ran.code, Some(code), "{}", ran.said);
    }
    assert!(workstation.enrolled().is_empty());
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_from_silence() {
    let (tls, ca_pem) = issuer::serve_tls();
    let workstation = Workstation::new();
    let ran = workstation.enrol(&tls.url, "yes\n").await;
    assert_eq!(ran.code, Some("agent.issuer_certificate_untrusted"));
    let ca_file = workstation.folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca_pem).unwrap();
    let options = Options {
        ca_file: Some(ca_file),
        ..from(&tls.url)
    };
    let ran = workstation.run(&options, "yes\n").await;
    assert_eq!(ran.code, None, "{}", ran.said);
    let enrolled = workstation.enrolled();
    assert!(enrolled[0].enrolment.ca_pem.is_some());
    assert!(!ran.said.contains("WARNING"), "{}", ran.said);
}

#[tokio::test]
async fn an_issuer_whose_keys_have_changed_is_refused_until_it_is_taken_away() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    assert_eq!(workstation.enrol(&issuer.url, "yes\n").await.code, None);
    let before = issuer.fingerprints();
    let changed = issuer.with_new_roots();
    issuer.answer(Answer::of(200, &changed.document()));
    let ran = workstation.enrol(&issuer.url, "yes\n").await;
    assert_eq!(ran.code, Some("agent.enrolment_conflict"));
    for told in before.iter().chain(&changed.fingerprints()) {
        assert!(ran.said.contains(told), "{}", ran.said);
    }
    assert!(ran.said.contains("--remove"), "{}", ran.said);
    let pinned = &workstation.enrolled()[0].enrolment;
    assert!(before.contains(&root_fingerprint(&pinned.roots[0])));
}

/// A script that pins by fingerprint must not take another's keys for the issuer's because somebody
/// had said yes to them before.
#[tokio::test]
async fn given_fingerprints_are_compared_also_where_the_issuer_is_enrolled_already() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    assert_eq!(workstation.enrol(&issuer.url, "yes\n").await.code, None);
    let given = |fingerprints| Options {
        fingerprints,
        accept_warnings: true,
        ..from(&issuer.url)
    };
    let strangers = issuer.with_new_roots().fingerprints();
    let ran = workstation.run(&given(strangers), "").await;
    assert_eq!(ran.code, Some("agent.enrolment_unconfirmed"));
    assert!(!ran.said.contains("already"), "{}", ran.said);
    let ran = workstation.run(&given(issuer.fingerprints()), "").await;
    assert_eq!(ran.code, None, "{}", ran.said);
}

/// An older document brings a login page back that the issuer has withdrawn.
#[tokio::test]
async fn an_older_document_is_refused_whatever_is_typed() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    let enrol = async |iat, origins: &[&str]| {
        let document = issuer.document_of(iat, origins);
        issuer.answer(Answer::of(200, &document));
        workstation.enrol(&issuer.url, "yes\n").await.code
    };
    let withdrawn = ["https://old.example", &*issuer.url];
    let present = [&*issuer.url];
    let older = Some("agent.enrolment_rolled_back");
    assert_eq!(enrol(10, &withdrawn).await, None);
    assert_eq!(enrol(20, &present).await, None);
    assert_eq!(enrol(10, &withdrawn).await, older);
    assert_eq!(enrol(19, &present).await, older);
    // The same words signed anew count as well.
    assert_eq!(enrol(20, &present).await, None);
    assert_eq!(enrol(30, &present).await, None);
    assert_eq!(enrol(25, &withdrawn).await, older);
    let pinned = &workstation.enrolled()[0];
    assert_eq!(pinned.signed_at, Some(30));
    assert_eq!(
        pinned.enrolment.origins,
        [Origin::of_url(&issuer.url).unwrap()]
    );
}

#[tokio::test]
async fn what_a_person_wrote_into_agent_toml_is_never_changed() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    assert_eq!(workstation.enrol(&issuer.url, "yes\n").await.code, None);
    let file = workstation.enrolled()[0].file.clone();
    let pinned = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let table = pinned.replace("[[roots]]", "[[issuer.roots]]");
    let written = format!("[[issuer]]\n{}", table.replace("Portail", "Mon portail"));
    std::fs::write(workstation.config(), &written).unwrap();
    let ran = workstation.enrol(&issuer.url, "yes\n").await;
    assert_eq!(ran.code, Some("agent.enrolment_conflict"), "{}", ran.said);
    let remove = Options {
        remove: Some(issuer.url.clone()),
        ..Options::default()
    };
    let ran = workstation.run(&remove, "").await;
    assert_eq!(ran.code, Some("agent.enrolment_conflict"));
    let text = std::fs::read_to_string(workstation.config()).unwrap();
    assert_eq!(text, written);
}

#[tokio::test]
async fn an_issuer_with_the_name_of_an_enrolled_one_is_refused_whatever_is_typed() {
    let workstation = Workstation::new();
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    assert_eq!(workstation.enrol(&first.url, "yes\n").await.code, None);
    let ran = workstation.enrol(&second.url, "yes\n").await;
    assert_eq!(ran.code, Some("agent.enrolment_deceptive"), "{}", ran.said);
    let options = Options {
        fingerprints: second.fingerprints(),
        accept_warnings: true,
        ..from(&second.url)
    };
    let ran = workstation.run(&options, "").await;
    assert_eq!(ran.code, Some("agent.enrolment_deceptive"));
    assert_eq!(workstation.enrolled().len(), 1);
}

/// Attack D16: whoever can write into the folder can make the agent sign for a page of theirs.
#[tokio::test]
async fn a_folder_or_file_that_others_can_write_to_stops_the_agent() {
    let (issuer, workstation) = (Issuer::start().await, Workstation::new());
    assert_eq!(workstation.enrol(&issuer.url, "yes\n").await.code, None);
    let file = workstation.enrolled()[0].file.clone();
    let folder = file.parent().unwrap();
    for (path, open, closed) in [(folder, 0o777, 0o700), (&file, 0o666, 0o600)] {
        let set = |mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(open);
        let refused = Config::enrolled(&workstation.config()).unwrap_err();
        assert_eq!(refused.code(), "agent.file_unsafe");
        let ran = workstation.enrol(&issuer.url, "yes\n").await;
        assert_eq!(ran.code, Some("agent.file_unsafe"));
        set(closed);
    }
    assert_eq!(workstation.enrolled().len(), 1);
}

#[test]
fn the_language_is_the_configurations_where_one_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let environment = Environment {
        locale: Some("en_GB.UTF-8".to_owned()),
        state_home: Some(folder.path().to_owned()),
        ..Environment::default()
    };
    assert_eq!(language(&file, &environment), Language::English);
    std::fs::write(&file, "language = \"fr\"\n").unwrap();
    assert_eq!(language(&file, &environment), Language::French);
}
