//! docs/claims.md against what the server really gives.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use cardea_e2e::business_software::nonce;
use cardea_e2e::{AuthorizationRequest, PageScript, Stage, register};
use cardea_jose::{Algorithm, DpopTarget, SigningKey, parse_base64url, sign_dpop_proof};
use cardea_xtask::system::CardRequest;
use cardea_xtask::workspace;
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::form_urlencoded;

const SECRET: &str = "a-secret-of-the-claims-test";

/// What rows say of members that the portal of this test, a public client, gets every time.
const ALWAYS: [&str; 3] = ["always", "always, to public clients", "while active"];

/// What no login here is given, for it goes to another resource server than this one:
/// `provider/tests/decisions/token/resources.rs` is given it.
const ELSEWHERE: &str = "profession";

/// One table of the document.
struct Section {
    name: &'static str,
    rows: Vec<(String, bool)>,
    /// What the logins so far were given.
    given: BTreeSet<String>,
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
                Some((claim.to_owned(), ALWAYS.contains(&when)))
            })
            .filter(|(claim, _)| !claim.starts_with("urn:"))
            .collect();
        if rows.is_empty() {
            bail!("docs/claims.md has no table for {name}");
        }
        Ok(Self {
            name,
            rows,
            given: BTreeSet::new(),
        })
    }

    /// Every member has a row, and every row that says "always" has a member.
    fn check(&mut self, given: &Map<String, Value>) {
        self.given.extend(given.keys().cloned());
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

    /// Every row was given in one login or another.
    fn check_complete(&self) {
        let given = self.given.iter().map(String::as_str).collect();
        let mut missing: Vec<&str> = self.claims().difference(&given).copied().collect();
        if self.name == "access token" {
            missing.retain(|&claim| claim != ELSEWHERE);
        }
        assert!(
            missing.is_empty(),
            "docs/claims.md, {}: nobody was given {missing:?}",
            self.name
        );
    }

    fn claims(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|(claim, _)| claim.as_str()).collect()
    }
}

/// The tables of the document, as far as logins have filled them.
struct Document {
    userinfo: Section,
    id_token: Section,
    access_token: Section,
    introspection: Section,
    logout_token: Section,
}

impl Document {
    fn read() -> Result<Self> {
        Ok(Self {
            userinfo: Section::read("userinfo")?,
            id_token: Section::read("ID token")?,
            access_token: Section::read("access token")?,
            introspection: Section::read("introspection")?,
            logout_token: Section::read("logout token")?,
        })
    }

    fn check_complete(&self) {
        for section in [
            &self.userinfo,
            &self.id_token,
            &self.access_token,
            &self.introspection,
            &self.logout_token,
        ] {
            section.check_complete();
        }
    }

    /// One login with the card in the reader, bound to a key or not.
    async fn log_in(&mut self, portal: &Portal<'_>, key: Option<&SigningKey>) -> Result<()> {
        let system = portal.stage.system();
        let issuer = system.addresses().issuer();
        let request = AuthorizationRequest::new()?
            .with("client_id", Some("node-portal"))
            .with("redirect_uri", Some(&portal.redirect_uri))
            .with("claims", Some(BY_NAME))
            .with("scope", Some("openid profile professional"));
        let page = PageScript::open(system, &request).await?;
        let code = page.code(system).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &portal.redirect_uri),
            ("code_verifier", request.verifier()),
        ];
        let token_url = format!("{issuer}/token");
        let post = portal.post("/token").form(&form);
        let post = portal.prove(post, key, "POST", &token_url, None).await?;
        let tokens: Value = post.send().await?.json().await?;
        let token = |name: &str| {
            let token = tokens.get(name).and_then(Value::as_str);
            token.with_context(|| format!("no {name}: {tokens}"))
        };

        let id_token = payload(token("id_token")?)?;
        assert_eq!(id_token.get("nonce"), Some(&"a-nonce".into()));
        self.id_token.check(&id_token);
        let access_token = token("access_token")?;
        self.access_token.check(&payload(access_token)?);
        let url = format!("{issuer}/userinfo");
        let scheme = if key.is_some() { "DPoP" } else { "Bearer" };
        let userinfo = portal.http.get(&url);
        let userinfo = userinfo.header("authorization", format!("{scheme} {access_token}"));
        let userinfo = portal.prove(userinfo, key, "GET", &url, Some(access_token));
        let userinfo = userinfo.await?.send().await?.json().await?;
        self.userinfo.check(&userinfo);
        let introspection = portal.post("/introspect").form(&[("token", access_token)]);
        let introspection: Map<String, Value> = introspection.send().await?.json().await?;
        assert_eq!(introspection.get("active"), Some(&true.into()));
        assert_eq!(introspection.get("token_type"), Some(&scheme.into()));
        self.introspection.check(&introspection);
        Ok(())
    }
}

/// What userinfo says only to who asks by name.
const BY_NAME: &str = r#"{"userinfo": {"acr": null, "amr": null, "auth_time": null}}"#;

/// A registered portal and its surroundings.
struct Portal<'a> {
    stage: &'a Stage,
    http: Client,
    redirect_uri: String,
}

impl Portal<'_> {
    fn post(&self, path: &str) -> RequestBuilder {
        let issuer = self.stage.system().addresses().issuer();
        let request = self.http.post(format!("{issuer}{path}"));
        request.basic_auth("node-portal", Some(SECRET))
    }

    /// The request with a proof by the key, if there is one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the server under test goes by the machine's clock"
    )]
    async fn prove(
        &self,
        request: RequestBuilder,
        key: Option<&SigningKey>,
        method: &str,
        url: &str,
        access_token: Option<&str>,
    ) -> Result<RequestBuilder> {
        let Some(key) = key else {
            return Ok(request);
        };
        let target = DpopTarget {
            method,
            url,
            access_token,
        };
        let nonce = nonce(&self.http, self.stage.system()).await?;
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let proof = sign_dpop_proof(key, &target, now, Some(&nonce))?;
        Ok(request.header("dpop", proof))
    }
}

/// Three cards: a professional's, a student's, and one of an establishment's staff, which has what
/// the others have not. The last login is bound to a key.
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
    let mut document = Document::read()?;
    let portal = Portal {
        stage: &stage,
        http: PageScript::http()?,
        redirect_uri: format!("{url}/callback"),
    };
    let key = SigningKey::generate(Algorithm::Es256)?;
    let pharmacist = stage.system().card();
    document.log_in(&portal, None).await?;
    pharmacist.remove()?;
    let logout_token = receive_logout_token(&receiver).await?;
    document.logout_token.check(&payload(&logout_token)?);

    for (name, profile, profession, key) in [
        ("student", "cpf", "10", None),
        ("secretary", "cpe", "", Some(&key)),
    ] {
        let card = pharmacist.beside(name);
        card.issue(&CardRequest {
            profile: profile.into(),
            profession: profession.into(),
            name: "Alex MARTIN".into(),
            rpps: format!("8997000000{:02}", name.len()),
            key: "p256".into(),
            ..CardRequest::default()
        })?;
        card.insert()?;
        document.log_in(&portal, key).await?;
        card.remove()?;
        let logout_token = receive_logout_token(&receiver).await?;
        document.logout_token.check(&payload(&logout_token)?);
    }
    document.check_complete();
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
