//! `cardea-agent doctor`: each cause is produced for real, and named before anything else. The
//! program itself, real pcscd with virtual cards, real TLS, a clock that is really off.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cardea_agent::config::Environment;
use cardea_agent::doctor::{self, Cause, Surroundings};
use cardea_test_pki::{CardProfile, TestPki};
use cardea_virtual_card::private_pcscd::PrivatePcscd;
use cardea_virtual_card::{CardImage, Fault, Trigger, VirtualCard};
use serde_json::Value;
use time::OffsetDateTime;

use crate::issuer::Issuer;
use crate::program::Running;
use crate::reader_held::OtherProgram;
use crate::readers::pharmacist;
use crate::service::{Service, pin_status, run_in_own_process};
use crate::workstation::{Person, enrolment};

mod browsers;
mod tls;

/// All probes together, on a loaded machine. Without a bound it would be for ever.
const BOUND: Duration = Duration::from_secs(60);
const NOBODY: u32 = 65_534;

/// A workstation to be examined: a configuration, a person's home, and an issuer that is well.
struct Desk {
    folder: tempfile::TempDir,
    issuer: Issuer,
}

impl Desk {
    async fn set() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            issuer: Issuer::start().await,
        };
        Person::new(desk.folder.path(), &["cancel"]);
        desk.configure(0, "off", &enrolment(&desk.issuer));
        desk
    }

    fn configure(&self, port: u16, loopback: &str, more: &str) {
        let text = format!(
            "port = {port}\nloopback = \"{loopback}\"\nlanguage = \"en\"\nstate_dir = \"state\"\n\
             backend = \"pcsc\"\npinentry = \"./pinentry\"\n{more}"
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    /// The command as this person gives it.
    fn doctor(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-agent"));
        command
            .args(["doctor", "--json", "--config"])
            .arg(self.config())
            .env("HOME", self.folder.path());
        for name in ["XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command
    }

    fn examined(&self) -> Value {
        examined(&mut self.doctor())
    }

    /// A service that looks at its readers now and then misses a quick exchange of cards.
    async fn sees_no_card(&self) {
        crate::service::wait_until("the service sees that the card is out", async || {
            has(&self.examined(), "doctor.card_missing")
        })
        .await;
    }

    fn agent(&self) -> Running {
        let mut agent = Running::start(self.folder.path(), self.config().to_str().unwrap());
        agent.logged("serving programs of this user");
        agent
    }
}

/// What it finds: exactly one document, an exit status that fits, within the bound.
fn examined(command: &mut Command) -> Value {
    let began = Instant::now();
    let output = command.output().unwrap();
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        panic!("{error}: {told}")
    });
    let status = if report["sound"] == true { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(status), "{report}");
    report
}

/// What is to be mended first.
fn first(report: &Value) -> &str {
    let codes = report["findings"][0]["code"].as_str();
    codes.unwrap_or_else(|| panic!("nothing is found: {report}"))
}

fn has(report: &Value, code: &str) -> bool {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().any(|finding| finding["code"] == code)
}

