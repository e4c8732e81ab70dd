//! Whole logins whose requests may fail on the way, and those who are logged in by them.

use cardea_test_pki::{CardProfile, KeyKind, PersonIdentifier};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::card::Card;
use crate::relying_party::{Login, Request, parameter};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, TestApp, header};

/// Somebody who is logged in, with an agent that comes back by itself.
pub(crate) struct LoggedIn {
    pub(crate) card: Card,
    pub(crate) agent: Agent,
    pub(crate) tokens: Value,
}

/// A request that got no answer of a server, and which.
#[derive(Debug)]
pub(crate) struct Cut(pub(crate) String);

/// A person of her own for each number.
pub(crate) fn card_of(app: &TestApp, number: usize) -> Card {
    let profile = CardProfile::pharmacist()
        .with_key(KeyKind::P256)
        .with_identifier(PersonIdentifier::Rpps(format!("1{number:010}")));
    Card::new(app, &profile)
}

/// Begins at the portal and ends there, by one browser and one agent.
pub(crate) async fn log_in(app: &TestApp, card: Card) -> Result<LoggedIn, Cut> {
    let request = Request::new();
    let begin = app.get("/authorize").query(&request.parameters);
    let response = answered(begin, 303, "the login's begin").await?;
    let (location, cookie) = (
        header(&response, "location"),
        header(&response, "set-cookie"),
    );
    let id = location.trim_start_matches("/login/").split('?').next();
    let login = Login {
        id: id.unwrap().to_owned(),
        cookie: cookie.split(';').next().unwrap().to_owned(),
    };
    let path = login.path("/challenge");
    let ask = app.post_json(&path, &login.cookie, &json!({}));
    let challenge = read(answered(ask, 200, "the challenge").await?).await?;
    let body = card.answer(app, challenge["challenge"].as_str().unwrap());
    let agent = Agent::start(app, &card);
    let path = login.path("/assertion");
    let post = app.post_json(&path, &login.cookie, &body);
    let done = read(answered(post, 200, "the assertion").await?).await?;
    let code = parameter(done["redirect_to"].as_str().unwrap(), "code").unwrap();
    let redeem = app.post("/token").form(&request.token_form(&code));
    let redeem = redeem.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let tokens = read(answered(redeem, 200, "the code").await?).await?;
    Ok(LoggedIn {
        card,
        agent,
        tokens,
    })
}

/// A refusal is no cut: it fails the test.
async fn answered(request: RequestBuilder, status: u16, what: &str) -> Result<Response, Cut> {
    match request.send().await {
        Ok(response) if response.status() == status => Ok(response),
        Ok(response) if matches!(response.status().as_u16(), 502..=504) => {
            let status = response.status().as_u16();
            let text = response.text().await.unwrap_or_default();
            Err(Cut(format!("{what}: {status} {text}")))
        }
        Ok(response) => panic!(
            "{what}: {} {}",
            response.status(),
            response.text().await.unwrap_or_default()
        ),
        Err(error) => Err(Cut(format!("{what}: {error:?}"))),
    }
}

async fn read(response: Response) -> Result<Value, Cut> {
    let answer = response.json().await;
    answer.map_err(|error| Cut(format!("an answer's body: {error:?}")))
}

impl LoggedIn {
    /// What the portal is told of the access token.
    pub(crate) async fn userinfo(&self, app: &TestApp) -> u16 {
        let token = self.tokens["access_token"].as_str().unwrap();
        let response = app.get("/userinfo").bearer_auth(token).send().await;
        response.unwrap().status().as_u16()
    }

    /// The portal goes on with her: it refreshes, and asks with what it gets.
    pub(crate) async fn stays_in(&mut self, app: &TestApp) -> Result<(), String> {
        let token = self.tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let request = app.post("/token").form(&form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        let response = request.send().await.unwrap();
        if response.status() != 200 {
            return Err(response.text().await.unwrap());
        }
        self.tokens = response.json().await.unwrap();
        match self.userinfo(app).await {
            200 => Ok(()),
            status => Err(format!("userinfo: {status}")),
        }
    }
}
