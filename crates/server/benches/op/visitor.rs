//! One browser, one portal and one card: what they ask of a provider.

use std::rc::Rc;

use cardea_jose::{SigningKey, random_base64url, sha256_base64url};
use serde_json::{Value, json};

use crate::Failure;
use crate::client::{CLIENT_ID, Client, REDIRECT_URI, RESOURCE};
use crate::http::{Answer, Http};
use crate::site::{Kind, Site};
use crate::workstation::{PresenceConnection, Workstation};

const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Visitor {
    site: Rc<Site>,
    client: Rc<Client>,
    workstation: Rc<Workstation>,
    browser: Http,
    portal: Http,
    proof_key: SigningKey,
    access_token: String,
    refresh_token: String,
}

/// A login up to its code.
pub(crate) struct Code {
    pub(crate) code: String,
    pub(crate) verifier: String,
    /// The agent's connection, and what it answers with.
    pub(crate) agent: Option<(PresenceConnection, crate::workstation::Answer)>,
}

impl Visitor {
    pub(crate) fn new(
        site: &Rc<Site>,
        client: &Rc<Client>,
        workstation: &Rc<Workstation>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            site: Rc::clone(site),
            client: Rc::clone(client),
            workstation: Rc::clone(workstation),
            browser: Http::new(site.address),
            portal: Http::new(site.address),
            proof_key: Client::new_proof_key()?,
            access_token: String::new(),
            refresh_token: String::new(),
        })
    }

    /// A whole login; the agent's connection is the caller's.
    pub(crate) async fn log_in(&mut self, for_api: bool) -> Result<Code, Failure> {
        let mut code = self.get_code(for_api).await?;
        self.redeem(&mut code, for_api).await?;
        Ok(code)
    }

    pub(crate) async fn get_code(&mut self, for_api: bool) -> Result<Code, Failure> {
        let verifier = random_base64url(32)?;
        let mut path = format!(
            "response_type=code&client_id={CLIENT_ID}&scope=openid%20profile%20read\
             &redirect_uri=https%3A%2F%2Fportal.example.test%2Fcallback&state=an-invented-state\
             &nonce={}&code_challenge={}&code_challenge_method=S256",
            random_base64url(16)?,
            sha256_base64url(verifier.as_bytes()),
        );
        if for_api {
            path.push_str("&resource=https%3A%2F%2Fapi.example.test");
        }
        let (code, agent) = match self.site.kind {
            Kind::Peer => (self.code_of_peer(&format!("/auth?{path}")).await?, None),
            _ => {
                let (code, agent) = self.code_by_card(&format!("/authorize?{path}")).await?;
                (code, Some(agent))
            }
        };
        Ok(Code {
            code,
            verifier,
            agent,
        })
    }

    async fn code_of_peer(&mut self, path: &str) -> Result<String, Failure> {
        let mut cookies: Vec<(String, String)> = Vec::new();
        let mut path = path.to_owned();
        for _ in 0..5 {
            let sent: Vec<_> = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let header = format!("Cookie: {}\r\n", sent.join("; "));
            let header = if sent.is_empty() { "" } else { &header };
            let answer = self.browser.get(&path, header).await?.expect(303)?;
            for cookie in answer.headers("set-cookie") {
                let pair = cookie.split(';').next().unwrap_or_default();
                let (name, value) = pair.split_once('=').ok_or("no cookie")?;
                cookies.retain(|(known, _)| known != name);
                if !value.is_empty() {
                    cookies.push((name.to_owned(), value.to_owned()));
                }
            }
            let location = answer.header("location").ok_or("no location")?;
            if location.starts_with(REDIRECT_URI) {
                return code_in(location);
            }
            path = location
                .strip_prefix(&self.site.issuer)
                .unwrap_or(location)
                .to_owned();
        }
        Err("no code after five redirects".into())
    }

    async fn code_by_card(
        &mut self,
        path: &str,
    ) -> Result<(String, (PresenceConnection, crate::workstation::Answer)), Failure> {
        let answer = self.browser.get(path, "").await?;
        let location = answer.header("location").ok_or("no location")?.to_owned();
        let cookie = answer.header("set-cookie").ok_or("no cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        let cookie = format!("Cookie: {cookie}\r\n");
        self.browser.get(&location, &cookie).await?.expect(200)?;
        let login = location.split('?').next().unwrap_or_default().to_owned();
        let headers = format!("Origin: {}\r\n{cookie}", self.site.issuer);
        let asked = self
            .post_json(&format!("{login}/challenge"), &headers, &json!({}))
            .await?;
        let challenge = asked["challenge"].as_str().ok_or("no challenge")?;
        let answer = self.workstation.answer(challenge)?;
        let mut agent = PresenceConnection::open(&self.site.issuer).await?;
        let issuer = self.site.issuer.clone();
        let path = format!("{login}/assertion");
        let (ended, proven) = tokio::join!(
            self.post_json(&path, &headers, &answer.body),
            agent.prove(&answer)
        );
        proven.map_err(|error| format!("presence at {issuer}: {error}"))?;
        let ended = ended?;
        let location = ended["redirect_to"]
            .as_str()
            .ok_or_else(|| format!("no code: {ended}"))?;
        Ok((code_in(location)?, (agent, answer)))
    }

    async fn post_json(
        &mut self,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let body = body.to_string();
        let answer = self
            .browser
            .post(path, headers, "application/json", &body)
            .await?;
        answer.expect(200)?.json()
    }

    pub(crate) async fn redeem(&mut self, code: &mut Code, for_api: bool) -> Result<(), Failure> {
        let mut form = format!(
            "grant_type=authorization_code&code={}&code_verifier={}\
             &redirect_uri=https%3A%2F%2Fportal.example.test%2Fcallback",
            code.code, code.verifier
        );
        if for_api {
            form.push_str("&resource=https%3A%2F%2Fapi.example.test");
        }
        self.ask_for_tokens(&form).await
    }

    pub(crate) async fn refresh(&mut self) -> Result<(), Failure> {
        let form = format!(
            "grant_type=refresh_token&refresh_token={}",
            self.refresh_token
        );
        self.ask_for_tokens(&form).await
    }

    pub(crate) async fn client_credentials(&mut self) -> Result<(), Failure> {
        let resource = percent_encoded(RESOURCE);
        let form = format!("grant_type=client_credentials&scope=read&resource={resource}");
        self.ask_for_tokens(&form).await
    }

    async fn ask_for_tokens(&mut self, form: &str) -> Result<(), Failure> {
        let answer = loop {
            let path = self.site.paths.token;
            let proof = self.client.proof(&self.proof_key, ("POST", path), None)?;
            let body = format!("{form}&{}", self.client.assertion()?);
            let answer = self.portal.post(path, &proof, FORM, &body).await?;
            if !self.client.hear(&answer) {
                break answer;
            }
        };
        let tokens = answer.expect(200)?.json()?;
        let text = |member: &str| tokens[member].as_str().map(str::to_owned);
        self.access_token = text("access_token").ok_or("no access token")?;
        if let Some(token) = text("refresh_token") {
            self.refresh_token = token;
        }
        Ok(())
    }

    pub(crate) async fn introspect(&mut self) -> Result<(), Failure> {
        let body = format!("token={}&{}", self.access_token, self.client.assertion()?);
        let path = self.site.paths.introspect;
        let answer = self
            .portal
            .post(path, "", FORM, &body)
            .await?
            .expect(200)?
            .json()?;
        match answer["active"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(format!("the token is not active: {answer}").into()),
        }
    }

    pub(crate) async fn userinfo(&mut self) -> Result<(), Failure> {
        loop {
            let path = self.site.paths.userinfo;
            let token = &self.access_token;
            let proof = self
                .client
                .proof(&self.proof_key, ("GET", path), Some(token))?;
            let headers = format!("Authorization: DPoP {token}\r\n{proof}");
            let answer = self.portal.get(path, &headers).await?;
            if !self.client.hear(&answer) {
                return answer.expect(200).map(|_| ());
            }
        }
    }

    pub(crate) async fn discovery(&mut self) -> Result<(), Failure> {
        let path = "/.well-known/openid-configuration";
        self.portal
            .get(path, "")
            .await?
            .expect(200)
            .map(|_: Answer| ())
    }
}

fn code_in(location: &str) -> Result<String, Failure> {
    let url = url::Url::parse(location)?;
    let code = url.query_pairs().find(|(name, _)| name == "code");
    Ok(code
        .ok_or_else(|| format!("no code in {location}"))?
        .1
        .into_owned())
}

fn percent_encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}
