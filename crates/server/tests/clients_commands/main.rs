//! `cardea clients …` as an operator runs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod refusals;

use std::fs;
use std::process::{Command, Output};

use cardea_jose::{Algorithm, SigningKey};
use cardea_storage::Store;
use cardea_storage::client::{ClientRecord, find};
use cardea_storage::event::{EventRecord, list_newest};
use serde_json::{Value, json};
use tempfile::TempDir;

const CARD_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const REDIRECT_URI: &str = "https://portal.example.fr/cb";

/// A folder with the example's configuration, whose only client is `demo-portal`.
struct Operator {
    folder: TempDir,
}

impl Operator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let example = include_str!("../../cardea.example.toml");
        fs::write(folder.path().join("cardea.toml"), example).unwrap();
        Self { folder }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cardea"))
            .current_dir(self.folder.path())
            .arg("clients")
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Runs with `--json`; gives the exit status and the one document.
    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let document = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), document.unwrap())
    }

    fn add_portal(&self) -> String {
        let (exit, document) = self.json(&[
            "add",
            "--client-id",
            "portal",
            "--name",
            "Portail",
            "--redirect-uri",
            REDIRECT_URI,
        ]);
        assert_eq!(exit, 0, "{document}");
        let secret = document["added"][0]["secret"].as_str().unwrap();
        assert_eq!(secret.len(), 43, "256 bits");
        secret.to_owned()
    }

    fn in_database<T>(&self, work: impl AsyncFnOnce(&Store) -> T) -> T {
        let file = self.folder.path().join("cardea.sqlite");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let url = format!("sqlite://{}", file.display());
            let store = Store::open(&url).await.unwrap();
            let result = work(&store).await;
            store.close().await;
            result
        })
    }

    fn record(&self, client_id: &str) -> ClientRecord {
        self.in_database(async |store| {
            let mut transaction = store.begin_read().await.unwrap();
            find(&mut transaction, client_id).await.unwrap().unwrap()
        })
    }

    fn events(&self) -> Vec<EventRecord> {
        self.in_database(async |store| {
            let mut transaction = store.begin_read().await.unwrap();
            list_newest(&mut transaction, 100).await.unwrap()
        })
    }
}

#[test]
fn a_secret_is_shown_once_and_kept_as_its_hash() {
    let operator = Operator::new();
    let secret = operator.add_portal();
    let record = operator.record("portal");
    let digest = cardea_storage::SecretDigest::of(&secret);
    assert_eq!(record.secret, Some(digest.clone()));
    for kept in [
        record.registration.clone(),
        format!("{:?}", operator.events()),
        operator.json(&["show", "portal"]).1.to_string(),
        operator.json(&["list"]).1.to_string(),
    ] {
        assert!(
            !kept.contains(&secret) && !kept.contains(digest.as_str()),
            "{kept}"
        );
    }
    let file = fs::read(operator.folder.path().join("cardea.sqlite")).unwrap();
    assert!(!file.windows(secret.len()).any(|it| it == secret.as_bytes()));
}

/// Every option of a registration.
const EVERY_OPTION: &str = "\
    add --client-id full --name Tout --redirect-uri https://portal.example.fr/cb \
    --redirect-uri https://other.example.fr/cb \
    --post-logout-redirect-uri https://portal.example.fr/bye \
    --backchannel-logout-uri https://portal.example.fr/logout \
    --token-endpoint-auth-method private_key_jwt --jwks-file jwks.json \
    --grant-type authorization_code --grant-type refresh_token --pkce optional \
    --require-pushed-authorization-requests --require-signed-request-object \
    --request-object-signing-alg ES256 --dpop-bound-access-tokens --card-family cps \
    --card-profession TRE_G15:21 --id-token-signed-response-alg PS256 \
    --userinfo-signed-response-alg EdDSA --subject-type pairwise --sector-identifier example.fr \
    --authorization-signed-response-alg ES256 --introspection-signed-response-alg PS256 \
    --resource https://api.example.fr --resource-server-of https://own.example.fr \
    --consent explicit --scope openid --scope profile";

