//! What this server speaks beside OAuth and OpenID Connect, as an OpenAPI 3.1 document.
//!
//! The document is a file beside this crate; what follows from types is filled in here, and a test
//! compares its addresses with the routes.

use serde_json::{Value, json};

use crate::problem::Problem;

const DOCUMENT: &str = include_str!("../openapi.json");

/// The document of the server at `issuer`; of any server without one.
///
/// # Errors
/// Never: the file is part of the program, and a test reads it.
pub(crate) fn document(issuer: Option<&str>) -> Result<Value, serde_json::Error> {
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
        fill(&mut document, "/servers/0/url", json!(issuer));
    }
    Ok(document)
}

fn fill(document: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::document;

    /// What the specifications of OAuth and OpenID Connect describe, and pages for people that no
    /// program calls.
    const ELSEWHERE: [&str; 15] = [
        "/authorize",
        "/card-grant/challenge",
        "/consent/{id}",
        "/introspect",
        "/jwks",
        "/login/{id}/agentless",
        "/logout",
        "/new-workstations/{id}",
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
            let is_elsewhere = ELSEWHERE.contains(&route.as_str());
            assert!(is_described != is_elsewhere, "{route}");
        }
        for path in described.keys() {
            assert!(routes.contains(path), "{path} is no route");
        }
    }

    #[test]
    fn what_follows_from_types_is_filled_in() {
        let document = document(Some("https://login.example.test")).unwrap();
        assert_eq!(document["servers"][0]["url"], "https://login.example.test");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let problem = &document["components"]["schemas"]["Problem"];
        let codes = problem["properties"]["code"]["enum"].as_array().unwrap();
        assert!(codes.contains(&"login.refused".into()));
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