fn detail(report: &Value) -> &str {
    report["findings"][0]["detail"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_configuration_it_says_what_a_new_workstation_needs() {
    let home = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-agent"));
        command.arg("doctor").args(arguments);
        command.env("HOME", home.path()).env("LANG", "fr_FR.UTF-8");
        command.env("PCSCLITE_CSOCK_NAME", home.path().join("nobody"));
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_RUNTIME_DIR",
            "LC_ALL",
            "LC_MESSAGES",
        ] {
            command.env_remove(name);
        }
        command
    };
    let report = examined(&mut command(&["--json"]));
    for code in [
        "doctor.reader_service_stopped",
        "doctor.issuer_missing",
        "doctor.agent_stopped",
    ] {
        assert!(has(&report, code), "{code}: {report}");
    }
    let output = command(&[]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("\n1. "), "{said}");
    assert!(
        said.contains("n’est enregistré auprès d’aucun service"),
        "{said}"
    );
    // Not even a place for a configuration: nothing to look at.
    let unusable = command(&[]).env_remove("HOME").output().unwrap();
    assert_eq!(unusable.status.code(), Some(2));
    let unknown = command(&["--nothing"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_or_prompt_that_cannot_be_used_comes_first() {
    let desk = Desk::set().await;
    desk.configure(0, "off", "lisen = 1\n");
    let report = desk.examined();
    assert_eq!(first(&report), "doctor.configuration_unusable");
    assert!(
        detail(&report).contains("unknown field `lisen`"),
        "{report}"
    );
    assert!(!has(&report, "doctor.issuer_missing"), "{report}");

    desk.configure(0, "off", &enrolment(&desk.issuer));
    std::fs::remove_file(desk.folder.path().join("pinentry")).unwrap();
    let report = desk.examined();
    assert_eq!(first(&report), "doctor.prompt_missing");

    // A module that the vendor's installer left half.
    Person::new(desk.folder.path(), &["cancel"]);
    let text = std::fs::read_to_string(desk.config()).unwrap();
    let module = "backend = { pkcs11 = { module = \"half.so\" } }";
    std::fs::write(desk.config(), text.replace("backend = \"pcsc\"", module)).unwrap();
    std::fs::write(desk.folder.path().join("half.so"), "half").unwrap();
    let report = desk.examined();
    assert_eq!(first(&report), "doctor.module_unusable");
    assert!(detail(&report).contains("half.so"), "{report}");
}

#[test]
fn no_service_is_named_and_hides_that_there_is_no_reader() {
    run_in_own_process(
        "doctor::no_service_is_named_and_hides_that_there_is_no_reader",
        async |mut service| {
            let desk = Desk::set().await;
            service.stop();
            let report = desk.examined();
            assert_eq!(first(&report), "doctor.reader_service_stopped");
            assert!(!has(&report, "doctor.reader_missing"), "{report}");
            assert!(!has(&report, "doctor.card_missing"), "{report}");

            // The same where the program is not on the machine at all.
            let root = tempfile::tempdir().unwrap();
            let surroundings = Surroundings {
                named: Some(desk.config()),
                usual: None,
                environment: Environment::default(),
                homes: None,
                root: root.path().to_owned(),
            };
            let report = doctor::examine(&surroundings).await;
            assert_eq!(report.findings()[0].cause(), Cause::ReaderServiceMissing);
        },
    );
}

/// The account may not reach the service's socket; or reaches it and is turned away, as polkit does
/// it. For the second a listener stands that closes what it takes: Debian's pcscd of this version
/// is built without polkit.
#[test]
fn an_account_without_rights_is_told_so() {
    run_in_own_process(
        "doctor::an_account_without_rights_is_told_so",
        async |service| {
            let desk = Desk::set().await;
            let refusing = service.folder().join("refusing");
            let listener = UnixListener::bind(&refusing).unwrap();
            std::thread::spawn(move || {
                for connection in listener.incoming() {
                    drop(connection)
                }
            });
            let mut command = desk.doctor();
            let report = examined(command.env("PCSCLITE_CSOCK_NAME", &refusing));
            assert_eq!(first(&report), "doctor.reader_service_forbidden");
            assert!(detail(&report).contains("polkit"), "{report}");

            // Only root can become somebody else.
            if !rustix::process::geteuid().is_root() {
                return;
            }
            let home = tempfile::tempdir().unwrap();
            let program = home.path().join("cardea-agent");
            std::fs::copy(env!("CARGO_BIN_EXE_cardea-agent"), &program).unwrap();
            std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            let mut command = Command::new(program);
            command.args(["doctor", "--json"]).uid(NOBODY).gid(NOBODY);
            command
                .env("HOME", home.path())
                .env("LANG", "en")
                .current_dir("/");
            let report = examined(command.env_remove("XDG_RUNTIME_DIR").env_remove("LC_ALL"));
            assert!(has(&report, "doctor.reader_service_forbidden"), "{report}");
            assert!(!has(&report, "doctor.reader_service_stopped"), "{report}");
        },
    );
}

#[test]
fn a_service_that_hangs_is_named_in_bounded_time() {
    run_in_own_process(
        "doctor::a_service_that_hangs_is_named_in_bounded_time",
        async |_service| {
            let desk = Desk::set().await;
            let pcscd = own_child("pcscd");
            rustix::process::kill_process(pcscd, rustix::process::Signal::STOP).unwrap();
            let report = desk.examined();
            rustix::process::kill_process(pcscd, rustix::process::Signal::CONT).unwrap();
            assert_eq!(first(&report), "doctor.reader_service_silent");
        },
    );
}

/// A child of this process, by its name.
fn own_child(name: &str) -> rustix::process::Pid {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let found = processes.into_iter().find_map(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        // pid (comm) state ppid …
        let (pid, rest) = stat.split_once(" (")?;
        let (comm, rest) = rest.rsplit_once(") ")?;
        let parent: u32 = rest.split(' ').nth(1)?.parse().ok()?;
        let is_it = comm == name && parent == std::process::id();
        is_it.then(|| pid.parse().ok())?
    });
    rustix::process::Pid::from_raw(found.unwrap()).unwrap()
}

#[test]
fn no_reader_no_card_and_a_good_card_are_told_apart() {
    let name = "doctor::no_reader_no_card_and_a_good_card_are_told_apart";
    run_in_own_process(name, async |service| {
        let desk = Desk::set().await;
        let without_reader = PrivatePcscd::start_without_reader().unwrap();
        let mut command = desk.doctor();
        let report = examined(command.env("PCSCLITE_CSOCK_NAME", without_reader.socket()));
        assert_eq!(first(&report), "doctor.reader_missing");

        // All is well, the agent runs, and no card is in: that is a note.
        let _agent = desk.agent();
        let report = desk.examined();
        assert_eq!(report["sound"], true, "{report}");
        assert_eq!(first(&report), "doctor.card_missing");
        assert_eq!(report["findings"][0]["severity"], "note");

        let card = pharmacist();
        let _plugged = plug(&service, &card);
        let report = desk.examined();
        assert_eq!(report["sound"], true, "{report}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 0, "{report}");
        let seen = report["seen"].to_string();
        assert!(seen.contains("CPS") && seen.contains("days left"), "{seen}");
        // No PIN was sent and none was asked about: VERIFY is 20.
        let headers = card.command_headers();
        assert!(
            !headers.is_empty() && headers.iter().all(|it| it[1] != 0x20),
            "{headers:?}"
        );
        assert_eq!(pin_status(&card).tries_left, Some(3));
    });
}

fn plug(service: &Service, card: &VirtualCard) -> cardea_virtual_card::vpcd::PluggedCard {
    let plugged = service.plug(card);
    assert!(plugged.wait_until_seen(crate::service::LIMIT));
    plugged
}

#[test]
fn who_keeps_the_card_is_named() {
    run_in_own_process("doctor::who_keeps_the_card_is_named", async |service| {
        let desk = Desk::set().await;
        let card = pharmacist();
        let _plugged = plug(&service, &card);
        for how in ["exclusive", "transaction"] {
            let other = OtherProgram::holding(&service.reader(), how);
            let report = desk.examined();
            assert_eq!(first(&report), "doctor.reader_held", "{how}");
            let fix = report["findings"][0]["fix"].as_str().unwrap();
            assert!(fix.contains("facturation"), "{how}: {fix}");
            drop(other);
        }
        let report = desk.examined();
        assert!(!has(&report, "doctor.reader_held"), "{report}");
    });
}

#[test]
fn a_card_that_nobody_knows_is_shown_with_its_atr() {
    run_in_own_process(
        "doctor::a_card_that_nobody_knows_is_shown_with_its_atr",
        async |service| {
            let desk = Desk::set().await;
            let image = CardImage::empty("1").unwrap();
            let atr: Vec<String> = image.atr.iter().map(|byte| format!("{byte:02X}")).collect();
            let card = VirtualCard::insert(image).unwrap();
            let plugged = plug(&service, &card);
            // A PIV card without a certificate is known, and of no use.
            let report = desk.examined();
            assert_eq!(first(&report), "doctor.card_unusable");
            assert!(detail(&report).contains(&atr.join(" ")), "{report}");
            plugged.remove().unwrap();
            desk.sees_no_card().await;

            let _bank = tls::bank_card(&service.vpcd_address());
            crate::service::wait_until("the bank card is seen", async || {
                first(&desk.examined()) == "doctor.card_unknown"
            })
            .await;
            let report = desk.examined();
            assert_eq!(first(&report), "doctor.card_unknown", "{report}");
            assert!(detail(&report).contains("3B 65 00 00"), "{report}");
        },
    );
}

/// A card that is put in the wrong way round, or whose chip is dirty, gives no answer to reset; a
/// failing one may give that and nothing more.
#[test]
fn a_card_that_does_not_answer_is_named() {
    run_in_own_process(
        "doctor::a_card_that_does_not_answer_is_named",
        async |service| {
            let desk = Desk::set().await;
            let mut silent = CardImage::empty("1").unwrap();
            // Longer than any (ISO/IEC 7816-3): vpcd's driver has no silence for a card that is in,
            // and fails to power this one up as it would a silent one.
            silent.atr = vec![0x3B; 40];
            let card = VirtualCard::insert(silent).unwrap();
            let plugged = plug(&service, &card);
            crate::service::wait_until("the silent card is seen", async || {
                has(&desk.examined(), "doctor.card_mute")
            })
            .await;
            let report = desk.examined();
            assert_eq!(first(&report), "doctor.card_mute", "{report}");
            assert!(detail(&report).contains(&service.reader()), "{report}");
            plugged.remove().unwrap();
            desk.sees_no_card().await;

            let card = pharmacist();
            let _plugged = plug(&service, &card);
            assert!(!has(&desk.examined(), "doctor.card_mute"));
            card.inject(Trigger::NextCommand, Fault::Slow(Duration::from_secs(10)));
            let report = desk.examined();
            assert_eq!(first(&report), "doctor.card_mute", "{report}");
        },
    );
}

#[test]
fn a_card_at_or_near_its_end_is_named() {
    run_in_own_process(
        "doctor::a_card_at_or_near_its_end_is_named",
        async |service| {
            let desk = Desk::set().await;
            #[expect(clippy::disallowed_methods, reason = "the program has the same clock")]
            let now = OffsetDateTime::now_utc();
            let day = time::Duration::DAY;
            for (end, code) in [
                (now - day * 3, "doctor.certificate_expired"),
                (now + day * 10, "doctor.certificate_expiring"),
            ] {
                let pki = TestPki::shared().unwrap();
                let begin = end - day * 300;
                let issued =
                    pki.issue_card_with(&CardProfile::pharmacist(), begin, |certificate| {
                        *certificate = certificate.clone().ending(end);
                    });
                let image = CardImage::from_issued(&issued.unwrap()).unwrap();
                let card = VirtualCard::insert(image).unwrap();
                let plugged = plug(&service, &card);
                let report = desk.examined();
                assert_eq!(first(&report), code, "{report}");
                plugged.remove().unwrap();
                desk.sees_no_card().await;
            }
        },
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_out_of_reach_or_another_ones_is_named() {
    let desk = Desk::set().await;
    let without_readers = |command: &mut Command| -> Value {
        let mut report = examined(command.env("PCSCLITE_CSOCK_NAME", "/nowhere"));
        // Nobody is at the readers here: what is told of them is told first.
        assert_eq!(first(&report), "doctor.reader_service_stopped");
        report["findings"].as_array_mut().unwrap().remove(0);
        report
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let elsewhere = enrolment(&desk.issuer).replace(&desk.issuer.url, &format!("http://{address}"));
    desk.configure(0, "off", &elsewhere);
    // It takes the connection and says nothing, as over a dead network.
    let report = without_readers(&mut desk.doctor());
    assert_eq!(first(&report), "doctor.issuer_unreachable");
    assert!(detail(&report).contains("no answer in time"), "{report}");
    drop(listener);
    let report = without_readers(&mut desk.doctor());
    assert_eq!(first(&report), "doctor.issuer_unreachable");
    assert!(detail(&report).contains("refused"), "{report}");

    desk.configure(0, "off", &enrolment(&desk.issuer));
    let foreign = cardea_jose::SigningKey::generate(cardea_jose::Algorithm::Es256).unwrap();
    desk.issuer.publish_keys(2, &foreign);
    let report = without_readers(&mut desk.doctor());
    assert_eq!(first(&report), "doctor.issuer_foreign");
}

#[test]
fn an_agent_that_does_not_run_and_a_port_that_is_taken_are_named() {
    let name = "doctor::an_agent_that_does_not_run_and_a_port_that_is_taken_are_named";
    run_in_own_process(name, async |_service| {
        let desk = Desk::set().await;
        let report = desk.examined();
        assert_eq!(first(&report), "doctor.agent_stopped");

        let squatter = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = squatter.local_addr().unwrap().port();
        desk.configure(port, "on", &enrolment(&desk.issuer));
        let agent = desk.agent();
        let report = desk.examined();
        assert_eq!(first(&report), "doctor.port_taken");
        let own = format!("process {}", std::process::id());
        assert!(detail(&report).contains(&own), "{report}");
        drop(agent);

        drop(squatter);
        let mut agent = desk.agent();
        agent.logged("listening");
        let report = desk.examined();
        assert_eq!(
            report["sound"], true,
            "the port is the agent's own: {report}"
        );
    });
}

/// Why nobody is signed in, although card, agent and service are well: as a sign-in asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_a_sign_in_would_refuse_is_a_fault() {
    let desk = Desk::set().await;
    assert!(!has(&desk.examined(), "doctor.log_refused"));
    let key = openssl::pkey::PKey::generate_ed25519().unwrap();
    let name = cardea_transparency::KeyName::new("id.example/log").unwrap();
    let kind = cardea_transparency::SignatureKind::Ed25519;
    let log = cardea_transparency::NoteSigner::new(name, kind, key).unwrap();
    let named = format!(
        "{}[issuer.log]\nkey = \"{}\"\n",
        enrolment(&desk.issuer),
        log.verifier()
    );
    desk.configure(0, "off", &named);
    let report = desk.examined();
    let findings = report["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|it| it["code"] == "doctor.log_refused");
    let found = found.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(found["severity"], "fault");
    let detail = found["detail"].as_str().unwrap();
    assert!(detail.contains("agent.log_not_shown"), "{report}");
    // It looks, and leaves nothing behind.
    let state = desk.folder.path().join("state");
    let left = std::fs::read_dir(state).map_or(0, |it| it.flatten().count());
    assert_eq!(left, 0);
}

/// Files of this folder, for everybody to read.
fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}
