//! Certificates of trust anchors as operators see them, by command and by the admin API.

use cardea_pki::Certificate;
use cardea_provider::{AddedAnchor, AnchorRole, EXPIRES_SOON, fingerprint};
use cardea_storage::initial_access_token::InitialAccessTokenRecord;
use time::OffsetDateTime;

use crate::admin_api::{AnchorSource, AnchorView, TokenView};
use crate::anchor_reload::ConfiguredAnchor;
use crate::clock::SystemClock;

/// The certificates of the files.
pub(crate) fn configured_views(configured: &[ConfiguredAnchor]) -> Vec<AnchorView> {
    let mut views = Vec::new();
    for anchor in configured {
        let name = anchor.rules.name.as_str();
        let store = &anchor.rules.trust_store;
        let roots = store.anchors().map(|it| (AnchorRole::Anchor, it));
        let others = store
            .intermediates()
            .map(|it| (AnchorRole::Intermediate, it));
        for (role, certificate) in roots.chain(others) {
            views.push(view(name, role, certificate, AnchorSource::File, None));
        }
    }
    views
}

/// A certificate of the database.
pub(crate) fn added_view(added: &AddedAnchor) -> AnchorView {
    let (source, at) = (AnchorSource::Database, Some(added.added_at));
    view(&added.rules, added.role, &added.certificate, source, at)
}

fn view(
    rules: &str,
    role: AnchorRole,
    certificate: &Certificate,
    source: AnchorSource,
    added_at: Option<OffsetDateTime>,
) -> AnchorView {
    let now = cardea_provider::Clock::now(&SystemClock);
    AnchorView {
        trust_anchor: rules.to_owned(),
        role,
        sha256: fingerprint(certificate),
        subject: certificate.subject().to_string(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        expires_soon: certificate.not_after() < now + EXPIRES_SOON,
        source,
        added_at,
    }
}

impl From<InitialAccessTokenRecord> for TokenView {
    fn from(record: InitialAccessTokenRecord) -> Self {
        Self {
            id: record.id,
            note: record.note,
            uses_left: record.uses_left,
            limits: serde_json::from_str(&record.limits).unwrap_or_default(),
            created_at: record.created_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
        }
    }
}
