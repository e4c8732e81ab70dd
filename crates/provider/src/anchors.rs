//! Trust anchors that an operator adds and takes away while servers run.
//!
//! They stand beside the certificates of the files that a `[[trust_anchor]]` names, under its name
//! and its rules. Running servers follow within seconds, see [`crate::Provider::plan_card_rules`].

use cardea_jose::{base64url, parse_base64url};
use cardea_pki::{
    Certificate, PathPolicy, TrustStore, check_issuing_authority, check_trust_anchor,
};
use cardea_storage::Transaction;
use cardea_storage::trust_anchor::{self, TrustAnchorRecord};
use time::{Duration, OffsetDateTime};

use crate::card_trust::CardTrust;
use crate::event::{AdministrationEvent, Event};
use crate::{CardRules, Error, Provider, Records};

/// Certificates that may be added in all.
pub const ADDED_CERTIFICATES_MAX: usize = 256;
/// An anchor that expires sooner is worth a word.
pub const EXPIRES_SOON: Duration = Duration::days(90);

/// What a certificate is to the rules that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorRole {
    /// A root, which is trusted for its key.
    Anchor,
    /// An issuing authority, which helps to find a path and is trusted for nothing.
    Intermediate,
}

/// A certificate that was added.
#[derive(Clone, Debug)]
pub struct AddedAnchor {
    /// The name of the card rules.
    pub rules: String,
    /// What it is there.
    pub role: AnchorRole,
    /// The certificate.
    pub certificate: Certificate,
    /// When it was added.
    pub added_at: OffsetDateTime,
    /// By whom, as JSON.
    pub added_by: String,
}

/// The added trust anchors of a database. Every change is an event in its own transaction.
#[derive(Debug)]
pub struct AnchorRegistrations {
    records: Records,
}

impl AnchorRegistrations {
    /// Looks after the anchors of a database in somebody's name.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Every added certificate, by the name of its rules; with those that cannot be read, each with
    /// its digest and why.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<(Vec<AddedAnchor>, Vec<(String, Error)>), Error> {
        let mut transaction = self.records.store.begin_read().await?;
        let records = trust_anchor::list(&mut transaction).await?;
        Ok(read_all(records))
    }

    /// Adds `certificate` to `rules`, whose own certificates are `configured`.
    ///
    /// # Errors
    /// [`Error::Pki`] for a certificate that is no authority's, not valid now, or too weak;
    /// [`Error::AnchorExists`], [`Error::AnchorLimitReached`], [`Error::Storage`].
    pub async fn add(
        &self,
        rules: &str,
        role: AnchorRole,
        certificate: &Certificate,
        configured: &[&Certificate],
    ) -> Result<AddedAnchor, Error> {
        let now = self.records.now();
        check_new(role, certificate, configured, now)?;
        let mut transaction = self.records.store.begin().await?;
        let new = (rules, role, certificate);
        let added = add_in(&mut transaction, &self.records, new, now).await?;
        transaction.commit().await?;
        Ok(added)
    }

    /// Takes a certificate away from `rules`. Cards that led to it alone sign in no more, and their
    /// sessions end as soon as a running server has noticed.
    ///
    /// # Errors
    /// [`Error::AnchorUnknown`], [`Error::Storage`].
    pub async fn remove(&self, rules: &str, sha256: &str) -> Result<(), Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        remove_in(&mut transaction, &self.records, (rules, sha256), now).await?;
        Ok(transaction.commit().await?)
    }
}

/// Whether a certificate can be added to rules whose own certificates are `configured`.
pub(crate) fn check_new(
    role: AnchorRole,
    certificate: &Certificate,
    configured: &[&Certificate],
    now: OffsetDateTime,
) -> Result<(), Error> {
    check(role, certificate, now)?;
    match configured.iter().any(|it| it.der() == certificate.der()) {
        true => Err(Error::AnchorExists),
        false => Ok(()),
    }
}

