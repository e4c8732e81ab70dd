//! What is at hand of revocation evidence, for whoever watches the server.

use cardea_pki::Certificate;
use cardea_provider::fingerprint;
use time::{Duration, OffsetDateTime};

use super::address::{Address, Kind};
use super::{AnchorSettings, RevocationFetcher};
use crate::config::EvidenceOrder;
use crate::metrics::OcspOutcomes;

/// The list that is at hand for one address, or that there is none.
#[derive(Clone, Debug)]
pub(crate) struct ListOverview {
    pub(crate) card_rules: String,
    /// The authority's name, in short.
    pub(crate) issuer: String,
    /// Host and path of the address.
    pub(crate) list: String,
    pub(super) kind: Kind,
    pub(crate) held: Option<HeldOverview>,
}

/// A list's times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOverview {
    pub(crate) this_update: OffsetDateTime,
    pub(crate) next_update: Option<OffsetDateTime>,
    pub(crate) fetched_at: OffsetDateTime,
}

/// How many trust anchors have no evidence that their policies accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnchorsLacking {
    pub(crate) lacking: usize,
    pub(crate) all: usize,
}

impl ListOverview {
    pub(super) fn new(address: &Address, held: Option<HeldOverview>) -> Self {
        let url = address.url();
        Self {
            card_rules: address.rules().to_owned(),
            issuer: common_name(address.issuer()),
            list: format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
            kind: address.kind(),
            held,
        }
    }
}

/// The common name of an authority; empty where it has none.
fn common_name(authority: &Certificate) -> String {
    let mut names = authority.subject().attributes_of("2.5.4.3");
    let name = names.next().and_then(|name| name.value.clone());
    name.unwrap_or_default()
}

impl RevocationFetcher {
    /// Every list that certificates have named, with the one at hand.
    pub(crate) fn lists(&self) -> Vec<ListOverview> {
        self.lists.overview()
    }

    /// When the certificate of each authority runs out, by the rules' and its own name and by its
    /// SHA-256: an authority's certificates of several years have one name.
    pub(crate) fn authority_ends(&self) -> Vec<(String, String, OffsetDateTime)> {
        let of_anchor = |anchor: &AnchorSettings| {
            let end = |authority: &Certificate| {
                let name = format!("{}: {}", anchor.name, common_name(authority));
                (name, fingerprint(authority), authority.not_after())
            };
            anchor.authorities.iter().map(end).collect::<Vec<_>>()
        };
        self.anchors.get().iter().flat_map(of_anchor).collect()
    }

    /// How responders have answered.
    pub(crate) fn ocsp_outcomes(&self) -> &OcspOutcomes {
        self.responders.outcomes()
    }

    /// How many trust anchors could judge no card now. Where nothing was fetched or asked yet,
    /// nothing speaks against an anchor.
    pub(crate) fn anchors_without_evidence(&self, now: OffsetDateTime) -> AnchorsLacking {
        let lists = self.lists();
        let is_ocsp_dead = self.responders.are_all_paused(now);
        let lacks = |anchor: &&AnchorSettings| lacks_evidence(anchor, &lists, is_ocsp_dead, now);
        let anchors = self.anchors.get();
        AnchorsLacking {
            lacking: anchors.iter().filter(lacks).count(),
            all: anchors.len(),
        }
    }
}

fn lacks_evidence(
    anchor: &AnchorSettings,
    lists: &[ListOverview],
    is_ocsp_dead: bool,
    now: OffsetDateTime,
) -> bool {
    let of_anchor = |list: &&ListOverview| {
        list.card_rules == anchor.name && matches!(list.kind, Kind::Complete)
    };
    let mut known = lists.iter().filter(of_anchor).peekable();
    let is_any_known = known.peek().is_some();
    let no_list = is_any_known && !known.any(|list| is_usable(list, anchor.grace, now));
    match anchor.order {
        EvidenceOrder::CrlOnly => no_list,
        EvidenceOrder::OcspOnly => is_ocsp_dead,
        EvidenceOrder::OcspThenCrl | EvidenceOrder::CrlThenOcsp => no_list && is_ocsp_dead,
    }
}

/// A list that promises no next one is never current.
fn is_usable(list: &ListOverview, grace: Duration, now: OffsetDateTime) -> bool {
    let next_update = list.held.and_then(|held| held.next_update);
    next_update.is_some_and(|next| now < next + grace)
}

#[cfg(test)]
mod tests {
    use time::ext::NumericalDuration as _;

    use super::{HeldOverview, Kind, ListOverview, is_usable};

    const NOON: time::OffsetDateTime = time::macros::datetime!(2026-03-02 12:00 UTC);

    #[test]
    fn a_list_serves_until_its_grace_is_over() {
        let list = |next_update| ListOverview {
            card_rules: "cards".to_owned(),
            issuer: "CA".to_owned(),
            list: "crl.example.test/ca.crl".to_owned(),
            kind: Kind::Complete,
            held: Some(HeldOverview {
                this_update: NOON - 1.days(),
                next_update,
                fetched_at: NOON,
            }),
        };
        let grace = 1.hours();
        for (next_update, usable) in [
            (Some(NOON + 1.seconds()), true),
            (Some(NOON - 59.minutes()), true),
            (Some(NOON - 1.hours()), false),
            (None, false),
        ] {
            assert_eq!(is_usable(&list(next_update), grace, NOON), usable);
        }
        let missing = ListOverview {
            held: None,
            ..list(None)
        };
        assert!(!is_usable(&missing, grace, NOON));
    }
}