#[test]
fn every_key_of_a_registration_can_be_given_as_an_option() {
    let operator = Operator::new();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    operator.write(
        "jwks.json",
        &json!({ "keys": [key.public_jwk()] }).to_string(),
    );
    let words: Vec<_> = EVERY_OPTION.split_whitespace().collect();
    let (exit, added) = operator.json(&words);
    assert_eq!(exit, 0, "{added}");
    assert_eq!(added["added"][0].get("secret"), None);
    let (_, shown) = operator.json(&["show", "full"]);
    assert_eq!(shown["source"], "database");
    assert_eq!(
        shown["registration"],
        json!({
            "client_id": "full",
            "name": "Tout",
            "redirect_uris": [REDIRECT_URI, "https://other.example.fr/cb"],
            "post_logout_redirect_uris": ["https://portal.example.fr/bye"],
            "backchannel_logout_uri": "https://portal.example.fr/logout",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [key.public_jwk()] },
            "grant_types": ["authorization_code", "refresh_token"],
            "pkce": "optional",
            "require_pushed_authorization_requests": true,
            "require_signed_request_object": true,
            "request_object_signing_alg": "ES256",
            "dpop_bound_access_tokens": true,
            "tls_client_certificate_bound_access_tokens": false,
            "cards": {
                "families": ["cps"],
                "professions": [{ "code": "21", "system": "TRE_G15" }],
            },
            "id_token_signed_response_alg": "PS256",
            "userinfo_signed_response_alg": "EdDSA",
            "authorization_signed_response_alg": "ES256",
            "introspection_signed_response_alg": "PS256",
            "subject_type": "pairwise",
            "sector_identifier": "example.fr",
            "resources": ["https://api.example.fr"],
            "resource_server_of": ["https://own.example.fr"],
            "consent": "explicit",
            "scopes": ["openid", "profile"],
        })
    );
}

#[test]
fn a_file_registers_all_of_its_tables_or_none() {
    let operator = Operator::new();
    let table = |id: &str, more: &str| {
        format!(
            "[[client]]\nclient_id = {id:?}\nname = \"P\"\n\
             redirect_uris = [{REDIRECT_URI:?}]\n{more}\n"
        )
    };
    let public = "token_endpoint_auth_method = \"none\"";
    let clients = || {
        operator.json(&["list"]).1["clients"]
            .as_array()
            .unwrap()
            .len()
    };
    let mixed = table("one", "") + &table("two", public);
    operator.write(
        "clients.toml",
        &(mixed.clone() + &table("three", "pkce = \"off\"")),
    );
    let (exit, error) = operator.json(&["add", "--file", "clients.toml"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (2, Some("server.config_invalid"))
    );
    assert!(
        error["reason"].as_str().unwrap().contains("client[2].pkce"),
        "{error}"
    );
    assert_eq!(clients(), 1);

    operator.write("clients.toml", &mixed);
    let (exit, added) = operator.json(&["add", "--file", "clients.toml"]);
    assert_eq!(exit, 0, "{added}");
    assert!(added["added"][0]["secret"].is_string() && added["added"][1].get("secret").is_none());
    assert_eq!(clients(), 3);

    let fresh = table("fresh", "") + &table("two", public);
    operator.write("clients.toml", &fresh);
    let (exit, error) = operator.json(&["add", "--file", "clients.toml"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (1, Some("provider.client_exists"))
    );
    assert_eq!(clients(), 3);

    operator.write("one.toml", &table("base", public));
    let (exit, added) = operator.json(&["add", "--file", "one.toml", "--client-id", "changed"]);
    assert_eq!(
        (exit, added["added"][0]["client_id"].as_str()),
        (0, Some("changed"))
    );
    operator.write("clients.toml", &mixed);
    let (exit, _) = operator.json(&["add", "--file", "clients.toml", "--client-id", "which"]);
    assert_eq!(exit, 2);
}

#[test]
fn clients_of_the_configuration_are_listed_and_not_touched() {
    let operator = Operator::new();
    operator.add_portal();
    let (_, listed) = operator.json(&["list"]);
    assert_eq!(listed["clients"][0]["client_id"], "demo-portal");
    assert_eq!(listed["clients"][0]["source"], "configuration");
    assert_eq!(listed["clients"][0]["file"], "cardea.toml");
    assert_eq!(listed["clients"][1]["source"], "database");
    for command in ["remove", "rotate-secret"] {
        let (exit, error) = operator.json(&[command, "demo-portal"]);
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("server.client_configured"))
        );
        assert!(
            error["reason"].as_str().unwrap().contains("cardea.toml"),
            "{error}"
        );
        let (exit, error) = operator.json(&[command, "nobody"]);
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("provider.client_unknown"))
        );
    }
    let again = [
        "add",
        "--client-id",
        "demo-portal",
        "--name",
        "P",
        "--redirect-uri",
        REDIRECT_URI,
    ];
    let (exit, error) = operator.json(&again);
    assert_eq!(
        (exit, error["code"].as_str()),
        (1, Some("server.client_configured"))
    );
    let text = String::from_utf8(operator.run(&["list"]).stdout).unwrap();
    assert!(
        text.contains("client_id") && text.contains("portal  "),
        "{text}"
    );
    let text = String::from_utf8(operator.run(&["show", "portal"]).stdout).unwrap();
    assert!(
        text.contains("pkce: required\n") && text.contains("cards: all\n"),
        "{text}"
    );
    let software = [
        "add",
        "--client-id",
        "software",
        "--name",
        "L",
        "--grant-type",
        CARD_GRANT,
        "--card-family",
        "cps",
    ];
    assert_eq!(operator.json(&software).0, 0);
    let text = String::from_utf8(operator.run(&["show", "software"]).stdout).unwrap();
    assert!(text.contains("cards: {\"families\":[\"cps\"]"), "{text}");
    let text = String::from_utf8(operator.run(&["list"]).stdout).unwrap();
    assert!(text.contains(CARD_GRANT), "{text}");
}

