//! A browser: cookies, redirects, and the login page's steps when a login page comes.

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Response, header};
use url::Url;

use super::request::members_at;
use super::response::Answer;
use super::{Suite, SuiteRequest};
use crate::page_script::PageScript;

/// More than any way through the server has.
const STEPS_MAX: u32 = 8;

/// One browser.
#[derive(Clone, Debug)]
pub struct UserAgent {
    http: Client,
}

/// Where the browser came to.
#[derive(Clone, Debug)]
pub struct Visit {
    asked: bool,
    landing: Landing,
}

/// The end of a way.
#[derive(Clone, Debug)]
pub enum Landing {
    /// An address of a client.
    Client(Url),
    /// A page of the server.
    Page(Page),
}

/// A page of the server.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// Its HTML.
    pub text: String,
}

impl Visit {
    /// Whether a login page asked for the card.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked
    }

    /// Where it ended.
    #[must_use]
    pub fn landing(&self) -> &Landing {
        &self.landing
    }

    /// The address of a client that it ended at.
    ///
    /// # Errors
    /// When it ended at a page of the server.
    pub fn client(&self) -> Result<&Url> {
        match &self.landing {
            Landing::Client(address) => Ok(address),
            Landing::Page(page) => bail!("a page of our own: {} {}", page.status, page.text),
        }
    }

    /// The page of the server that it ended at.
    ///
    /// # Errors
    /// When it ended at a client.
    pub fn page(&self) -> Result<&Page> {
        match &self.landing {
            Landing::Page(page) => Ok(page),
            Landing::Client(address) => bail!("the browser was sent to {address}"),
        }
    }

    /// The state that a browser brought back from a logout, with nothing beside it.
    ///
    /// # Errors
    /// When it did not come to this address, or with more than a state.
    pub fn state_at(&self, registered: &str) -> Result<Option<String>> {
        let address = self.client()?;
        let mut members = members_at(address, registered)?;
        let state = members.remove("state");
        ensure!(members.is_empty(), "unexpected in {address}");
        Ok(state)
    }
}

impl UserAgent {
    pub(super) fn new(http: Client) -> Self {
        Self { http }
    }

    /// The client with this browser's cookies.
    #[must_use]
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// Sends an authorization request by GET, and goes where it leads.
    ///
    /// # Errors
    /// When a step on the way is refused.
    pub async fn authorize(&self, suite: &Suite, request: &SuiteRequest) -> Result<Visit> {
        let endpoint = suite.endpoint("authorization_endpoint")?;
        let address = Url::parse_with_params(endpoint, request.parameters())?;
        self.visit(suite, address).await
    }

    /// Sends an authorization request by POST, from a page of the client's.
    ///
    /// # Errors
    /// When a step on the way is refused.
    pub async fn authorize_by_post(&self, suite: &Suite, request: &SuiteRequest) -> Result<Visit> {
        let endpoint = suite.endpoint("authorization_endpoint")?;
        let client = Url::parse(request.client().redirect_uri)?;
        let origin = client.origin().ascii_serialization();
        let post = self.http.post(endpoint).header(header::ORIGIN, origin);
        let post = post.header("sec-fetch-site", "cross-site");
        let answer = post.form(request.parameters()).send().await?;
        self.follow(suite, answer).await
    }

    /// Asks for a logout, and goes where it leads.
    ///
    /// # Errors
    /// When a step on the way is refused.
    pub async fn log_out(&self, suite: &Suite, parameters: &[(&str, &str)]) -> Result<Visit> {
        let mut address = Url::parse(suite.endpoint("end_session_endpoint")?)?;
        if !parameters.is_empty() {
            address.query_pairs_mut().extend_pairs(parameters);
        }
        self.visit(suite, address).await
    }

    /// Presses the button of the page that asks whether to sign out.
    ///
    /// # Errors
    /// When a step on the way is refused.
    pub async fn confirm_logout(&self, suite: &Suite) -> Result<Visit> {
        let post = self.http.post(suite.endpoint("end_session_endpoint")?);
        let post = post.header(header::ORIGIN, suite.endpoint("issuer")?);
        let answer = post.form(&[("confirmed", "yes")]).send().await?;
        self.follow(suite, answer).await
    }

    /// What userinfo says to an access token in a header.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn userinfo(&self, suite: &Suite, access_token: &str) -> Result<Answer> {
        let get = self.http.get(suite.endpoint("userinfo_endpoint")?);
        Answer::read(get.bearer_auth(access_token).send().await?).await
    }

    /// The status and the challenge with which userinfo refuses an access token.
    ///
    /// # Errors
    /// When it does not answer, or without a challenge.
    pub async fn userinfo_refusal(
        &self,
        suite: &Suite,
        access_token: &str,
    ) -> Result<(u16, String)> {
        let get = self.http.get(suite.endpoint("userinfo_endpoint")?);
        let answer = get.bearer_auth(access_token).send().await?;
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.context("no challenge")?.to_str()?;
        Ok((answer.status().as_u16(), challenge.to_owned()))
    }

    async fn visit(&self, suite: &Suite, address: Url) -> Result<Visit> {
        let answer = self.http.get(address).send().await?;
        self.follow(suite, answer).await
    }

    /// Follows redirects as far as they stay with the server, and signs in where that is asked.
    async fn follow(&self, suite: &Suite, mut answer: Response) -> Result<Visit> {
        let issuer = Url::parse(suite.endpoint("issuer")?)?;
        let mut asked = false;
        for _ in 0..STEPS_MAX {
            let here = answer.url().clone();
            let status = answer.status();
            let target = if status.is_redirection() {
                location(&answer, &here)?
            } else if status.is_success() && here.path().starts_with("/login/") {
                ensure!(!asked, "a second login page at {here}");
                asked = true;
                let page = PageScript::at(suite.system(), self.http.clone(), here);
                page.sign_in(suite.system()).await?
            } else {
                return read_page(answer, asked).await;
            };
            if target.origin() != issuer.origin() {
                let landing = Landing::Client(target);
                return Ok(Visit { asked, landing });
            }
            answer = self.http.get(target).send().await?;
        }
        bail!("more redirects than {STEPS_MAX}")
    }
}

/// A redirect that keeps neither the request nor its body (RFC 9700 section 4.12).
fn location(answer: &Response, here: &Url) -> Result<Url> {
    ensure!(answer.status() == 303, "{} at {here}", answer.status());
    let target = answer.headers().get(header::LOCATION);
    let target = target.context("a redirect to nowhere")?.to_str()?;
    Ok(here.join(target)?)
}

async fn read_page(answer: Response, asked: bool) -> Result<Visit> {
    let status = answer.status().as_u16();
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    ensure!(is_page, "{status} with {kind:?} is no page");
    let text = answer.text().await?;
    let landing = Landing::Page(Page { status, text });
    Ok(Visit { asked, landing })
}
