//! What this server speaks beside OAuth and OpenID Connect, as an OpenAPI 3.1 document.
//!
//! The document is a file beside this crate; what follows from types is filled in here, and a test
//! compares its addresses with the routes.

use cardea_provider::Issuer;
use serde_json::{Value, json};

use crate::endpoint::is_below_the_issuer;
use crate::problem::Problem;

const DOCUMENT: &str = include_str!("../openapi.json");

/// The document of the server with this issuer; of any server without one.
///
/// # Errors
/// Never: the file is part of the program, and a test reads it.
pub(crate) fn document(issuer: Option<&Issuer>) -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(DOCUMENT)?;
    let codes: Vec<&str> = Problem::ALL.iter().map(|problem| problem.code()).collect();
    fill(
        &mut document,
        "/info/version",
        json!(env!("CARGO_PKG_VERSION")),
    );
    fill(
        &mut document,
        "/components/schemas/Problem/properties/code/enum",
        json!(codes),
    );
    if let Some(issuer) = issuer {
        let origin = issuer.origin().as_str();
        fill(&mut document, "/servers/0/url", json!(origin));
        if !issuer.path().is_empty() {
            move_below(&mut document, issuer);
        }
    }
    Ok(document)
}

/// Says where the routes are that an issuer with a path has below it (`endpoint.rs`).
fn move_below(document: &mut Value, issuer: &Issuer) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        if let (true, Some(item)) = (is_below_the_issuer(path), item.as_object_mut()) {
            let servers = json!([{ "url": issuer.as_str() }]);
            item.insert("servers".to_owned(), servers);
        }
    }
}

fn fill(document: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cardea_provider::Issuer;

    use super::document;

    /// What the specifications of OAuth and OpenID Connect describe, and pages for people that no
    /// program calls.
    const ELSEWHERE: [&str; 34] = [
        "/account/cards",
        "/account/close",
        "/account/closed",
        "/account/export",
        "/account/history",
        "/account/sessions",
        "/account/stops",
        "/account/workstations",
        "/authorize",
        "/card-grant/challenge",
        "/consent/{id}",
        "/device",
        "/device/approved",
        "/device/refused",
        "/device/{id}",
        "/device_authorization",
        "/introspect",
        "/jwks",
        "/login/{id}/agentless",
        "/logout",
        "/new-workstations/{id}",
        "/card-news/{id}",
        "/guard-news/{id}",
        "/refused-uses/{id}",
        "/account/not-me",
        "/suspend/confirm",
        "/account/suspend-code",
        "/par",
        "/register",
        "/register/{client_id}",
        "/revoke",
        "/static/{name}",
        "/token",
        "/userinfo",
    ];

    /// Every address that stands as a text in the router.
    fn routes() -> BTreeSet<String> {
        let source = include_str!("router.rs");
        let texts = source.split(".route(").skip(1);
        let first = |after: &str| {
            let lines = after.lines().map(str::trim);
            let mut parts = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
            let text = parts.next()?.strip_prefix('"')?;
            text.split('"').next().map(str::to_owned)
        };
        texts.filter_map(first).collect()
    }

    #[test]
    fn every_route_is_described_here_or_by_a_specification() {
        let document = document(None).unwrap();
        let described = document["paths"].as_object().unwrap();
        let routes = routes();
        assert!(routes.len() > 20, "{routes:?}");
        for route in &routes {
            let is_described = described.contains_key(route);
            // The operators' console is pages for people, all of it.
            let is_elsewhere =
                ELSEWHERE.contains(&route.as_str()) || route.starts_with("/console/");
            assert!(is_described != is_elsewhere, "{route}");
        }
        for path in described.keys() {
            assert!(routes.contains(path), "{path} is no route");
        }
    }

    #[test]
    fn what_follows_from_types_is_filled_in() {
        let issuer = Issuer::parse("https://login.example.test").unwrap();
        let document = document(Some(&issuer)).unwrap();
        assert_eq!(document["servers"][0]["url"], "https://login.example.test");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let problem = &document["components"]["schemas"]["Problem"];
        let codes = problem["properties"]["code"]["enum"].as_array().unwrap();
        assert!(codes.contains(&"login.refused".into()));
    }

    /// As `endpoint.rs` leads requests: pages are at the host's root whatever the issuer's path.
    #[test]
    fn what_is_below_an_issuers_path_says_so() {
        let issuer = Issuer::parse("https://login.example.test/auth/realms/a").unwrap();
        let document = document(Some(&issuer)).unwrap();
        assert_eq!(document["servers"][0]["url"], "https://login.example.test");
        for (path, item) in document["paths"].as_object().unwrap() {
            let is_below = path.starts_with("/.well-known/")
                || ["/presence", "/events", "/guard/reports"].contains(&path.as_str());
            let expected = match is_below {
                true => serde_json::json!([{ "url": issuer.as_str() }]),
                false => serde_json::Value::Null,
            };
            let servers = item.get("servers").cloned().unwrap_or_default();
            assert_eq!(servers, expected, "{path}");
        }
    }

    /// The names of members that requests and answers have, against the types that read and write
    /// them.
    #[test]
    fn frames_and_bodies_have_the_described_members() {
        let document = document(None).unwrap();
        let schemas = &document["components"]["schemas"];
        let members = |name: &str| -> BTreeSet<String> {
            let properties = schemas[name]["properties"].as_object().unwrap();
            properties.keys().cloned().collect()
        };
        for (name, source) in [
            ("Assertion", include_str!("handler/login_assertion.rs")),
            ("GoOn", include_str!("handler/login_assertion.rs")),
            ("Challenge", include_str!("handler/login_challenge.rs")),
            ("Problem", include_str!("error_response.rs")),
        ] {
            for member in members(name) {
                let field = format!(" {member}: ");
                let raw = format!(" r#{member}: ");
                assert!(
                    source.contains(&field) || source.contains(&raw),
                    "{name}.{member}"
                );
            }
        }
    }
}
