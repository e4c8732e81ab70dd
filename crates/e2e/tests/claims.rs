//! docs/claims.md against what the server really gives.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage, register};
use cardea_jose::parse_base64url;
use cardea_xtask::workspace;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::form_urlencoded;

const SECRET: &str = "a-secret-of-the-claims-test";

/// One table of the document.
struct Section {
    name: &'static str,
    rows: Vec<(String, bool)>,
}

impl Section {
    /// Reads the table under the heading that ends with `name`.
    fn read(name: &'static str) -> Result<Self> {
        let path = workspace::root().join("docs/claims.md");
        let text = fs::read_to_string(path).context("no docs/claims.md")?;
        let heading = |line: &&str| line.starts_with("## ") && line.ends_with(name);
        let lines = text.lines().skip_while(|line| !heading(line)).skip(1);
        let rows: Vec<(String, bool)> = lines
            .take_while(|line| !line.starts_with("## "))
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|row| {
                let (claim, rest) = row.split_once("` | ")?;
                let when = rest.split(" | ").next()?;
                Some((claim.to_owned(), ["always", "while active"].contains(&when)))
            })
            .filter(|(claim, _)| !claim.starts_with("urn:"))
            .collect();
        if rows.is_empty() {
            bail!("docs/claims.md has no table for {name}");
        }
        Ok(Self { name, rows })
    }

    /// Every member has a row, and every row that says "always" has a member.
    fn check(&self, given: &Map<String, Value>) {
        for claim in given.keys() {
            let listed = self.rows.iter().any(|(name, _)| name == claim);
            assert!(listed, "docs/claims.md, {}: no row for {claim}", self.name);
        }
        for (claim, always) in &self.rows {
            let wrong = *always && !given.contains_key(claim);
            assert!(
                !wrong,
                "docs/claims.md, {}: {claim} is not given",
                self.name
            );
        }
    }

    fn claims(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|(claim, _)| claim.as_str()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_claim_is_documented_and_every_documented_claim_is_given() -> Result<()> {
    let receiver = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", receiver.local_addr()?);
    let mut registered = Ok(());
    let stage = Stage::open_with("claims", |options| {
        registered = register(options, &[("http://127.0.0.1:3000", &url)], SECRET, None);
    });
    let stage = stage.await?;
    registered?;
    let issuer = stage.system().addresses().issuer();
    let redirect_uri = format!("{url}/callback");
    let request = AuthorizationRequest::new()?
        .with("client_id", Some("node-portal"))
        .with("redirect_uri", Some(&redirect_uri))
        .with("scope", Some("openid profile professional"));
    let page = PageScript::open(stage.system(), &request).await?;
    let code = page.code(stage.system()).await?;
    let http = PageScript::http()?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &redirect_uri),
        ("code_verifier", request.verifier()),
    ];
    let post = |path: &str| {
        http.post(format!("{issuer}{path}"))
            .basic_auth("node-portal", Some(SECRET))
    };
    let tokens: Value = post("/token").form(&form).send().await?.json().await?;
    let token = |name: &str| tokens[name].as_str().with_context(|| format!("{tokens}"));

    Section::read("ID token")?.check(&payload(token("id_token")?)?);
    let access_token = token("access_token")?;
    Section::read("access token")?.check(&payload(access_token)?);
    let userinfo = http
        .get(format!("{issuer}/userinfo"))
        .bearer_auth(access_token);
    Section::read("userinfo")?.check(&userinfo.send().await?.json().await?);
    let introspection = post("/introspect").form(&[("token", access_token)]);
    let introspection: Map<String, Value> = introspection.send().await?.json().await?;
    assert_eq!(introspection["active"], true);
    Section::read("introspection")?.check(&introspection);

    stage.system().card().remove()?;
    let logout_token = receive_logout_token(&receiver).await?;
    Section::read("logout token")?.check(&payload(&logout_token)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_discovery_document_lists_the_documented_claims() -> Result<()> {
    let stage = Stage::open("claims-supported").await?;
    let address = stage.system().addresses().issuer() + "/.well-known/openid-configuration";
    let metadata: Value = PageScript::http()?
        .get(address)
        .send()
        .await?
        .json()
        .await?;
    let supported = metadata["claims_supported"].as_array().context("no list")?;
    let supported: BTreeSet<&str> = supported.iter().filter_map(Value::as_str).collect();
    let (person, login) = (Section::read("userinfo")?, Section::read("ID token")?);
    let mut documented: BTreeSet<&str> = person.claims();
    documented.extend(login.claims());
    // It belongs to the token beside it, and nobody asks for it.
    documented.remove("at_hash");
    assert_eq!(supported, documented);
    Ok(())
}

/// What a JWT says; whether it is genuine is not the question here.
fn payload(token: &str) -> Result<Map<String, Value>> {
    let part = token.split('.').nth(1).context("no JWT")?;
    Ok(serde_json::from_slice(&parse_base64url(part)?)?)
}

/// Takes one back-channel logout request, and answers it.
async fn receive_logout_token(receiver: &TcpListener) -> Result<String> {
    let (mut connection, _) = receiver.accept().await?;
    let mut request = Vec::new();
    let mut part = [0; 8 * 1024];
    loop {
        let length = connection.read(&mut part).await?;
        request.extend_from_slice(part.get(..length).unwrap_or_default());
        let text = String::from_utf8_lossy(&request);
        let token = text.split_once("\r\n\r\n").and_then(|(_, body)| {
            form_urlencoded::parse(body.as_bytes())
                .find(|(name, value)| name == "logout_token" && value.split('.').count() == 3)
                .map(|(_, value)| value.into_owned())
        });
        if let Some(token) = token {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            connection.write_all(answer.as_bytes()).await?;
            return Ok(token);
        }
        if length == 0 {
            bail!("no logout token in {text}");
        }
    }
}
