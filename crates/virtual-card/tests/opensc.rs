//! Independent proof that the virtual card is a card: programs that we did not write read and use
//! it through a real pcscd, and `openssl` verifies what it signs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cardea_card::{Card as _, CareTerms, LastTry, Pin, PinChange, PivCard, Puk, Unblocking};
use cardea_test_pki::{CardProfile, IssuedCard, IssuedCertificate, KeyKind, TestPki};
use cardea_virtual_card::private_pcscd::PrivatePcscd;
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardImage, VirtualCard};
use openssl::x509::X509;
use tempfile::TempDir;

mod opensc_module;

const MESSAGE: &[u8] = b"the message that a card signs\n";
const SEEN_LIMIT: Duration = Duration::from_secs(60);

/// A pcscd with one card in its reader, and a folder for what the programs write.
struct Desk {
    folder: TempDir,
    pcscd: PrivatePcscd,
    issued: IssuedCard,
    card: VirtualCard,
    _plugged: PluggedCard,
}

impl Desk {
    fn new(key: KeyKind) -> Self {
        Self::with_pin(key, "1234")
    }

    fn with_pin(key: KeyKind, pin: &str) -> Self {
        let pcscd = PrivatePcscd::start().unwrap_or_else(|error| panic!("{error}"));
        let profile = CardProfile::pharmacist().with_key(key);
        let issued = TestPki::shared().unwrap().issue_card(&profile).unwrap();
        let image = CardImage::from_issued(&issued).unwrap();
        let card = VirtualCard::insert_with_pin(image, pin).unwrap();
        let plugged = PluggedCard::plug(&pcscd.vpcd_address(), card.connect()).unwrap();
        assert!(plugged.wait_until_seen(SEEN_LIMIT), "{}", pcscd.log());
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("message"), MESSAGE).unwrap();
        Self {
            folder,
            pcscd,
            issued,
            card,
            _plugged: plugged,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program of a Debian package and returns what it wrote, and whether it succeeded.
    fn run(&self, package: &str, program: &str, arguments: &[&str]) -> (String, bool) {
        let mut command = self.pcscd.client(program);
        // A home of its own: nothing is cached between tests.
        command
            .args(arguments)
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path());
        run(package, command)
    }

    fn succeed(&self, package: &str, program: &str, arguments: &[&str]) -> String {
        let (output, success) = self.run(package, program, arguments);
        assert!(success, "{program} {arguments:?}: {output}");
        output
    }

    fn pkcs11_tool(&self, arguments: &[&str]) -> (String, bool) {
        let module = opensc_module::installed();
        let module = ["--module", module.to_str().unwrap()];
        self.run("opensc", "pkcs11-tool", &[&module, arguments].concat())
    }

    /// Signs the message through OpenSC's PKCS#11 module and returns the signature file.
    fn pkcs11_sign(&self, id: &str, mechanism: &[&str]) -> PathBuf {
        let file = format!("signature-{id}");
        let common = [
            "--login", "--pin", "1234", "--sign", "--id", id, "-i", "message", "-o",
        ];
        let (output, success) =
            self.pkcs11_tool(&[&common[..], &[file.as_str(), "--mechanism"], mechanism].concat());
        assert!(success, "{mechanism:?}: {output}");
        self.path(&file)
    }

    /// `openssl dgst -verify` with the certificate's public key.
    fn verify(&self, certificate: &IssuedCertificate, signature: &Path, options: &[&str]) {
        let parsed = X509::from_der(&certificate.der).unwrap();
        let public = parsed.public_key().unwrap().public_key_to_pem().unwrap();
        fs::write(self.path("public.pem"), public).unwrap();
        let mut command = Command::new("openssl");
        command
            .args(["dgst", "-sha256", "-verify"])
            .arg(self.path("public.pem"))
            .args(options)
            .arg("-signature")
            .arg(signature)
            .arg(self.path("message"));
        let (output, success) = run("openssl", command);
        assert!(success && output.contains("Verified OK"), "{output}");
    }
}

fn run(package: &str, mut command: Command) -> (String, bool) {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}; on Debian: apt install {package}"),
    };
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&text).into_owned(),
        output.status.success(),
    )
}

fn contains(output: &str, parts: &[&str]) {
    for part in parts {
        assert!(output.contains(part), "missing {part:?} in {output}");
    }
}

