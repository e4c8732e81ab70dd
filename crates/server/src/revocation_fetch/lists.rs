//! Lists in memory, each replaced in the background while logins go on with the one at hand.
//!
//! For each address there is one fetch at a time (a *flight*), however many logins want its list;
//! a login only ever waits for a flight where no list speaks, and leaves it flying when its own
//! time is up. A list is replaced in one step, by one of its own series ([`held`]) that is not
//! older (attack B6): whoever stands between this server and the publisher, usually over plain
//! http, can keep a new list away, but cannot take one back.

mod flight;
mod held;
mod slot;
mod verification;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_pki::Certificate;
use cardea_pki::revocation::{Crl, CrlNumbersSeen};
use cardea_provider::Clock;
use futures_util::future::join_all;
use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use url::Url;

pub(super) use self::flight::jitter;
use self::held::Held;
pub(super) use self::slot::Slot;
use super::AnchorSettings;
use super::address::{Address, Kind};
use super::anchors_in_use::AnchorsInUse;
use super::list_store::{ListStore, StoredBody};
use super::overview::{HeldOverview, ListOverview};
use crate::config::Service;
use crate::http_client::HttpClient;

/// Addresses come out of certificates that a configured authority signed; the one that was not
/// asked for longest makes room for another.
const ADDRESSES_MAX: usize = 256;
/// Flights to one host at a time: what is downloaded has up to [`CRL_BYTES_MAX`] bytes.
///
/// [`CRL_BYTES_MAX`]: cardea_pki::revocation::CRL_BYTES_MAX
const FLIGHTS_PER_HOST: usize = 2;

/// All lists.
#[derive(Clone)]
pub(super) struct Lists {
    shared: Arc<Shared>,
}

struct Shared {
    http: HttpClient,
    clock: Arc<dyn Clock>,
    store: Option<ListStore>,
    /// A list may be signed by one configured authority for another of the same anchor, and only
    /// lists of configured authorities outlast a restart.
    anchors: AnchorsInUse,
    slots: Mutex<HashMap<Address, Arc<Slot>>>,
    numbers_seen: Mutex<CrlNumbersSeen>,
    hosts: Mutex<HashMap<Service, Arc<Semaphore>>>,
    /// Set once the store has been read.
    loaded: OnceCell<()>,
}

/// The end of a flight: its other half is dropped when the flight is over.
pub(super) type Landing = watch::Receiver<()>;

/// What a login finds at an address.
pub(super) struct Look {
    /// The lists at hand; or, where there are none, one that its issuer signed and that is not to
    /// be kept: `pki` then says what is wrong with it.
    pub(super) lists: Vec<Crl>,
    /// A fetch that is under way.
    pub(super) landing: Option<Landing>,
    /// No fetch has ended yet, and nobody has waited for one in vain.
    pub(super) is_untried: bool,
    /// The fetch under way only tries whether an address answers again that has failed before.
    pub(super) is_probe: bool,
}

impl Lists {
    pub(super) fn new(
        http: HttpClient,
        clock: Arc<dyn Clock>,
        store: Option<ListStore>,
        anchors: AnchorsInUse,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                http,
                clock,
                store,
                anchors,
                slots: Mutex::default(),
                numbers_seen: Mutex::default(),
                hosts: Mutex::default(),
                loaded: OnceCell::new(),
            }),
        }
    }

    /// The highest numbers of the lists that were kept.
    pub(super) fn numbers_seen(&self) -> CrlNumbersSeen {
        lock(&self.shared.numbers_seen).clone()
    }

    /// The place of the list of `issuer` at `url`, for the cards of `anchor`.
    pub(super) fn slot(
        &self,
        anchor: &AnchorSettings,
        url: &Url,
        issuer: &Certificate,
        kind: Kind,
    ) -> Arc<Slot> {
        let address = Address::new(&anchor.name, url, issuer, kind);
        self.shared.slot(address, anchor.refresh)
    }

    /// What is at hand, at once; a list that is due is fetched in the background.
    pub(super) fn look(&self, slot: &Arc<Slot>) -> Look {
        let now = self.shared.clock.now();
        let mut state = slot.lock();
        let landing = match slot.is_due(&state.held, now) {
            true => self.shared.take_off(slot, &mut state),
            false => None,
        };
        let mut lists: Vec<_> = state.held.lists().cloned().collect();
        if lists.is_empty() {
            lists.extend(state.refused.clone());
        }
        Look {
            lists,
            landing,
            is_untried: !state.is_tried,
            is_probe: state.is_probed,
        }
    }

    /// Waits until the flights are over, or until `until`.
    pub(super) async fn wait(landings: Vec<Landing>, until: Instant) -> Waited {
        let all = join_all(landings.into_iter().map(landed));
        match timeout_at(until, all).await {
            Ok(_) => Waited::ForAll,
            Err(_) => Waited::InVain,
        }
    }

    /// Reads the store, unless it has been read.
    pub(super) async fn load(&self) {
        self.shared.load().await;
    }

    /// The same, but leaves the reading to itself at `until`.
    pub(super) async fn load_until(&self, until: Instant) {
        if !self.shared.loaded.initialized() {
            // Without the stored lists a login goes on with what it finds.
            let _ = timeout_at(until, self.load()).await;
        }
    }

    /// Every address that is known, with the list at hand.
    pub(super) fn overview(&self) -> Vec<ListOverview> {
        let slots: Vec<_> = lock(&self.shared.slots).values().cloned().collect();
        let overview = |slot: &Arc<Slot>| {
            let newest = slot.lock().held.newest().map(|held| HeldOverview {
                this_update: held.list.this_update(),
                next_update: held.list.next_update(),
                fetched_at: held.fetched_at,
            });
            ListOverview::new(&slot.address, newest)
        };
        slots.iter().map(overview).collect()
    }

    /// Fetches every list that will be due within the next half of its refresh time, and waits for
    /// the outcome.
    pub(super) async fn refresh_due(&self) {
        self.load().await;
        let now = self.shared.clock.now();
        let slots: Vec<_> = lock(&self.shared.slots).values().cloned().collect();
        let landings: Vec<_> = slots
            .iter()
            .filter_map(|slot| {
                let mut state = slot.lock();
                let is_due = slot.is_soon_due(&state.held, now);
                is_due.then(|| self.shared.take_off(slot, &mut state))?
            })
            .collect();
        join_all(landings.into_iter().map(landed)).await;
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    ForAll,
    InVain,
}

