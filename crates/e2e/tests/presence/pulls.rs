//! How soon a card that is really pulled is felt: from the reader, by way of vpcd, pcscd and the
//! agent, to the server and the portal. `cargo xtask bench presence` pulls it thirty times.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cardea_e2e::{AuthorizationRequest, PageScript, REDIRECT_URI, Stage, wait_for_card};
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardDirectory, VirtualCard};
use cardea_xtask::system::System;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{PATIENCE, text};

const PULLS: &str = "CARDEA_PULLS";
const CLIENT: &str = "portal-of-pulls";
const SECRET: &str = "a-secret-of-the-portal-of-pulls-0123456789";

/// How long after the pull.
struct Felt {
    /// A refresh was refused.
    refused: Duration,
    /// The logout token was at the portal.
    told: Duration,
}

/// A portal as far as it is needed here: its tokens, and where it is told of a session's end.
struct Portal {
    listener: TcpListener,
    http: Client,
}

impl Portal {
    /// Its `[[client]]` table, to whose address the logout token goes.
    fn registration(listener: &TcpListener) -> Result<String> {
        Ok(format!(
            "\n[[client]]\nclient_id = \"{CLIENT}\"\nname = \"Portail des essais\"\n\
             redirect_uris = [\"{REDIRECT_URI}\"]\nsecret = \"{SECRET}\"\n\
             backchannel_logout_uri = \"http://{}/logout\"\n\
             grant_types = [\"authorization_code\", \"refresh_token\"]\n\
             scopes = [\"openid\", \"profile\"]\n",
            listener.local_addr()?
        ))
    }

    /// The refresh token of a new login.
    async fn sign_in(&self, system: &System) -> Result<String> {
        let request = AuthorizationRequest::new()?.with("client_id", Some(CLIENT));
        let page = PageScript::open(system, &request).await?;
        let code = page.code(system).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", request.verifier()),
        ];
        let (status, tokens) = self.token(system, &form).await?;
        ensure!(status == StatusCode::OK, "no tokens: {tokens}");
        Ok(text(&tokens, "refresh_token")?.to_owned())
    }

    async fn token(&self, system: &System, form: &[(&str, &str)]) -> Result<(StatusCode, Value)> {
        let endpoint = format!("{}/token", system.addresses().issuer());
        let request = self.http.post(endpoint).basic_auth(CLIENT, Some(SECRET));
        let answer = request.form(form).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    /// When a refresh was refused because the session was over.
    async fn refused(&self, system: &System, mut refresh_token: String) -> Result<Instant> {
        loop {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh_token),
            ];
            let (status, body) = self.token(system, &form).await?;
            if status == StatusCode::BAD_REQUEST && text(&body, "error")? == "invalid_grant" {
                return Ok(Instant::now());
            }
            ensure!(status == StatusCode::OK, "no refresh: {status} {body}");
            text(&body, "refresh_token")?.clone_into(&mut refresh_token);
        }
    }

    /// When a logout token was there.
    async fn told(&self) -> Result<Instant> {
        let (mut stream, _) = self.listener.accept().await?;
        let form = read_form(&mut stream).await?;
        let heard = Instant::now();
        ensure!(form.starts_with("logout_token="), "{form}");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await?;
        Ok(heard)
    }
}

async fn read_form(stream: &mut TcpStream) -> Result<String> {
    let mut request = String::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).await?;
        ensure!(count > 0, "a cut request: {request}");
        request.push_str(std::str::from_utf8(bytes.get(..count).unwrap_or_default())?);
        let Some((head, form)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length:").map(|(_, rest)| rest);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if form.len() >= length.context("no length")? {
            return Ok(form.to_owned());
        }
    }
}

/// Pulls the card of a session that has just begun.
async fn pull(system: &System, portal: &Portal) -> Result<Felt> {
    let directory = CardDirectory::open(system.card().folder())?;
    let memory = Box::new(directory.memory());
    let card = VirtualCard::insert_with_memory(directory.image()?, memory);
    let plugged = PluggedCard::plug(&system.addresses().vpcd(), card)?;
    ensure!(plugged.wait_until_seen(PATIENCE), "the reader sees no card");
    wait_for_card(system, "present").await?;
    let refresh_token = portal.sign_in(system).await?;
    let pulled = Instant::now();
    plugged.remove()?;
    let felt = async { tokio::try_join!(portal.refused(system, refresh_token), portal.told()) };
    let (refused, told) = timeout(PATIENCE, felt).await.context("nobody felt it")??;
    wait_for_card(system, "absent").await?;
    Ok(Felt {
        refused: refused.duration_since(pulled),
        told: told.duration_since(pulled),
    })
}

fn row(what: &str, times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let (middle, last) = (sorted.len() / 2, sorted.len().saturating_sub(1));
    format!("| {what} | {:.0} | {:.0} |\n", at(middle), at(last))
}

/// Each pull ends its session, at the server and at the portal; how soon is printed.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_pulled_ends_its_session_at_the_server_and_at_the_portal() -> Result<()> {
    let pulls = std::env::var(PULLS)
        .ok()
        .map_or(Ok(2), |text| text.parse())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Portal::registration(&listener)?;
    let prepare = move |options: &mut cardea_xtask::system::Options| {
        let Some(file) = &options.clients_file else {
            return;
        };
        let others = std::fs::read_to_string(file).unwrap_or_default();
        // Where the file cannot be written, the server does not know the portal, and says so.
        let _ = std::fs::write(file, others + &client);
    };
    let stage = Stage::open_with("presence-pulls", prepare).await?;
    let system = stage.system();
    system.card().remove()?;
    let portal = Portal {
        listener,
        http: PageScript::http()?,
    };
    wait_for_card(system, "absent").await?;
    let (mut refused, mut told) = (Vec::new(), Vec::new());
    for _ in 0..pulls {
        let felt = pull(system, &portal).await?;
        refused.push(felt.refused);
        told.push(felt.told);
    }
    let table = format!(
        "| from a pull at the reader to, {pulls} pulls | median, ms | slowest, ms |\n\
         |---|---:|---:|\n{}{}",
        row("a refused refresh", &refused),
        row("the logout token at the portal", &told)
    );
    writeln!(std::io::stdout().lock(), "{table}")?;
    Ok(())
}
