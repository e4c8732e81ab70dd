//! Any challenge: as it is, and with a good signature by the issuer's key.

use super::world::{ISSUER, WORLD, sign};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_agent::hostile_input::check_challenge;
use serde_json::Value;

/// Longest lifetime that an agent takes, in seconds, with room.
const LIFETIME_MAX: i64 = 600;

/// Demands of these bytes what must be true of all.
pub fn check(bytes: &[u8]) {
    let Ok(compact) = std::str::from_utf8(bytes) else {
        return;
    };
    assert!(
        !is_accepted(compact),
        "a challenge that nobody signed is accepted"
    );
    let Some((header, payload, signed)) = signed(compact) else {
        return;
    };
    assert!(
        !is_accepted_from("http://evil.test", &signed),
        "a challenge is accepted from a foreign page"
    );
    if !is_accepted(&signed) {
        return;
    }
    let text =
        |object: &Value, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| {
        payload
            .get(name)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    };
    assert_eq!(text(&header, "alg").as_deref(), Some("ES256"));
    assert_eq!(text(&header, "typ").as_deref(), Some("card-challenge+jwt"));
    assert_eq!(text(&payload, "iss").as_ref(), Some(&WORLD.url));
    assert_eq!(text(&payload, "purpose").as_deref(), Some("login"));
    let lifetime = number("exp").saturating_sub(number("iat"));
    assert!(
        (1..=LIFETIME_MAX).contains(&lifetime),
        "it lives for {lifetime} s"
    );
    assert!(!text(&payload, "jti").unwrap_or_default().is_empty());
    assert!(!text(&payload, "nonce").unwrap_or_default().is_empty());
}

/// The challenge with the issuer's address of this run and a good signature.
pub fn signed(compact: &str) -> Option<(Value, Value, String)> {
    let mut parts = compact.split('.');
    let (header, payload) = (parts.next()?, parts.next()?);
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let payload = String::from_utf8(decode(payload)?).ok()?;
    let payload = payload.replace(ISSUER, &WORLD.url);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&payload));
    let signature = URL_SAFE_NO_PAD.encode(sign(input.as_bytes()));
    let header = serde_json::from_slice(&decode(header)?).unwrap_or_default();
    let payload = serde_json::from_str(&payload).unwrap_or_default();
    Some((header, payload, format!("{input}.{signature}")))
}

fn is_accepted(compact: &str) -> bool {
    is_accepted_from(&WORLD.url, compact)
}

fn is_accepted_from(origin: &str, compact: &str) -> bool {
    WORLD
        .runtime
        .block_on(check_challenge(&WORLD.agent, origin, compact))
        .is_ok()
}
