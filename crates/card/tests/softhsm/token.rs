//! A SoftHSM2 token with keys and certificates, in a directory that goes with the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, CertificateType, KeyType, ObjectClass};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::types::AuthPin;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use openssl::x509::extension::{ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509Builder, X509NameBuilder};

pub(crate) const PIN: &str = "1234";
const OFFICER_PIN: &str = "12345678";
const INSIDE: &str = "CARDEA_TEST_SOFTHSM_INSIDE";
/// OID of P-256 in DER.
const P256_OID: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Where distributions put the module.
pub(crate) fn module_path() -> PathBuf {
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

/// Runs the named test once more in a process whose SoftHSM has a directory of its own.
pub(crate) fn run_in_own_process(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = directory.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("SOFTHSM2_CONF", &configuration)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.contains("1 passed"),
        "the test's name is not {name}: {text}"
    );
}

pub(crate) enum Purpose {
    Authentication,
    Signature,
}

pub(crate) struct Token {
    context: Pkcs11,
}

impl Token {
    /// The module with no token yet.
    pub(crate) fn loaded_only() -> Self {
        let context = Pkcs11::new(module_path()).unwrap();
        context
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .unwrap();
        Self { context }
    }

    pub(crate) fn new() -> Self {
        let token = Self::loaded_only();
        token.initialise();
        token
    }

    pub(crate) fn initialise(&self) {
        let slot = self.context.get_all_slots().unwrap()[0];
        let officer = AuthPin::new(OFFICER_PIN.into());
        self.context.init_token(slot, &officer, "lab").unwrap();
        let slot = self.context.get_slots_with_initialized_token().unwrap()[0];
        let session = self.context.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&officer)).unwrap();
        session.init_pin(&AuthPin::new(PIN.into())).unwrap();
        session.logout().unwrap();
    }

    pub(crate) fn logged_in_session(&self) -> Session {
        let slot = self.context.get_slots_with_initialized_token().unwrap()[0];
        let session = self.context.open_rw_session(slot).unwrap();
        session
            .login(UserType::User, Some(&AuthPin::new(PIN.into())))
            .unwrap();
        session
    }

    pub(crate) fn add_rsa(&self, id: &[u8], purpose: Purpose) -> PKey<Private> {
        let rsa = Rsa::generate(2048).unwrap();
        self.add_key(
            id,
            vec![
                Attribute::KeyType(KeyType::RSA),
                Attribute::Modulus(rsa.n().to_vec()),
                Attribute::PublicExponent(rsa.e().to_vec()),
                Attribute::PrivateExponent(rsa.d().to_vec()),
                Attribute::Prime1(rsa.p().unwrap().to_vec()),
                Attribute::Prime2(rsa.q().unwrap().to_vec()),
                Attribute::Exponent1(rsa.dmp1().unwrap().to_vec()),
                Attribute::Exponent2(rsa.dmq1().unwrap().to_vec()),
                Attribute::Coefficient(rsa.iqmp().unwrap().to_vec()),
            ],
        );
        let key = PKey::from_rsa(rsa).unwrap();
        self.add_certificate(id, &key, &purpose);
        key
    }

    pub(crate) fn add_p256(&self, id: &[u8], purpose: Purpose) -> PKey<Private> {
        let key = self.add_p256_key(id);
        self.add_certificate(id, &key, &purpose);
        key
    }

    pub(crate) fn add_mismatched_p256(&self, id: &[u8]) {
        self.add_p256_key(id);
        self.add_certificate(id, &p256(), &Purpose::Authentication);
    }

    pub(crate) fn add_certificate_only(&self, id: &[u8]) {
        self.add_certificate(id, &p256(), &Purpose::Authentication);
    }

    fn add_p256_key(&self, id: &[u8]) -> PKey<Private> {
        let key = p256();
        let scalar = key
            .ec_key()
            .unwrap()
            .private_key()
            .to_vec_padded(32)
            .unwrap();
        self.add_key(
            id,
            vec![
                Attribute::KeyType(KeyType::EC),
                Attribute::EcParams(P256_OID.to_vec()),
                Attribute::Value(scalar),
            ],
        );
        key
    }

    fn add_key(&self, id: &[u8], mut attributes: Vec<Attribute>) {
        attributes.extend([
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Sign(true),
            Attribute::Id(id.to_vec()),
        ]);
        self.add(&attributes);
    }

    fn add_certificate(&self, id: &[u8], key: &PKey<Private>, purpose: &Purpose) {
        let (subject, der) = certificate(key, purpose);
        self.add(&[
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Id(id.to_vec()),
            Attribute::Subject(subject),
            Attribute::Value(der),
        ]);
    }

    fn add(&self, attributes: &[Attribute]) {
        let session = self.logged_in_session();
        session.create_object(attributes).unwrap();
        session.logout().unwrap();
    }
}

pub(crate) fn is_logged_in(session: &Session) -> bool {
    let state = session.get_session_info().unwrap().session_state();
    matches!(state, SessionState::RwUser | SessionState::RoUser)
}

pub(crate) fn rsa_verifies(key: &PKey<Private>, message: &[u8], signature: &[u8]) -> bool {
    let mut verifier = Verifier::new(MessageDigest::sha256(), key).unwrap();
    verifier.verify_oneshot(signature, message).unwrap()
}

pub(crate) fn p256_verifies(key: &PKey<Private>, message: &[u8], signature: &[u8]) -> bool {
    let (r, s) = signature.split_at(32);
    let number = |bytes| BigNum::from_slice(bytes).unwrap();
    let signature = EcdsaSig::from_private_components(number(r), number(s)).unwrap();
    signature
        .verify(&openssl::sha::sha256(message), &key.ec_key().unwrap())
        .unwrap()
}

fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(key: &PKey<Private>, purpose: &Purpose) -> (Vec<u8>, Vec<u8>) {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "899700000017").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder
        .set_not_before(&Asn1Time::from_unix(1_767_225_600).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::from_unix(1_861_920_000).unwrap())
        .unwrap();
    builder.set_pubkey(key).unwrap();
    let (usage, extended) = match purpose {
        Purpose::Authentication => (
            KeyUsage::new()
                .critical()
                .digital_signature()
                .build()
                .unwrap(),
            ExtendedKeyUsage::new().client_auth().build().unwrap(),
        ),
        Purpose::Signature => (
            KeyUsage::new()
                .critical()
                .non_repudiation()
                .build()
                .unwrap(),
            ExtendedKeyUsage::new().email_protection().build().unwrap(),
        ),
    };
    builder.append_extension(usage).unwrap();
    builder.append_extension(extended).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    (name.to_der().unwrap(), builder.build().to_der().unwrap())
}
