//! One whole login by `openid-client`, signed wherever FAPI 2.0 Message Signing signs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cardea_e2e::{Browser, ForeignClient, Stage};
use cardea_jose::{Algorithm, UnverifiedJws};
use cardea_xtask::system::{self, Scheme, System};
use cardea_xtask::{process, workspace};
use serde_json::Value;

const API: &str = "https://records.example.test/";

/// A key pair of the clients' own, made by the program that the documentation shows.
fn new_key() -> Result<(String, String)> {
    let name = format!("keys-fapi2-{}", std::process::id());
    let folder = workspace::root().join("target/e2e").join(name);
    let mut command = ForeignClient::node_in(&folder, "new-key.mjs")?;
    let pair = process::capture(&mut command);
    fs::remove_dir_all(folder)?;
    let pair: Value = serde_json::from_str(&pair?)?;
    let half = |name: &str| pair.get(name).map(Value::to_string);
    half("private").zip(half("public")).context("no key pair")
}

/// A portal and an API as the profile wants them.
fn clients(portal: &str) -> String {
    let by_key = "token_endpoint_auth_method = \"private_key_jwt\"\njwks_file = \"keys.json\"\n";
    format!(
        "[[client]]\nclient_id = \"fapi-portal\"\nname = \"Portail FAPI\"\n{by_key}\
         redirect_uris = [\"{portal}/callback\"]\n\
         grant_types = [\"authorization_code\", \"refresh_token\"]\nresources = [\"{API}\"]\n\
         authorization_signed_response_alg = \"ES256\"\n\
         [[client]]\nclient_id = \"fapi-api\"\nname = \"API\"\n{by_key}\
         grant_types = [\"client_credentials\"]\nresource_server_of = [\"{API}\"]\n\
         introspection_signed_response_alg = \"ES256\"\n"
    )
}

/// Puts the server under the profile, with signed requests alone; the demonstration's portal, which
/// has a secret, contradicts it.
fn make_strict(system: &System) -> Result<()> {
    let file = system.folder().join("cardea.toml");
    let text = fs::read_to_string(&file).context("no configuration")?;
    let (settings, _) = text.split_once("[[client]]").context("no client")?;
    let strict = format!("profile = \"fapi2\"\nrequire_signed_request_object = true\n{settings}");
    fs::write(&file, strict).context("can't write the configuration")
}

fn write_clients(folder: &Path, portal: &str, keys: &str) -> Result<()> {
    fs::write(folder.join("keys.json"), keys).context("can't write the keys")?;
    fs::write(folder.join("clients.toml"), clients(portal)).context("can't write the clients")
}

fn algorithm(token: &Value) -> Result<Algorithm> {
    let token = token.as_str().context("no token")?;
    Ok(UnverifiedJws::parse(token, 8192)?.algorithm())
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in_with_everything_signed() -> Result<()> {
    let port = system::unused_port()?;
    let portal = format!("http://127.0.0.1:{port}");
    let (private, public) = new_key()?;
    let mut written = Ok(());
    let change = |options: &mut system::Options| {
        options.scheme = Scheme::Https;
        written = write_clients(&options.folder, &portal, &public);
    };
    let stage = Stage::open_prepared("fapi2", change, make_strict).await?;
    written?;
    let mut program = ForeignClient::node(stage.system(), "fapi2.mjs")?;
    program
        .env("CLIENT_ID", "fapi-portal")
        .env("API_CLIENT_ID", "fapi-api")
        .env("API_AUDIENCE", API)
        .env("CLIENT_KEY", &private);
    let mut program = ForeignClient::serve(stage.system(), program, "fapi2", port)?;
    let address = program.wait_for_document("address").await?;
    let address = address.get("address").and_then(Value::as_str);
    let browser = Browser::open().await?;
    browser.goto(address.context("no address")?).await?;
    browser.press_start_if_asked().await?;
    browser.wait_for("#answered").await?;
    browser.close().await?;
    let got = program.wait_for_document("claims").await?;
    assert_eq!(got["person"]["name"], "Camille DURAND");
    assert_eq!(got["tokens"]["token_type"], "dpop");
    // JARM: the browser carried one parameter.
    let answer = got["answer"].as_str().context("no answer")?;
    assert!(
        answer.starts_with("?response=") && !answer.contains('&'),
        "{answer}"
    );
    for token in ["id_token", "access_token"] {
        assert_eq!(
            algorithm(&got["tokens"][token])?,
            Algorithm::Es256,
            "{token}"
        );
    }
    // The refresh token serves twice, and no other takes its place.
    for refreshed in ["refreshed", "again"] {
        assert!(got[refreshed].get("refresh_token").is_none(), "{refreshed}");
        assert_eq!(got[refreshed]["token_type"], "dpop");
    }
    // RFC 9701, checked by the library with the key set.
    assert_eq!(got["told"]["active"], true);
    assert_eq!(got["told"]["aud"], API);
    assert_eq!(got["told"]["token_type"], "DPoP");
    Ok(())
}
