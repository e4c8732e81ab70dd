//! The discovery document and the keys, judged as at the beginning of every module.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use cardea_jose::{JwkSet, VerifyingKey, parse_base64url};
use reqwest::Client;
use serde_json::Value;
use url::Url;

use super::response::Answer;

/// Members that would be the private half of a key (RFC 7518 section 6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// The document of an issuer (OIDC Discovery section 4).
pub(super) async fn fetch(http: &Client, issuer: &str) -> Result<Value> {
    let address = format!("{issuer}/.well-known/openid-configuration");
    let answer = Answer::read(http.get(address).send().await?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let metadata = answer.body;
    let members = metadata.as_object().context("no metadata")?;
    ensure!(
        metadata.get("issuer").and_then(Value::as_str) == Some(issuer),
        "another issuer: {metadata}"
    );
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        ensure!(members.contains_key(name), "no {name}");
    }
    for (name, value) in members {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let address = Url::parse(value.as_str().context("an address is a text")?)?;
            ensure!(address.scheme() == "https", "{name} is {address}");
        }
    }
    Ok(metadata)
}

/// The key set: every key whole, public, and with a name of its own.
pub(super) async fn fetch_keys(http: &Client, metadata: &Value) -> Result<JwkSet> {
    let address = metadata.get("jwks_uri").and_then(Value::as_str);
    let answer = http.get(address.context("no jwks_uri")?).send().await?;
    let answer = Answer::read(answer).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let keys = answer.body.get("keys").and_then(Value::as_array);
    for key in keys.context("no keys")? {
        for name in PRIVATE {
            ensure!(key.get(name).is_none(), "{name} is published");
        }
        for name in ["e", "n", "x", "y"] {
            if let Some(value) = key.get(name) {
                parse_base64url(value.as_str().context("a coordinate is a text")?)?;
            }
        }
    }
    let set: JwkSet = serde_json::from_value(answer.body).context("keys that do not parse")?;
    let mut names = BTreeSet::new();
    for key in &set.keys {
        VerifyingKey::from_jwk(key)?;
        let name = key.kid.as_deref().context("a key without a kid")?;
        ensure!(names.insert(name), "two keys are {name}");
    }
    Ok(set)
}
