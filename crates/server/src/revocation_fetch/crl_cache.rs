//! CRLs in memory: one fetch at a time for each address, however many logins wait for it.
//!
//! A list that is at hand is only replaced by one that the issuer signed and that is not older
//! (attack B6): whoever stands between this server and the publisher, usually over plain http,
//! can keep a new list away, but cannot take one back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cardea_pki::Certificate;
use cardea_pki::revocation::{CRL_BYTES_MAX, Crl, CrlNumbersSeen};
use cardea_provider::Clock as _;
use futures_util::future::join_all;
use reqwest::StatusCode;
use url::Url;

use crate::clock::SystemClock;
use crate::http_client::{Budget, HttpClient};

/// A national card issuer's list has some ten megabytes.
const CRL_BUDGET: Budget = Budget {
    time: Duration::from_secs(8),
    bytes_max: CRL_BYTES_MAX,
};
/// Addresses come out of certificates that a configured authority signed; the one that was not
/// asked for longest makes room for another.
const ADDRESSES_MAX: usize = 64;
/// How long an address that failed is left alone, so that a dead host does not slow every login.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct CrlCache {
    http: HttpClient,
    refresh: Duration,
    slots: Mutex<HashMap<Address, Slot>>,
    numbers_seen: Arc<Mutex<CrlNumbersSeen>>,
}

/// Where a list is, and whose it has to be: authorities may share an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Address {
    url: Url,
    issuer_der: Vec<u8>,
}

#[derive(Clone)]
struct Slot {
    issuer: Certificate,
    asked_at: Instant,
    /// The lock is held while the list is fetched: others wait for that fetch's outcome.
    state: Arc<tokio::sync::Mutex<SlotState>>,
}

#[derive(Default)]
struct SlotState {
    list: Option<(Crl, Instant)>,
    failed_at: Option<Instant>,
}

/// Why a download gives nothing to keep.
enum Failure {
    Unreachable(String),
    /// A list, but not one to keep: not the issuer's, or older than one seen before.
    Refused(Crl, cardea_pki::Error),
}

impl CrlCache {
    pub(super) fn new(http: HttpClient, refresh: Duration) -> Self {
        Self {
            http,
            refresh,
            slots: Mutex::default(),
            numbers_seen: Arc::default(),
        }
    }

    /// The highest numbers of the lists that were kept.
    pub(super) fn numbers_seen(&self) -> CrlNumbersSeen {
        lock(&self.numbers_seen).clone()
    }

    /// The list of `issuer` at `url`: the cached one while it is young, else a fresh one, else the
    /// cached one as long as it is in date. `pki` judges its age in any case, and a list that is
    /// not to be kept where there is no other, to say what is wrong with it.
    pub(super) async fn fetch(&self, url: &Url, issuer: &Certificate) -> Option<Crl> {
        let slot = self.slot(url, issuer);
        self.fetch_into(&slot, url, self.refresh).await
    }

    /// Fetches lists that will be due within the next half of the refresh time.
    pub(super) async fn refresh_due(&self) {
        let slots: Vec<_> = lock(&self.slots)
            .iter()
            .map(|(address, slot)| (address.url.clone(), slot.clone()))
            .collect();
        let half = self.refresh / 2;
        join_all(
            slots
                .iter()
                .map(|(url, slot)| self.fetch_into(slot, url, half)),
        )
        .await;
    }

    async fn fetch_into(&self, slot: &Slot, url: &Url, age_max: Duration) -> Option<Crl> {
        let mut state = slot.state.lock().await;
        if let Some((list, fetched_at)) = &state.list
            && fetched_at.elapsed() < age_max
            && is_in_date(list)
        {
            return Some(list.clone());
        }
        let mut refused = None;
        if state
            .failed_at
            .is_none_or(|failed_at| failed_at.elapsed() >= FAILURE_PAUSE)
        {
            match self.download(url, &slot.issuer).await {
                Ok(list) => {
                    let replaced = state.list.replace((list, Instant::now()));
                    state.failed_at = None;
                    // Freeing hundreds of thousands of entries takes a moment.
                    drop(replaced);
                }
                Err(failure) => {
                    state.failed_at = Some(Instant::now());
                    failure.log(url, state.list.is_some());
                    refused = failure.into_list();
                }
            }
        }
        let kept = state.list.as_ref().map(|(list, _)| list.clone());
        kept.or(refused)
    }

