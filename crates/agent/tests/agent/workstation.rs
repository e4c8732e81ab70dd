//! A workstation: an agent enrolled with one issuer, its readers, and the person as a script.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cardea_agent::config::{Config, Environment};
use cardea_agent::peer_check::{self, PeerOwner};
use cardea_agent::pin_policy::PinPolicy;
use cardea_agent::{Agent, CardAccess, LocalApi, Pinentry};

use crate::issuer::Issuer;
use crate::page::Page;
use crate::readers::Readers;

/// A running agent.
pub(crate) struct Workstation {
    pub(crate) agent: Arc<Agent>,
    pub(crate) address: SocketAddr,
    pub(crate) issuer: Issuer,
    pub(crate) person: Person,
    pub(crate) folder: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

/// What differs from the usual workstation.
pub(crate) struct Setup {
    pub(crate) language: &'static str,
    pub(crate) requests_per_minute: u32,
    pub(crate) peers: Box<dyn PeerOwner>,
    pub(crate) pin_policy: PinPolicy,
    /// Whether a PIN is kept although nobody follows the screen's lock.
    pub(crate) keep_pin_without_screen_lock: bool,
    /// Whether several users can log on to the workstation.
    pub(crate) several_users: fn() -> bool,
    /// What opens the agent's own page, found in the workstation's folder.
    pub(crate) browser: &'static str,
    /// More keys of the configuration file's top level.
    pub(crate) before: String,
    /// More of the configuration file; `ISSUER` stands for the issuer's address.
    pub(crate) more: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            language: "fr",
            requests_per_minute: 600,
            peers: peer_check::of_this_platform(),
            pin_policy: PinPolicy::Strict,
            keep_pin_without_screen_lock: false,
            several_users: || false,
            browser: "no-browser",
            before: String::new(),
            more: String::new(),
        }
    }
}

impl Workstation {
    /// With a person who answers prompts as scripted; see `tests/pinentry.sh`.
    pub(crate) async fn start(readers: &Readers, answers: &[&str]) -> Self {
        Self::start_with(readers, answers, Setup::default()).await
    }

    pub(crate) async fn start_with(
        readers: &(impl CardAccess + Clone),
        answers: &[&str],
        setup: Setup,
    ) -> Self {
        Self::start_on(readers.clone(), answers, setup).await
    }

    /// On cards of any kind.
    pub(crate) async fn start_on(cards: impl CardAccess, answers: &[&str], setup: Setup) -> Self {
        let issuer = Issuer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let person = Person::new(folder.path(), answers);
        let path = folder.path().join("agent.toml");
        let text = format!(
            "port = 0\nlanguage = \"{}\"\npinentry = \"./pinentry\"\nstate_dir = \"state\"\n\
             requests_per_minute = {}\n{}\n{}\n{}",
            setup.language,
            setup.requests_per_minute,
            setup.before,
            enrolment(&issuer),
            setup.more.replace("ISSUER", &issuer.url)
        );
        std::fs::write(&path, &text).unwrap();
        let mut config = Config::parse(&text, &path, &Environment::default()).unwrap();
        config.pin_policy = setup.pin_policy;
        config.keep_pin_without_screen_lock = setup.keep_pin_without_screen_lock;
        config.several_users = setup.several_users;
        config.browser = folder.path().join(setup.browser);
        let api = LocalApi::bind(config.port).await.unwrap();
        let address = api.address();
        let prompt = Pinentry::new(config.pinentry.clone(), config.language);
        let agent = Agent::new(config, cards, prompt).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = api.serve(Arc::clone(&agent), setup.peers, async {
            let _ = stopped.await;
        });
        tokio::spawn(serving);
        Self {
            agent,
            address,
            issuer,
            person,
            folder,
            stop: Some(stop),
        }
    }

    /// The configuration file, for the programs beside the agent.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    /// The issuer's login page.
    pub(crate) fn page(&self) -> Page {
        self.page_of(&self.issuer.url)
    }

    pub(crate) fn page_of(&self, origin: &str) -> Page {
        Page {
            agent: self.address,
            origin: origin.to_owned(),
        }
    }

    /// Stops the agent as a signal would.
    pub(crate) async fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.agent.depart(Duration::from_secs(3)).await;
    }
}

/// An `[[issuer]]` table.
pub(crate) fn enrolment(issuer: &Issuer) -> String {
    let jwk = serde_json::to_value(issuer.root.public_jwk()).unwrap();
    format!(
        "[[issuer]]\nissuer = \"{}\"\nname = \"Émetteur de test\"\n\
         roots = [ {{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }} ]\n",
        issuer.url, jwk["x"], jwk["y"]
    )
}

/// The person in front of the workstation.
pub(crate) struct Person {
    folder: PathBuf,
}

impl Person {
    pub(crate) fn new(folder: &Path, answers: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pinentry.sh");
        std::os::unix::fs::symlink(script, folder.join("pinentry")).unwrap();
        let person = Self {
            folder: folder.to_owned(),
        };
        person.will_answer(answers);
        person
    }

    /// Answers to the next prompts.
    pub(crate) fn will_answer(&self, answers: &[&str]) {
        let _ = std::fs::remove_file(self.folder.join("asked"));
        std::fs::write(
            self.folder.join("answers"),
            format!("{}\n", answers.join("\n")),
        )
        .unwrap();
    }

    /// Lets a prompt that waits with `when told` be answered.
    pub(crate) fn goes_on(&self) {
        std::fs::write(self.folder.join("told"), "").unwrap();
    }

    /// Every line that the prompt program was told.
    pub(crate) fn was_told(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// How often a question was asked.
    pub(crate) fn was_asked(&self, command: &str) -> usize {
        self.was_told()
            .iter()
            .filter(|line| line.starts_with(command))
            .count()
    }

    /// Waits until a question is on the screen.
    pub(crate) async fn is_asked(&self, command: &str) {
        while self.was_asked(command) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether some line told to the prompt program contains this.
    pub(crate) fn saw(&self, text: &str) -> bool {
        self.was_told().iter().any(|line| line.contains(text))
    }
}
