//! What a browser and a portal ask of the server in one login, and how long they wait for it.

use std::time::{Duration, Instant};

use cardea_jose::{random_base64url, sha256_base64url};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;

use crate::Failure;
use crate::program::{CLIENT_ID, CLIENT_SECRET, Program, REDIRECT_URI};
use crate::workstation::{Answer, PresenceConnection, Workstation};

/// A browser and a portal on kept connections.
pub(crate) struct Visitors<'a> {
    program: &'a Program,
    http: Client,
}

/// A session with its card in the reader.
pub(crate) struct SignedIn {
    pub(crate) answer: Answer,
    pub(crate) connection: PresenceConnection,
    pub(crate) tokens: Value,
    /// How long somebody waited for the server.
    pub(crate) waited: Duration,
}

/// A login page in the browser.
struct Page {
    id: String,
    cookie: String,
}

impl<'a> Visitors<'a> {
    pub(crate) fn new(program: &'a Program) -> Result<Self, Failure> {
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { program, http })
    }

    /// A whole login, and the card pulled. The time is that in which somebody waited for the
    /// server; what card and agent compute meanwhile is not in it.
    pub(crate) async fn log_in(&self, workstation: &Workstation) -> Result<Duration, Failure> {
        let signed_in = self.sign_in(workstation).await?;
        let begun = Instant::now();
        self.read_claims(&signed_in.tokens).await?;
        let waited = signed_in.waited + begun.elapsed();
        signed_in.connection.depart(&signed_in.answer).await?;
        Ok(waited)
    }

    /// A login up to the tokens. The card stays in the reader.
    pub(crate) async fn sign_in(&self, workstation: &Workstation) -> Result<SignedIn, Failure> {
        let verifier = random_base64url(32)?;
        let begun = Instant::now();
        let page = self.open_page(&verifier).await?;
        let challenge = self.challenge(&page).await?;
        let mut waited = begun.elapsed();

        let answer = workstation.answer(&challenge)?;

        let begun = Instant::now();
        let mut connection = PresenceConnection::open(&self.program.issuer).await?;
        let (code, proven) = tokio::join!(
            self.post_assertion(&page, &answer),
            connection.prove(&answer)
        );
        proven?;
        let tokens = self.collect(&code?, &verifier).await?;
        waited += begun.elapsed();
        Ok(SignedIn {
            answer,
            connection,
            tokens,
            waited,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.program.issuer)
    }

    async fn open_page(&self, verifier: &str) -> Result<Page, Failure> {
        let (nonce, challenge) = (random_base64url(16)?, sha256_base64url(verifier.as_bytes()));
        let parameters = [
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", "openid profile professional"),
            ("state", "an invented state of the portal"),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let asked = self.http.get(self.url("/authorize")).query(&parameters);
        let answer = asked.send().await?;
        let location = header(&answer, "location")?;
        let cookie = header(&answer, "set-cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = self.http.get(self.url(&location)).header("Cookie", &cookie);
        expect_success(page).await?.bytes().await?;
        let path = location.split('?').next().unwrap_or_default();
        let id = path.trim_start_matches("/login/").to_owned();
        Ok(Page { id, cookie })
    }

    async fn challenge(&self, page: &Page) -> Result<String, Failure> {
        let answer = self.post_from(page, "challenge", &json!({})).await?;
        text(&answer, "challenge")
    }

    /// Gives the code that the portal gets.
    async fn post_assertion(&self, page: &Page, answer: &Answer) -> Result<String, Failure> {
        let answer = self.post_from(page, "assertion", &answer.body).await?;
        let location = Url::parse(&text(&answer, "redirect_to")?)?;
        let code = location.query_pairs().find(|(name, _)| name == "code");
        Ok(code.ok_or("no code in the redirect")?.1.into_owned())
    }

    async fn post_from(&self, page: &Page, what: &str, body: &Value) -> Result<Value, Failure> {
        let request = self
            .http
            .post(self.url(&format!("/login/{}/{what}", page.id)))
            .header("Origin", &self.program.issuer)
            .header("Cookie", &page.cookie)
            .json(body);
        Ok(expect_success(request).await?.json().await?)
    }

    /// Gives the token response.
    async fn collect(&self, code: &str, verifier: &str) -> Result<Value, Failure> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", verifier),
        ];
        let request = self.http.post(self.url("/token")).form(&form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        Ok(expect_success(request).await?.json().await?)
    }

    async fn read_claims(&self, tokens: &Value) -> Result<(), Failure> {
        let request = self.http.get(self.url("/userinfo"));
        let request = request.bearer_auth(text(tokens, "access_token")?);
        let claims: Value = expect_success(request).await?.json().await?;
        text(&claims, "family_name").map(|_| ())
    }
}

async fn expect_success(request: RequestBuilder) -> Result<Response, Failure> {
    let answer = request.send().await?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    Err(format!("{url} answered {status}: {}", answer.text().await?).into())
}

fn header(answer: &Response, name: &str) -> Result<String, Failure> {
    let value = answer.headers().get(name);
    let value = value.ok_or_else(|| format!("no {name} in an answer {}", answer.status()))?;
    Ok(value.to_str()?.to_owned())
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let found = value.get(member).and_then(Value::as_str);
    Ok(found
        .ok_or_else(|| format!("no {member} in {value}"))?
        .to_owned())
}