#[test]
fn opensc_tool_and_piv_tool_recognise_a_piv_card() {
    let desk = Desk::new(KeyKind::P256);
    let readers = desk.succeed("opensc", "opensc-tool", &["-l"]);
    contains(&readers, &["Virtual PCD 00 00", "Yes"]);
    let atr = desk.succeed("opensc", "opensc-tool", &["-a"]);
    contains(&atr, &["3b:8b:80:01:80:f9:a0:00:00:03:08:00:00:10:00:c8"]);
    for program in ["opensc-tool", "piv-tool"] {
        let name = desk.succeed("opensc", program, &["-n"]);
        contains(&name, &["Personal Identity Verification Card"]);
    }
    let serial = desk.succeed("opensc", "piv-tool", &["--serial"]);
    // OpenSC shows the GUID of the card holder unique identifier.
    let image = CardImage::empty(&desk.issued.card_number).unwrap();
    let start = format!(
        "{:02X} {:02X} {:02X}",
        image.guid[0], image.guid[1], image.guid[2]
    );
    contains(&serial, &[&start]);
}

#[test]
fn pkcs11_tool_lists_both_certificates() {
    let desk = Desk::new(KeyKind::Rsa2048);
    let (objects, success) = desk.pkcs11_tool(&["-O"]);
    assert!(success, "{objects}");
    contains(
        &objects,
        &[
            "Certificate for PIV Authentication",
            "Certificate for Digital Signature",
        ],
    );
    let (slots, _) = desk.pkcs11_tool(&["-L"]);
    contains(&slots, &["login required", "PIN initialized"]);
    let read = [
        "--read-object",
        "--type",
        "cert",
        "--id",
        "01",
        "-o",
        "certificate.der",
    ];
    assert!(desk.pkcs11_tool(&read).1);
    assert_eq!(
        fs::read(desk.path("certificate.der")).unwrap(),
        desk.issued.authentication.der
    );
}

#[test]
fn pkcs11_tool_signs_with_rsa() {
    let desk = Desk::new(KeyKind::Rsa2048);
    for (id, certificate) in [
        ("01", &desk.issued.authentication),
        ("02", &desk.issued.signature),
    ] {
        let signature = desk.pkcs11_sign(id, &["SHA256-RSA-PKCS"]);
        desk.verify(certificate, &signature, &[]);
    }
    let pss = [
        "SHA256-RSA-PKCS-PSS",
        "--mgf",
        "MGF1-SHA256",
        "--salt-len",
        "32",
    ];
    let signature = desk.pkcs11_sign("01", &pss);
    let options = [
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:32",
    ];
    desk.verify(&desk.issued.authentication, &signature, &options);
}

#[test]
fn pkcs11_tool_signs_with_p256() {
    let desk = Desk::new(KeyKind::P256);
    for (id, certificate) in [
        ("01", &desk.issued.authentication),
        ("02", &desk.issued.signature),
    ] {
        let signature = desk.pkcs11_sign(id, &["ECDSA-SHA256", "--signature-format", "openssl"]);
        desk.verify(certificate, &signature, &[]);
    }
}

#[test]
fn pkcs11_tool_sees_the_pin_count_down_and_lock() {
    let desk = Desk::new(KeyKind::P256);
    let wrong = ["--login", "--pin", "9999", "-O"];
    contains(&desk.pkcs11_tool(&wrong).0, &["CKR_PIN_INCORRECT"]);
    contains(&desk.pkcs11_tool(&wrong).0, &["CKR_PIN_INCORRECT"]);
    contains(&desk.pkcs11_tool(&["-L"]).0, &["final user PIN try"]);
    assert!(!desk.pkcs11_tool(&wrong).1);
    contains(&desk.pkcs11_tool(&["-L"]).0, &["user PIN locked"]);
    let right = ["--login", "--pin", "1234", "-O"];
    contains(&desk.pkcs11_tool(&right).0, &["CKR_PIN_LOCKED"]);
}

#[test]
fn right_pin_gives_the_tries_back() {
    let desk = Desk::new(KeyKind::P256);
    let wrong = ["--login", "--pin", "9999", "-O"];
    let right = ["--login", "--pin", "1234", "-O"];
    for _ in 0..2 {
        contains(&desk.pkcs11_tool(&wrong).0, &["CKR_PIN_INCORRECT"]);
        contains(&desk.pkcs11_tool(&wrong).0, &["CKR_PIN_INCORRECT"]);
        assert!(desk.pkcs11_tool(&right).1);
    }
}

fn yubico(desk: &Desk, arguments: &[&str]) -> (String, bool) {
    let reader = ["-r", "Virtual PCD"];
    desk.run(
        "yubico-piv-tool",
        "yubico-piv-tool",
        &[&reader, arguments].concat(),
    )
}

