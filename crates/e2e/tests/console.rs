//! The operators' console in a real browser, reached with an operator's card in a real reader:
//! accessible in both languages, on a wide and on a narrow screen, without JavaScript, and closed
//! when the card leaves.

use anyhow::{Context as _, Result};
use cardea_e2e::{Browser, Stage};
use cardea_storage::account_stop::{self, AccountStop};
use cardea_storage::approval::{self, Approval, ApprovalState};
use cardea_storage::event::{EventRecord, InLedger, append, list_newest};
use cardea_storage::guard_report::{GuardReport, insert};
use cardea_storage::incident::{self, Incident};
use cardea_storage::{Store, Transaction};
use cardea_xtask::system::{PORTAL_CLIENT_ID, System};
use time::{Duration, OffsetDateTime};

/// The screens that operators have: a small laptop, and a telephone.
const SCREENS: [((u32, u32), &str); 2] = [((1024, 768), "wide"), ((390, 844), "phone")];

const OPERATORS: &str = "[admin]\nenabled = true\nanchors = true\n\
    [[admin.operator]]\nsubject_id = \"899700000017\"\nsubject_id_type = \"rpps\"\n\
    [[admin.operator]]\nsubject_id = \"899700000011\"\nsubject_id_type = \"rpps\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_around_and_the_card_closes_the_console() -> Result<()> {
    let stage = Stage::open_prepared("console", |_| {}, with_operators).await?;
    let issuer = stage.system().addresses().issuer();
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    browser.goto(&format!("{issuer}/console?lang=fr")).await?;
    browser.press_start_if_asked().await?;
    let shown = browser.wait_for("main.console").await?;
    assert!(shown.contains("Console d’exploitation"), "{shown}");
    let sub = put_a_week_on_record(&stage).await?;
    let pages = [
        ("overview", String::new()),
        ("search", "/search".to_owned()),
        ("person", format!("/person/{sub}")),
        ("incidents", "/incidents".to_owned()),
        ("closed-incidents", "/incidents/closed".to_owned()),
        ("report", "/report".to_owned()),
        ("stops", "/stops".to_owned()),
        ("cards", "/cards".to_owned()),
        ("anchors", "/anchors".to_owned()),
        ("approvals", "/approvals".to_owned()),
    ];
    for language in ["fr", "en"] {
        for (name, path) in &pages {
            browser.allow_scripts(false).await?;
            browser
                .goto(&format!("{issuer}/console{path}?lang={language}"))
                .await?;
            look_at(&browser, name, language).await?;
        }
        make_a_report(&browser, &issuer, language).await?;
    }
    browser
        .goto(&format!("{issuer}/console/approvals?lang=en"))
        .await?;
    // Her own proposal she cannot confirm: the page offers to take it back alone.
    let shown = browser.text("main").await?;
    assert!(shown.contains("Cancel"), "{shown}");
    stage.system().card().remove()?;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        browser.goto(&format!("{issuer}/console?lang=en")).await?;
        if browser.address().await?.contains("/login/") {
            break;
        }
        anyhow::ensure!(std::time::Instant::now() < deadline, "it stays open");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    browser
        .goto(&format!("{issuer}/console/closed?lang=fr"))
        .await?;
    browser.check_accessible("console closed").await?;
    browser.screenshot("page-console-closed").await?;
    browser.close().await
}

/// Looks at the page that has come without a script, on each screen, and takes its pictures.
async fn look_at(browser: &Browser, name: &str, language: &str) -> Result<()> {
    browser.wait_for("main.console").await?;
    browser.allow_scripts(true).await?;
    for (screen, shape) in SCREENS {
        browser.resize(screen).await?;
        let name = format!("console-{name}-{language}-{shape}");
        browser.check_accessible(&name).await?;
        browser.screenshot(&format!("page-{name}")).await?;
        browser.check_fits(&name).await?;
    }
    // All of it at once, for whoever looks at the pictures.
    browser.resize((1024, 3200)).await?;
    browser
        .screenshot(&format!("page-console-{name}-{language}-whole"))
        .await?;
    browser.resize(SCREENS[0].0).await
}

/// Asks for a report of a span of time: once with its end before its beginning, which is told at
/// the field, and then as it should be, and turns the page.
async fn make_a_report(browser: &Browser, issuer: &str, language: &str) -> Result<()> {
    for (name, from, mark) in [
        ("report-refused", "2101-01-01T00:00", ".notice.refused a"),
        ("report-made", "2020-01-01T00:00", "form [name=part]"),
    ] {
        browser
            .goto(&format!("{issuer}/console/report?lang={language}"))
            .await?;
        browser.wait_for("#report-from").await?;
        let fill = format!(
            "document.querySelector('#report-from').value = '{from}';
             document.querySelector('#report-to').value = '2100-01-01T00:00';"
        );
        browser.run(&fill).await?;
        browser.allow_scripts(false).await?;
        browser.click("main form.ask button").await?;
        browser.wait_for(mark).await?;
        look_at(browser, name, language).await?;
    }
    let shown = browser.text("main").await?;
    assert!(shown.contains("patient-1"), "{shown}");
    browser.allow_scripts(false).await?;
    browser.click("main form:has([name=part]) button").await?;
    browser
        .wait_for("main.console:not(:has([name=part]))")
        .await?;
    look_at(browser, "report-next", language).await
}

fn with_operators(system: &System) -> Result<()> {
    let file = system.server_settings();
    let settings = std::fs::read_to_string(&file)?;
    std::fs::write(&file, format!("{settings}\n{OPERATORS}"))?;
    Ok(())
}

