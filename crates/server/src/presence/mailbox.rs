//! What one connection is told by others: so many messages and no more.
//!
//! A channel of tokio's has room for thirty-two from the start, more than a kilobyte for each
//! session; nearly all mailboxes are empty nearly all the time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::registry::Message;

/// Messages to one connection that are not taken yet.
pub(super) const MESSAGES_MAX: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    messages: Mutex<VecDeque<Message>>,
    arrived: Notify,
}

impl Mailbox {
    /// Puts a message in, unless `places` are taken.
    pub(super) fn put(&self, message: Message, places: usize) {
        let mut messages = self.messages();
        if messages.len() < places {
            messages.push_back(message);
            self.arrived.notify_one();
        }
    }

    /// Takes the oldest message out, once there is one. Only one task may wait here.
    pub(super) async fn take(&self) -> Message {
        loop {
            if let Some(message) = self.take_now() {
                return message;
            }
            self.arrived.notified().await;
        }
    }

    fn take_now(&self) -> Option<Message> {
        let mut messages = self.messages();
        let message = messages.pop_front();
        if messages.is_empty() {
            // Nothing is kept for the next one, which may never come.
            *messages = VecDeque::new();
        }
        message
    }

    fn messages(&self) -> MutexGuard<'_, VecDeque<Message>> {
        // Each change is one step: the list is whole at any time.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{MESSAGES_MAX, Mailbox};
    use crate::presence::registry::Message;

    #[tokio::test]
    async fn messages_come_in_their_order_and_wake_who_waits() {
        let mailbox = Arc::new(Mailbox::default());
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { (mailbox.take().await, mailbox.take().await) }
        });
        tokio::task::yield_now().await;
        mailbox.put(Message::Ask, MESSAGES_MAX);
        mailbox.put(Message::Ended("card_removed"), MESSAGES_MAX);
        let expected = (Message::Ask, Message::Ended("card_removed"));
        assert_eq!(waiting.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn h9_a_mailbox_that_nobody_empties_is_bounded() {
        let mailbox = Mailbox::default();
        for _ in 0..10 * MESSAGES_MAX {
            mailbox.put(Message::Ask, MESSAGES_MAX / 2);
        }
        // What is less urgent leaves places free.
        mailbox.put(Message::Ended("card_removed"), MESSAGES_MAX);
        for _ in 0..MESSAGES_MAX / 2 {
            assert_eq!(mailbox.take().await, Message::Ask);
        }
        assert_eq!(mailbox.take().await, Message::Ended("card_removed"));
        let nothing = timeout(Duration::from_millis(20), mailbox.take());
        assert!(nothing.await.is_err());
    }
}
