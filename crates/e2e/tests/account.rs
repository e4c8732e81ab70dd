//! The account page in a real browser, reached with a card in a real reader: accessible in both
//! languages, usable by keyboard and without JavaScript, and closed when the card leaves.

use anyhow::{Context as _, Result};
use cardea_e2e::{Browser, SCREENS, Stage};
use cardea_storage::event::{EventRecord, InLedger, append, list_newest};
use cardea_storage::guard_report::{GuardReport, insert};
use cardea_storage::{Store, Transaction};
use cardea_xtask::system::PORTAL_CLIENT_ID;
use time::{Duration, OffsetDateTime};

const OTHER: &str = "Comptoir 2 – Pharmacie de l’Amandier";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_a_workstation_out_by_keyboard_and_the_card_closes_the_page() -> Result<()> {
    let stage = Stage::open("account").await?;
    let issuer = stage.system().addresses().issuer();
    let first = Browser::open().await?;
    first.goto(&format!("{issuer}/account?lang=fr")).await?;
    first.press_start_if_asked().await?;
    first.wait_for("main.account").await?;
    first.close().await?;
    // The page opens although there is a workstation that she has not been asked about: she need
    // not call it hers first (attack M1).
    stage.use_elsewhere(OTHER).await?;
    put_a_busy_week_on_record(&stage).await?;
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    browser.goto(&format!("{issuer}/account?lang=fr")).await?;
    browser.press_start_if_asked().await?;
    let shown = browser.wait_for("main.account").await?;
    assert!(
        shown.contains("vous ne l’avez pas encore confirmé"),
        "{shown}"
    );
    browser.allow_scripts(false).await?;
    for language in ["fr", "en"] {
        browser
            .goto(&format!("{issuer}/account?lang={language}"))
            .await?;
        let shown = browser.wait_for("main.account").await?;
        assert!(shown.contains(OTHER), "{shown}");
        look_at_the_account(&browser, language).await?;
        look_at_the_word(&browser, language).await?;
        look_at_the_files(&browser, language).await?;
        look_at_the_history(&browser, &issuer, language).await?;
        // As the link at the top of the page leads there: the keyboard goes on from that place.
        browser
            .goto(&format!("{issuer}/account?lang={language}#workstations"))
            .await?;
    }
    browser.tab_to("button[value=\"revoke\"]", 12).await?;
    browser.press_key('\u{e007}').await?;
    let notice = browser.wait_for(".notice").await?;
    assert!(notice.contains("is taken out"), "{notice}");
    browser.wait_for("button[value=\"allow\"]").await?;
    browser.check_accessible("account after a change").await?;
    browser.screenshot("page-account-changed").await?;
    stage.system().card().remove()?;
    // The card's departure reaches the server on the agent's own connection.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        browser.goto(&format!("{issuer}/account?lang=en")).await?;
        if browser.address().await?.contains("/login/") {
            break;
        }
        anyhow::ensure!(std::time::Instant::now() < deadline, "it stays open");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    browser
        .goto(&format!("{issuer}/account/closed?lang=fr"))
        .await?;
    browser.check_accessible("account closed").await?;
    browser.screenshot("page-account-closed").await?;
    browser.close().await
}

/// The account page that is open, on each screen.
async fn look_at_the_account(browser: &Browser, language: &str) -> Result<()> {
    browser.allow_scripts(true).await?;
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser
            .check_accessible(&format!("account {language} {shape}"))
            .await?;
        browser
            .screenshot(&format!("page-account-{language}-{shape}"))
            .await?;
    }
    // The whole of it at once, for whoever looks at the pictures.
    for (shape, screen) in [("wide", (1024, 5600)), ("phone", (390, 7600))] {
        browser.resize(screen).await?;
        browser
            .screenshot(&format!("page-account-whole-{language}-{shape}"))
            .await?;
    }
    browser.resize((320, 9000)).await?;
    browser.check_fits("account").await?;
    browser
        .screenshot(&format!("page-account-whole-{language}-narrow"))
        .await?;
    browser.resize(SCREENS[0]).await?;
    Ok(())
}

/// "This was not me", unfolded: what follows stands there before it is said.
async fn look_at_the_word(browser: &Browser, language: &str) -> Result<()> {
    let unfold = "const all = document.querySelectorAll('details.deny'); \
                  all.forEach((it, place) => { it.open = place < 3; }); \
                  all[0].scrollIntoView(); return all.length;";
    let found = browser.run(unfold).await?;
    anyhow::ensure!(found.as_u64() > Some(3), "{found} lines can be denied");
    look_at(browser, &format!("account-not-me-{language}")).await
}

/// More than one file holds: how many there are, and a button for each.
async fn look_at_the_files(browser: &Browser, language: &str) -> Result<()> {
    browser
        .click("form[action^=\"/account/export\"] button[value=\"pdf\"]")
        .await?;
    let shown = browser.wait_for("ol.things").await?;
    let second = match language {
        "fr" => "Fichier 2 sur 2",
        _ => "File 2 of 2",
    };
    anyhow::ensure!(shown.contains(second), "{shown}");
    look_at(browser, &format!("account-files-{language}")).await
}

async fn look_at(browser: &Browser, name: &str) -> Result<()> {
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser.check_accessible(&format!("{name} {shape}")).await?;
        browser.screenshot(&format!("page-{name}-{shape}")).await?;
    }
    browser.resize((320, 640)).await?;
    browser.check_fits(name).await?;
    browser.screenshot(&format!("page-{name}-narrow")).await?;
    browser.resize(SCREENS[0]).await?;
    Ok(())
}

