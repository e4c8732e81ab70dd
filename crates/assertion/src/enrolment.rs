//! The enrolment document: what an issuer tells a workstation that is to believe it.
//!
//! A JWS of one of the issuer's offline root keys with `typ` `cardea-enrolment+jwt` and these
//! members: `iss`, `name`, `origins` (of its login pages), `roots` (a JWK Set of its one or two
//! root keys, the signer's among them), `iat`, and where the issuer gives it, `log`: the verifier
//! key of its log and those of the log's witnesses, which an agent from before them refuses to
//! read. The signature ties name and origins to the keys:
//! a server that was taken over can offer no others under the same keys. The keys themselves are
//! proven by nothing in the document. A person compares their fingerprints with those that the
//! issuer gave by another way, and only then is there an [`EnrolmentDocument`] to pin.

use cardea_jose::{Jwk, JwkSet, SigningKey, UnverifiedJws, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::{Error, Origin};

/// `typ` of an enrolment document.
pub const ENROLMENT_TYP: &str = "cardea-enrolment+jwt";
/// Longest enrolment document, in bytes.
pub const ENROLMENT_BYTES_MAX: usize = 8 * 1024;
/// Root keys of one issuer: one in use, one for the day when the first is lost.
const ROOTS_MAX: usize = 2;
/// Origins of one issuer's login pages.
const ORIGINS_MAX: usize = 8;
/// Longest display name, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Witnesses of one log.
const WITNESSES_MAX: usize = 16;
/// Longest verifier key, in bytes: a name of 256, an id and a key.
const VERIFIER_KEY_BYTES_MAX: usize = 320;

/// An issuer as it introduces itself, its root keys compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentDocument {
    /// The issuer identifier.
    pub iss: String,
    /// The name that prompts show.
    pub name: String,
    /// The origins of its login pages.
    pub origins: Vec<Origin>,
    /// Its root keys.
    pub roots: JwkSet,
    /// When the document was signed, unix seconds.
    pub iat: i64,
    /// Its log, as agents are to know it. Without it they believe the key that they see first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<EnrolledLog>,
}

/// An issuer's log: by which keys agents verify what they are shown of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledLog {
    /// The log's verifier key: `name+id+key`.
    pub key: String,
    /// Those of its witnesses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<String>,
    /// How many of them must have cosigned what an agent believes; all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
}

impl EnrolledLog {
    fn check(&self) -> Result<(), Error> {
        let is_line = |it: &String| {
            (1..=VERIFIER_KEY_BYTES_MAX).contains(&it.len()) && !it.contains(char::is_whitespace)
        };
        if !is_line(&self.key) || !self.witnesses.iter().all(is_line) {
            return malformed("a verifier key of its log is none");
        }
        let count = self.witnesses.len();
        if count > WITNESSES_MAX {
            return malformed("its log has too many witnesses");
        }
        let fits = |quorum: u32| usize::try_from(quorum).is_ok_and(|it| (1..=count).contains(&it));
        match self.quorum {
            Some(quorum) if !fits(quorum) => malformed("its log's quorum is none of its witnesses"),
            _ => Ok(()),
        }
    }
}

/// A document that agrees with itself, whose keys nobody has compared yet.
#[derive(Clone, Debug)]
pub struct UncomparedEnrolment {
    document: EnrolmentDocument,
}

impl EnrolmentDocument {
    /// Signs the document with one of its root keys.
    ///
    /// # Errors
    /// [`Error::Malformed`] where agents would refuse it; as [`SigningKey::sign_jwt`].
    pub fn sign(&self, root: &SigningKey) -> Result<String, Error> {
        self.check()?;
        if self.find_root(root.kid()).is_none() {
            return malformed("it is to be signed by a key that is none of its roots");
        }
        Ok(root.sign_jwt(ENROLMENT_TYP, self)?)
    }

    fn find_root(&self, kid: &str) -> Option<&Jwk> {
        self.roots.keys.iter().find(|root| root.thumbprint() == kid)
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=ROOTS_MAX).contains(&self.roots.keys.len()) {
            return malformed("it has not one or two root keys");
        }
        let mut thumbprints: Vec<_> = self.roots.keys.iter().map(Jwk::thumbprint).collect();
        thumbprints.dedup();
        if thumbprints.len() != self.roots.keys.len() {
            return malformed("its root keys are one and the same");
        }
        for root in &self.roots.keys {
            VerifyingKey::from_jwk(root)?;
        }
        if !(1..=ORIGINS_MAX).contains(&self.origins.len()) {
            return malformed("it has no origin, or too many");
        }
        let name = &self.name;
        if name.trim().is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.contains(|c: char| c.is_control())
        {
            return malformed("its name is empty, too long or more than a line");
        }
        self.log.as_ref().map_or(Ok(()), EnrolledLog::check)?;
        Origin::of_url(&self.iss).map(|_| ())
    }
}

impl UncomparedEnrolment {
    /// Reads a document and checks that it agrees with itself, which proves nothing about whose it
    /// is.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::SignatureInvalid`] when none of its roots has signed it,
    /// [`Error::Jose`].
    pub fn read(compact: &str) -> Result<Self, Error> {
        let jws = UnverifiedJws::parse(compact.trim_ascii(), ENROLMENT_BYTES_MAX)?;
        let unverified: EnrolmentDocument = jws.unverified_claims()?;
        unverified.check()?;
        let root = jws.kid().and_then(|kid| unverified.find_root(kid));
        let key = VerifyingKey::from_jwk(root.ok_or(Error::SignatureInvalid)?)?;
        let document = jws
            .verify(&key, ENROLMENT_TYP)
            .map_err(Error::from_verification)?
            .claims()?;
        Ok(Self { document })
    }

    /// What it says, for the person who is to compare it.
    #[must_use]
    pub fn unconfirmed(&self) -> &EnrolmentDocument {
        &self.document
    }

    /// The fingerprints of its root keys, in its order.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<String> {
        self.document
            .roots
            .keys
            .iter()
            .map(root_fingerprint)
            .collect()
    }

    /// Whether these are the fingerprints of all its root keys and of no others, in any order and
    /// however they are grouped.
    #[must_use]
    pub fn has_fingerprints(&self, fingerprints: &[String]) -> bool {
        let sorted = |fingerprints: &[String]| {
            let mut bare: Vec<_> = fingerprints.iter().map(|text| bare(text)).collect();
            bare.sort();
            bare
        };
        sorted(fingerprints) == sorted(&self.fingerprints())
    }

    /// The document, if these are its root keys' [fingerprints](Self::has_fingerprints).
    #[must_use]
    pub fn compared(self, fingerprints: &[String]) -> Option<EnrolmentDocument> {
        self.has_fingerprints(fingerprints).then_some(self.document)
    }
}

/// A root key's fingerprint as people compare it: the SHA-256 of its RFC 7638 form in hexadecimal,
/// in groups of four.
#[must_use]
pub fn root_fingerprint(root: &Jwk) -> String {
    let bytes = cardea_jose::parse_base64url(&root.thumbprint()).unwrap_or_default();
    let groups: Vec<String> = bytes
        .chunks(2)
        .map(|pair| pair.iter().map(|byte| format!("{byte:02X}")).collect())
        .collect();
    groups.join(" ")
}

/// A fingerprint without the marks between its groups.
fn bare(fingerprint: &str) -> String {
    fingerprint
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-'))
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::Malformed { reason })
}
