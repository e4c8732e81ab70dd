//! An agent with one enrolled issuer, a person who has typed the PIN already, and a login page.

use std::net::SocketAddr;
use std::time::Duration;

use cardea_agent::config::{Config, Environment};
use cardea_agent::{
    Agent, Choice, Confirmation, Error, LocalApi, PinPrompt, PinQuestion, peer_check,
};
use cardea_card::Pin;
use cardea_virtual_card::DEFAULT_PIN;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;
use crate::desk::Desk;
use crate::issuer::Issuer;

pub(crate) struct Workstation {
    agent: SocketAddr,
    issuer: Issuer,
    _folder: tempfile::TempDir,
}

impl Workstation {
    pub(crate) async fn start(desk: &Desk) -> Result<Self, Failure> {
        let issuer = Issuer::start().await?;
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

    /// Asks for an assertion as the issuer's login page does, and reads until it is there.
    pub(crate) async fn sign_in(&self, challenge: &str) -> Result<(), Failure> {
        let body = json!({ "challenge": challenge }).to_string();
        let request = format!(
            "POST /v1/assertion HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.agent,
            self.issuer.url,
            body.len()
        );
        let mut stream = TcpStream::connect(self.agent).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer)?;
        let last = answer.lines().rfind(|line| line.starts_with('{'));
        let last: Value = serde_json::from_str(last.ok_or("the agent answered nothing")?)?;
        match last.get("type").and_then(Value::as_str) {
            Some("assertion") => Ok(()),
            _ => Err(format!("the agent did not sign: {last}").into()),
        }
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
