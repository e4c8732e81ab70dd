//! The demo's contract: one JSON document on stdout, a system that answers, and nothing left over.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cardea_jose::{JwkSet, UnverifiedJws, VerifyingKey};
use cardea_xtask::{process, workspace};
use serde_json::Value;
use url::Url;

const TOKEN_BYTES_MAX: usize = 8 * 1024;

fn demo(options: &[&str]) -> Result<Command> {
    let mut command = Command::new(workspace::binary("cardea-xtask")?);
    command.arg("demo").args(options);
    Ok(command)
}

fn text<'a>(document: &'a Value, name: &str) -> Result<&'a str> {
    let value = document.get(name).and_then(Value::as_str);
    value.with_context(|| format!("no {name} in {document}"))
}

fn shell(command: &str) -> Result<String> {
    process::capture(Command::new("sh").args(["-c", command]))
}

#[test]
fn one_login_gives_tokens_that_another_library_accepts() -> Result<()> {
    let printed = process::capture(&mut demo(&["--once", "--json"])?)?;
    let document: Value = serde_json::from_str(&printed).context("stdout is one document")?;
    for name in ["issuer", "client_id", "nonce", "access_token"] {
        text(&document, name)?;
    }
    assert!(document["elapsed_ms"].is_u64());
    assert_eq!(document["userinfo"]["family_name"], "DURAND");

    let keys: JwkSet = serde_json::from_value(document["jwks"].clone())?;
    let token = UnverifiedJws::parse(text(&document, "id_token")?, TOKEN_BYTES_MAX)?;
    let key = keys
        .find(token.kid().context("no kid")?)
        .context("unknown kid")?;
    let verified = token.verify(&VerifyingKey::from_jwk(key)?, "JWT")?;
    let claims: Value = verified.claims()?;
    assert_eq!(claims["iss"], document["issuer"]);
    assert_eq!(claims["aud"], document["client_id"]);
    assert_eq!(claims["nonce"], document["nonce"]);
    assert_eq!(claims["sub"], document["userinfo"]["sub"]);
    assert_eq!(claims["acr"], "urn:cardea:acr:card-pin");
    Ok(())
}

/// A robot with a real card's session: the guard stops it early and says why, and the portal knows
/// who was seen.
#[test]
fn a_robot_with_a_real_session_is_stopped() -> Result<()> {
    let printed = process::capture(&mut demo(&["--attack", "--json"])?)?;
    let document: Value = serde_json::from_str(&printed).context("stdout is one document")?;
    assert_eq!(text(&document, "stopped")?, "guard.session_stopped");
    let seen = document["patients_seen"].as_array().context("no list")?;
    assert!((1..=100).contains(&seen.len()), "{document}");
    for patient in seen {
        assert!(text(patient, "pseudonym")? != text(patient, "number")?);
        text(patient, "name")?;
    }
    let notices = document["notices"].as_array().context("no notices")?;
    let first = notices.first().context("no notice")?;
    assert_eq!(text(first, "code")?, "guard.step_up_required");
    assert!(text(first, "detail")?.contains("carte"), "{first}");
    Ok(())
}

#[test]
fn the_demo_that_stays_up_says_how_to_use_it_and_leaves_nothing_behind() -> Result<()> {
    let clients = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-clients.toml");
    std::fs::write(&clients, SOFTWARE)?;
    let mut child = demo(&["--auto", "--json", "--clients"])?
        .arg(&clients)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    let ready: Value = serde_json::from_str(&line).context("the line is one document")?;
    assert_eq!(ready["pin"], "1234");
    assert!(ready["ca_file"].is_null());
    let addresses = ["issuer", "portal_url", "agent_url"].map(|name| text(&ready, name));
    for address in &addresses {
        let address = address
            .as_ref()
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        assert!(answers(address)?, "{address} does not answer");
    }
    check_business_software(&ready)?;
    shell(text(&ready, "remove_card")?)?;
    shell(text(&ready, "insert_card")?)?;

    shell(&format!("kill -TERM {}", child.id()))?;
    child.wait()?;
    let stopped = Instant::now();
    while answers(text(&ready, "issuer")?)? || answers(text(&ready, "agent_url")?)? {
        assert!(
            stopped.elapsed() < Duration::from_secs(60),
            "something still answers"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // The card's own process ends first: it was not started by the demo but by `insert_card`.
    let card = text(&ready, "card_dir")?;
    // The bracket keeps the pattern from finding the search itself.
    let left = shell(&format!("pgrep -f '[i]nsert {card}' || true"))?;
    assert_eq!(left.trim(), "", "the card is still plugged in");
    Ok(())
}

const SOFTWARE: &str = "[[client]]\nclient_id = \"soft\"\nname = \"Logiciel\"\n\
    token_endpoint_auth_method = \"none\"\n\
    grant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]\n\
    resources = [\"https://api.example\"]\nscopes = [\"openid\", \"profile\"]\n";

/// A program of the developer's gets tokens with the demo's own card and agent settings.
fn check_business_software(ready: &Value) -> Result<()> {
    let mut command = Command::new(workspace::binary("cardea-agent")?);
    command
        .args(["sign-in", "--client", "soft", "--once", "--json"])
        .args(["--resource", "https://api.example"])
        .args(["--issuer", text(ready, "issuer")?])
        .args(["--config", text(ready, "agent_config")?])
        .env("PCSCLITE_CSOCK_NAME", text(ready, "pcscd_socket")?)
        .stdin(Stdio::null());
    let tokens: Value = serde_json::from_str(&process::capture(&mut command)?)?;
    assert_eq!(text(&tokens, "token_type")?, "DPoP");
    Ok(())
}

#[test]
fn a_clients_file_that_is_not_there_is_told_before_anything_is_built() -> Result<()> {
    let output = demo(&["--auto", "--clients", "no/such.toml"])?.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("no/such.toml"), "{said}");
    assert!(!said.contains("building"), "{said}");
    Ok(())
}

fn answers(address: &str) -> Result<bool> {
    let url = Url::parse(address)?;
    let port = url.port().context("no port")?;
    Ok(TcpStream::connect((url.host_str().context("no host")?, port)).is_ok())
}
