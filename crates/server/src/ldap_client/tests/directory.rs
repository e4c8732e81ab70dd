//! A private slapd with the entries of a card authority, in a folder and on ports of its own.

use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use base64::Engine as _;
use native_tls::Certificate;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use tempfile::TempDir;
use url::Url;

/// Names as they stand in addresses: with encoded spaces, and a comma inside a value.
pub(crate) const ENTRY_NAME: &str =
    "cn=AC%20IGC-SANTE%20FORT%20PERSONNES%20TEST,ou=AC%20RACINE%5C,%20TEST,o=ASIP-SANTE,c=FR";
pub(super) const WITHOUT_DELTA_NAME: &str = "ou=AC%20RACINE%5C%2C%20TEST,o=ASIP-SANTE,c=FR";
pub(super) const REFERRAL_NAME: &str = "ou=ELSEWHERE,o=ASIP-SANTE,c=FR";
pub(super) const ABSENT_NAME: &str = "cn=NOBODY,o=ASIP-SANTE,c=FR";

const SCHEMAS: [&str; 2] = ["/etc/ldap/schema", "/etc/openldap/schema"];
const START_TRIES: usize = 3;

pub(crate) struct Directory {
    // Ends before its folder does.
    server: Server,
    certificate: X509,
    _folder: TempDir,
}

struct Server {
    process: Child,
    port: u16,
    tls_port: u16,
}

impl Directory {
    /// Starts a directory whose authority has these two lists.
    pub(crate) fn start(full: &[u8], delta: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = write_certificate(folder.path());
        write_configuration(folder.path());
        fs::write(folder.path().join("content.ldif"), content(full, delta)).unwrap();
        let filled = Command::new(program("slapadd"))
            .arg("-f")
            .arg(folder.path().join("slapd.conf"))
            .arg("-l")
            .arg(folder.path().join("content.ldif"))
            .output()
            .unwrap();
        assert!(
            filled.status.success(),
            "{}",
            String::from_utf8_lossy(&filled.stderr)
        );
        let server = (0..START_TRIES).find_map(|_| Server::start(folder.path()));
        Self {
            server: server.expect("slapd does not start"),
            certificate,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self, name: &str, rest: &str) -> Url {
        let port = self.server.port;
        Url::parse(&format!("ldap://127.0.0.1:{port}/{name}?{rest}")).unwrap()
    }

    pub(super) fn tls_url(&self, name: &str, rest: &str) -> Url {
        let port = self.server.tls_port;
        Url::parse(&format!("ldaps://localhost:{port}/{name}?{rest}")).unwrap()
    }

    pub(super) fn certificate(&self) -> Certificate {
        Certificate::from_der(&self.certificate.to_der().unwrap()).unwrap()
    }
}

impl Server {
    /// `None` when somebody else has taken a port in the meantime.
    fn start(folder: &Path) -> Option<Self> {
        let [port, tls_port] = free_ports();
        let process = Command::new(program("slapd"))
            .arg("-f")
            .arg(folder.join("slapd.conf"))
            .arg("-h")
            .arg(format!(
                "ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
            ))
            // Any debug level keeps it in the foreground.
            .args(["-d", "0"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            process,
            port,
            tls_port,
        };
        for _ in 0..500 {
            if server.process.try_wait().unwrap().is_some() {
                return None;
            }
            if [port, tls_port]
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
            {
                return Some(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let folders = [
        "/usr/sbin",
        "/usr/local/sbin",
        "/usr/bin",
        "/usr/lib/openldap",
    ];
    let candidates = folders.iter().map(|folder| Path::new(folder).join(name));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is not installed; `cargo xtask install --for test` installs it")
        })
}

fn free_ports() -> [u16; 2] {
    let listeners = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn write_configuration(folder: &Path) {
    let schema = SCHEMAS.iter().find(|path| Path::new(path).is_dir());
    let schema = schema.expect("slapd's schemas are not installed");
    let database = folder.join("database");
    fs::create_dir(&database).unwrap();
    let text = format!(
        "include {schema}/core.schema\n\
         pidfile {folder}/slapd.pid\n\
         TLSCACertificateFile {folder}/tls.pem\n\
         TLSCertificateFile {folder}/tls.pem\n\
         TLSCertificateKeyFile {folder}/tls.key\n\
         database ldif\n\
         directory {database}\n\
         suffix \"o=ASIP-SANTE,c=FR\"\n",
        folder = folder.display(),
        database = database.display(),
    );
    fs::write(folder.join("slapd.conf"), text).unwrap();
}

fn content(full: &[u8], delta: &[u8]) -> String {
    let base64 = |bytes| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut ldif = String::from(
        "dn: o=ASIP-SANTE,c=FR\nobjectClass: organization\no: ASIP-SANTE\n\n\
         dn: ou=AC RACINE\\, TEST,o=ASIP-SANTE,c=FR\nobjectClass: organizationalUnit\n\
         objectClass: pkiCA\nou: AC RACINE, TEST\n\n\
         dn: ou=ELSEWHERE,o=ASIP-SANTE,c=FR\nobjectClass: referral\n\
         objectClass: extensibleObject\nou: ELSEWHERE\nref: ldap://127.0.0.1:1/o=X\n\n\
         dn: cn=AC IGC-SANTE FORT PERSONNES TEST,ou=AC RACINE\\, TEST,o=ASIP-SANTE,c=FR\n\
         objectClass: organizationalRole\nobjectClass: pkiCA\nobjectClass: deltaCRL\n\
         cn: AC IGC-SANTE FORT PERSONNES TEST\n",
    );
    let (full, delta) = (base64(full), base64(delta));
    writeln!(ldif, "certificateRevocationList;binary:: {full}").unwrap();
    writeln!(ldif, "deltaRevocationList;binary:: {delta}").unwrap();
    ldif
}

fn write_certificate(folder: &Path) -> X509 {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "directory of a test")
        .unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(2).unwrap())
        .unwrap();
    builder
        .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
        .unwrap();
    let alternative = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(alternative).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    fs::write(folder.join("tls.pem"), certificate.to_pem().unwrap()).unwrap();
    fs::write(
        folder.join("tls.key"),
        key.private_key_to_pem_pkcs8().unwrap(),
    )
    .unwrap();
    certificate
}
