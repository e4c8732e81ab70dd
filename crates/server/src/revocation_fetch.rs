//! Revocation evidence over HTTP and LDAP: CRLs kept in memory and on disk, OCSP with a nonce.
//!
//! Addresses come out of certificates, so only hosts are asked that the anchor's configuration or
//! its own certificates name (attack A20). Nothing here judges evidence: `cardea-pki` does. What
//! does not answer is noted as unreachable.
//!
//! A login costs no more than its anchor's time budget, whatever the far side does: lists are
//! fetched, read and replaced in the background ([`lists`]), responders are asked for so long and
//! no longer ([`ocsp`]), and who does not answer is left alone for a while ([`breaker`]). A restart
//! goes on with the lists on disk ([`list_store`]).

mod address;
mod allowed_hosts;
mod anchors_in_use;
mod breaker;
mod gathering;
mod list_store;
mod lists;
mod ocsp;
mod overview;
#[cfg(test)]
mod tests;
mod warm_up;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cardea_pki::revocation::KnownResponders;
use cardea_pki::{Certificate, Evidence, TrustStore};
use cardea_provider::{Clock, EvidenceRequest, RevocationSource};
use url::Url;

use self::allowed_hosts::AllowedHosts;
use self::anchors_in_use::AnchorsInUse;
use self::gathering::Gathering;
use self::list_store::ListStore;

pub(crate) use self::list_store::{StoredList, stored_lists};
use self::lists::Lists;
use self::ocsp::Responders;
pub(crate) use self::overview::ListOverview;
use crate::config::{EvidenceOrder, RevocationConfig};
use crate::http_client::HttpClient;

/// Hosts that the operator is told of once, when a certificate names them and they are not asked.
const REFUSED_HOSTS_MAX: usize = 256;

/// Fetches evidence for certification paths.
pub(crate) struct RevocationFetcher {
    anchors: AnchorsInUse,
    lists: Lists,
    responders: Responders,
    /// Responders' certificates, which come with every response.
    known_responders: KnownResponders,
    refused_hosts: Mutex<HashSet<String>>,
}

/// What is configured about the evidence of one trust anchor.
#[derive(Clone, Debug)]
pub(crate) struct AnchorSettings {
    /// Name of the card rules.
    name: String,
    hosts: AllowedHosts,
    /// How long a login waits at most.
    time_budget: Duration,
    /// The age after which a list is fetched anew.
    refresh: Duration,
    /// The anchors and issuing authorities that are configured.
    authorities: Vec<Certificate>,
    /// What is asked, and for how long a list serves that has run out.
    order: EvidenceOrder,
    grace: time::Duration,
}

impl AnchorSettings {
    /// The settings of the card rules `name`.
    pub(crate) fn new(name: &str, config: &RevocationConfig, store: &TrustStore) -> Self {
        Self {
            name: name.to_owned(),
            hosts: AllowedHosts::new(&config.hosts, store),
            time_budget: Duration::from_millis(u64::from(config.time_budget_ms)),
            refresh: Duration::from_secs(u64::from(config.crl_refresh_seconds)),
            authorities: store
                .anchors()
                .chain(store.intermediates())
                .cloned()
                .collect(),
            order: config.order,
            grace: time::Duration::seconds(config.stale_crl_grace_seconds.into()),
        }
    }
}

impl RevocationFetcher {
    /// Fetches for `anchors`, and keeps lists in the folder `dir`. Without a usable folder they are
    /// kept in memory alone, which the operator is told.
    pub(crate) fn new(
        http: HttpClient,
        clock: Arc<dyn Clock>,
        anchors: Vec<AnchorSettings>,
        dir: Option<&Path>,
    ) -> Self {
        let store = dir.and_then(|dir| match ListStore::open(dir) {
            Ok(store) => Some(store),
            Err(error) => {
                tracing::error!(
                    dir = %dir.display(),
                    %error,
                    code = "server.list_not_stored",
                    "revocation lists are kept in memory alone: their folder cannot be used"
                );
                None
            }
        });
        let anchors = AnchorsInUse::new(anchors);
        Self {
            lists: Lists::new(http.clone(), Arc::clone(&clock), store, anchors.clone()),
            responders: Responders::new(http, clock),
            known_responders: KnownResponders::default(),
            anchors,
            refused_hosts: Mutex::default(),
        }
    }

    /// Takes up stored lists, and fetches those that the configured authorities' certificates name
    /// and those that will soon be due, so that no login waits for them.
    pub(crate) async fn refresh_lists(&self) {
        self.lists.load().await;
        for anchor in self.anchors.get().iter() {
            self.warm_up(anchor);
        }
        self.lists.refresh_due().await;
    }

    /// Fetches for other anchors from now on. What was fetched for those that stay is kept.
    pub(crate) fn replace_anchors(&self, anchors: Vec<AnchorSettings>) {
        self.anchors.replace(anchors);
    }

    /// Fetches for `new` in place of `old`, and as before for all others.
    pub(crate) fn exchange_anchors(&self, old: &[AnchorSettings], new: Vec<AnchorSettings>) {
        let is_old = |it: &&AnchorSettings| old.iter().any(|old| old.name == it.name);
        let in_use = self.anchors.get();
        let others = in_use.iter().filter(|it| !is_old(it)).cloned();
        self.anchors.replace(others.chain(new).collect());
    }

    /// The address, if it may be asked.
    fn allowed(&self, anchor: &AnchorSettings, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        if anchor.hosts.allow(&url) {
            return Some(url);
        }
        let host = url.host_str().unwrap_or_default();
        let mut refused = self
            .refused_hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if refused.len() < REFUSED_HOSTS_MAX && refused.insert(host.to_owned()) {
            tracing::warn!(
                host,
                scheme = url.scheme(),
                port = url.port(),
                card_rules = anchor.name,
                code = "pki.revocation_unreachable",
                "a certificate names a host for revocation evidence that is not configured"
            );
        }
        None
    }
}

#[async_trait]
impl RevocationSource for RevocationFetcher {
    async fn fetch(&self, wanted: EvidenceRequest<'_>) -> Evidence {
        let named = |anchor: &&AnchorSettings| anchor.name == wanted.card_rules;
        match self.anchors.get().iter().find(named) {
            Some(anchor) => Gathering::new(self, anchor, wanted).gather().await,
            // Nothing is fetched by rules that nobody wrote; without evidence nobody is let in.
            None => Evidence::default(),
        }
    }
}
