//! Portals on `openid-client` and `oauth4webapi`, through whole logins with a card.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cardea_e2e::{
    Browser, ForeignClient, LogoutForgery, PageScript, Stage, exchange_card, register,
};
use cardea_xtask::system::{self, Scheme};
use cardea_xtask::{process, workspace};
use serde_json::Value;

const SECRET: &str = "a-secret-of-the-node-portal";

/// How long a logout may take to be told to the portal; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A portal on openid-client with its system and a browser.
struct Portal {
    stage: Stage,
    _client: ForeignClient,
    browser: Browser,
    url: String,
}

impl Portal {
    async fn open(name: &str, scheme: Scheme) -> Result<Self> {
        let port = system::unused_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let mut registered = Ok(());
        let stage = Stage::open_with(name, |options| {
            options.scheme = scheme;
            registered = register(options, &[("http://127.0.0.1:3000", &url)], SECRET, None);
        });
        let stage = stage.await?;
        registered?;
        let mut command = ForeignClient::node(stage.system(), "portal.mjs")?;
        command
            .env("CLIENT_ID", "node-portal")
            .env("CLIENT_SECRET", SECRET);
        let client = ForeignClient::serve(stage.system(), command, "node-portal", port)?;
        let browser = Browser::open().await?;
        Ok(Self {
            stage,
            _client: client,
            browser,
            url,
        })
    }

    async fn go(&self, path: &str) -> Result<()> {
        self.browser.goto(&format!("{}{path}", self.url)).await
    }

    async fn sign_in(&self) -> Result<String> {
        self.go("/").await?;
        self.browser.click("#sign-in").await?;
        self.browser.wait_for("#greeting").await
    }

    async fn facts(&self) -> Result<Value> {
        let text = self.browser.wait_for("#facts").await?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// Opens the portal's first page until it shows what the selector names.
    async fn wait_for_home(&self, selector: &str) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.go("/").await?;
            if self.browser.text(selector).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{selector} did not come")
    }