#[test]
fn yubico_piv_tool_reads_and_signs() {
    let cases = [(KeyKind::Rsa2048, "RSA2048"), (KeyKind::P256, "ECCP256")];
    for (key, algorithm) in cases {
        let desk = Desk::new(key);
        let (status, success) = yubico(&desk, &["-a", "status"]);
        assert!(success, "{status}");
        contains(
            &status,
            &["Slot 9a", "Slot 9c", "LEFEVRE-TEST", "PIN tries left:\t3"],
        );
        let (output, success) = yubico(
            &desk,
            &["-a", "read-certificate", "-s", "9a", "-o", "9a.pem"],
        );
        assert!(success, "{output}");
        for (slot, certificate) in [
            ("9a", &desk.issued.authentication),
            ("9c", &desk.issued.signature),
        ] {
            let verify = ["-a", "verify-pin", "-P", "1234", "--sign", "-s", slot];
            let sign = [
                "-A",
                algorithm,
                "-H",
                "SHA256",
                "-i",
                "message",
                "-o",
                "signature",
            ];
            let (output, success) = yubico(&desk, &[&verify[..], &sign].concat());
            assert!(success, "{output}");
            desk.verify(certificate, &desk.path("signature"), &[]);
        }
        let test = [
            "-a",
            "verify-pin",
            "-P",
            "1234",
            "-a",
            "test-signature",
            "-s",
            "9a",
        ];
        let (output, success) = yubico(&desk, &[&test[..], &["-i", "9a.pem"]].concat());
        assert!(success && output.contains("Successful"), "{output}");
    }
}

#[test]
fn yubico_piv_tool_changes_and_unblocks_the_pin() {
    let desk = Desk::with_pin(KeyKind::P256, "123456");
    let change = ["-a", "change-pin", "-P", "123456", "-N", "654321"];
    let (output, success) = yubico(&desk, &change);
    assert!(success, "{output}");
    for _ in 0..3 {
        assert!(!yubico(&desk, &["-a", "verify-pin", "-P", "111111"]).1);
    }
    assert!(
        !yubico(&desk, &["-a", "verify-pin", "-P", "654321"]).1,
        "it must be blocked"
    );
    let unblock = ["-a", "unblock-pin", "-P", "12345678", "-N", "222222"];
    let (output, success) = yubico(&desk, &unblock);
    assert!(success, "{output}");
    assert!(yubico(&desk, &["-a", "verify-pin", "-P", "222222"]).1);
}

#[test]
fn cardea_and_other_programs_agree_about_a_changed_pin_and_an_unblocked_card() {
    let desk = Desk::with_pin(KeyKind::P256, "123456");
    let pin = |digits| Pin::parse(digits).unwrap();
    let cardea_changes = |old, new| {
        let terms = CareTerms::default();
        let (old, new) = (&pin(old), &pin(new));
        let change = PinChange { old, new, terms };
        PivCard::new(desk.card.connect()).change_pin(&change)
    };
    cardea_changes("123456", "864213").unwrap();
    assert!(yubico(&desk, &["-a", "verify-pin", "-P", "864213"]).1);
    let change = [
        "--login",
        "--pin",
        "864213",
        "--change-pin",
        "--new-pin",
        "975310",
    ];
    let (output, success) = desk.pkcs11_tool(&change);
    assert!(success, "{output}");
    cardea_changes("975310", "246813").unwrap();
    for _ in 0..3 {
        assert!(!yubico(&desk, &["-a", "verify-pin", "-P", "111111"]).1);
    }
    let blocked = cardea_changes("246813", "135792").unwrap_err();
    assert_eq!(blocked.code(), "card.pin_blocked");
    let unblocking = Unblocking {
        puk: &Puk::parse("12345678").unwrap(),
        new: &pin("314159"),
        terms: CareTerms {
            last_try: LastTry::Accepted,
            ..CareTerms::default()
        },
    };
    let mut card = PivCard::new(desk.card.connect());
    card.unblock(&unblocking).unwrap();
    let (output, success) = desk.pkcs11_tool(&["--login", "--pin", "314159", "--list-objects"]);
    assert!(success, "{output}");
}

#[test]
fn slow_card_slows_a_real_program() {
    let desk = Desk::new(KeyKind::P256);
    let delay = Duration::from_millis(20);
    desk.card.set_delay(delay);
    let seen_before = desk.card.command_headers().len();
    let begun = Instant::now();
    desk.pkcs11_sign("01", &["ECDSA-SHA256", "--signature-format", "openssl"]);
    let elapsed = begun.elapsed();
    let commands = desk.card.command_headers().len() - seen_before;
    // A login and a signature are two commands at the very least.
    assert!(commands >= 2, "{commands} commands");
    let slowed = delay * u32::try_from(commands).unwrap();
    assert!(elapsed >= slowed, "{commands} commands in {elapsed:?}");
}

#[test]
fn two_instances_of_pcscd_see_their_own_cards_only() {
    let (first, second) = (Desk::new(KeyKind::P256), Desk::new(KeyKind::P256));
    assert_ne!(first.pcscd.vpcd_address(), second.pcscd.vpcd_address());
    let serial = |desk: &Desk| desk.succeed("opensc", "piv-tool", &["--serial"]);
    assert_ne!(serial(&first), serial(&second));
}
