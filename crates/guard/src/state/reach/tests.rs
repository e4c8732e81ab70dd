//! A real Redis behind TLS, whose certificate comes from an authority that nobody else knows.

use std::path::Path;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use crate::state::config::StateConfig;
use crate::state::store::Store;
use crate::state::{Health, open};
use crate::test_redis::TestRedis;
use crate::{Error, Rules};

/// A certificate and its key; an authority's, or one of its servers'.
struct Certified {
    certificate: X509,
    key: PKey<Private>,
}

fn certified(name: &str, authority: Option<&Certified>) -> Certified {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    let days = |days| Asn1Time::days_from_now(days).unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&days(0)).unwrap();
    builder.set_not_after(&days(1)).unwrap();
    let issuer = authority.map_or(subject.as_ref(), |it| it.certificate.subject_name());
    builder.set_issuer_name(issuer).unwrap();
    if authority.is_none() {
        let extension = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(extension).unwrap();
    } else {
        let mut names = SubjectAlternativeName::new();
        let names = names.ip("127.0.0.1").dns("redis.example.fr");
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    let signing = authority.map_or(&key, |it| &it.key);
    builder.sign(signing, MessageDigest::sha256()).unwrap();
    Certified {
        certificate: builder.build(),
        key,
    }
}

/// A Redis that speaks TLS alone, on two addresses of this machine.
struct Redis(TestRedis);

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = certified("an authority", None);
        let server = certified("a store", Some(&authority));
        let other = certified("another authority", None);
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        write("ca.pem", authority.certificate.to_pem().unwrap());
        write("other.pem", other.certificate.to_pem().unwrap());
        write("none.pem", b"no certificate\n".to_vec());
        write("server.pem", server.certificate.to_pem().unwrap());
        write("server.key", server.key.private_key_to_pem_pkcs8().unwrap());
        Self(TestRedis::start_in(folder, |port| {
            let words = "--port 0 --bind 127.0.0.1 127.0.0.2 --tls-cert-file server.pem \
                         --tls-key-file server.key --tls-ca-cert-file ca.pem \
                         --tls-auth-clients no --tls-port";
            let words = words.split_whitespace().map(str::to_owned);
            words.chain([port.to_string()]).collect()
        }))
    }

    fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    fn config(&self, host: &str, more: &str) -> StateConfig {
        let text = format!(
            "[redis]\nhost = \"{host}\"\nport = {}\ntimeout_milliseconds = 5000\n{more}\n",
            self.0.port
        );
        toml::from_str(&text).unwrap()
    }

    /// Whether a guard with this configuration shares its states.
    async fn health(&self, host: &str, more: &str) -> Health {
        let (config, rules) = (self.config(host, more), Rules::default());
        let guard = open(&config, rules, self.folder(), "owner", 0).await;
        guard.unwrap().health()
    }
}

#[tokio::test]
async fn a_store_is_believed_by_its_authority_and_its_name_alone() {
    let redis = Redis::start();
    let own = "ca_file = \"ca.pem\"";
    assert_eq!(redis.health("127.0.0.1", own).await, Health::Good);
    for (name, host, more) in [
        ("another authority", "127.0.0.1", "ca_file = \"other.pem\""),
        ("the system's authorities", "127.0.0.1", ""),
        ("another name", "127.0.0.2", own),
        ("no TLS", "127.0.0.1", "tls = false"),
    ] {
        assert_eq!(redis.health(host, more).await, Health::Alone, "{name}");
    }
}

#[tokio::test]
async fn what_was_written_through_tls_is_there_for_another_guard() {
    let redis = Redis::start();
    let config = redis.config("127.0.0.1", "ca_file = \"ca.pem\"");
    let folder = redis.folder();
    let store = || Store::new(config.redis.as_ref().unwrap(), folder).unwrap();
    let (first, second) = (store(), store());
    let kept = Duration::from_secs(60);
    let names = ["one".to_owned(), "two".to_owned()];
    assert!(first.take_once("proof", &names, kept).await.unwrap());
    for names in [&names[..], &names[1..]] {
        assert!(!second.take_once("proof", names, kept).await.unwrap());
    }
    assert!(second.take_once("statement", &names, kept).await.unwrap());
}

#[test]
fn authorities_that_cannot_be_followed_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("none.pem"), "no certificate\n").unwrap();
    for (more, code, said_of_it) in [
        (
            "ca_file = \"none.pem\"",
            "guard.config_invalid",
            "no certificates",
        ),
        (
            "ca_file = \"not there\"",
            "guard.file_unreadable",
            "not there",
        ),
        (
            "tls = false\nca_file = \"none.pem\"",
            "guard.config_invalid",
            "without tls = true",
        ),
    ] {
        let config = toml::from_str(&format!("host = \"h\"\n{more}")).unwrap();
        let refused: Error = Store::new(&config, folder.path()).err().unwrap();
        assert_eq!(refused.code(), code);
        assert!(refused.to_string().contains(said_of_it), "{refused}");
    }
}
