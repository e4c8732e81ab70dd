//! The evidence for one login: what is at hand at once, what is waited for, and for how long.

use std::sync::Arc;

use cardea_pki::revocation::{
    Crl, CrlNumbersSeen, OcspResponse, SourcePreference, check_revocation, sources,
};
use cardea_pki::{Error as PkiError, Evidence, EvidenceSource};
use cardea_provider::EvidenceRequest;
use futures_util::future::join_all;
use tokio::time::Instant;
use url::Url;

use super::address::Kind;
use super::allowed_hosts::is_directory;
use super::lists::{Landing, Lists, Slot, Waited};
use super::{AnchorSettings, RevocationFetcher};

/// Addresses of lists asked for one path: three certificates with a few addresses each.
const LISTS_MAX: usize = 16;
/// Responders asked for one path.
const RESPONDERS_MAX: usize = 6;
/// Waits for lists: the complete ones, a directory in their stead, the deltas that they name.
const ROUNDS_MAX: usize = 3;

/// One login's evidence as it comes together.
pub(super) struct Gathering<'a> {
    fetcher: &'a RevocationFetcher,
    anchor: &'a AnchorSettings,
    wanted: EvidenceRequest<'a>,
    sources: Vec<EvidenceSource>,
    lists: Vec<FoundList>,
    responses: Vec<OcspResponse>,
    /// Sources, by their place, and addresses that gave nothing.
    unreachable: Vec<(usize, String)>,
    /// As of before the lists were looked at: a list that is replaced meanwhile is not rolled back.
    crl_numbers_seen: CrlNumbersSeen,
}

/// What was found at one address of a list.
struct FoundList {
    /// The place of the source that names it.
    source: usize,
    url: String,
    kind: Kind,
    /// None where the address may not be asked.
    slot: Option<Arc<Slot>>,
    lists: Vec<Crl>,
    landing: Option<Landing>,
    is_untried: bool,
    is_probe: bool,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(
        fetcher: &'a RevocationFetcher,
        anchor: &'a AnchorSettings,
        wanted: EvidenceRequest<'a>,
    ) -> Self {
        Self {
            fetcher,
            anchor,
            wanted,
            sources: sources(wanted.path),
            lists: Vec::new(),
            responses: Vec::new(),
            unreachable: Vec::new(),
            crl_numbers_seen: CrlNumbersSeen::default(),
        }
    }

    /// Asks in the anchor's order. The kind that is asked first has half of the time when the
    /// other may still have to be asked; all that a login costs stays within the whole.
    pub(super) async fn gather(mut self) -> Evidence {
        let begun = Instant::now();
        let half = begun + self.anchor.time_budget / 2;
        let end = begun + self.anchor.time_budget;
        let order = self.wanted.policy.preference;
        self.fetcher.lists.load_until(half).await;
        self.crl_numbers_seen = self.fetcher.lists.numbers_seen();
        self.look_for_lists();
        match order {
            SourcePreference::CrlOnly => self.wait_for_lists(end).await,
            SourcePreference::CrlThenOcsp => {
                self.wait_for_lists(half).await;
                if !self.is_enough() {
                    self.ask_responders(end).await;
                }
            }
            // Its lists are about those who name no responder, and are under way already.
            SourcePreference::OcspOnly => {
                self.ask_responders(end).await;
                if !self.is_enough() {
                    self.wait_for_lists(end).await;
                }
            }
            SourcePreference::OcspThenCrl => {
                self.ask_responders(half).await;
                if !self.is_enough() {
                    self.wait_for_lists(end).await;
                }
            }
        }
        self.evidence()
    }

    /// Finds what is at hand, and has what is due fetched in the background.
    fn look_for_lists(&mut self) {
        let mut found = Vec::new();
        let order = self.wanted.policy.preference;
        for (place, source) in self.sources.iter().enumerate() {
            if !order.reads_crls_about(&source.certificate) {
                continue;
            }
            let complete = self.look_at(place, source, &source.crl_urls, Kind::Complete);
            let mut delta_urls = source.delta_urls.clone();
            let named = complete.iter().flat_map(|found| &found.lists);
            delta_urls.extend(named.flat_map(|list| list.freshest_urls().iter().cloned()));
            delta_urls.sort();
            delta_urls.dedup();
            let deltas = self.look_at(place, source, &delta_urls, Kind::Delta);
            found.extend(complete);
            found.extend(deltas);
        }
        found.truncate(LISTS_MAX);
        self.lists = found;
    }

