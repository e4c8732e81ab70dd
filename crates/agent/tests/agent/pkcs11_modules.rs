//! Cards through PKCS#11 modules, from the page's request to the assertion: SoftHSM2, and OpenSC on
//! a real pcscd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_assertion::{PresenceState, UserVerification};
use cardea_card::{Backend, CardPresence, StatusWord};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::{Fault, Trigger, VirtualCard};

use crate::page::course;
use crate::readers::{card, pharmacist};
use crate::service::{Service, pin_status, run_in_own_process, wait_until};
use crate::sign_in::verify;
use crate::workstation::{Setup, Workstation};

const RIGHT: &str = "pin 1234";
const WRONG: &str = "pin 9999";

/// The first of these files, as distributions place them.
fn installed(files: &[&str], package: &str) -> PathBuf {
    let found = files.iter().map(Path::new).find(|file| file.exists());
    let missing = || format!("on Debian: apt-get install {package}");
    found.unwrap_or_else(|| panic!("{}", missing())).to_owned()
}

fn opensc() -> PathBuf {
    let files = [
        "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
        "/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
        "/usr/lib64/opensc-pkcs11.so",
        "/usr/lib64/pkcs11/opensc-pkcs11.so",
        "/usr/lib/opensc-pkcs11.so",
    ];
    installed(&files, "opensc-pkcs11")
}

fn softhsm() -> PathBuf {
    let files = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    installed(&files, "softhsm2")
}

async fn start(backend: Backend, answers: &[&str]) -> Workstation {
    start_with(backend, answers, Setup::default()).await
}

async fn start_with(backend: Backend, answers: &[&str], setup: Setup) -> Workstation {
    let workstation = Workstation::start_on(backend, answers, setup).await;
    wait_until("the agent sees the card", async || {
        workstation.page().status().await["card"] == "present"
    })
    .await;
    workstation
}

/// Signs in; the course, and for an assertion, that the issuer accepts it.
async fn sign_in(workstation: &Workstation) -> Vec<String> {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    let last = lines.last().unwrap();
    if last["type"] == "assertion" {
        verify(last, workstation, &challenge);
    }
    course(&lines)
}

/// Runs a tool of SoftHSM2 or OpenSC.
fn run(program: &str, arguments: &[&str]) {
    let output = std::process::Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; apt-get install softhsm2 opensc"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
}

/// A SoftHSM2 token with a pharmacist's key and certificate, in this process's own folder.
fn softhsm_token(folder: &Path) {
    let issued = TestPki::shared()
        .unwrap()
        .issue_card(&CardProfile::pharmacist().with_key(KeyKind::Rsa2048))
        .unwrap();
    let authentication = issued.authentication;
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let key = authentication.key.private_key_to_pem_pkcs8().unwrap();
    std::fs::write(file("key.pem"), key).unwrap();
    std::fs::write(file("certificate.der"), &authentication.der).unwrap();
    let initialise = "--init-token --free --label lab --pin 1234 --so-pin 12345678";
    run("softhsm2-util", &initialise.split(' ').collect::<Vec<_>>());
    run(
        "softhsm2-util",
        &[
            "--import",
            &file("key.pem"),
            "--token",
            "lab",
            "--label",
            "key",
            "--id",
            "01",
            "--pin",
            "1234",
        ],
    );
    run(
        "pkcs11-tool",
        &[
            "--module",
            softhsm().to_str().unwrap(),
            "--token-label",
            "lab",
            "--login",
            "--pin",
            "1234",
            "--write-object",
            &file("certificate.der"),
            "--type",
            "cert",
            "--id",
            "01",
        ],
    );
}

/// SoftHSM2 shows its private keys only after the login, as the Cryptolib CPS does.
#[test]
fn a_softhsm_token_signs_in_and_a_wrong_pin_is_asked_again() {
    let name = "pkcs11_modules::a_softhsm_token_signs_in_and_a_wrong_pin_is_asked_again";
    run_in_own_process(name, async |service: Service| {
        softhsm_token(service.folder());
        let backend = Backend::Pkcs11 { module: softhsm() };
        let workstation = start(backend, &[WRONG, RIGHT]).await;
        assert_eq!(
            sign_in(&workstation).await,
            [
                "card_found",
                "pin_asked",
                "signing",
                "pin_incorrect",
                "pin_asked",
                "signing",
                "assertion"
            ]
        );
        assert_eq!(sign_in(&workstation).await.last().unwrap(), "assertion");
    });
}

/// A module keeps nothing: the pharmacy's policy asks the PIN at each login there.
#[test]
fn d14_through_a_module_the_pin_is_asked_each_time_and_the_token_logs_out() {
    let name =
        "pkcs11_modules::d14_through_a_module_the_pin_is_asked_each_time_and_the_token_logs_out";
    run_in_own_process(name, async |service: Service| {
        softhsm_token(service.folder());
        let backend = Backend::Pkcs11 { module: softhsm() };
        let setup = Setup {
            pin_policy: PinPolicy::Pharmacy { kept_max: KEPT_MAX },
            keep_pin_without_screen_lock: true,
            ..Setup::default()
        };
        let workstation = start_with(backend, &[RIGHT], setup).await;
        for _ in 0..2 {
            let mut claims = workstation.issuer.claims();
            claims.uv = UserVerification::Cached;
            let challenge = claims.sign(&workstation.issuer.challenge_key).unwrap();
            let lines = workstation.page().sign_in(&challenge).await;
            let expected = ["card_found", "pin_asked", "signing", "assertion"];
            assert_eq!(course(&lines), expected);
        }
        assert_eq!(workstation.person.was_asked("GETPIN"), 2);
    });
}

