//! The settings files of server, agent and portal.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::system::addresses::{Addresses, Scheme};
use crate::system::business_software::section;
use crate::system::demo_ca::{ca_file, tls_folder};
use crate::system::keys::keys_folder;
use crate::system::{Options, PORTAL_CLIENT_ID, PinPolicy};

/// Writes all settings into the system's folder.
pub(super) fn write_all(
    options: &Options,
    addresses: &Addresses,
    roots: &str,
    pin_prompt: &Path,
) -> Result<()> {
    let folder = &options.folder;
    let secret = random_hexadecimal()?;
    write(&folder.join("roots.json"), roots)?;
    write(&server_file(folder), &server(options, addresses, &secret)?)?;
    let agent = agent(options, addresses, pin_prompt) + &business_software(options)?;
    write(&agent_file(folder), &agent)?;
    write(&portal_file(folder), &portal(options, addresses, &secret))
}

fn server(options: &Options, addresses: &Addresses, secret: &str) -> Result<String> {
    let folder = &options.folder;
    let portal = addresses.portal_url();
    let (interval, grace) = options.presence_seconds;
    let clients_file = match &options.clients_file {
        None => String::new(),
        Some(file) => {
            let file = file
                .canonicalize()
                .with_context(|| format!("can't find the clients file {}", file.display()))?;
            format!("clients_file = [{}]\n", text(&file))
        }
    };
    Ok(format!(
        "issuer = \"{issuer}\"\nlisten = \"{listen}\"\nagent_url = \"{agent}\"\n\
         sandbox = {sandbox}\n{clients_file}\n\
         [database]\nurl = \"sqlite://cardea.sqlite\"\n\n{tls}\
         [keys]\ndir = {keys}\nchallenge_key = {challenge_key}\n\
         challenge_list = {challenge_list}\nenrolment = {enrolment}\n\n\
         [card]\npin_policy = \"{pin_policy}\"\n\n\
         [presence]\ninterval_seconds = {interval}\ngrace_seconds = {grace}\n\n\
         [suspension]\noffer_code = \"account_page\"\n\n\
         [[trust_anchor]]\nname = \"test-cards\"\nanchors = {anchors}\n\
         intermediates = {intermediates}\nprofile = \"cps\"\ntest_cards = \"require\"\n\n\
         [trust_anchor.revocation]\nhosts = [\"{pki}\", \"{ocsp}\"]\n\n\
         [[client]]\nclient_id = \"{PORTAL_CLIENT_ID}\"\nname = \"Assurance santé de l’Amandier\"\n\
         redirect_uris = [\"{portal}/callback\"]\npost_logout_redirect_uris = [\"{portal}/\"]\n\
         backchannel_logout_uri = \"{portal}/backchannel-logout\"\nsecret = \"{secret}\"\n\
         grant_types = [\"authorization_code\", \"refresh_token\"]\n\
         id_token_signed_response_alg = \"ES256\"\n\
         scopes = [\"openid\", \"profile\", \"professional\"]\n",
        issuer = addresses.issuer(),
        listen = addresses.server_listen(),
        agent = addresses.agent_url(),
        sandbox = options.sandbox,
        pin_policy = options.pin_policy.name(),
        tls = tls(options),
        keys = text(&keys_folder(folder).join("tokens")),
        challenge_key = text(&keys_folder(folder).join("challenge-key.pem")),
        challenge_list = text(&keys_folder(folder).join("challenge-keys.jws")),
        enrolment = text(&keys_folder(folder).join("enrolment.jws")),
        anchors = text(&pki_folder(folder).join("card-anchors.pem")),
        intermediates = text(&pki_folder(folder).join("intermediates.pem")),
        pki = addresses.pki_listen(),
        ocsp = addresses.ocsp_listen(),
    ))
}

fn agent(options: &Options, addresses: &Addresses, pin_prompt: &Path) -> String {
    let folder = &options.folder;
    format!(
        "port = {port}\nloopback = \"{loopback}\"\nsocket = {socket}\npinentry = {pinentry}\n\
         state_dir = {state}\nbackend = \"pcsc\"\nrequests_per_minute = 600\n{pin_policy}\n\
         [[issuer]]\nissuer = \"{issuer}\"\nname = \"Cardea (démonstration)\"\n\
         roots_file = {roots}\n{ca}",
        port = addresses.agent_port(),
        loopback = if options.agent_loopback { "on" } else { "off" },
        socket = text(&agent_socket(folder)),
        pinentry = text(pin_prompt),
        state = text(&folder.join("agent")),
        issuer = addresses.issuer(),
        roots = text(&folder.join("roots.json")),
        ca = ca(options),
        pin_policy = pin_policy(options.pin_policy),
    )
}

/// The agent's lines on how often it asks for the PIN.
fn pin_policy(policy: PinPolicy) -> &'static str {
    match policy {
        PinPolicy::Strict => "",
        // A container has no logind to follow the screen's lock by.
        PinPolicy::Pharmacy => "pin_policy = \"pharmacy\"\nkeep_pin_without_screen_lock = true\n",
    }
}

fn business_software(options: &Options) -> Result<String> {
    match &options.clients_file {
        Some(file) if options.business_software => {
            let clients = fs::read_to_string(file)
                .with_context(|| format!("can't read {}", file.display()))?;
            section(&clients).with_context(|| format!("can't use {}", file.display()))
        }
        _ => Ok(String::new()),
    }
}

fn portal(options: &Options, addresses: &Addresses, secret: &str) -> String {
    format!(
        "issuer = \"{issuer}\"\nclient_id = \"{PORTAL_CLIENT_ID}\"\nclient_secret = \"{secret}\"\n\
         listen = \"{listen}\"\npublic_url = \"{url}\"\n{ca}\n{tls}",
        issuer = addresses.issuer(),
        listen = addresses.portal_listen(),
        url = addresses.portal_url(),
        ca = ca(options),
        tls = tls(options),
    )
}

fn tls(options: &Options) -> String {
    if options.scheme == Scheme::Http {
        return String::new();
    }
    let folder = tls_folder(&options.folder);
    let (certificate, key) = (folder.join("leaf.pem"), folder.join("leaf.key"));
    format!(
        "[tls]\ncertificate = {}\nkey = {}\n\n",
        text(&certificate),
        text(&key)
    )
}

fn ca(options: &Options) -> String {
    if options.scheme == Scheme::Http {
        return String::new();
    }
    format!("ca_file = {}\n", text(&ca_file(&options.folder)))
}

/// A path as a TOML string. TOML's and JSON's basic strings have the same escapes.
fn text(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

/// 256 random bits for the portal's secret.
fn random_hexadecimal() -> Result<String> {
    let mut bytes = [0_u8; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("can't read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Settings hold a secret and decide whom the agent trusts: only their owner may touch them.
fn write(path: &Path, content: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, content)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        .with_context(|| format!("can't write {}", path.display()))
}

pub(super) fn server_file(folder: &Path) -> PathBuf {
    folder.join("cardea.toml")
}

pub(super) fn agent_file(folder: &Path) -> PathBuf {
    folder.join("agent.toml")
}

pub(super) fn agent_socket(folder: &Path) -> PathBuf {
    folder.join("agent/agent.sock")
}

pub(super) fn portal_file(folder: &Path) -> PathBuf {
    folder.join("portal.toml")
}

pub(super) fn pki_folder(folder: &Path) -> PathBuf {
    folder.join("pki")
}