    async fn download(&self, url: &Url, issuer: &Certificate) -> Result<Crl, Failure> {
        let answer = self
            .http
            .get(url.clone(), CRL_BUDGET)
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        if answer.status != StatusCode::OK {
            let reason = format!("status {}", answer.status.as_u16());
            return Err(Failure::Unreachable(reason));
        }
        let (issuer, numbers_seen) = (issuer.clone(), Arc::clone(&self.numbers_seen));
        let judged = tokio::task::spawn_blocking(move || {
            let list = Crl::parse(&answer.body)
                .map_err(|error| Failure::Unreachable(error.code().to_owned()))?;
            match note(&list, &issuer, &numbers_seen) {
                Ok(()) => Ok(list),
                Err(error) => Err(Failure::Refused(list, error)),
            }
        });
        let interrupted = |_| {
            Err(Failure::Unreachable(
                "reading it was interrupted".to_owned(),
            ))
        };
        judged.await.unwrap_or_else(interrupted)
    }

    fn slot(&self, url: &Url, issuer: &Certificate) -> Slot {
        let address = Address {
            url: url.clone(),
            issuer_der: issuer.der().to_vec(),
        };
        let mut slots = lock(&self.slots);
        if slots.len() >= ADDRESSES_MAX && !slots.contains_key(&address) {
            let longest_ago = slots
                .iter()
                .min_by_key(|(_, slot)| slot.asked_at)
                .map(|(address, _)| address.clone());
            if let Some(longest_ago) = longest_ago {
                slots.remove(&longest_ago);
            }
        }
        let slot = slots.entry(address).or_insert_with(|| Slot {
            issuer: issuer.clone(),
            asked_at: Instant::now(),
            state: Arc::default(),
        });
        slot.asked_at = Instant::now();
        slot.clone()
    }
}

impl Failure {
    fn log(&self, url: &Url, has_another: bool) {
        let host = url.host_str().unwrap_or_default();
        match self {
            Self::Unreachable(reason) => tracing::warn!(
                host,
                reason,
                code = "pki.revocation_unreachable",
                "a CRL could not be fetched"
            ),
            Self::Refused(_, error) => tracing::error!(
                host,
                code = error.code(),
                kept = has_another,
                "a CRL is not its issuer's newest; one at hand is kept"
            ),
        }
    }

    fn into_list(self) -> Option<Crl> {
        match self {
            Self::Unreachable(_) => None,
            Self::Refused(list, _) => Some(list),
        }
    }
}

