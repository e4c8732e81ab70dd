//! The settings that last as long as the process, to be named when the file says otherwise.

use std::collections::BTreeMap;
use std::fmt::Debug;

use cardea_jose::sha256_base64url;

use crate::config::Config;

/// What each part of a configuration said, as a digest: nothing of it is shown or kept.
#[derive(Debug)]
pub(crate) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    pub(crate) fn of(config: &Config) -> Self {
        let digest = |part: &dyn Debug| sha256_base64url(format!("{part:?}").as_bytes());
        // Clients, trust anchors, operators and the files of certificates are read anew.
        let parts: [(&'static str, &dyn Debug); 14] = [
            ("issuer", &config.issuer),
            ("listen", &config.listen),
            ("profile", &config.profile),
            ("sandbox", &config.sandbox),
            (
                "require_pushed_authorization_requests",
                &config.require_pushed_authorization_requests,
            ),
            (
                "require_signed_request_object",
                &config.require_signed_request_object,
            ),
            ("agent_url", &config.agent_url),
            ("database", &config.database),
            ("keys", &config.keys),
            ("card", &config.card),
            ("presence", &config.presence),
            ("session", &config.session),
            ("limits", &config.limits),
            ("registration", &config.registration),
        ];
        // Its certificate is read anew as that of [tls], and so are its anchors.
        let mtls = config.mtls.as_ref();
        let mtls = mtls.map(|it| (it.listen, &it.url, &it.proxy));
        let more: [(&'static str, &dyn Debug); 6] = [
            ("revocation", &config.revocation),
            ("operations", &config.operations),
            ("agentless", &config.agentless),
            ("admin.enabled", &config.admin.enabled),
            ("tls", &config.tls.is_some()),
            ("mtls", &mtls),
        ];
        let parts = parts.into_iter().chain(more);
        Self(parts.map(|(name, part)| (name, digest(part))).collect())
    }

    /// The parts that `other` has otherwise.
    pub(crate) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let mut differing = Vec::new();
        for (name, digest) in &self.0 {
            if other.0.get(name) != Some(digest) {
                differing.push(*name);
            }
        }
        differing
    }
}