/// What two weeks leave: logins, refusals, look-ups above a budget, a stop, and a proposal to lift
/// it. Gives the operator's own pseudonym, about whom it all is.
async fn put_a_week_on_record(stage: &Stage) -> Result<String> {
    let settings = stage.system().server_settings();
    let file = settings.with_file_name("cardea.sqlite");
    let store = Store::open(&format!("sqlite://{}", file.display())).await?;
    let mut transaction = store.begin().await?;
    let events = list_newest(&mut transaction, 100).await?;
    let now = events.first().map(|event| event.occurred_at);
    let sub = events.into_iter().find_map(|event| event.sub);
    let (now, sub) = now.zip(sub).context("nobody has signed in")?;
    let login =
        r#"{"acr":"urn:cardea:acr:card-pin","instance_jkt":"x","workstation":"Comptoir 2"}"#;
    for day in 1..13_i64 {
        for number in 0..day % 5 + 3 {
            let at = now - Duration::days(day) - Duration::minutes(number);
            let event = ("login.accepted", None, login);
            put_event(&mut transaction, &sub, event, (at, day * 100 + number)).await?;
            let code = ["provider.card_expired", "provider.challenge_expired"]
                .get(usize::try_from(number % 2)?)
                .copied();
            let event = ("login.refused", code, "{}");
            put_event(&mut transaction, &sub, event, (at, day * 100 + 50 + number)).await?;
            put_report(&mut transaction, &sub, at, (day, number)).await?;
        }
    }
    let stop = AccountStop {
        id: "stop".to_owned(),
        sub: Some(sub.clone()),
        subject: sub.clone(),
        service: "dossiers partagés".to_owned(),
        audience: Vec::new(),
        guard_client_id: "guard".to_owned(),
        client_id: PORTAL_CLIENT_ID.to_owned(),
        report_id: "report".to_owned(),
        reasons: r#"[{"code":"per_day","count":41,"limit":40}]"#.to_owned(),
        sequence: 0,
        stopped_at: now - Duration::hours(2),
        lifted_at: None,
    };
    account_stop::stop(&mut transaction, stop, now).await?;
    put_closed_incidents(&mut transaction, &sub, now).await?;
    // Whoever is no operator any more has no proposal.
    let entry = cardea_jose::sha256_base64url(b"rpps:899700000017");
    let person = format!(r#"{{"sub":"{sub}","name":"Dominique","entry":"{entry}","person":null}}"#);
    let proposal = Approval {
        id: "proposal".to_owned(),
        target: "stop stop".to_owned(),
        change: r#"{"change":"lift_stop","stop":"stop","service":"dossiers partagés",
                    "reason":"rappelée au cabinet"}"#
            .to_owned(),
        proposed_by: format!(r#"{{"sub":"{sub}","client_id":"cardea-console"}}"#),
        proposer: Some(person),
        proposed_at: now,
        expires_at: now + Duration::hours(24),
        state: ApprovalState::Open,
        decided_by: None,
        decided_at: None,
    };
    anyhow::ensure!(approval::insert(&mut transaction, &proposal).await?);
    transaction.commit().await?;
    store.close().await;
    Ok(sub)
}

/// Two that are over, with what came out.
async fn put_closed_incidents(
    transaction: &mut Transaction,
    sub: &str,
    now: OffsetDateTime,
) -> Result<()> {
    for (id, kind, reason) in [
        (
            "first",
            "not_me",
            "Un remplaçant avait gardé la carte ; elle lui a été reprise.",
        ),
        (
            "second",
            "guard_stop",
            "Exportation d’un logiciel métier, convenue avec le portail.",
        ),
    ] {
        let opened_at = now - Duration::days(3);
        let incident = Incident {
            id: id.to_owned(),
            kind: kind.to_owned(),
            state: incident::OPEN.to_owned(),
            sub: Some(sub.to_owned()),
            session_id: None,
            card_sha256: None,
            event_id: None,
            client_id: None,
            stop_id: None,
            words: None,
            opened_by: "{}".to_owned(),
            opened_at,
            changed_at: opened_at,
            closed_at: None,
            close_reason: None,
        };
        incident::insert(transaction, &incident).await?;
        let closed = incident::close(transaction, id, reason, now - Duration::hours(5)).await?;
        anyhow::ensure!(closed, "{id} is not closed");
    }
    Ok(())
}

async fn put_event(
    transaction: &mut Transaction,
    sub: &str,
    (kind, code, details): (&str, Option<&str>, &str),
    (at, number): (OffsetDateTime, i64),
) -> Result<()> {
    let event = EventRecord {
        id: format!("{:016x}-{number:08x}-console", at.unix_timestamp_nanos()),
        kind: kind.to_owned(),
        occurred_at: at,
        authorization_request_id: None,
        session_id: None,
        sub: Some(sub.to_owned()),
        client_id: Some(PORTAL_CLIENT_ID.to_owned()),
        code: code.map(str::to_owned),
        details: details.to_owned(),
    };
    append(transaction, &event, InLedger::Outside).await?;
    Ok(())
}

/// On the newest day more patients than the budget, which the guard names.
async fn put_report(
    transaction: &mut Transaction,
    sub: &str,
    at: OffsetDateTime,
    (day, number): (i64, i64),
) -> Result<()> {
    let is_held_up = day == 1 && number == 0;
    let (answer, reasons) = match is_held_up {
        true => ("step_up", r#"[{"code":"per_day","count":41,"limit":4}]"#),
        false => ("allow", "[]"),
    };
    let report = GuardReport {
        id: format!("{day}-{number}"),
        guard_client_id: "guard".to_owned(),
        sub: Some(sub.to_owned()),
        session_id: None,
        client_id: PORTAL_CLIENT_ID.to_owned(),
        token_jti: "token".to_owned(),
        service: "dossiers".to_owned(),
        kind: "look_up".to_owned(),
        answer: answer.to_owned(),
        reasons: reasons.to_owned(),
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
    Ok(())
}