/// Attack F3: the secret of an old rotation.
#[test]
fn a_rotation_gives_another_secret_and_keeps_the_old_one_as_long_as_stated() {
    let operator = Operator::new();
    let first = operator.add_portal();
    let (exit, rotated) = operator.json(&["rotate-secret", "portal", "--overlap", "24h"]);
    assert_eq!(exit, 0);
    assert_ne!(rotated["secret"], first.as_str());
    assert!(rotated["previous_secret_accepted_until"].is_string());
    let record = operator.record("portal");
    let previous = record.previous_secret.unwrap();
    assert_eq!(previous.digest, cardea_storage::SecretDigest::of(&first));
    assert_eq!((previous.until - record.changed_at).whole_hours(), 24);
    let (_, shown) = operator.json(&["show", "portal"]);
    let until = "previous_secret_accepted_until";
    assert_eq!(shown[until], rotated[until]);

    let (_, rotated) = operator.json(&["rotate-secret", "portal"]);
    assert!(rotated["previous_secret_accepted_until"].is_null());
    assert_eq!(operator.record("portal").previous_secret, None);

    let (exit, error) = operator.json(&["rotate-secret", "portal", "--overlap", "31d"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (2, Some("provider.secret_overlap_too_long"))
    );
    let native = [
        "add",
        "--client-id",
        "native",
        "--name",
        "N",
        "--token-endpoint-auth-method",
        "none",
        "--redirect-uri",
        REDIRECT_URI,
    ];
    assert_eq!(operator.json(&native).0, 0);
    let (exit, error) = operator.json(&["rotate-secret", "native"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (1, Some("provider.client_secret_missing"))
    );
}

/// Attack H14: no change without its event.
#[test]
fn each_change_is_an_event() {
    let operator = Operator::new();
    operator.add_portal();
    operator.json(&["rotate-secret", "portal", "--overlap", "90s"]);
    let (exit, removed) = operator.json(&["remove", "portal"]);
    assert_eq!((exit, removed["codes_revoked"].as_u64()), (0, Some(0)));
    let events = operator.events();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["client.added", "client.secret_rotated", "client.removed"]
    );
    assert!(
        events
            .iter()
            .all(|event| event.client_id.as_deref() == Some("portal"))
    );
    let details: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_str(&event.details).unwrap())
        .collect();
    assert_eq!(details[1]["overlap_seconds"], 90);
    // Who it was, and where codes could be sent meanwhile.
    let own = rustix::process::geteuid().as_raw();
    assert!(
        details.iter().all(|it| it["by"]["uid"] == own),
        "{details:?}"
    );
    for kept in [&details[0], &details[2]] {
        let registration = &kept["registration"];
        assert_eq!(registration["redirect_uris"], json!([REDIRECT_URI]));
        assert_eq!(registration["pkce"], "required");
        let method = "token_endpoint_auth_method";
        assert_eq!(registration[method], "client_secret_basic");
    }
    assert_eq!(details[2]["codes_revoked"], 0);
    let (exit, error) = operator.json(&["show", "portal"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (1, Some("provider.client_unknown"))
    );
}

#[test]
fn a_mistake_is_one_document_too() {
    let operator = Operator::new();
    let (exit, error) = operator.json(&["rotate-secret", "portal", "--overlap", "soon"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (2, Some("server.case_malformed"))
    );
    assert_eq!(error.get("valid"), None);
    let (exit, error) = operator.json(&["list", "--config", "nowhere.toml"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (2, Some("server.config_unreadable"))
    );
    let output = operator.run(&["list", "--config", "nowhere.toml"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.stdout.is_empty() && text.contains("[server.config_unreadable]"),
        "{text}"
    );
}
