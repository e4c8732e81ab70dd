//! Bounds on presence connections, which anybody on the network may open.
//!
//! Two pools: connections whose key an open session names (*claimed*), which only a card can
//! bring about, and newcomers that have yet to say whose they are. Newcomers are bounded in all and
//! for each network, so that strangers can never take the places of people who are signed in. An
//! honest newcomer says at once who it is: one that has had its time gives way when places run
//! out, and the most crowded network gives way first.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::config::PresenceConfig;

/// How long a newcomer keeps its place whoever else wants one. Shorter, and a rush of agents that
/// come back after a restart would push each other out before any of them is done.
const UNDISTURBED: Duration = Duration::from_secs(5);

/// The places of all presence connections.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    claimed_max: usize,
    unclaimed_max: usize,
    unclaimed_of_network_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    claimed: usize,
    unclaimed: usize,
    next_id: u64,
    newcomers: HashMap<IpAddr, VecDeque<Newcomer>>,
}

#[derive(Debug)]
struct Newcomer {
    id: u64,
    since: Instant,
    displaced: Arc<Notify>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    network: IpAddr,
    id: u64,
    claimed: bool,
    displaced: Arc<Notify>,
}

impl Places {
    pub(crate) fn new(config: &PresenceConfig) -> Self {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let shared = Shared {
            claimed_max: number(config.connections_max),
            unclaimed_max: number(config.unclaimed_max),
            unclaimed_of_network_max: number(config.unclaimed_per_address_max),
            taken: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A newcomer's place, if there is one for its network.
    pub(crate) fn take(&self, network: IpAddr) -> Option<Place> {
        self.take_at(network, Instant::now())
    }

    fn take_at(&self, network: IpAddr, now: Instant) -> Option<Place> {
        let shared = &self.shared;
        let mut taken = shared.lock();
        let of_network = taken.newcomers.get(&network).map_or(0, VecDeque::len);
        if of_network >= shared.unclaimed_of_network_max {
            taken.displace(network, now)?;
        } else if taken.unclaimed >= shared.unclaimed_max {
            let crowded = taken.most_crowded()?;
            taken.displace(crowded, now)?;
        }
        let id = taken.next_id;
        taken.next_id = taken.next_id.wrapping_add(1);
        taken.unclaimed = taken.unclaimed.saturating_add(1);
        let displaced = Arc::new(Notify::new());
        taken
            .newcomers
            .entry(network)
            .or_default()
            .push_back(Newcomer {
                id,
                since: now,
                displaced: Arc::clone(&displaced),
            });
        Some(Place {
            shared: Arc::clone(shared),
            network,
            id,
            claimed: false,
            displaced,
        })
    }
}

impl Place {
    /// Ends once this connection has to give way. Claimed connections never have to.
    pub(super) fn displaced(&self) -> Arc<Notify> {
        Arc::clone(&self.displaced)
    }

    /// Moves among the connections of open sessions; false when the server is full.
    pub(super) fn claim(&mut self) -> bool {
        let mut taken = self.shared.lock();
        if self.claimed {
            return true;
        }
        if taken.claimed >= self.shared.claimed_max {
            return false;
        }
        taken.remove(self.network, self.id);
        taken.claimed = taken.claimed.saturating_add(1);
        self.claimed = true;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.shared.lock();
        if self.claimed {
            taken.claimed = taken.claimed.saturating_sub(1);
        } else {
            taken.remove(self.network, self.id);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn most_crowded(&self) -> Option<IpAddr> {
        self.newcomers
            .iter()
            .max_by_key(|(_, newcomers)| newcomers.len())
            .map(|(network, _)| *network)
    }

    /// Has the oldest newcomer of a network give way, if it has had its time.
    fn displace(&mut self, network: IpAddr, now: Instant) -> Option<()> {
        let oldest = self.newcomers.get(&network)?.front()?;
        if now.saturating_duration_since(oldest.since) < UNDISTURBED {
            return None;
        }
        oldest.displaced.notify_one();
        let id = oldest.id;
        self.remove(network, id);
        Some(())
    }

    /// Takes a newcomer out; one that had to give way is out already.
    fn remove(&mut self, network: IpAddr, id: u64) {
        let Some(newcomers) = self.newcomers.get_mut(&network) else {
            return;
        };
        let before = newcomers.len();
        newcomers.retain(|newcomer| newcomer.id != id);
        let removed = before.saturating_sub(newcomers.len());
        self.unclaimed = self.unclaimed.saturating_sub(removed);
        if newcomers.is_empty() {
            self.newcomers.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Instant;

    use futures_util::FutureExt as _;

    use super::{Place, Places, UNDISTURBED};
    use crate::config::PresenceConfig;

    fn places(claimed: u32, unclaimed: u32, of_network: u32) -> Places {
        Places::new(&PresenceConfig {
            connections_max: claimed,
            unclaimed_max: unclaimed,
            unclaimed_per_address_max: of_network,
            ..PresenceConfig::default()
        })
    }

    fn network(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn has_to_go(place: &Place) -> bool {
        place.displaced().notified().now_or_never().is_some()
    }

    #[test]
    fn one_network_cannot_keep_others_out() {
        let places = places(10, 10, 2);
        let now = Instant::now();
        let _kept = [(); 2].map(|()| places.take_at(network(1), now).unwrap());
        assert!(places.take_at(network(1), now).is_none());
        assert!(places.take_at(network(2), now).is_some());
    }

    #[test]
    fn strangers_never_take_the_places_of_people_who_are_signed_in() {
        let places = places(2, 2, 2);
        let now = Instant::now();
        let _strangers = [(); 2].map(|()| places.take_at(network(1), now).unwrap());
        assert!(places.take_at(network(2), now).is_none());
        // Once the strangers have had their time, an agent finds a place and proves its session.
        let later = now + UNDISTURBED;
        let mut agents = [(); 2].map(|()| {
            let mut agent = places.take_at(network(2), later).unwrap();
            assert!(agent.claim());
            agent
        });
        let mut one_too_many = places.take_at(network(3), later).unwrap();
        assert!(!one_too_many.claim());
        assert!(agents.iter_mut().all(Place::claim), "twice is once");
        drop(agents);
        assert!(one_too_many.claim());
    }

    #[test]
    fn the_oldest_of_the_most_crowded_network_gives_way() {
        let places = places(10, 3, 2);
        let now = Instant::now();
        let alone = places.take_at(network(1), now).unwrap();
        let crowd = [(); 2].map(|()| places.take_at(network(2), now).unwrap());
        let _newcomer = places.take_at(network(3), now + UNDISTURBED).unwrap();
        assert_eq!(
            [&alone, &crowd[0], &crowd[1]].map(has_to_go),
            [false, true, false]
        );
        // The place is counted back once, by whoever comes first.
        drop(crowd);
        drop(alone);
        let taken = places.shared.lock();
        assert_eq!((taken.unclaimed, taken.newcomers.len()), (1, 1));
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let places = places(10, 10, 10);
        let mut claimed = places.take(network(1)).unwrap();
        let unclaimed = places.take(network(1)).unwrap();
        assert!(claimed.claim());
        drop((claimed, unclaimed));
        let taken = places.shared.lock();
        assert_eq!((taken.claimed, taken.unclaimed), (0, 0));
        assert!(taken.newcomers.is_empty());
    }
}
