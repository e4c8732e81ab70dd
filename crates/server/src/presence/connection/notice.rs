//! Telling the agent of a session what happened with the person's card elsewhere.

use std::collections::VecDeque;

use cardea_assertion::Notice;
use cardea_provider::EndReason;

use super::{Close, Connection};
use crate::presence::frame::ServerFrame;

/// Ids that a connection remembers: what is news goes out of date within minutes.
const TOLD_MAX: usize = 32;

/// The notices that this connection has passed on.
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<String>);

impl Told {
    /// Whether a notice is another one than those before.
    fn take(&mut self, id: &str) -> bool {
        if self.0.iter().any(|told| told == id) {
            return false;
        }
        if self.0.len() >= TOLD_MAX {
            self.0.pop_front();
        }
        self.0.push_back(id.to_owned());
        true
    }
}

impl Connection<'_> {
    /// Passes a notice on, once: it is looked for again and again while it is new.
    pub(super) async fn tell(&mut self, notice: &Notice) -> Result<(), Close> {
        match self.claimed {
            true => self.pass_on(notice).await,
            false => Ok(()),
        }
    }

    async fn pass_on(&mut self, notice: &Notice) -> Result<(), Close> {
        if !self.told.take(&notice.id) {
            return Ok(());
        }
        tracing::info!(kind = ?notice.kind, "the agent is told of another use of the card");
        self.send(&ServerFrame::Notice(notice)).await
    }

    /// A session that ends because its card is used elsewhere hears of a workstation that is new
    /// first: nobody tells its agent anything afterwards. `jkt` is its key, which was proven here.
    pub(super) async fn tell_before_the_end(
        &mut self,
        jkt: &str,
        reason: &str,
    ) -> Result<(), Close> {
        if reason != EndReason::CardElsewhere.as_str() {
            return Ok(());
        }
        // A database that does not answer keeps no end from being told.
        let found = self.state.provider().notices_before_the_end(jkt).await;
        for told in found.unwrap_or_default() {
            self.pass_on(&told.notice).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TOLD_MAX, Told};

    #[test]
    fn h9_a_notice_goes_out_once_and_what_is_remembered_is_bounded() {
        let mut told = Told::default();
        assert!(told.take("a") && !told.take("a"));
        for number in 0..10 * TOLD_MAX {
            assert!(told.take(&number.to_string()));
        }
        assert_eq!(told.0.len(), TOLD_MAX);
    }
}
