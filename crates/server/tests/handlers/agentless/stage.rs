//! The program with both of its listeners, and a card.

use std::fs;
use std::path::Path;

use cardea_test_pki::{CardProfile, CertificateSpec, IssuedCertificate, KeyKind};
use tempfile::TempDir;

use super::curl::{self, Answered, Key};
use crate::program::Program;
use crate::revocation_host::now;
use crate::test_app::{Changes, TestApp};

pub(super) const ISSUER: &str = "https://login.example.test";
pub(super) const CARD: &str = "https://card.example.test";

pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) card: IssuedCertificate,
    /// Where the listener that asks for certificates listens.
    pub(super) address: String,
    folder: TempDir,
    program: Program,
}

impl Stage {
    pub(super) async fn open() -> Self {
        Self::with_limits("per_address_and_minute = 600").await
    }

    pub(super) async fn with_limits(limits: &str) -> Self {
        Self::with(limits, "").await
    }

    /// `more` stands in `[agentless]`.
    pub(super) async fn with(limits: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Program::unused_address().await;
        // Made by the same tool, of no PKI that anything here trusts beyond curl.
        let servers = cardea_test_pki::TestPki::fast(now()).unwrap();
        let mut spec = CertificateSpec::tls_server("card.example.test", now());
        spec.key = KeyKind::P256;
        let server = servers.issue(&spec).unwrap();
        curl::write_certificate(folder.path(), "server", &server);
        curl::write_authorities(folder.path(), &servers);
        let files = folder.path().display();
        let tables = format!(
            "[limits]\n{limits}\n\
             [tls]\ncertificate = \"{files}/server.pem\"\nkey = \"{files}/server.key\"\n\
             [agentless]\nenabled = true\nlisten= \"{address}\"\nurl = \"{CARD}\"\n{more}\n[keys]"
        );
        let changes = Changes {
            issuer: Some(ISSUER),
            replace: vec![
                ("[keys]", tables),
                (
                    "client_id = \"portal\"",
                    "client_id = \"portal\"\nagentless = true".to_owned(),
                ),
            ],
        };
        let app = TestApp::start_with(changes).await;
        // The kernel may give the same address twice as long as nobody listens there.
        let main = loop {
            let main = Program::unused_address().await;
            if main != address {
                break main;
            }
        };
        let program = Program::start(app.folder(), &main).await;
        // As CPS cards have them.
        let issued = app.host.pki.issue_card(&CardProfile::pharmacist()).unwrap();
        let card = issued.authentication;
        app.host.know(&card);
        Self {
            app,
            card,
            address,
            folder,
            program,
        }
    }

    /// What the program has logged.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&self.program.log()).into_owned()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The card's key, in a token of SoftHSM2 that never gives it out again.
    pub(super) fn card_in_token(&self) -> Key {
        Key::in_token(self.folder(), &self.card)
    }

    /// The precise code that is on record for a login.
    pub(super) async fn refused_code(&self, id: &str) -> String {
        let events = self.app.events().await;
        let mut events = events.into_iter().rev();
        let refused = events.find(|event| {
            event.kind == "login.refused" && event.authorization_request_id.as_deref() == Some(id)
        });
        refused.unwrap().code.unwrap()
    }

    pub(super) async fn visit(&self, id: &str, key: Option<&Key>) -> Answered {
        self.get(&format!("/agentless/{id}"), key).await
    }

    pub(super) async fn get(&self, path: &str, key: Option<&Key>) -> Answered {
        self.curl(&[], path, key).await
    }

    pub(super) async fn answer(
        &self,
        id: &str,
        key: Option<&Key>,
        confirmation: &str,
        answer: &str,
    ) -> Answered {
        self.answer_from(id, key, CARD, confirmation, answer).await
    }

    pub(super) async fn answer_from(
        &self,
        id: &str,
        key: Option<&Key>,
        origin: &str,
        confirmation: &str,
        answer: &str,
    ) -> Answered {
        let origin = format!("Origin: {origin}");
        let form = format!("confirmation={confirmation}&answer={answer}");
        let arguments = ["--header", &origin, "--data", &form];
        self.curl(&arguments, &format!("/agentless/{id}"), key)
            .await
    }

    pub(super) async fn curl(&self, arguments: &[&str], path: &str, key: Option<&Key>) -> Answered {
        let mut all: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
        all.push("--connect-to".to_owned());
        all.push(format!("card.example.test:443:{}", self.address));
        all.push("--cacert".to_owned());
        all.push(self.folder().join("authorities.pem").display().to_string());
        all.push(format!("{CARD}{path}"));
        curl::run(self.folder(), all, key).await
    }
}

pub(super) fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file.display().to_string()
}
