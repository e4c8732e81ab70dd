//! A portal that was written for Pro Santé Connect moves by changing its issuer: Apache with
//! `mod_auth_openidc`, as the operator's own sample has it.

use std::fs;

use anyhow::{Context, Result};
use cardea_e2e::{Apache, Browser, Stage};
use cardea_xtask::system::{self, Scheme, System};
use reqwest::{Certificate, Client};
use serde_json::Value;

const CLIENT_ID: &str = "portail-psc";
const SECRET: &str = "a-secret-of-the-portal-that-moves";
/// Of the national provider, with another host before it.
const REALM: &str = "/auth/realms/esante-wallet";
/// The national identifier of the card in the reader, with its type's digit.
const NUMBER: &str = "899700000017";

/// What the operator of this server registers for the portal.
fn registration(url: &str) -> String {
    format!(
        "[[client]]\nclient_id = \"{CLIENT_ID}\"\nname = \"Portail déménagé\"\n\
         redirect_uris = [\"{url}/psc/redirect\"]\npost_logout_redirect_uris = [\"{url}/\"]\n\
         secret = \"{SECRET}\"\ngrant_types = [\"authorization_code\", \"refresh_token\"]\n\
         scopes = [\"openid\", \"scope_all\"]\n"
    )
}

fn choose_profile(system: &System) -> Result<()> {
    let file = system.folder().join("cardea.toml");
    let text = fs::read_to_string(&file).context("no configuration")?;
    let text = text
        .replacen("sandbox = ", "profile = \"psc\"\nsandbox = ", 1)
        .replace("id_token_signed_response_alg = \"ES256\"\n", "");
    fs::write(&file, text).context("can't choose the profile")
}

async fn open() -> Result<(Stage, Apache, String)> {
    let port = system::unused_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let mut registered = Ok(());
    let change = |options: &mut system::Options| {
        options.scheme = Scheme::Https;
        REALM.clone_into(&mut options.issuer_path);
        let file = options.folder.join("clients.toml");
        registered = fs::write(&file, registration(&url));
        options.clients_file = Some(file);
    };
    let stage = Stage::open_prepared("psc-portal", change, choose_profile).await?;
    registered?;
    let client = (CLIENT_ID, SECRET);
    let apache = Apache::start_with("psc.conf", stage.system(), client, port)?;
    Ok((stage, apache, url))
}

fn client(system: &System) -> Result<Client> {
    let ca_file = system.ca_file().context("the system has no TLS")?;
    let ca = Certificate::from_pem(&fs::read(ca_file)?)?;
    let redirects = reqwest::redirect::Policy::none();
    let builder = Client::builder().add_root_certificate(ca).no_proxy();
    Ok(builder.redirect(redirects).build()?)
}

/// Asks about a token as the documents say: Basic, and the form field `token`.
async fn introspect(client: &Client, issuer: &str, token: &str) -> Result<Value> {
    let url = format!("{issuer}/protocol/openid-connect/token/introspect");
    let asking = client.post(url).basic_auth(CLIENT_ID, Some(SECRET));
    let answer = asking.form(&[("token", token)]).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_of_the_national_provider_moves_by_changing_its_issuer() -> Result<()> {
    let (stage, apache, url) = open().await?;
    let (origin, issuer) = {
        let addresses = stage.system().addresses();
        (addresses.origin(), addresses.issuer())
    };
    let client = client(stage.system())?;
    let browser = Browser::open().await?;
    browser.goto(&format!("{url}/psc/")).await?;
    browser.press_start_if_asked().await?;
    let subject = browser.wait_for("#subject").await;
    let subject = subject.with_context(|| apache.log())?;
    assert_eq!(subject, NUMBER);
    assert_eq!(browser.text("#acr").await?, "eidas1");
    let person: Value = serde_json::from_str(&browser.text("#person").await?)?;
    assert_eq!(person["SubjectRole"][0], "21^1.2.250.1.213.1.1.5.5");
    assert_eq!(person["Acces_Regulation_Medicale"], "FAUX");
    let exercise = &person["SubjectRefPro"]["exercices"][0];
    assert_eq!(exercise["codeProfession"], "21");

    let access_token = browser.text("#access-token").await?;
    let refresh_token = browser.text("#refresh-token").await?;
    let told = introspect(&client, &issuer, &access_token).await?;
    assert_eq!(told["SubjectNameID"], NUMBER);
    assert_eq!(told["acr"], "eidas1");
    let told = introspect(&client, &issuer, &refresh_token).await?;
    assert_eq!(told["active"], true);
    assert!(told.get("SubjectNameID").is_none());

    // The module refreshes, and comes back to its own page.
    let refresh = format!("{url}/psc/redirect?refresh={url}/psc/&access_token={access_token}");
    browser.goto(&refresh).await?;
    assert_eq!(browser.wait_for("#subject").await?, NUMBER);
    assert_ne!(browser.text("#access-token").await?, access_token);

    // The wallet's own address of the login, and what is no issuer of ours (attack G11).
    let query = [
        ("client_id", CLIENT_ID),
        ("redirect_uri", &format!("{url}/psc/redirect")),
        ("response_type", "code"),
        ("scope", "openid scope_all"),
        ("acr_values", "eidas1"),
        ("state", "a-state"),
        ("nonce", "a-nonce"),
    ];
    let wallet = client
        .get(format!("{origin}/auth"))
        .query(&query)
        .send()
        .await?;
    assert_eq!(wallet.status(), 303);
    for path in ["/.well-known/openid-configuration", "/token", "/presence"] {
        let answer = client.get(format!("{origin}{path}")).send().await?;
        assert_eq!(answer.status(), 404, "{path}");
    }

    browser.click("#sign-out").await?;
    browser.wait_for("#sign-in").await?;
    let told = introspect(&client, &issuer, &refresh_token).await?;
    assert_eq!(told["active"], false);
    browser.close().await
}