    /// A directory usually publishes the same list as the web server beside it, so it is asked
    /// only where that one gives none (RFC 5280 section 4.2.1.13).
    fn look_at(
        &self,
        place: usize,
        source: &EvidenceSource,
        urls: &[String],
        kind: Kind,
    ) -> Vec<FoundList> {
        let look = |text: &String, url: Option<Url>| {
            let slot = url.map(|url| {
                let lists = &self.fetcher.lists;
                lists.slot(self.anchor, &url, &source.issuer, kind)
            });
            let look = slot.as_ref().map(|slot| self.fetcher.lists.look(slot));
            FoundList {
                source: place,
                url: text.clone(),
                kind,
                slot,
                is_untried: look.as_ref().is_some_and(|look| look.is_untried),
                is_probe: look.as_ref().is_some_and(|look| look.is_probe),
                landing: look.as_ref().and_then(|look| look.landing.clone()),
                lists: look.map(|look| look.lists).unwrap_or_default(),
            }
        };
        let allowed = urls
            .iter()
            .take(LISTS_MAX)
            .map(|text| (text, self.fetcher.allowed(self.anchor, text)));
        let (directories, web): (Vec<_>, Vec<_>) =
            allowed.partition(|(_, url)| url.as_ref().is_some_and(is_directory));
        let mut found: Vec<_> = web.into_iter().map(|(text, url)| look(text, url)).collect();
        let is_open = |found: &FoundList| !found.lists.is_empty() || found.landing.is_some();
        if !found.iter().any(is_open) {
            found.extend(directories.into_iter().map(|(text, url)| look(text, url)));
        }
        found
    }

    /// Waits for fetches that are under way: where too little is known without them, and for the
    /// first delta list of an address, since what it says cannot be known otherwise. An address
    /// that has failed before is not waited for where OCSP can be asked instead.
    async fn wait_for_lists(&mut self, until: Instant) {
        let has_other = self.wanted.policy.preference == SourcePreference::CrlThenOcsp;
        for _ in 0..ROUNDS_MAX {
            let is_enough = self.is_enough();
            let is_awaited = |found: &&FoundList| {
                let is_unknown = found.kind == Kind::Delta && found.is_untried;
                (!is_enough || is_unknown) && !(has_other && found.is_probe)
            };
            let awaited = self.lists.iter().filter(is_awaited);
            let landings: Vec<_> = awaited.filter_map(|found| found.landing.clone()).collect();
            if landings.is_empty() {
                return;
            }
            let waited = Lists::wait(landings, until).await;
            if waited == Waited::InVain {
                let deltas = self.lists.iter().filter(|found| found.kind == Kind::Delta);
                deltas
                    .filter_map(|found| found.slot.as_ref())
                    .for_each(|slot| slot.note_waited_in_vain());
            }
            // Some may have come even where not all did.
            self.look_for_lists();
            if waited == Waited::InVain {
                return;
            }
        }
    }

    async fn ask_responders(&mut self, until: Instant) {
        let addresses: Vec<_> = self
            .sources
            .iter()
            .enumerate()
            .flat_map(|(place, source)| {
                source.ocsp_urls.iter().map(move |url| (place, source, url))
            })
            .take(RESPONDERS_MAX)
            .collect();
        let asked = join_all(addresses.iter().map(async |(_, source, text)| {
            let url = self.fetcher.allowed(self.anchor, text)?;
            self.fetcher.responders.ask(&url, source, until).await
        }))
        .await;
        let mut unreachable = Vec::new();
        let mut responses = Vec::new();
        for ((place, _, text), response) in addresses.into_iter().zip(asked) {
            match response {
                Some(response) => responses.push(response),
                None => unreachable.push((place, text.clone())),
            }
        }
        self.responses.extend(responses);
        self.unreachable.extend(unreachable);
    }

    /// Whether asking further could only confirm: all are good by current evidence, or one is
    /// revoked.
    fn is_enough(&self) -> bool {
        let EvidenceRequest {
            path, policy, at, ..
        } = self.wanted;
        match check_revocation(path, &self.evidence(), policy, at) {
            Ok(good) => good.stale_by_seconds() == 0,
            Err(PkiError::CertificateRevoked { .. }) => true,
            Err(_) => false,
        }
    }

    /// All that is known now. A delta list that is not there is no failure: a complete list within
    /// its limits says enough.
    fn evidence(&self) -> Evidence {
        let mut evidence = Evidence {
            crls: self
                .lists
                .iter()
                .flat_map(|found| found.lists.iter().cloned())
                .collect(),
            ocsp: self.responses.clone(),
            certificates: self.anchor.authorities.clone(),
            crl_numbers_seen: self.crl_numbers_seen.clone(),
            known_responders: self.fetcher.known_responders.clone(),
            ..Evidence::default()
        };
        let missing = self
            .lists
            .iter()
            .filter(|found| found.kind == Kind::Complete && found.lists.is_empty())
            .map(|found| (found.source, &found.url));
        let unreachable = self.unreachable.iter().map(|(source, url)| (*source, url));
        for (place, url) in missing.chain(unreachable) {
            if let Some(source) = self.sources.get(place) {
                evidence.note_unreachable(source, url);
            }
        }
        evidence
    }
}