#[test]
fn a_card_behind_opensc_signs_in_counts_tries_and_leaves() {
    let name = "pkcs11_modules::a_card_behind_opensc_signs_in_counts_tries_and_leaves";
    run_in_own_process(name, async |service: Service| {
        let inserted = card(&CardProfile::pharmacist(), KeyKind::Rsa2048);
        let plugged = service.plug(&inserted);
        let backend = Backend::Pkcs11 { module: opensc() };
        let answers = [RIGHT, WRONG, WRONG, "decline", "ok", RIGHT];
        let workstation = start(backend, &answers).await;
        assert_eq!(sign_in(&workstation).await.last().unwrap(), "assertion");
        assert_eq!(
            workstation.issuer.statement().await.state(),
            PresenceState::Present
        );
        assert!(!pin_status(&inserted).verified);

        // Two wrong ones: the last try is not used without a yes.
        let refused = sign_in(&workstation).await;
        assert_eq!(
            refused.last().unwrap(),
            "agent.last_try_declined 1",
            "{refused:?}"
        );
        assert_eq!(pin_status(&inserted).tries_left, Some(1));
        assert_eq!(sign_in(&workstation).await.last().unwrap(), "assertion");
        assert_eq!(pin_status(&inserted).tries_left, Some(3));

        drop(plugged);
        workstation.issuer.departure().await;
    });
}

/// The reader's counter tells what the module does not: the token was out for a moment.
#[test]
fn a_card_behind_opensc_that_was_pulled_and_put_back_has_left() {
    let name = "pkcs11_modules::a_card_behind_opensc_that_was_pulled_and_put_back_has_left";
    run_in_own_process(name, async |service: Service| {
        let inserted = pharmacist();
        let plugged = service.plug(&inserted);
        let workstation = start(Backend::Pkcs11 { module: opensc() }, &[RIGHT]).await;
        assert_eq!(sign_in(&workstation).await.last().unwrap(), "assertion");
        // A command that meets the pulled card would have vpcd take the next one for the same
        // insertion: the looks at the slots after a change, which last three seconds, go first.
        tokio::time::sleep(Duration::from_secs(4)).await;
        drop(plugged);
        let _plugged = service.plug(&inserted);
        workstation.issuer.departure().await;
    });
}

/// What a card answers that is no PIV card, once; OpenSC then finds it to be one after all.
fn without_piv_at_first(card: &VirtualCard) {
    let not_found = Fault::Answer(StatusWord(0x6A82));
    card.inject(Trigger::Select, not_found);
}

#[test]
fn a_piv_card_needs_no_module_and_another_card_is_reached_through_one() {
    let name = "pkcs11_modules::a_piv_card_needs_no_module_and_another_card_is_reached_through_one";
    run_in_own_process(name, async |service: Service| {
        let modules = vec!["/nonexistent/module.so".into(), opensc()];
        let inserted = pharmacist();
        let plugged = service.plug(&inserted);
        let workstation = start(Backend::Automatic { modules }, &[RIGHT]).await;
        // The PIV card tells its tries, which OpenSC does not.
        assert!(
            sign_in(&workstation)
                .await
                .contains(&"pin_asked 3".to_owned())
        );
        drop(plugged);
        workstation.issuer.departure().await;
        without_piv_at_first(&inserted);
        let _plugged = service.plug(&inserted);
        wait_until("the agent sees the card again", async || {
            workstation.page().status().await["card"] == "present"
        })
        .await;
        let course = sign_in(&workstation).await;
        assert_eq!(course, ["card_found", "pin_asked", "signing", "assertion"]);
        assert!(!pin_status(&inserted).verified);
    });
}

#[test]
fn a_card_that_nothing_here_knows_is_told_so() {
    let name = "pkcs11_modules::a_card_that_nothing_here_knows_is_told_so";
    run_in_own_process(name, async |service: Service| {
        let inserted = pharmacist();
        without_piv_at_first(&inserted);
        let _plugged = service.plug(&inserted);
        let workstation = start(Backend::Automatic { modules: vec![] }, &[RIGHT]).await;
        assert_eq!(sign_in(&workstation).await, ["card.unsupported"]);
    });
}

#[test]
fn slots_of_a_module_without_a_token_are_readers_without_a_card() {
    let name = "pkcs11_modules::slots_of_a_module_without_a_token_are_readers_without_a_card";
    run_in_own_process(name, async |_service: Service| {
        let backend = Backend::Pkcs11 { module: opensc() };
        let readers = backend.monitor().unwrap().readers().unwrap();
        assert!(
            readers
                .iter()
                .all(|reader| reader.card == CardPresence::Absent)
        );
    });
}