/// Adds a certificate to rules in a transaction, with its event.
pub(crate) async fn add_in(
    transaction: &mut Transaction,
    records: &Records,
    (rules, role, certificate): (&str, AnchorRole, &Certificate),
    now: OffsetDateTime,
) -> Result<AddedAnchor, Error> {
    // A proposal has waited, and a certificate may have expired since.
    check(role, certificate, now)?;
    let added = AddedAnchor {
        rules: rules.to_owned(),
        role,
        certificate: certificate.clone(),
        added_at: now.truncate_to_second(),
        added_by: serde_json::to_string(&records.author).map_err(Error::StoredValueUnreadable)?,
    };
    let there = trust_anchor::list(transaction).await?;
    if there.len() >= ADDED_CERTIFICATES_MAX {
        return Err(Error::AnchorLimitReached);
    }
    if !trust_anchor::insert(transaction, &added.to_record()).await? {
        return Err(Error::AnchorExists);
    }
    let kind = AdministrationEvent::TrustAnchorAdded {
        by: records.author.clone(),
        rules: rules.to_owned(),
        role,
        sha256: fingerprint(certificate),
        subject: certificate.subject().to_string(),
        not_after: certificate.not_after().unix_timestamp(),
    };
    records.append(transaction, &Event::new(kind, now)).await?;
    Ok(added)
}

/// Takes a certificate away from rules in a transaction, with its event.
pub(crate) async fn remove_in(
    transaction: &mut Transaction,
    records: &Records,
    (rules, sha256): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), Error> {
    if !trust_anchor::remove(transaction, rules, sha256).await? {
        return Err(Error::AnchorUnknown);
    }
    let kind = AdministrationEvent::TrustAnchorRemoved {
        by: records.author.clone(),
        rules: rules.to_owned(),
        sha256: sha256.to_owned(),
    };
    records.append(transaction, &Event::new(kind, now)).await
}

/// Card rules as they would be in force, for whoever else has to know them before they are.
#[derive(Debug)]
pub struct CardRulesPlan {
    trust: CardTrust,
    left_out: Vec<(String, Error)>,
}

impl CardRulesPlan {
    /// The rules, the added certificates among their own.
    pub fn rules(&self) -> impl Iterator<Item = &CardRules> {
        self.trust.rules().iter().map(|it| &it.rules)
    }

    /// Certificates that were left out, each with its digest and why.
    #[must_use]
    pub fn left_out(&self) -> &[(String, Error)] {
        &self.left_out
    }
}

impl Provider {
    /// Whether the added anchors have changed since the rules in force were planned.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn anchors_have_changed(&self) -> Result<bool, Error> {
        let mut transaction = self.store.begin_read().await?;
        let revision = trust_anchor::revision(&mut transaction).await?;
        Ok(self.card_trust().revision() != Some(revision))
    }

    /// Puts the added certificates of the database among those of `configured`. One that cannot be
    /// used is left out, so that it keeps nothing else out: it is unreadable, or its rules are not
    /// configured any more.
    ///
    /// # Errors
    /// [`Error::CardRulesMissing`], [`Error::SandboxTakesRealCards`], [`Error::Storage`].
    pub async fn plan_card_rules(
        &self,
        configured: Vec<CardRules>,
    ) -> Result<CardRulesPlan, Error> {
        let mut transaction = self.store.begin_read().await?;
        // The count comes first: a change in between is then seen once more, and never missed.
        let revision = trust_anchor::revision(&mut transaction).await?;
        let records = trust_anchor::list(&mut transaction).await?;
        drop(transaction);
        let (added, mut left_out) = read_all(records);
        for anchor in &added {
            if !configured.iter().any(|rules| rules.name == anchor.rules) {
                let name = anchor.rules.clone();
                let error = Error::AnchorRulesUnknown { name };
                left_out.push((fingerprint(&anchor.certificate), error));
            }
        }
        let rules = configured
            .into_iter()
            .map(|rules| with_added(rules, &added));
        let before = self.card_trust();
        let trust = CardTrust::new(rules.collect(), Some(revision), self.sandbox, Some(&before))?;
        Ok(CardRulesPlan { trust, left_out })
    }

    /// Puts planned rules in force, at once. Call [`Provider::look_at_cards_again`] right after it.
    pub fn install_card_rules(&self, plan: CardRulesPlan) {
        self.replace_card_trust(plan.trust);
    }
}

