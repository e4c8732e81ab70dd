//! An agent with one enrolled issuer, a person who has typed the PIN already, and a login page.

use std::net::SocketAddr;
use std::time::Duration;

use cardea_agent::config::{Config, Environment};
use cardea_agent::{
    Agent, Choice, Confirmation, Error, LocalApi, PinPrompt, PinQuestion, peer_check,
};
use cardea_card::Pin;
use cardea_virtual_card::DEFAULT_PIN;

use crate::Failure;
use crate::desk::Desk;
use crate::issuer::Issuer;
use crate::login_page;

pub(crate) struct Workstation {
    agent: SocketAddr,
    issuer: Issuer,
    _folder: tempfile::TempDir,
}

impl Workstation {
    pub(crate) async fn start(desk: &Desk) -> Result<Self, Failure> {
        let issuer = Issuer::start(Duration::ZERO).await?;
        let folder = tempfile::tempdir()?;
        let text = format!(
            "port = 0\nlanguage = \"fr\"\nstate_dir = \"state\"\nrequests_per_minute = 600\n{}",
            issuer.enrolment()?
        );
        let file = folder.path().join("agent.toml");
        let config = Config::parse(&text, &file, &Environment::default())?;
        let api = LocalApi::bind(config.port).await?;
        let address = api.address();
        let agent = Agent::new(config, desk.access(), QuickPerson)?;
        let serving = api.serve(
            agent,
            peer_check::of_this_platform(),
            std::future::pending(),
        );
        tokio::spawn(serving);
        Ok(Self {
            agent: address,
            issuer,
            _folder: folder,
        })
    }

    pub(crate) fn challenge(&self) -> Result<String, Failure> {
        self.issuer.challenge()
    }

    /// Asks for an assertion, and waits until it is there.
    pub(crate) async fn sign_in(&self, challenge: &str) -> Result<(), Failure> {
        login_page::sign_in(self.agent, &self.issuer.url, challenge).await
    }
}

/// Types the PIN in no time: what is left is the machine's share.
struct QuickPerson;

impl PinPrompt for QuickPerson {
    fn ask_pin(&self, _: &PinQuestion) -> Result<Pin, Error> {
        Ok(Pin::parse(DEFAULT_PIN)?)
    }

    fn confirm(&self, _: &Confirmation) -> Result<Choice, Error> {
        Ok(Choice::GiveUp)
    }

    fn tell(&self, _: &str, _: Duration) -> Result<(), Error> {
        Ok(())
    }

    fn wait_for_giving_up(&self, _: &str, limit: Duration) -> Result<(), Error> {
        std::thread::sleep(limit);
        Ok(())
    }
}
