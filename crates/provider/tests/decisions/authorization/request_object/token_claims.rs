//! Who says it, to whom and when: claims about the object itself (attack E10).

use serde_json::{Value, json};

use super::super::super::world::{ISSUER, PORTAL, SECOND};
use super::Signing;

#[tokio::test]
async fn claims_that_do_not_fit_are_refused_each_with_its_code() {
    let signing = Signing::new().await;
    let now = signing.world.now().unix_timestamp();
    let endpoint = format!("{ISSUER}/authorize");
    let cases: [(&str, &str, Value, &str); 17] = [
        ("no iss", "iss", Value::Null, "issuer_mismatch"),
        ("other iss", "iss", json!(SECOND), "issuer_mismatch"),
        (
            "other client",
            "client_id",
            json!(SECOND),
            "issuer_mismatch",
        ),
        ("no aud", "aud", Value::Null, "audience_mismatch"),
        (
            "other aud",
            "aud",
            json!("https://x.test"),
            "audience_mismatch",
        ),
        ("endpoint", "aud", json!(endpoint), "audience_mismatch"),
        ("other auds", "aud", json!([endpoint]), "audience_mismatch"),
        ("no exp", "exp", Value::Null, "out_of_time"),
        ("expired", "exp", json!(now), "out_of_time"),
        ("too long", "exp", json!(now + 3601), "out_of_time"),
        ("made long ago", "nbf", json!(now - 3601), "out_of_time"),
        ("not yet", "nbf", json!(now + 11), "out_of_time"),
        ("exp as text", "exp", json!("1800000000"), "malformed"),
        ("exp beyond all", "exp", json!(1e300), "malformed"),
        // RFC 9101 section 10.8: it would pass for a client assertion.
        ("the client", "sub", json!(PORTAL), "is_client_assertion"),
        ("an object inside", "request", json!("a.b.c"), "malformed"),
        ("a reference", "request_uri", json!("urn:x"), "malformed"),
    ];
    for (name, member, value, code) in cases {
        let object = signing.sign(|claims| match value {
            Value::Null => {
                claims.as_object_mut().unwrap().remove(member);
            }
            value => claims[member] = value,
        });
        let refusal = signing.refusal(&object).await;
        let code = format!("provider.request_object_{code}");
        assert_eq!(refusal, ("invalid_request_object", code.as_str()), "{name}");
    }
}