async fn landed(mut landing: Landing) {
    // Nothing is ever sent: the sender is dropped.
    while landing.changed().await.is_ok() {}
}

impl Shared {
    fn slot(&self, address: Address, refresh: Duration) -> Arc<Slot> {
        let now = self.clock.now();
        let mut slots = lock(&self.slots);
        if slots.len() >= ADDRESSES_MAX && !slots.contains_key(&address) {
            let longest_ago = slots
                .iter()
                .min_by_key(|(_, slot)| slot.asked_at())
                .map(|(address, _)| address.clone());
            if let Some(longest_ago) = longest_ago {
                slots.remove(&longest_ago);
            }
        }
        let slot = slots
            .entry(address.clone())
            .or_insert_with(|| Arc::new(Slot::new(address, refresh)));
        slot.note_asked(now, refresh);
        Arc::clone(slot)
    }

    /// Reads the store once; whoever comes meanwhile waits.
    async fn load(self: &Arc<Self>) {
        if self.loaded.initialized() {
            return;
        }
        // In a task of its own: a login whose time is up leaves, and the reading goes on.
        let shared = Arc::clone(self);
        let loading = tokio::spawn(async move {
            shared
                .loaded
                .get_or_init(|| shared.read_in_background())
                .await;
        });
        let _ = loading.await;
    }

    async fn read_in_background(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        // Megabytes are read, parsed and verified.
        let read = tokio::task::spawn_blocking(move || shared.read_store());
        if read.await.is_err() {
            tracing::error!("reading the stored revocation lists was interrupted");
        }
    }

    fn read_store(&self) {
        let Some(store) = &self.store else { return };
        match store
            .load_numbers()
            .map(|text| text.map(|text| CrlNumbersSeen::parse_text(&text)))
        {
            Ok(None) => {}
            Ok(Some(Ok(numbers))) => *lock(&self.numbers_seen) = numbers,
            Ok(Some(Err(error))) => tracing::error!(
                code = error.code(),
                "the CRL numbers seen before are unreadable; those of the stored lists remain"
            ),
            Err(error) => tracing::error!(
                %error,
                "the CRL numbers seen before are unreadable; those of the stored lists remain"
            ),
        }
        let files = store.files().unwrap_or_else(|error| {
            tracing::error!(%error, "the stored revocation lists cannot be read");
            Vec::new()
        });
        let mut kept: u32 = 0;
        for file in files {
            match StoredBody::read(&file) {
                Ok(stored) => kept = kept.saturating_add(u32::from(self.take_up(stored))),
                Err(error) => tracing::warn!(
                    file = %file.display(),
                    %error,
                    "a stored revocation list is not used and will be fetched anew"
                ),
            }
        }
        tracing::info!(
            lists = kept,
            "stored revocation lists are verified and in use"
        );
    }

    /// Verifies a stored list like a fetched one; true when it is in use from now on.
    fn take_up(&self, stored: StoredBody) -> bool {
        let host = stored.address.host().to_owned();
        let Some(anchor) = self.anchor_of(&stored.address) else {
            tracing::info!(
                host,
                "a stored list's issuer or host is not configured any more"
            );
            return false;
        };
        let verified = Crl::parse(&stored.der).and_then(|list| {
            let mut numbers_seen = lock(&self.numbers_seen);
            Ok((
                self.verify(&list, &stored.address, &mut numbers_seen)?,
                list,
            ))
        });
        let (signer, list) = match verified {
            Ok(verified) => verified,
            Err(error) => {
                tracing::warn!(
                    host,
                    code = error.code(),
                    "a stored revocation list is not used and will be fetched anew"
                );
                return false;
            }
        };
        let held = Held::new(
            list,
            &signer,
            stored.fetched_at,
            stored.validators,
            stored.sha256,
        );
        let slot = self.slot(stored.address, anchor.refresh);
        slot.lock().held.put_stored(held)
    }

    /// The anchor that a list is wanted for, if its authority is configured there and the address
    /// allowed.
    fn anchor_of(&self, address: &Address) -> Option<AnchorSettings> {
        let anchors = self.anchors.get();
        let mut anchors = anchors.iter();
        let found = anchors.find(|anchor| {
            anchor.name == address.rules()
                && anchor.authorities.contains(address.issuer())
                && anchor.hosts.allow(address.url())
        });
        found.cloned()
    }

    fn host_places(&self, address: &Address) -> Arc<Semaphore> {
        let places = || Arc::new(Semaphore::new(FLIGHTS_PER_HOST));
        match Service::of(address.url()) {
            // Allowed hosts are few.
            Some(host) => Arc::clone(lock(&self.hosts).entry(host).or_insert_with(places)),
            None => places(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