/// Checks that a certificate is the one whose SHA-256 somebody has from its authority.
///
/// # Errors
/// [`Error::AnchorFingerprintMismatch`].
pub fn check_fingerprint(certificate: &Certificate, sha256: &str) -> Result<(), Error> {
    match canonical_fingerprint(sha256) == fingerprint(certificate) {
        true => Ok(()),
        false => Err(Error::AnchorFingerprintMismatch),
    }
}

/// A fingerprint as it is stored: tools write it in capitals and with colons, too.
#[must_use]
pub fn canonical_fingerprint(sha256: &str) -> String {
    let parts = [':', ' ', '\t', '\r', '\n'];
    sha256.replace(parts, "").to_ascii_lowercase()
}

/// SHA-256 of a certificate, in hexadecimal.
#[must_use]
pub fn fingerprint(certificate: &Certificate) -> String {
    use std::fmt::Write as _;
    certificate
        .sha256()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing into a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn check(role: AnchorRole, certificate: &Certificate, now: OffsetDateTime) -> Result<(), Error> {
    let policy = PathPolicy::login();
    match role {
        AnchorRole::Anchor => {
            check_trust_anchor(certificate, &policy, now)?;
            // Version 1 has no way to say it, and an anchor that is added today can.
            if !certificate.is_authority() {
                return Err(Error::AnchorNotAuthority);
            }
            // Validation passes over a missing word, not over a contrary one.
            if certificate
                .key_usage()
                .is_some_and(|it| !it.key_cert_sign())
            {
                return Err(Error::AnchorNotAuthority);
            }
            Ok(())
        }
        AnchorRole::Intermediate => Ok(check_issuing_authority(certificate, &policy, now)?),
    }
}

fn with_added(rules: CardRules, added: &[AddedAnchor]) -> CardRules {
    let of_role = |role| {
        let name = rules.name.as_str();
        let mine = added
            .iter()
            .filter(move |it| it.rules == name && it.role == role);
        mine.map(|it| it.certificate.clone())
    };
    let anchors: Vec<_> = of_role(AnchorRole::Anchor).collect();
    let intermediates: Vec<_> = of_role(AnchorRole::Intermediate).collect();
    if anchors.is_empty() && intermediates.is_empty() {
        return rules;
    }
    let store = &rules.trust_store;
    let trust_store = TrustStore::new(
        store.anchors().cloned().chain(anchors).collect(),
        store
            .intermediates()
            .cloned()
            .chain(intermediates)
            .collect(),
    );
    CardRules {
        trust_store,
        ..rules
    }
}

fn read_all(records: Vec<TrustAnchorRecord>) -> (Vec<AddedAnchor>, Vec<(String, Error)>) {
    let mut added = Vec::new();
    let mut unreadable = Vec::new();
    for record in records {
        let sha256 = record.sha256.clone();
        match AddedAnchor::from_record(record) {
            Ok(anchor) => added.push(anchor),
            Err(error) => unreadable.push((sha256, error)),
        }
    }
    (added, unreadable)
}

impl AddedAnchor {
    fn to_record(&self) -> TrustAnchorRecord {
        let role = match self.role {
            AnchorRole::Anchor => "anchor",
            AnchorRole::Intermediate => "intermediate",
        };
        TrustAnchorRecord {
            rules: self.rules.clone(),
            sha256: fingerprint(&self.certificate),
            role: role.to_owned(),
            certificate: base64url(self.certificate.der()),
            added_at: self.added_at,
            added_by: self.added_by.clone(),
        }
    }

    fn from_record(record: TrustAnchorRecord) -> Result<Self, Error> {
        let certificate = Certificate::parse(&parse_base64url(&record.certificate)?)?;
        // What is named by a digest is that and nothing else.
        if fingerprint(&certificate) != record.sha256 {
            return Err(Error::AnchorUnknown);
        }
        let role = match record.role.as_str() {
            "anchor" => AnchorRole::Anchor,
            "intermediate" => AnchorRole::Intermediate,
            _ => return Err(Error::AnchorUnknown),
        };
        Ok(Self {
            rules: record.rules,
            role,
            certificate,
            added_at: record.added_at,
            added_by: record.added_by,
        })
    }
}
