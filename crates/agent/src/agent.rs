//! The agent as a whole: what its parts share while it runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardea_assertion::DepartureReason;

use crate::Error;
use crate::blocked_sites::BlockedSites;
use crate::business_software::{BusinessSoftware, Cancellations};
use crate::card_access::CardAccess;
use crate::card_session::CardDesk;
use crate::config::{Config, Loopback};
use crate::enrolled_issuers::EnrolledIssuers;
use crate::instance_key::InstanceKey;
use crate::kept_pins::KeptPins;
use crate::language::Language;
use crate::notice::Notices;
use crate::pin_policy::PinPolicy;
use crate::pin_prompt::PinPrompt;
use crate::presence::PresenceSessions;
use crate::prompt_slot::PromptSlot;
use crate::rate_limit::RateLimit;
use crate::redeemed_challenges::RedeemedChallenges;
use crate::screen_lock::KnownScreen;
use crate::{protected_file, protected_program};

/// One running agent.
pub struct Agent {
    pub(crate) issuers: EnrolledIssuers,
    pub(crate) cards: CardDesk,
    pub(crate) prompt: Arc<dyn PinPrompt>,
    pub(crate) prompt_timeout: Duration,
    pub(crate) language: Language,
    pub(crate) instance_key: InstanceKey,
    pub(crate) presence: PresenceSessions,
    pub(crate) end_at_screen_lock: bool,
    /// Told by whoever follows the screen.
    pub(crate) screen: KnownScreen,
    pub(crate) rate_limit: RateLimit,
    pub(crate) blocked_sites: BlockedSites,
    pub(crate) pin_policy: PinPolicy,
    pub(crate) kept_pins: Arc<KeptPins>,
    /// Whether several users can log on to this machine.
    pub(crate) several_users: fn() -> bool,
    pub(crate) browser: PathBuf,
    /// Where this user's agent is reached: this one, or for a program of its own the other.
    pub(crate) socket: PathBuf,
    /// Whether pages can come by the port; told by whoever opens it.
    pub(crate) loopback: Mutex<Option<Loopback>>,
    pub(crate) prompt_slot: PromptSlot,
    pub(crate) notices: Notices,
    pub(crate) redeemed_challenges: RedeemedChallenges,
    pub(crate) business_software: BusinessSoftware,
    /// Sign-ins that all programs together may ask for in a minute.
    pub(crate) program_sign_ins_per_minute: u32,
    pub(crate) cancellations: Cancellations,
}

impl Agent {
    /// Prepares everything but the listening socket: state folder, instance key, readers.
    ///
    /// # Errors
    /// [`Error::StateUnusable`], [`Error::FileUnsafe`], [`Error::Card`], [`Error::Internal`].
    pub fn new(
        config: Config,
        cards: impl CardAccess,
        prompt: impl PinPrompt,
    ) -> Result<Arc<Self>, Error> {
        protected_file::prepare_private_folder(&config.state_dir)
            .map_err(config.blame("state_dir"))?;
        // One that is installed later is looked at when it is needed.
        protected_program::find(&config.browser).map_err(config.blame("browser"))?;
        let name = config.instance_name.clone();
        let instance_key = InstanceKey::open(&config.instance_key, &config.state_dir, name)
            .map_err(config.blame("instance_key"))?;
        let issuers =
            EnrolledIssuers::new(config.enrolments, config.file, config.state_dir.clone())?;
        Ok(Arc::new(Self {
            issuers,
            cards: CardDesk::open(Arc::new(cards))?,
            prompt: Arc::new(prompt),
            prompt_timeout: config.prompt_timeout,
            language: config.language,
            instance_key,
            presence: PresenceSessions::default(),
            end_at_screen_lock: config.end_at_screen_lock,
            screen: KnownScreen::new(config.keep_pin_without_screen_lock),
            rate_limit: RateLimit::new(config.requests_per_minute),
            blocked_sites: BlockedSites::new(&config.state_dir),
            pin_policy: config.pin_policy,
            kept_pins: Arc::default(),
            several_users: config.several_users,
            browser: config.browser,
            socket: config.socket,
            loopback: Mutex::default(),
            prompt_slot: PromptSlot::new(&config.state_dir),
            notices: Notices::default(),
            redeemed_challenges: RedeemedChallenges::default(),
            business_software: config.business_software,
            program_sign_ins_per_minute: config.requests_per_minute,
            cancellations: Cancellations::new(&config.state_dir),
        }))
    }

    /// Makes every card ask for its PIN again: the screen was locked, or the agent ends. Cards
    /// whose PIN another program verified keep that.
    pub async fn lock_cards(&self) {
        self.kept_pins.clear_all(self.cards.at_hand()).await;
    }

    /// Ends every session because its person wants it; how many there were. The cards ask for
    /// their PIN again. What begins afterwards is not touched.
    pub async fn end_sessions(&self, limit: Duration) -> usize {
        let sessions = self.presence.list().len();
        let departing = self.presence.depart(DepartureReason::PersonEnded, limit);
        let locking = tokio::time::timeout(limit, self.lock_cards());
        let ((), _) = tokio::join!(departing, locking);
        tracing::info!(sessions, "the person ended all sessions");
        sessions
    }

    /// Ends every session: departures are signed and told, keys wiped. For a stopping agent.
    pub async fn depart(&self, limit: Duration) {
        // First: nobody should type a PIN for an agent that ends.
        self.prompt.stop();
        let departing = self.presence.depart(DepartureReason::AgentStopped, limit);
        // A reader that another program holds must not keep a stopping agent.
        let locking = tokio::time::timeout(limit, self.lock_cards());
        let ((), _) = tokio::join!(departing, locking);
    }
}