    fn prompts(&self) -> usize {
        self.stage
            .system()
            .pin_prompt_log()
            .matches("GETPIN")
            .count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in_and_its_session_leaves_with_the_card() -> Result<()> {
    let portal = Portal::open("node-login", Scheme::Http).await?;
    assert_eq!(portal.sign_in().await?, "Camille DURAND");
    let facts = portal.facts().await?;
    assert_eq!(facts["claims"]["acr"], "urn:cardea:acr:card-pin");
    // A code says nothing without its system.
    let profession = serde_json::json!({ "code": "21", "system": "TRE_G15" });
    assert_eq!(facts["person"]["profession"], profession);
    assert_eq!(facts["claims"]["sub"], facts["person"]["sub"]);
    portal.go("/pharmacy").await?;
    portal.browser.wait_for("#pharmacy").await?;
    portal.stage.system().card().remove()?;
    portal.wait_for_home("#sign-in").await?;
    portal.browser.close().await
}

/// The code 21 is a pharmacist's in one system and a student's in the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_student_of_pharmacy_is_no_pharmacist_to_the_portal() -> Result<()> {
    let portal = Portal::open("node-student", Scheme::Http).await?;
    let card = portal.stage.system().card();
    card.issue_all("deck")?;
    let student = card.beside("deck/cpf-21-pharmacien-en-formation");
    exchange_card(portal.stage.system(), &student).await?;
    portal.sign_in().await?;
    assert_eq!(portal.facts().await?["person"]["profession"]["code"], "21");
    portal.go("/pharmacy").await?;
    assert_eq!(
        portal.browser.wait_for("#error").await?,
        "For pharmacists alone."
    );
    portal.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in_silently_and_out_over_tls() -> Result<()> {
    let portal = Portal::open("node-sign-out", Scheme::Https).await?;
    // Nobody is signed in yet: the silent question has an answer, and no page.
    portal.go("/silent").await?;
    assert_eq!(portal.browser.wait_for("#error").await?, "login_required");
    // The error leads to a page about it, for the developer.
    portal.browser.click("#about").await?;
    let page = portal.browser.wait_for("main").await?;
    assert!(page.contains("provider.login_required"), "{page}");
    assert_eq!(portal.sign_in().await?, "Camille DURAND");
    portal.go("/silent").await?;
    portal.browser.wait_for("#greeting").await?;
    assert_eq!(portal.prompts(), 1);
    portal.browser.click("#sign-out").await?;
    portal.browser.wait_for("#sign-in").await?;
    portal.go("/silent").await?;
    assert_eq!(portal.browser.wait_for("#error").await?, "login_required");
    portal.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_refreshes_while_the_card_is_there_and_steps_up() -> Result<()> {
    let portal = Portal::open("node-refresh", Scheme::Http).await?;
    portal.sign_in().await?;
    portal.go("/refresh").await?;
    assert_eq!(portal.browser.wait_for("#refreshed").await?, "true");
    // A fresh login serves what needs one; a minute later it would be asked again.
    portal.go("/prescribe").await?;
    portal.browser.wait_for("#prescription").await?;
    assert_eq!(portal.prompts(), 1);
    portal.go("/prescribe?now").await?;
    portal.browser.wait_for("#greeting").await?;
    assert_eq!(portal.prompts(), 2);
    portal.browser.close().await
}

/// Whoever can make a browser follow a link ends no session.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_of_no_attempt_and_a_refused_step_up_leave_the_session_as_it_is() -> Result<()> {
    let portal = Portal::open("node-foreign", Scheme::Http).await?;
    portal.sign_in().await?;
    for path in [
        "/callback",
        "/callback?error=access_denied&state=x",
        "/callback?code=x&state=x",
    ] {
        portal.go(path).await?;
        portal.browser.wait_for("#error").await?;
        portal.go("/").await?;
        portal.browser.wait_for("#greeting").await?;
    }
    // What the demanded level cannot give is refused at the server, and nothing is lost here.
    portal.go("/login?acr=urn:cardea:acr:unknown").await?;
    assert_eq!(
        portal.browser.wait_for("#error").await?,
        "unmet_authentication_requirements"
    );
    portal.go("/").await?;
    portal.browser.wait_for("#greeting").await?;
    assert_eq!(portal.prompts(), 1);
    portal.browser.close().await
}

/// A form of another site, with the browser's own cookies or without, does nothing here.
#[tokio::test(flavor = "multi_thread")]
async fn forms_of_other_sites_sign_nobody_in_and_link_nothing() -> Result<()> {
    let portal = Portal::open("node-forms", Scheme::Http).await?;
    let http = PageScript::http()?;
    let fields = [("user", "cdurand"), ("password", "old password")];
    let send = |path: &str, origin: Option<String>| {
        let mut request = http.post(format!("{}{path}", portal.url)).form(&fields);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.send()
    };
    for origin in [None, Some("null".into()), Some("https://evil.test".into())] {
        for path in ["/password", "/link", "/logout"] {
            let answer = send(path, origin.clone()).await?;
            assert_eq!(answer.status(), 403, "{path} from {origin:?}");
            assert!(answer.headers().get("set-cookie").is_none());
        }
    }
    let answer = send("/password", Some(portal.url.clone())).await?;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().get("set-cookie").is_some());
    portal.browser.close().await
}

/// Attacks G5 and H3, from the portal's side.
#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_on_jose_refuses_what_is_no_logout_token() -> Result<()> {
    let portal = Portal::open("node-receiver", Scheme::Http).await?;
    portal.sign_in().await?;
    let forgery = LogoutForgery::new(portal.stage.system(), "node-portal", SECRET, &portal.url);
    forgery.check_refused().await?;
    forgery.check_taken_once().await?;
    portal.go("/").await?;
    portal.browser.wait_for("#greeting").await?;
    portal.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_a_password_becomes_the_cards_and_loses_its_password() -> Result<()> {
    let portal = Portal::open("node-link", Scheme::Http).await?;
    let password = |user: &str, password: &str| {
        format!(
            "document.querySelector('[name=user]').value = '{user}';\
             document.querySelector('[name=password]').value = '{password}';\
             document.querySelector('form[action=\"/password\"]').submit()"
        )
    };
    // A card alone opens no account, whatever name it bears.
    portal.sign_in().await?;
    assert_eq!(portal.browser.text("#account").await?, "no account");
    portal.browser.click("#sign-out").await?;
    portal.browser.wait_for("#sign-in").await?;
    portal
        .browser
        .run(&password("cdurand", "old password"))
        .await?;
    portal.browser.click("#link").await?;
    // Whose card and whose account is said first; whoever says no has linked nothing.
    let question = portal.browser.wait_for("#question").await?;
    assert!(question.contains("Camille DURAND"), "{question}");
    assert!(question.contains("Cabinet Durand"), "{question}");
    portal.browser.click("#decline").await?;
    assert_eq!(portal.browser.wait_for("#account").await?, "no account");
    portal.browser.click("#sign-out").await?;
    portal.browser.wait_for("#sign-in").await?;
    portal
        .browser
        .run(&password("cdurand", "old password"))
        .await?;
    portal.browser.click("#link").await?;
    portal.browser.wait_for("#question").await?;
    // A form that does not come from this very question links nothing either.
    let guessed = "document.querySelector('[name=confirmation]').value = 'x'; \
                   document.querySelector('#confirm').click()";
    portal.browser.run(guessed).await?;
    portal.browser.wait_for("#error").await?;
    portal.go("/").await?;
    assert_eq!(portal.browser.wait_for("#account").await?, "no account");
    portal.browser.click("#sign-out").await?;
    portal.browser.wait_for("#sign-in").await?;
    portal
        .browser
        .run(&password("cdurand", "old password"))
        .await?;
    portal.browser.click("#link").await?;
    portal.browser.click("#confirm").await?;
    assert_eq!(portal.browser.wait_for("#account").await?, "Cabinet Durand");
    portal.browser.click("#sign-out").await?;
    portal.browser.wait_for("#sign-in").await?;
    // The password is worth nothing any more, and the card opens the account by itself.
    portal
        .browser
        .run(&password("cdurand", "old password"))
        .await?;
    portal.browser.wait_for("#error").await?;
    portal.sign_in().await?;
    assert_eq!(portal.browser.text("#account").await?, "Cabinet Durand");
    portal.browser.close().await
}

/// A key pair of the client's own, made by the program that the documentation shows.
fn new_key(name: &str) -> Result<(String, Value)> {
    let folder = workspace::root()
        .join("target/e2e")
        .join(format!("keys-{name}-{}", std::process::id()));
    let mut command = ForeignClient::node_in(&folder, "new-key.mjs")?;
    let pair = process::capture(&mut command);
    std::fs::remove_dir_all(folder)?;
    let pair: Value = serde_json::from_str(&pair?)?;
    let half = |name: &str| pair.get(name).with_context(|| format!("no {name} half"));
    Ok((half("private")?.to_string(), half("public")?.clone()))
}

const AUDIENCE: &str = "https://records.example.test/";

/// A system whose strict portal and records service have keys, and the private half of the keys.
async fn open_strict(name: &str, scheme: Scheme, url: &str) -> Result<(Stage, String)> {
    let (private, public) = new_key(name)?;
    let mut registered = Ok(());
    let stage = Stage::open_with(name, |options| {
        options.scheme = scheme;
        let urls = [("http://127.0.0.1:4000", url)];
        registered = register(options, &urls, SECRET, Some(&public));
    });
    let stage = stage.await?;
    registered?;
    Ok((stage, private))
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi_pushes_its_request_and_binds_its_tokens_over_tls() -> Result<()> {
    let port = system::unused_port()?;
    let (stage, private) =
        open_strict("strict", Scheme::Https, &format!("http://127.0.0.1:{port}")).await?;
    let api_port = system::unused_port()?;
    let mut api = ForeignClient::node(stage.system(), "api.mjs")?;
    api.env("CLIENT_ID", "records-service")
        .env("CLIENT_KEY", &private)
        .env("API_AUDIENCE", AUDIENCE);
    let _api = ForeignClient::serve(stage.system(), api, "api", api_port)?;
    let mut strict = ForeignClient::node(stage.system(), "strict.mjs")?;
    strict
        .env("CLIENT_ID", "strict-portal")
        .env("CLIENT_KEY", &private)
        .env("ID_TOKEN_ALG", "ES256")
        .env("USERINFO_ALG", "ES256")
        .env("RESPONSE_MODE", "form_post")
        .env("API_AUDIENCE", AUDIENCE)
        .env("API_URL", format!("http://127.0.0.1:{api_port}/records"));
    let mut strict = ForeignClient::serve(stage.system(), strict, "strict", port)?;
    let got = sign_in_once(&mut strict).await?;
    assert_eq!(got["person"]["name"], "Camille DURAND");
    assert_eq!(got["person"]["sub"], got["claims"]["sub"]);
    assert_eq!(got["tokens"]["token_type"], "dpop");
    assert_eq!(got["records"]["claims"]["aud"], AUDIENCE);
    assert_eq!(got["records"]["now"]["active"], true);
    // RFC 9470: the API says what it wants, and the client understands.
    assert_eq!(got["wanted"]["acr_values"], "urn:cardea:acr:card-pin");
    assert_eq!(got["wanted"]["max_age"], "0");
    Ok(())
}

/// Takes the browser where a program of one login wants it, and gives what the program got.
async fn sign_in_once(program: &mut ForeignClient) -> Result<Value> {
    let address = program.wait_for_document("address").await?;
    let address = address.get("address").and_then(Value::as_str);
    let address = address.context("no address")?;
    let browser = Browser::open().await?;
    browser.goto(address).await?;
    browser.press_start_if_asked().await?;
    browser.wait_for("#answered").await?;
    browser.close().await?;
    program.wait_for_document("claims").await
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_pushes_its_request_and_binds_its_tokens() -> Result<()> {
    let port = system::unused_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let (stage, private) = open_strict("strict-openid-client", Scheme::Http, &url).await?;
    let mut program = ForeignClient::node(stage.system(), "strict-openid-client.mjs")?;
    program
        .env("CLIENT_ID", "strict-portal")
        .env("CLIENT_KEY", &private);
    let mut program = ForeignClient::serve(stage.system(), program, "strict", port)?;
    let got = sign_in_once(&mut program).await?;
    assert_eq!(got["person"]["name"], "Camille DURAND");
    assert_eq!(got["tokens"]["token_type"], "dpop");
    assert_ne!(
        got["refreshed"]["refresh_token"],
        got["tokens"]["refresh_token"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_gets_a_token_for_a_service_and_gives_it_back() -> Result<()> {
    let (stage, private) = open_strict("service", Scheme::Http, "http://127.0.0.1:9").await?;
    let mut service = ForeignClient::node(stage.system(), "service.mjs")?;
    service
        .env("CLIENT_ID", "records-service")
        .env("CLIENT_KEY", &private)
        .env("API_AUDIENCE", AUDIENCE);
    let got: Value = serde_json::from_str(&process::capture(&mut service)?)?;
    assert_eq!(got["tokens"]["scope"], "records.read");
    assert_eq!(got["before"]["active"], true);
    assert_eq!(got["before"]["client_id"], "records-service");
    assert_eq!(got["after"]["active"], false);
    Ok(())
}

/// Attack H13: the page may read the token endpoint's answers because it is the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_oidc_client_ts_signs_in_without_a_server_of_its_own() -> Result<()> {
    let port = system::unused_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let mut registered = Ok(());
    let stage = Stage::open_with("page-portal", |options| {
        let urls = [("http://127.0.0.1:6100", url.as_str())];
        registered = register(options, &urls, SECRET, None);
    });
    let stage = stage.await?;
    registered?;
    let mut command = ForeignClient::node(stage.system(), "spa.mjs")?;
    command.env("CLIENT_ID", "page-portal");
    let _server = ForeignClient::serve(stage.system(), command, "page-portal", port)?;
    let browser = Browser::open().await?;
    browser.goto(&url).await?;
    browser.click("#sign-in").await?;
    assert_eq!(browser.wait_for("#greeting").await?, "Camille DURAND");
    browser.close().await
}
