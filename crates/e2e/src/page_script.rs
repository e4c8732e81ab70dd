//! What the login page's script does, without a browser, so that each step can be done wrongly.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use cardea_xtask::system::System;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, header};
use serde_json::{Value, json};
use url::Url;

use crate::authorization::AuthorizationRequest;

/// A browser's cookies and one login page.
pub struct PageScript {
    http: Client,
    page: Url,
    origin: String,
}

/// What the card and the agent signed.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The card's assertion.
    pub assertion: String,
    /// The agent's countersignature.
    pub attestation: String,
}

impl PageScript {
    /// A client without cookies of anybody, which follows no redirects.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn http() -> Result<Client> {
        let client = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .timeout(Duration::from_secs(60))
            .no_proxy();
        Ok(client.build()?)
    }

    /// Follows an authorization request to its login page.
    ///
    /// # Errors
    /// When there is no login page, which is what a refused request gives.
    pub async fn open(system: &System, request: &AuthorizationRequest) -> Result<Self> {
        let http = Self::http()?;
        let address = request.address(system)?;
        let answer = http.get(address.clone()).send().await?;
        let page = location(&answer)
            .and_then(|target| address.join(&target).ok())
            .with_context(|| format!("no login page: {}", answer.status()))?;
        if !page.path().starts_with("/login/") {
            bail!("the request was refused: {page}");
        }
        Ok(Self {
            http,
            page,
            origin: system.addresses().issuer(),
        })
    }

    /// The login page at `page`, in a browser that has come there by itself.
    #[must_use]
    pub fn at(system: &System, http: Client, page: Url) -> Self {
        let origin = system.addresses().issuer();
        Self { http, page, origin }
    }

    /// Another browser with the same login page open: it has none of this one's cookies.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn in_another_browser(&self) -> Result<Self> {
        let (page, origin) = (self.page.clone(), self.origin.clone());
        Ok(Self {
            http: Self::http()?,
            page,
            origin,
        })
    }

    /// Asks for a challenge.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn challenge(&self) -> Result<String> {
        let answer = self.post("challenge", &json!({})).await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        let challenge = body
            .get("challenge")
            .and_then(Value::as_str)
            .map(str::to_owned);
        challenge.with_context(|| format!("no challenge: {status} {body}"))
    }

    /// Posts to an endpoint of the login page.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn post(&self, endpoint: &str, body: &Value) -> Result<Response> {
        let mut address = self.page.clone();
        address.set_query(None);
        address.set_path(&format!("{}/{endpoint}", self.page.path()));
        let request = self.http.post(address).header(header::ORIGIN, &self.origin);
        Ok(request
            .header("sec-fetch-site", "same-origin")
            .json(body)
            .send()
            .await?)
    }

    /// Posts what was signed.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn post_signed(&self, signed: &Signed) -> Result<Response> {
        let Signed {
            assertion,
            attestation,
        } = signed;
        self.post(
            "assertion",
            &json!({"assertion": assertion, "attestation": attestation}),
        )
        .await
    }

    /// Lets the agent sign, and gives the last line of its answer.
    ///
    /// # Errors
    /// When the agent does not answer with lines.
    pub async fn ask_agent(&self, system: &System, challenge: &str) -> Result<Value> {
        let address = format!("{}/v1/assertion", system.addresses().agent_url());
        let request = self.http.post(address).header(header::ORIGIN, &self.origin);
        let answer = request
            .json(&json!({ "challenge": challenge }))
            .send()
            .await?;
        let text = answer.text().await?;
        let line = text
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or_default();
        serde_json::from_str(line).with_context(|| format!("the agent said {text}"))
    }

    /// Lets the agent sign.
    ///
    /// # Errors
    /// When the agent refuses.
    pub async fn sign(&self, system: &System, challenge: &str) -> Result<Signed> {
        let last = self.ask_agent(system, challenge).await?;
        let text = |name: &str| last.get(name).and_then(Value::as_str).map(str::to_owned);
        match (text("assertion"), text("attestation")) {
            (Some(assertion), Some(attestation)) => Ok(Signed {
                assertion,
                attestation,
            }),
            _ => bail!("the agent did not sign: {last}"),
        }
    }

    /// Does the whole login and gives the code.
    ///
    /// # Errors
    /// The first step that is refused.
    pub async fn code(&self, system: &System) -> Result<String> {
        let target = self.sign_in(system).await?;
        self.code_at(target.as_str()).await
    }

    /// Does the whole login, and gives where the server sends the browser then.
    ///
    /// # Errors
    /// The first step that is refused.
    pub async fn sign_in(&self, system: &System) -> Result<Url> {
        let signed = self.sign(system, &self.challenge().await?).await?;
        let answer = self.post_signed(&signed).await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        let target = body.get("redirect_to").and_then(Value::as_str);
        let target = target.with_context(|| format!("refused: {status} {body}"))?;
        Ok(self.page.join(target)?)
    }

    /// The code that the server's word after a login leads to.
    ///
    /// # Errors
    /// When it leads to none.
    pub async fn code_at(&self, target: &str) -> Result<String> {
        let mut address = self.page.join(target)?;
        if address.path() != "/callback" {
            let answer = self.http.get(address.clone()).send().await?;
            address = address.join(&location(&answer).context("no redirect to the client")?)?;
        }
        let code = address.query_pairs().find(|(name, _)| name == "code");
        code.map(|(_, code)| code.into_owned())
            .with_context(|| format!("no code in {address}"))
    }

    /// The client with this browser's cookies.
    pub fn client(&self) -> &Client {
        &self.http
    }
}

fn location(answer: &Response) -> Option<String> {
    answer
        .headers()
        .get(header::LOCATION)?
        .to_str()
        .ok()
        .map(str::to_owned)
}
