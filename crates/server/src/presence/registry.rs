//! Which connection speaks for which presence key, and which logins wait for a key.
//!
//! An agent opens its connection before the page posts the assertion, or after: whichever comes
//! second finds the other here, so no login waits for the next interval.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardea_assertion::Notice;
use tokio::sync::Notify;

use super::mailbox::{MESSAGES_MAX, Mailbox};

/// Connections of one key: an agent that reconnects may briefly have two.
const CONNECTIONS_OF_KEY_MAX: usize = 4;

/// What a connection's task is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A login waits for this key: ask at once.
    Ask,
    /// The session is over.
    Ended(&'static str),
    /// A guard wants a fresh signature: this is the challenge.
    StepUp(Arc<str>),
    /// The person's card was used elsewhere.
    Notice(Arc<Notice>),
}

/// Finds connections and waiting logins by presence key.
#[derive(Debug, Default)]
pub(crate) struct PresenceRegistry {
    keys: Mutex<HashMap<String, Key>>,
    next_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Key {
    connections: Vec<(u64, Arc<Mailbox>)>,
    waiting: Vec<Arc<Notify>>,
}

/// A connection's entry; taken out when dropped.
pub(super) struct Registration<'a> {
    registry: &'a PresenceRegistry,
    jkt: String,
    id: u64,
}

/// A login that waits for its key; taken out when dropped.
pub(crate) struct Waiting<'a> {
    registry: &'a PresenceRegistry,
    jkt: String,
    notify: Arc<Notify>,
}

impl PresenceRegistry {
    /// Has `jkt`'s connections asked at once, and waits for its session to become active.
    pub(crate) fn wait_for(&self, jkt: &str) -> Waiting<'_> {
        let notify = Arc::new(Notify::new());
        let mut keys = self.lock();
        let key = keys.entry(jkt.to_owned()).or_default();
        key.waiting.push(Arc::clone(&notify));
        for (_, connection) in &key.connections {
            // One with so many already holds a reason to ask; the end must still find a place.
            connection.put(Message::Ask, MESSAGES_MAX - 1);
        }
        Waiting {
            registry: self,
            jkt: jkt.to_owned(),
            notify,
        }
    }

    /// Tells the logins that wait for `jkt` that its session is active.
    pub(super) fn activated(&self, jkt: &str) {
        if let Some(key) = self.lock().get(jkt) {
            for waiting in &key.waiting {
                waiting.notify_one();
            }
        }
    }

    /// Tells the connections of `jkt` that the session is over.
    pub(crate) fn end(&self, jkt: &str, reason: &'static str) {
        if let Some(key) = self.lock().get(jkt) {
            for (_, connection) in &key.connections {
                connection.put(Message::Ended(reason), MESSAGES_MAX);
            }
        }
    }

    /// Has the connections of `jkt`, if there are any here, pass a question on.
    pub(crate) fn ask_step_up(&self, jkt: &str, challenge: &str) {
        if let Some(key) = self.lock().get(jkt) {
            let challenge: Arc<str> = challenge.into();
            for (_, connection) in &key.connections {
                // It is told again at the next look, and must not keep an end from being told.
                connection.put(Message::StepUp(Arc::clone(&challenge)), MESSAGES_MAX / 2);
            }
        }
    }

    /// Has the connections of `jkt`, if there are any here, pass a notice on.
    pub(super) fn tell(&self, jkt: &str, notice: &Arc<Notice>) {
        if let Some(key) = self.lock().get(jkt) {
            for (_, connection) in &key.connections {
                // As above.
                connection.put(Message::Notice(Arc::clone(notice)), MESSAGES_MAX / 2);
            }
        }
    }

    /// How many keys have a connection here.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Enters a connection that has proven to hold `jkt`'s key. True when a login waits for it.
    pub(super) fn register(&self, jkt: &str) -> Option<(Registration<'_>, Arc<Mailbox>, bool)> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::default());
        let mut keys = self.lock();
        let key = keys.entry(jkt.to_owned()).or_default();
        if key.connections.len() >= CONNECTIONS_OF_KEY_MAX {
            return None;
        }
        key.connections.push((id, Arc::clone(&mailbox)));
        let awaited = !key.waiting.is_empty();
        Some((
            Registration {
                registry: self,
                jkt: jkt.to_owned(),
                id,
            },
            mailbox,
            awaited,
        ))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, jkt: &str, change: impl FnOnce(&mut Key)) {
        let mut keys = self.lock();
        if let Some(key) = keys.get_mut(jkt) {
            change(key);
            if key.connections.is_empty() && key.waiting.is_empty() {
                keys.remove(jkt);
            }
        }
    }
}

impl Waiting<'_> {
    /// Ends once the session may have become active.
    pub(crate) async fn notified(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.registry.change(&self.jkt, |key| {
            key.waiting
                .retain(|waiting| !Arc::ptr_eq(waiting, &self.notify));
        });
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.registry.change(&self.jkt, |key| {
            key.connections.retain(|(id, _)| *id != self.id)
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{CONNECTIONS_OF_KEY_MAX, MESSAGES_MAX, Message, PresenceRegistry};

    #[tokio::test]
    async fn a_connection_that_comes_first_is_asked_when_a_login_waits() {
        let registry = PresenceRegistry::default();
        let (_registration, messages, awaited) = registry.register("key").unwrap();
        assert!(!awaited);
        let waiting = registry.wait_for("key");
        assert_eq!(messages.take().await, Message::Ask);
        registry.activated("key");
        waiting.notified().await;
    }

    /// Attack H9: whoever begins logins for a key cannot keep its connection from being told that
    /// the session is over, however slowly that reads.
    #[tokio::test]
    async fn h9_an_end_is_told_however_many_logins_wait() {
        let registry = PresenceRegistry::default();
        let (_registration, messages, _) = registry.register("key").unwrap();
        let _waiting: Vec<_> = (0..3 * MESSAGES_MAX)
            .map(|_| registry.wait_for("key"))
            .collect();
        registry.end("key", "card_removed");
        let mut taken = Vec::new();
        while taken.last() != Some(&Message::Ended("card_removed")) {
            let next = timeout(Duration::from_secs(60), messages.take()).await;
            taken.push(next.expect("the end is among them"));
        }
        assert_eq!(taken.len(), MESSAGES_MAX);
    }

    #[tokio::test]
    async fn a_connection_that_comes_second_learns_that_a_login_waits() {
        let registry = PresenceRegistry::default();
        let _waiting = registry.wait_for("key");
        let (_registration, _messages, awaited) = registry.register("key").unwrap();
        assert!(awaited);
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let registry = PresenceRegistry::default();
        {
            let _waiting = registry.wait_for("key");
            let _registration = registry.register("key").unwrap();
            assert_eq!(registry.lock().len(), 1);
        }
        assert!(registry.lock().is_empty());
    }

    #[test]
    fn connections_of_one_key_are_bounded() {
        let registry = PresenceRegistry::default();
        let entered: Vec<_> = (0..CONNECTIONS_OF_KEY_MAX)
            .map(|_| registry.register("key").unwrap())
            .collect();
        assert!(registry.register("key").is_none());
        drop(entered);
        assert!(registry.register("key").is_some());
    }
}
