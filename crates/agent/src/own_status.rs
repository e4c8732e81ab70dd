//! What `cardea-agent status` learns beyond what a page may know: by the agent's own socket alone.

use std::time::Duration;

use cardea_jose::JwtSigner as _;
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::card_session::CardSession;
use crate::clock::workstation_seconds;
use crate::config::Loopback;
use crate::local_api::Status;
use crate::notice::NoticeStatus;
use crate::pin_policy::PinPolicy;
use crate::presence::SessionStatus;
use crate::prompt_text::days_until;

/// How long a card that was not read yet may take. The command waits little longer.
const READ_LIMIT: Duration = Duration::from_millis(1_500);

/// The agent's state for its own user. No person's name and no serial number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnStatus {
    #[serde(flatten)]
    pub(crate) standing: Standing,
    /// Whether pages can come by the port, and why, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loopback: Option<Loopback>,
    /// `strict` or `pharmacy`.
    pub(crate) pin_policy: String,
    /// The code that says why a PIN is asked each time although the policy would have it kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) no_pin_kept: Option<String>,
    /// `file` or `pkcs11`: where the key lives that tells this agent from every other.
    pub(crate) instance_key: String,
    /// Its thumbprint, by which an operator trusts this workstation.
    #[serde(default)]
    pub(crate) instance_thumbprint: String,
    /// Each card at hand.
    pub(crate) cards: Vec<CardStatus>,
    /// What issuers told of other uses of the person's card, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notices: Vec<NoticeStatus>,
}

/// What changes with the card, the screen and the sessions: the part that the tray icon draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    #[serde(flatten)]
    pub(crate) status: Status,
    /// Why the readers cannot be seen, as a code; absent while they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) readers_unavailable: Option<String>,
    /// Whether the screen is known to be locked or given to somebody else.
    #[serde(default)]
    pub(crate) screen_locked: bool,
    /// Each session that lasts: of this agent, and of the sign-in programs that it knows of.
    #[serde(default)]
    pub(crate) sessions: Vec<SessionStatus>,
}

/// One card at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardStatus {
    /// The reader that it is in.
    pub(crate) reader: String,
    /// The card's kind, once it was read.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// Days until its certificate expires, by this workstation's clock; negative when it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_days: Option<i64>,
}

impl OwnStatus {
    /// How the agent is now. A card that was not read yet is read, if its reader is free.
    pub(crate) async fn of(agent: &Agent) -> Self {
        let readers = agent.cards.watch().now();
        let sessions = agent.cards.sessions(&readers);
        let cards = sessions.iter().map(|session| CardStatus::of(session));
        Self {
            standing: Standing::of(agent),
            loopback: agent.loopback.lock().ok().and_then(|noted| *noted),
            pin_policy: agent.pin_policy.as_str().to_owned(),
            no_pin_kept: (agent.pin_policy != PinPolicy::Strict && !agent.screen.ends_kept_pins())
                .then(|| "agent.screen_lock_unwatched".to_owned()),
            instance_key: agent.instance_key.place().to_owned(),
            instance_thumbprint: agent.instance_key.public_jwk().thumbprint(),
            cards: futures_util::future::join_all(cards).await,
            notices: agent.notices.list(),
        }
    }
}

impl Standing {
    /// How things stand now. It asks no card anything.
    pub(crate) fn of(agent: &Agent) -> Self {
        Self {
            status: Status::of(agent),
            readers_unavailable: agent.cards.watch().now().trouble().map(str::to_owned),
            screen_locked: agent.screen.is_left(),
            sessions: agent.presence.list(),
        }
    }
}

impl CardStatus {
    async fn of(session: &CardSession) -> Self {
        let facts = tokio::time::timeout(READ_LIMIT, session.facts()).await;
        let facts = facts.ok().and_then(Result::ok);
        Self {
            reader: session.insertion().reader().to_owned(),
            kind: facts.map(|facts| match facts.certificate.holder().card_family {
                Some(family) => family.as_str().to_owned(),
                None => facts.name.clone(),
            }),
            expires_in_days: facts
                .map(|facts| days_until(facts.certificate.not_after(), workstation_seconds())),
        }
    }
}

impl std::fmt::Display for CardStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            reader,
            kind,
            expires_in_days,
        } = self;
        let kind = kind.as_deref().unwrap_or("not read");
        write!(formatter, "card in {reader}: {kind}")?;
        match expires_in_days {
            Some(-1) => write!(formatter, ", expired 1 day ago"),
            Some(days @ ..=-2) => write!(formatter, ", expired {} days ago", days.saturating_neg()),
            Some(0) => write!(formatter, ", EXPIRES WITHIN A DAY: ask for a new one"),
            Some(1) => write!(formatter, ", EXPIRES IN 1 DAY: ask for a new one"),
            Some(days @ 2..=30) => write!(formatter, ", EXPIRES IN {days} DAYS: ask for a new one"),
            Some(days) => write!(formatter, ", expires in {days} days"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_end_is_told_in_days() {
        let told = |expires_in_days| {
            let card = CardStatus {
                reader: "Reader A".to_owned(),
                kind: Some("CPS".to_owned()),
                expires_in_days,
            };
            card.to_string()
        };
        assert_eq!(
            told(Some(400)),
            "card in Reader A: CPS, expires in 400 days"
        );
        let near = told(Some(30));
        assert_eq!(
            near,
            "card in Reader A: CPS, EXPIRES IN 30 DAYS: ask for a new one"
        );
        assert_eq!(told(Some(-3)), "card in Reader A: CPS, expired 3 days ago");
        assert_eq!(told(None), "card in Reader A: CPS");
    }
}
