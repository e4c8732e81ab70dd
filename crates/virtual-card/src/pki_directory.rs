//! The test PKI as a folder: authorities with their keys, an index of what each issued in the form
//! that `openssl ocsp` reads, and what is published.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use cardea_test_pki::{
    Authority, AuthorityName, CardProfile, CertificateSpec, CrlSpec, IssuedCard, IssuedCertificate,
    KeyKind, PkiSettings, PublicationPoints, PublicationSettings, RevokedEntry, TestPki,
};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::error::Error;
use crate::folder_file::{
    Access, create_folder, inaccessible, malformed, read, read_certificate, read_json, read_key,
    read_text, replace, replace_json, replace_key,
};
use crate::index::{Index, IndexEntry};

const SETTINGS_FILE: &str = "pki.json";
const FORMAT: u32 = 1;
/// A published CRL older than this is made anew when asked for; the model's come daily.
const CRL_AGE_MAX: Duration = Duration::DAY;

/// The folder of a test PKI.
#[derive(Debug)]
pub struct PkiDirectory {
    path: PathBuf,
    pki: TestPki,
}

#[derive(Serialize, Deserialize)]
struct SettingsDocument {
    format: u32,
    publication: PublicationSettings,
}

/// Keeps other processes from changing the folder until dropped.
struct Locked(#[expect(dead_code, reason = "held for its lock, which closing gives back")] File);

impl PkiDirectory {
    /// Makes a PKI in a folder that holds none: roots, issuing authorities, responders, CRLs.
    ///
    /// # Errors
    /// [`Error::FolderTaken`] when a PKI is there already; [`Error::PkiRefused`];
    /// [`Error::FileInaccessible`].
    pub fn init(path: &Path, settings: &PkiSettings) -> Result<Self, Error> {
        if path.join(SETTINGS_FILE).exists() {
            return Err(Error::FolderTaken {
                path: path.to_owned(),
                what: "PKI",
            });
        }
        let pki = TestPki::new(settings)?;
        for folder in ["public/CRL", "public/AC"] {
            create_folder(&path.join(folder))?;
        }
        let mut bundles = BTreeMap::from([
            ("anchors.pem", String::new()),
            ("card-anchors.pem", String::new()),
            ("intermediates.pem", String::new()),
        ]);
        for name in AuthorityName::all() {
            let authority = pki.authority(name)?;
            write_authority(path, name, authority, &pki)?;
            for (bundle, pems) in &mut bundles {
                if belongs(bundle, name) {
                    pems.push_str(&authority.certificate_pem());
                }
            }
        }
        for (bundle, pems) in bundles {
            replace(&path.join(bundle), pems.as_bytes(), Access::Public)?;
        }
        let directory = Self {
            path: path.to_owned(),
            pki,
        };
        for name in AuthorityName::all() {
            directory.issue_crl(name, settings.at)?;
        }
        let document = SettingsDocument {
            format: FORMAT,
            publication: settings.publication.clone(),
        };
        // Last, because its presence makes the folder a PKI.
        replace_json(&path.join(SETTINGS_FILE), &document, Access::Public)?;
        Ok(directory)
    }

    /// Opens the folder of a PKI.
    ///
    /// # Errors
    /// [`Error::FileInaccessible`] or [`Error::FileMalformed`] when it holds none.
    pub fn open(path: &Path, at: OffsetDateTime) -> Result<Self, Error> {
        let file = path.join(SETTINGS_FILE);
        let document: SettingsDocument = read_json(&file)?;
        if document.format != FORMAT {
            return Err(malformed(
                &file,
                "the PKI was made by another version; make it anew",
            ));
        }
        let mut authorities = BTreeMap::new();
        for name in AuthorityName::all() {
            let folder = authority_folder(path, name);
            let certificate = read_certificate(&folder.join("certificate.pem"))?;
            let key = read_key(&folder.join("key.pem"))?;
            let points = PublicationPoints::new(name, &document.publication);
            authorities.insert(
                name,
                Authority::from_parts(certificate, key, points, Vec::new())?,
            );
        }
        Ok(Self {
            path: path.to_owned(),
            pki: TestPki::restore(authorities, at),
        })
    }

    /// Opens the folder, or makes a PKI there when it holds none.
    ///
    /// # Errors
    /// As for [`PkiDirectory::init`] and [`PkiDirectory::open`].
    pub fn open_or_init(path: &Path, settings: &PkiSettings) -> Result<Self, Error> {
        create_folder(path)?;
        // Two that come at once must not both make one.
        let _locked = Locked::take(&path.join("init.lock"))?;
        if path.join(SETTINGS_FILE).exists() {
            Self::open(path, settings.at)
        } else {
            Self::init(path, settings)
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The PKI in memory.
    #[must_use]
    pub fn pki(&self) -> &TestPki {
        &self.pki
    }

    /// Issues a card and enters its certificates into the issuer's index, so that OCSP knows them.
    ///
    /// # Errors
    /// [`Error::PkiRefused`] or [`Error::FileInaccessible`].
    pub fn issue_card(
        &self,
        profile: &CardProfile,
        at: OffsetDateTime,
        change: impl Fn(&mut CertificateSpec),
    ) -> Result<IssuedCard, Error> {
        let card = self.pki.issue_card_with(profile, at, change)?;
        self.note_issued(&[&card.authentication, &card.signature])?;
        Ok(card)
    }

    /// Issues the certificate of a card's contactless key: it names the same holder and purpose as
    /// the authentication certificate, which is all that a login asks of it.
    ///
    /// # Errors
    /// As for [`PkiDirectory::issue_card`].
    pub fn issue_contactless(
        &self,
        profile: &CardProfile,
        card_number: &str,
        at: OffsetDateTime,
    ) -> Result<IssuedCertificate, Error> {
        let spec = profile
            .clone()
            .with_card_number(card_number)
            .authentication(at)?;
        let certificate = self.pki.issue(&spec)?;
        self.note_issued(&[&certificate])?;
        Ok(certificate)
    }

    fn note_issued(&self, certificates: &[&IssuedCertificate]) -> Result<(), Error> {
        let _locked = self.lock()?;
        for certificate in certificates {
            let spec = &certificate.spec;
            let mut index = self.load_index(spec.issuer)?;
            index.push(IndexEntry::valid(
                &certificate.serial,
                spec.not_after,
                &spec.subject.one_line(),
            ));
            self.save_index(spec.issuer, &index)?;
        }
        Ok(())
    }

    /// Revokes a certificate by its serial number in hexadecimal and publishes a new CRL. Revoking
    /// twice keeps the first date.
    ///
    /// # Errors
    /// [`Error::FileMalformed`] when the index does not know the number.
    pub fn revoke(
        &self,
        issuer: AuthorityName,
        serial: &str,
        at: OffsetDateTime,
    ) -> Result<(), Error> {
        {
            let _locked = self.lock()?;
            let mut index = self.load_index(issuer)?;
            if !index.revoke(serial, at) {
                let reason = format!("no certificate with serial number {serial}");
                return Err(malformed(&self.index_file(issuer), reason));
            }
            self.save_index(issuer, &index)?;
        }
        self.issue_crl(issuer, at)
    }

    /// The published CRL of an authority, made anew when the index is newer or a day has passed.
    ///
    /// # Errors
    /// [`Error::PkiRefused`], [`Error::FileInaccessible`] or [`Error::FileMalformed`].
    pub fn current_crl(&self, name: AuthorityName, at: OffsetDateTime) -> Result<Vec<u8>, Error> {
        let published = self.crl_file(name);
        let made = modified(&published);
        let indexed = modified(&self.index_file(name));
        let is_current = match (made, indexed) {
            (Some(made), Some(indexed)) => indexed <= made && at - made < CRL_AGE_MAX,
            (made, _) => made.is_some_and(|made| at - made < CRL_AGE_MAX),
        };
        if !is_current {
            self.issue_crl(name, at)?;
        }
        read(&published)
    }

    /// Signs and publishes a CRL of an authority.
    ///
    /// # Errors
    /// [`Error::PkiRefused`], [`Error::FileInaccessible`] or [`Error::FileMalformed`].
    pub fn issue_crl(&self, name: AuthorityName, at: OffsetDateTime) -> Result<(), Error> {
        let _locked = self.lock()?;
        let mut spec = CrlSpec::new(name, at);
        let window = spec
            .next_update
            .map(|next_update| next_update - spec.this_update);
        spec.this_update = at;
        spec.next_update = window.map(|window| at + window);
        spec.number = Some(self.next_crl_number(name)?);
        let index = self.load_index(name)?;
        spec.revoked = index
            .revoked()
            .map(|(serial, at)| RevokedEntry {
                serial,
                at,
                reason: None,
            })
            .collect();
        let crl = self.pki.authority(name)?.crl(&spec)?;
        replace(&self.crl_file(name), &crl, Access::Public)
    }

    /// The folder of an authority's key, certificate and index.
    #[must_use]
    pub fn authority_folder(&self, name: AuthorityName) -> PathBuf {
        authority_folder(&self.path, name)
    }

    /// The certificate that an authority publishes, in DER.
    ///
    /// # Errors
    /// [`Error::FileInaccessible`].
    pub fn published_certificate(&self, name: AuthorityName) -> Result<Vec<u8>, Error> {
        read(&self.path.join(format!("public/AC/{name}.cer")))
    }

    fn lock(&self) -> Result<Locked, Error> {
        Locked::take(&self.path.join("lock"))
    }

    fn index_file(&self, name: AuthorityName) -> PathBuf {
        self.authority_folder(name).join("index.txt")
    }

    fn crl_file(&self, name: AuthorityName) -> PathBuf {
        self.path.join(format!("public/CRL/{name}.crl"))
    }

    fn load_index(&self, name: AuthorityName) -> Result<Index, Error> {
        let path = self.index_file(name);
        Index::parse(&read_text(&path)?).map_err(|reason| malformed(&path, reason))
    }

    fn save_index(&self, name: AuthorityName, index: &Index) -> Result<(), Error> {
        replace(
            &self.index_file(name),
            index.to_text().as_bytes(),
            Access::Public,
        )
    }

    fn next_crl_number(&self, name: AuthorityName) -> Result<u64, Error> {
        let path = self.authority_folder(name).join("crl-number.txt");
        let last: u64 = if path.exists() {
            read_text(&path)?
                .trim()
                .parse()
                .map_err(|error| malformed(&path, error))?
        } else {
            0
        };
        let number = last + 1;
        replace(&path, format!("{number}\n").as_bytes(), Access::Public)?;
        Ok(number)
    }
}

impl Locked {
    fn take(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(inaccessible(path))?;
        flock(&file, FlockOperation::LockExclusive)
            .map_err(|error| inaccessible(path)(error.into()))?;
        Ok(Self(file))
    }
}

/// A card verifier must not trust the ELEMENTAIRE root, below which only software stands.
fn belongs(bundle: &str, name: AuthorityName) -> bool {
    match bundle {
        "anchors.pem" => name.is_root(),
        "card-anchors.pem" => {
            name.is_root() && name.range() != AuthorityName::ELEMENTAIRE_PERSONNES.range()
        }
        _ => !name.is_root(),
    }
}

fn authority_folder(path: &Path, name: AuthorityName) -> PathBuf {
    path.join("authorities").join(name.file_name())
}

fn write_authority(
    path: &Path,
    name: AuthorityName,
    authority: &Authority,
    pki: &TestPki,
) -> Result<(), Error> {
    let folder = authority_folder(path, name);
    create_folder(&folder)?;
    let pem = authority.certificate_pem();
    replace(
        &folder.join("certificate.pem"),
        pem.as_bytes(),
        Access::Public,
    )?;
    replace_key(&folder.join("key.pem"), authority.key())?;
    replace(&folder.join("index.txt"), b"", Access::Public)?;
    // Two cards of one person have the same subject, which `openssl ocsp` refuses otherwise.
    replace(
        &folder.join("index.txt.attr"),
        b"unique_subject = no\n",
        Access::Public,
    )?;
    let der = authority.certificate_der();
    replace(
        &path.join(format!("public/AC/{name}.cer")),
        der,
        Access::Public,
    )?;
    if !name.is_root() {
        let responder = pki.responder(name)?;
        replace(
            &folder.join("responder.pem"),
            responder.pem().as_bytes(),
            Access::Public,
        )?;
        replace_key(&folder.join("responder.key"), &responder.key)?;
    }
    Ok(())
}

fn modified(path: &Path) -> Option<OffsetDateTime> {
    Some(fs::metadata(path).ok()?.modified().ok()?.into())
}

/// Settings of a PKI that is published at these addresses.
#[must_use]
pub fn settings_for(
    base_url: &str,
    ocsp_url: &str,
    authority_key: KeyKind,
    at: OffsetDateTime,
) -> PkiSettings {
    let mut settings = match authority_key {
        KeyKind::P256 => PkiSettings::fast(at),
        _ => PkiSettings::faithful(at),
    };
    settings.authority_key = authority_key;
    base_url
        .trim_end_matches('/')
        .clone_into(&mut settings.publication.base_url);
    ocsp_url
        .trim_end_matches('/')
        .clone_into(&mut settings.publication.ocsp_url);
    settings
}
