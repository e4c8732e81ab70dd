//! A card, its authorities with RSA 2048, and lists of any length, made here and written down for
//! the peers.

use std::fs;
use std::path::{Path, PathBuf};

use cardea_pki::revocation::{Crl, Evidence, RevocationPolicy, SourcePreference};
use cardea_pki::{Certificate, PathPolicy, TrustStore, ValidatedPath, validate_path};
use cardea_test_pki::{
    AuthorityName, CardProfile, CrlSpec, IssuedCertificate, KeyKind, PkiSettings, RevokedEntry,
    TestPki,
};
use openssl::sha::sha256;
use time::{Duration, OffsetDateTime};

use crate::Failure;

/// Where the card comes from.
const ISSUING: AuthorityName = AuthorityName::FORT_PERSONNES;
/// Cards that are looked up by turns, so that no look-up finds its place warm.
const OTHER_CARDS: usize = 500;

pub(crate) struct Inputs {
    pub(crate) folder: PathBuf,
    pub(crate) at: OffsetDateTime,
    pub(crate) card_der: Vec<u8>,
    pub(crate) issuing_der: Vec<u8>,
    pub(crate) root_der: Vec<u8>,
    pub(crate) store: TrustStore,
    pub(crate) policy: PathPolicy,
    pub(crate) other_cards: Vec<Certificate>,
}

impl Inputs {
    pub(crate) fn make(sizes: &[usize]) -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pki-inputs");
        fs::create_dir_all(&folder)?;
        let pki = TestPki::new(&PkiSettings {
            authority_key: KeyKind::Rsa2048,
            ..PkiSettings::faithful(TestPki::SHARED_AT)
        })?;
        let at = pki.at();
        let card = pki.issue_card(&CardProfile::doctor())?.authentication;
        let issuing = pki.authority(ISSUING)?.certificate_der().to_vec();
        let root = pki.authority(ISSUING.root())?.certificate_der().to_vec();
        for (name, bytes) in [("card", &card.der), ("issuing", &issuing), ("root", &root)] {
            fs::write(folder.join(format!("{name}.der")), bytes)?;
        }
        fs::write(folder.join("at"), at.unix_timestamp().to_string())?;
        let names: Vec<String> = sizes.iter().map(usize::to_string).collect();
        fs::write(folder.join("sizes"), names.join("\n"))?;
        for entries in sizes {
            let list = pki.authority(ISSUING)?.crl(&list_of(*entries, at))?;
            fs::write(folder.join(format!("{entries}.crl")), list)?;
        }
        let root_list = CrlSpec::new(ISSUING.root(), at);
        let root_list = pki.authority(ISSUING.root())?.crl(&root_list)?;
        fs::write(folder.join("root.crl"), root_list)?;
        let other_cards = other_cards(&pki, &card)?;
        Self::read(folder, other_cards)
    }

    /// Takes up what is in the folder.
    pub(crate) fn read(folder: PathBuf, other_cards: Vec<Certificate>) -> Result<Self, Failure> {
        let read = |name: &str| fs::read(folder.join(name));
        let (issuing_der, root_der) = (read("issuing.der")?, read("root.der")?);
        let store = TrustStore::new(
            vec![Certificate::parse(&root_der)?],
            vec![Certificate::parse(&issuing_der)?],
        );
        let at = fs::read_to_string(folder.join("at"))?.parse()?;
        Ok(Self {
            at: OffsetDateTime::from_unix_timestamp(at)?,
            card_der: read("card.der")?,
            issuing_der,
            root_der,
            store,
            policy: PathPolicy::login(),
            other_cards,
            folder,
        })
    }

    /// First sight of the card: from its bytes to a validated path.
    pub(crate) fn path(&self) -> Result<ValidatedPath, cardea_pki::Error> {
        let card = Certificate::parse(&self.card_der)?;
        validate_path(&card, &[], &self.store, &self.policy, self.at)
    }

    pub(crate) fn list_file(&self, entries: usize) -> PathBuf {
        self.folder.join(format!("{entries}.crl"))
    }

    /// Lists alone, complete for the card and for its issuing authority.
    pub(crate) fn evidence(&self, list: Crl) -> Result<Evidence, Failure> {
        let root_list = Crl::parse(&fs::read(self.folder.join("root.crl"))?)?;
        Ok(Evidence {
            crls: vec![list, root_list],
            ..Evidence::default()
        })
    }
}

/// Fail closed, by lists alone.
pub(crate) fn list_policy() -> RevocationPolicy {
    RevocationPolicy {
        preference: SourcePreference::CrlOnly,
        ..RevocationPolicy::default()
    }
}

/// Serial numbers of 16 random-looking bytes, as the model has them; nobody of ours is listed.
fn list_of(entries: usize, at: OffsetDateTime) -> CrlSpec {
    let revoked = |number: usize| {
        let mut serial = sha256(&number.to_le_bytes())[..16].to_vec();
        serial[0] = (serial[0] & 0x3f) | 0x40;
        RevokedEntry {
            serial,
            at: at - Duration::days(30),
            reason: None,
        }
    };
    let mut spec = CrlSpec::new(ISSUING, at);
    spec.revoked = (0..entries).map(revoked).collect();
    spec
}

fn other_cards(pki: &TestPki, card: &IssuedCertificate) -> Result<Vec<Certificate>, Failure> {
    let mut spec = card.spec.clone();
    spec.serial = None;
    let authority = pki.authority(ISSUING)?;
    let mut cards = Vec::with_capacity(OTHER_CARDS);
    for _ in 0..OTHER_CARDS {
        let issued = authority.issue_with_key(&spec, card.key.clone())?;
        cards.push(Certificate::parse(&issued.der)?);
    }
    Ok(cards)
}
