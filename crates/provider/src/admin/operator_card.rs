//! Which card rules an operator's card leads to, by the files of the configuration alone: whoever
//! may add trust anchors could else make a card of her own that says another operator's number.

use cardea_jose::parse_base64url;
use cardea_pki::{Certificate, KnownPaths, TrustStore};
use cardea_storage::trust_anchor::TrustAnchorRecord;
use time::OffsetDateTime;

use crate::Error;
use crate::anchors::fingerprint;
use crate::authentication::validate_path;
use crate::card_trust::CardTrust;

/// The name of the rules.
pub(super) fn rules_of(
    trust: &CardTrust,
    chain: &str,
    added: &[TrustAnchorRecord],
    now: OffsetDateTime,
) -> Result<String, Error> {
    let chain: Vec<String> = serde_json::from_str(chain).map_err(Error::StoredValueUnreadable)?;
    let chain = chain
        .iter()
        .map(|der| Ok(Certificate::parse(&parse_base64url(der)?)?))
        .collect::<Result<Vec<_>, Error>>()?;
    let (certificate, extra) = chain.split_first().ok_or(Error::AdminNotOperator)?;
    let path = validate_path(trust, certificate, extra, now)?;
    let rules = path.rules;
    let store = &rules.trust_store;
    let is_added = |anchor: &Certificate| {
        let sha256 = fingerprint(anchor);
        added.iter().any(|it| it.sha256 == sha256)
    };
    let of_files = store.anchors().filter(|anchor| !is_added(anchor));
    let of_files = TrustStore::new(
        of_files.cloned().collect(),
        store.intermediates().cloned().collect(),
    );
    KnownPaths::new(1)
        .validate_certificate(certificate, extra, &of_files, &rules.path_policy, now)
        .map_err(|_| Error::AdminAnchorAdded)?;
    Ok(rules.name.clone())
}
