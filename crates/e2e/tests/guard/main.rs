//! The guard in front of an API that knows nothing of Cardea, asked by nginx and by Caddy as
//! docs/guard-proxies.md says, with the real server and a card.

mod proxy;
mod reports;
mod stand;
mod step_up;
mod stops;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cardea_e2e::Stage;
use cardea_xtask::system::Part;
use serde_json::Value;

use proxy::Proxy;
use stand::{Answer, Stand, Visitor, register};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until an answer is as it should be, each time with a fresh proof.
async fn soon(
    visitor: &Visitor,
    proxy: &Proxy,
    is_right: impl Fn(&Answer) -> bool,
) -> Result<Answer> {
    let begun = Instant::now();
    loop {
        let answer = visitor.get(proxy, "/records/1").await?;
        if is_right(&answer) {
            return Ok(answer);
        }
        if begun.elapsed() > PATIENCE {
            anyhow::bail!("it stays so: {answer:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Attacks F9 and F10 through real proxies: one proof for two requests, headers of a client's own,
/// a pulled card, a dead server.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_behind_a_proxy_hears_of_good_requests_alone() -> Result<()> {
    let mut stage = Stage::open_with("guard", register).await?;
    let stand = Stand::start(&stage).await?;
    let nginx = Proxy::nginx(&stage, &stand).await?;
    let caddy = Proxy::caddy(&stage, &stand).await?;
    stand.wait_until_ready().await?;
    let visitor = Visitor::sign_in(&stage).await?;
    for proxy in [&nginx, &caddy] {
        check_good_requests(&visitor, proxy).await?;
        check_refusals(&visitor, proxy).await?;
    }
    // The server dies: what it does not say is no longer believed, and no guard lets anybody in.
    stage.system_mut().stop_part(Part::Server)?;
    for proxy in [&nginx, &caddy] {
        let denied = soon(&visitor, proxy, |answer| answer.status != 200).await?;
        assert_eq!(denied.status, 503, "{}: {denied:?}", proxy.name);
        assert_eq!(denied.code(), "guard.introspection_failed", "{denied:?}");
    }
    stage.system_mut().start_part(Part::Server)?;
    // The agent's presence connection comes back by itself.
    for proxy in [&nginx, &caddy] {
        soon(&visitor, proxy, |answer| answer.status == 200).await?;
    }
    stand.wait_until_heard().await?;
    // The card leaves: within a second, which only a busy machine makes longer.
    stage.system().card().remove()?;
    let begun = Instant::now();
    for proxy in [&nginx, &caddy] {
        let denied = soon(&visitor, proxy, |answer| answer.status != 200).await?;
        assert_eq!(denied.status, 401, "{denied:?}");
        let codes = ["guard.session_ended", "guard.token_inactive"];
        assert!(codes.contains(&denied.code().as_str()), "{denied:?}");
    }
    println!(
        "denied {} ms after the card left",
        begun.elapsed().as_millis()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    // A guard that is gone lets nobody in, whichever way the proxy says so.
    stand.stop_guards()?;
    for proxy in [&nginx, &caddy] {
        let denied = visitor.get(proxy, "/records/1").await?;
        assert!(denied.status >= 500, "{}: {denied:?}", proxy.name);
        assert!(!denied.has_reached_the_api(), "{denied:?}");
    }
    Ok(())
}

async fn check_good_requests(visitor: &Visitor, proxy: &Proxy) -> Result<()> {
    let answer = visitor.get(proxy, "/records/1?name=x").await?;
    assert_eq!(answer.status, 200, "{}: {answer:?}", proxy.name);
    let sub = visitor.claim("sub")?;
    assert_eq!(answer.seen("x-cardea-sub"), [sub.as_str()], "{answer:?}");
    assert_eq!(answer.seen("x-cardea-client"), ["guarded-portal"]);
    assert_eq!(
        answer.seen("x-cardea-sid"),
        [visitor.claim("sid")?.as_str()]
    );
    let acr = "urn:cardea:acr:card-pin";
    assert_eq!(answer.seen("x-cardea-acr"), [acr]);
    assert_eq!(answer.seen("x-cardea-amr"), ["sc pin hwk mfa"]);
    assert_eq!(answer.seen("x-cardea-binding"), ["dpop"]);
    // The API needs no token, and gets none.
    assert!(answer.seen("authorization").is_empty(), "{answer:?}");
    assert!(answer.seen("dpop").is_empty(), "{answer:?}");
    // A client that says itself who it is, in every spelling; and one that describes another
    // request to the guard than the one that it makes.
    let forged = [
        ("x-cardea-sub", "somebody-else"),
        ("X-CARDEA-Profession", "doctor"),
        ("x-cardea-scope", "everything"),
        ("x_cardea_sub", "somebody-else"),
        ("x-cardea_sub", "somebody-else"),
        ("x-original-uri", "/public"),
        ("x-original-method", "OPTIONS"),
        ("x-forwarded-uri", "/public"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "203.0.113.1"),
        ("client-cert", ":AAAA:"),
    ];
    let answer = visitor.get_with(proxy, "/records/1", &forged).await?;
    assert_eq!(answer.status, 200, "{}: {answer:?}", proxy.name);
    assert_eq!(answer.seen("x-cardea-sub"), [sub.as_str()], "{answer:?}");
    // Which an API behind CGI would take for the guard's.
    for name in ["x_cardea_sub", "x-cardea_sub"] {
        assert!(answer.seen(name).is_empty(), "{answer:?}");
    }
    let profession = answer.seen("x-cardea-profession").concat();
    assert_eq!(profession, "", "{answer:?}");
    assert_eq!(
        answer.seen("x-cardea-scope"),
        [visitor.claim("scope")?.as_str()]
    );
    // A rule for a path, by another login than is asked for there.
    let strict = visitor.get(proxy, "/strict/1").await?;
    assert_eq!(strict.status, 200, "{strict:?}");
    Ok(())
}

async fn check_refusals(visitor: &Visitor, proxy: &Proxy) -> Result<()> {
    let name = proxy.name;
    // Nobody; and in words, for people too.
    let nobody = proxy
        .send("/records/1", &[("accept-language", "fr")])
        .await?;
    assert_eq!(
        (nobody.status, nobody.code().as_str()),
        (401, "guard.token_missing"),
        "{name}"
    );
    let challenges = nobody.header("www-authenticate");
    assert_eq!(challenges.len(), 1, "{name}: {challenges:?}");
    assert!(
        challenges.concat().starts_with("DPoP algs=\""),
        "{challenges:?}"
    );
    let title = nobody.body.get("title").and_then(Value::as_str);
    assert_eq!(
        title,
        Some("la requête n’a pas de jeton d’accès"),
        "{name}: {nobody:?}"
    );
    // A forged identity without a token is none.
    let forged = [("x-cardea-sub", "somebody")];
    let refused = proxy.send("/records/1", &forged).await?;
    assert_eq!(refused.status, 401, "{name}: {refused:?}");
    assert!(!refused.has_reached_the_api());
    check_proofs(visitor, proxy).await?;
    check_rules(visitor, proxy).await
}

async fn check_proofs(visitor: &Visitor, proxy: &Proxy) -> Result<()> {
    let name = proxy.name;
    // Attack F9: the same proof again.
    let headers = visitor.headers(proxy, "/records/1")?;
    let once = proxy.send("/records/1", &pairs(&headers)).await?;
    assert_eq!(once.status, 200, "{name}: {once:?}");
    let again = proxy.send("/records/1", &pairs(&headers)).await?;
    assert_eq!(
        (again.status, again.code().as_str()),
        (401, "guard.dpop_proof_replayed"),
        "{name}"
    );
    let challenge = again.header("www-authenticate").concat();
    assert!(
        challenge.contains("error=\"invalid_dpop_proof\""),
        "{name}: {challenge}"
    );
    assert!(!again.has_reached_the_api());
    // For another path; as a bearer token (attack F10).
    let refused = proxy
        .send("/records/2", &pairs(&visitor.headers(proxy, "/records/1")?))
        .await?;
    assert_eq!(
        refused.code(),
        "guard.dpop_proof_invalid",
        "{name}: {refused:?}"
    );
    let bearer = format!("Bearer {}", visitor.access_token);
    let refused = proxy
        .send("/records/1", &[("authorization", &bearer)])
        .await?;
    assert_eq!(
        refused.code(),
        "guard.token_scheme_mismatch",
        "{name}: {refused:?}"
    );
    Ok(())
}

async fn check_rules(visitor: &Visitor, proxy: &Proxy) -> Result<()> {
    let name = proxy.name;
    // A rule that this login does not meet, and a path that could slip past it.
    let refused = visitor.get(proxy, "/never/1").await?;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "guard.acr_insufficient"),
        "{name}"
    );
    let challenge = refused.header("www-authenticate").concat();
    let wanted = "error=\"insufficient_user_authentication\"";
    assert!(challenge.contains(wanted), "{name}: {challenge}");
    assert!(
        challenge.contains("acr_values=\"urn:example:never\""),
        "{name}: {challenge}"
    );
    let scope = visitor.get(proxy, "/scoped/1").await?;
    assert_eq!(
        (scope.status, scope.code().as_str()),
        (403, "guard.scope_insufficient"),
        "{name}"
    );
    let odd = visitor.get(proxy, "/records/%2e%2e/never").await?;
    assert!(
        odd.status >= 400 && !odd.has_reached_the_api(),
        "{name}: {odd:?}"
    );
    Ok(())
}

fn pairs(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// What the page says of the guard's file is what it is.
#[test]
fn the_page_has_all_three_files() -> Result<()> {
    for name in [
        "the guard of the tests",
        "nginx of the tests",
        "Caddy of the tests",
    ] {
        proxy::block(name).with_context(|| name.to_owned())?;
    }
    Ok(())
}