/// Checks signature and number, and remembers the number.
fn note(
    list: &Crl,
    issuer: &Certificate,
    numbers_seen: &Mutex<CrlNumbersSeen>,
) -> Result<(), cardea_pki::Error> {
    // The signature over megabytes is verified here, once, while nobody waits for the lock.
    CrlNumbersSeen::default().note(list, issuer)?;
    lock(numbers_seen).note(list, issuer)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_in_date(list: &Crl) -> bool {
    list.next_update()
        .is_some_and(|next_update| SystemClock.now() < next_update)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use cardea_pki::Certificate;
    use cardea_pki::revocation::CrlNumber;
    use cardea_provider::Clock as _;
    use cardea_test_pki::{AuthorityName, CrlSpec, TestPki};
    use url::Url;

    use super::{ADDRESSES_MAX, CrlCache};
    use crate::clock::SystemClock;
    use crate::http_client::HttpClient;

    const AUTHORITY: AuthorityName = AuthorityName::FORT_PERSONNES;

    /// A publisher of one list that a test replaces.
    struct Publisher {
        list: Arc<Mutex<Vec<u8>>>,
        url: Url,
    }

    impl Publisher {
        async fn start() -> Self {
            let list = Arc::new(Mutex::new(Vec::new()));
            let served = Arc::clone(&list);
            let give = move || async move { served.lock().unwrap().clone() };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/list.crl", listener.local_addr().unwrap());
            let router = Router::new().route("/list.crl", get(give));
            tokio::spawn(async move { axum::serve(listener, router).await });
            Self {
                list,
                url: url.parse().unwrap(),
            }
        }

        fn publish(&self, pki: &TestPki, number: u8) {
            let mut spec = CrlSpec::new(AUTHORITY, SystemClock.now());
            spec.number = Some(u64::from(number));
            let list = pki.authority(AUTHORITY).unwrap().crl(&spec).unwrap();
            *self.list.lock().unwrap() = list;
        }
    }

    fn issuer(pki: &TestPki) -> Certificate {
        let authority = pki.authority(AUTHORITY).unwrap();
        Certificate::parse(authority.certificate_der()).unwrap()
    }

    /// Fetches anew at every call, as a cache would after its refresh time.
    fn impatient() -> CrlCache {
        CrlCache::new(HttpClient::new().unwrap(), Duration::ZERO)
    }

    async fn forget_failure(cache: &CrlCache, url: &Url, issuer: &Certificate) {
        cache.slot(url, issuer).state.lock().await.failed_at = None;
    }

    #[tokio::test]
    async fn an_older_or_forged_list_never_replaces_a_newer_one() {
        let pki = TestPki::fast(SystemClock.now()).unwrap();
        let impostor = TestPki::fast(SystemClock.now()).unwrap();
        let (publisher, cache, issuer) = (Publisher::start().await, impatient(), issuer(&pki));
        let number = async || {
            forget_failure(&cache, &publisher.url, &issuer).await;
            let list = cache.fetch(&publisher.url, &issuer).await.unwrap();
            list.number().cloned()
        };
        let expected = |number: u8| Some(CrlNumber::from_be_bytes(&[number]));
        publisher.publish(&pki, 7);
        assert_eq!(number().await, expected(7));
        publisher.publish(&pki, 6);
        assert_eq!(number().await, expected(7), "rolled back");
        publisher.publish(&impostor, 9);
        assert_eq!(number().await, expected(7), "of another key");
        publisher.publish(&pki, 8);
        assert_eq!(number().await, expected(8), "newer");
    }

    #[tokio::test]
    async fn a_refused_list_is_handed_on_where_there_is_no_other_and_not_kept() {
        let pki = TestPki::fast(SystemClock.now()).unwrap();
        let impostor = TestPki::fast(SystemClock.now()).unwrap();
        let (publisher, cache, issuer) = (Publisher::start().await, impatient(), issuer(&pki));
        publisher.publish(&impostor, 9);
        assert!(cache.fetch(&publisher.url, &issuer).await.is_some());
        let slot = cache.slot(&publisher.url, &issuer);
        assert!(slot.state.lock().await.list.is_none());
        assert_eq!(cache.numbers_seen(), Default::default());
    }

    #[tokio::test]
    async fn the_address_that_was_not_asked_for_longest_makes_room() {
        let issuer = issuer(TestPki::shared().unwrap());
        let cache = impatient();
        let url = |number: usize| Url::parse(&format!("http://x.test/{number}")).unwrap();
        for number in 0..ADDRESSES_MAX {
            cache.slot(&url(number), &issuer);
        }
        cache.slot(&url(0), &issuer);
        cache.slot(&url(ADDRESSES_MAX), &issuer);
        let slots = cache.slots.lock().unwrap();
        assert_eq!(slots.len(), ADDRESSES_MAX);
        let known = |number: usize| slots.keys().any(|address| address.url == url(number));
        assert!(known(0) && !known(1) && known(2) && known(ADDRESSES_MAX));
    }
}
