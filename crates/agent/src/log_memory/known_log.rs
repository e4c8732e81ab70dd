//! The log as the enrolment names it.

use cardea_assertion::{EnrolledLog, WATCHERS_SHOWN_MAX};
use cardea_transparency::{SignatureKind, VerifierKey};

/// By which keys an issuer's log is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLog {
    /// The log's own.
    pub key: VerifierKey,
    /// Its witnesses'.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned what is believed.
    pub quorum: usize,
}

impl KnownLog {
    /// Reads what an enrolment says.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub fn parse(enrolled: &EnrolledLog) -> Result<Self, &'static str> {
        let parse = |text: &String, kind: SignatureKind| {
            let key = VerifierKey::parse(text).ok();
            key.filter(|it| it.kind() == kind)
        };
        let key = parse(&enrolled.key, SignatureKind::Ed25519);
        let key = key.ok_or("the key is no log's verifier key")?;
        let witnesses: Option<Vec<_>> = enrolled
            .witnesses
            .iter()
            .map(|it| parse(it, SignatureKind::Cosignature))
            .collect();
        let witnesses = witnesses.ok_or("a witness has no witness's verifier key")?;
        let all = witnesses.len();
        let quorum = match enrolled.quorum {
            None => all,
            Some(quorum) => usize::try_from(quorum).unwrap_or(usize::MAX),
        };
        if quorum > all || (quorum == 0 && all > 0) {
            return Err("the quorum must be 1 to the number of witnesses");
        }
        Ok(Self {
            key,
            witnesses,
            quorum,
        })
    }

    /// The ids of the witnesses' keys, as verifier keys write them: `name+id+key`. So many as a
    /// server takes.
    pub(super) fn witness_ids(&self) -> Vec<String> {
        let ids = self.witnesses.iter().take(WATCHERS_SHOWN_MAX).map(|it| {
            let key = it.to_string();
            key.split('+').nth(1).map(ToOwned::to_owned)
        });
        ids.flatten().collect()
    }

    /// The same as it is written down.
    #[must_use]
    pub fn to_enrolled(&self) -> EnrolledLog {
        let quorum = u32::try_from(self.quorum).ok();
        EnrolledLog {
            key: self.key.to_string(),
            witnesses: self.witnesses.iter().map(ToString::to_string).collect(),
            quorum: quorum.filter(|_| !self.witnesses.is_empty()),
        }
    }
}