/// The page of the whole history, with technical details and by day, on each screen.
async fn look_at_the_history(browser: &Browser, issuer: &str, language: &str) -> Result<()> {
    let address = format!("{issuer}/account/history?lang={language}");
    for (name, query) in [("history", "&all=1"), ("history-empty", "&day=2020-01-01")] {
        browser.goto(&format!("{address}{query}")).await?;
        browser.wait_for("main.account").await?;
        for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
            browser.resize(*screen).await?;
            browser
                .check_accessible(&format!("{name} {language} {shape}"))
                .await?;
            browser
                .screenshot(&format!("page-{name}-{language}-{shape}"))
                .await?;
        }
        browser.resize((320, 640)).await?;
        browser.check_fits(name).await?;
        browser.resize(SCREENS[0]).await?;
    }
    Ok(())
}

/// What a week leaves: a new workstation, a refused use, a stop, look-ups, and a quiet history.
async fn put_a_busy_week_on_record(stage: &Stage) -> Result<()> {
    let settings = stage.system().server_settings();
    let file = settings.with_file_name("cardea.sqlite");
    let store = Store::open(&format!("sqlite://{}", file.display())).await?;
    let mut transaction = store.begin().await?;
    let events = list_newest(&mut transaction, 100).await?;
    let now = events.first().map(|event| event.occurred_at);
    let sub = events.into_iter().find_map(|event| event.sub);
    let (now, sub) = now.zip(sub).context("nobody has signed in")?;
    let new = format!(r#"{{"instance_jkt":"other","workstation":"{OTHER}"}}"#);
    let login = format!(
        r#"{{"acr":"urn:cardea:acr:card-pin","instance_jkt":"other","workstation":"{OTHER}",
            "reader":"Ingenico PRIUM 00 00"}}"#
    );
    let stop = r#"{"guard":"guard","service":"dossiers partagés","reasons":[]}"#;
    for (hours, kind, code, details) in [
        (52, "login.accepted", None, login.as_str()),
        (51, "session.ended", Some("departed"), "{}"),
        (30, "login.accepted", None, login.as_str()),
        (30, "agent_instance.first_used", None, new.as_str()),
        (29, "session.ended", Some("guard_stopped"), "{}"),
        (29, "guard.session_stopped", None, stop),
        (5, "login.refused", Some("provider.card_suspended"), "{}"),
    ] {
        let at = now - Duration::hours(hours);
        let nanoseconds = u64::try_from(at.unix_timestamp_nanos())?;
        let event = EventRecord {
            id: format!("{nanoseconds:016x}-00000000-{}", kind.replace('.', "_")),
            kind: kind.to_owned(),
            occurred_at: at,
            authorization_request_id: None,
            session_id: Some(format!("session-{hours}")),
            sub: Some(sub.clone()),
            client_id: Some(PORTAL_CLIENT_ID.to_owned()),
            code: code.map(str::to_owned),
            details: details.to_owned(),
        };
        append(&mut transaction, &event, InLedger::Outside).await?;
    }
    // More than one file of hers holds.
    for number in 0..1_000_u32 {
        let at = now - Duration::days(60) + Duration::minutes(number.into());
        let nanoseconds = u64::try_from(at.unix_timestamp_nanos())?;
        let event = EventRecord {
            id: format!("{nanoseconds:016x}-{number:08x}-tokens"),
            kind: "tokens.issued".to_owned(),
            occurred_at: at,
            authorization_request_id: None,
            session_id: None,
            sub: Some(sub.clone()),
            client_id: Some(PORTAL_CLIENT_ID.to_owned()),
            code: None,
            details: "{}".to_owned(),
        };
        append(&mut transaction, &event, InLedger::Outside).await?;
    }
    put_look_ups_on_record(&mut transaction, &sub, now).await?;
    transaction.commit().await?;
    store.close().await;
    Ok(())
}

/// Look-ups of nine days; on the busiest one a guard has slowed down at ten patients.
async fn put_look_ups_on_record(
    transaction: &mut Transaction,
    sub: &str,
    now: OffsetDateTime,
) -> Result<()> {
    for day in 0..9_i64 {
        let look_ups = (7 * day + 3) % 13;
        for number in 0..look_ups {
            let at = now - Duration::days(day);
            let is_over = number >= 10;
            let report = GuardReport {
                id: format!("{day}-{number}"),
                guard_client_id: "guard".to_owned(),
                sub: Some(sub.to_owned()),
                session_id: None,
                client_id: PORTAL_CLIENT_ID.to_owned(),
                token_jti: "token".to_owned(),
                service: "dossiers".to_owned(),
                kind: "look_up".to_owned(),
                answer: "allow".to_owned(),
                reasons: "[]".to_owned(),
                patient_present: false,
                patients: vec![format!("patient-{number}")],
                part: None,
                unproven: None,
                place: None,
                on_record: None,
                occurred_at: at.unix_timestamp() * 1_000,
                received_at: at,
            };
            insert(transaction, &report).await?;
            if is_over {
                let slowed = GuardReport {
                    id: format!("{day}-{number}-slowed"),
                    answer: "slow".to_owned(),
                    reasons: r#"[{"code":"per_day","count":11,"limit":10}]"#.to_owned(),
                    ..report
                };
                insert(transaction, &slowed).await?;
            }
        }
    }
    Ok(())
}
