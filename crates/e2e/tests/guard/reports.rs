//! What was looked up is on record at the server, once each, whatever dies meanwhile; and a session
//! that the guard stops is over there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_e2e::{PageScript, Stage};
use cardea_jose::{base64url, random_base64url};
use cardea_storage::{Store, event, guard_report};
use cardea_xtask::system::Part;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use reqwest::Client;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::stand::{Answer, Stand, Visitor, now, register};
use crate::{PATIENCE, soon};

/// The key that portal and guard share: 32 zero bytes.
const KEY: &str = "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
const ZERO: [u8; 32] = [0; 32];
/// Nobody is asked while looking up; whoever writes much is.
const TABLES: &str = "[look_ups]\nservice = \"records\"\nkeys_file = \"statement.keys\"\n\n\
    [reports]\nfolder = \"reports\"\n\n\
    [rules.default.look_up]\nper_minute = 100000\nper_hour = 100000\nahead = 100000\n\n\
    [rules.default.write]\nper_minute = 3\n";

/// The API's side of a request that the guard has let through.
#[derive(Clone)]
pub(crate) struct Portal {
    http: Client,
    url: String,
    access: String,
    session: String,
}

impl Portal {
    pub(crate) async fn of(visitor: &Visitor, proxy: &Proxy, stand: &Stand) -> Result<Self> {
        let answer = soon(visitor, proxy, |answer| answer.status == 200).await?;
        Ok(Self {
            http: PageScript::http()?,
            url: format!("http://{}/look-ups", stand.guard_of_nginx()),
            access: answer.seen("x-cardea-access").concat(),
            session: answer.seen("x-cardea-sid").concat(),
        })
    }

    /// The same request, judged by another guard with the same key.
    pub(crate) fn at(&self, guard: &str) -> Self {
        Self {
            url: format!("http://{guard}/look-ups"),
            ..self.clone()
        }
    }

    /// Asks whether a patient may be shown; fails where the guard does not answer at all.
    pub(crate) async fn ask(&self, patient: &str, kind: &str) -> Result<Answer> {
        let statement = json!({
            "t": i64::try_from(now().unix_timestamp_nanos() / 1_000_000)?,
            "nonce": random_base64url(16)?,
            "session": self.session,
            "patients": [patient],
            "kind": kind,
        });
        let head = format!("k1.{}", base64url(statement.to_string().as_bytes()));
        let key = PKey::hmac(&ZERO)?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.update(format!("cardea-look-up-1\n{head}").as_bytes())?;
        let code = base64url(&signer.sign_to_vec()?);
        let question = json!({"access": self.access, "statement": format!("{head}.{code}")});
        let asked = self.http.post(&self.url).json(&question).send().await?;
        Answer::read(asked).await
    }

    /// The same until the guard answers.
    async fn look_up(&self, patient: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            match self.ask(patient, "look_up").await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => bail!("{patient}: {answer:?}"),
                Err(_) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// How many answers are on record, and how many different patients they name: each answer here
/// names a patient of its own.
async fn on_record(stage: &Stage) -> Result<(i64, BTreeSet<String>)> {
    let settings = stage.system().server_settings();
    let file = settings.with_file_name("cardea.sqlite");
    let store = Store::open(&format!("sqlite://{}", file.display())).await?;
    let mut transaction = store.begin_read().await?;
    let answers = guard_report::count_answers(&mut transaction, "records").await?;
    let events = event::list_newest(&mut transaction, 10_000).await?;
    let sessions: BTreeSet<_> = events.into_iter().filter_map(|it| it.session_id).collect();
    let mut patients = BTreeSet::new();
    for session in sessions {
        let listed = guard_report::list_patients_of_session(&mut transaction, &session, 100_000);
        patients.extend(listed.await?);
    }
    drop(transaction);
    store.close().await;
    Ok((answers, patients))
}

/// Waits until nothing waits at the guard any more.
async fn delivered(stand: &Stand) -> Result<()> {
    let begun = Instant::now();
    loop {
        let said = stand.ready().await.unwrap_or_default();
        let reports = said.get("reports").cloned().unwrap_or_default();
        if reports.get("waiting") == Some(&json!(0)) {
            assert_eq!(reports.get("refused"), Some(&json!(0)), "{said}");
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("reports wait: {said}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn kill_server(stage: &mut Stage) -> Result<()> {
    let id = stage.system().process_of(Part::Server);
    let id = id.context("the server runs")?.to_string();
    Command::new("kill").args(["-KILL", &id]).status()?;
    stage.system_mut().stop_part(Part::Server)
}

async fn open(name: &str) -> Result<(Stage, Stand, Proxy)> {
    open_with(name, TABLES).await
}

/// A system with a guard before the API, which has these tables beside the page's own.
pub(crate) async fn open_with(name: &str, tables: &str) -> Result<(Stage, Stand, Proxy)> {
    let stage = Stage::open_prepared(name, register, with_keys).await?;
    let stand = Stand::start_one(&stage, tables).await?;
    before(stage, stand).await
}

/// The same with a second guard, which shares nothing with the first but the portal's key.
pub(crate) async fn open_two_with(name: &str, tables: &str) -> Result<(Stage, Stand, Proxy)> {
    let stage = Stage::open_prepared(name, register, with_keys).await?;
    let stand = Stand::start_two(&stage, tables).await?;
    before(stage, stand).await
}

fn with_keys(system: &cardea_xtask::system::System) -> Result<()> {
    for guard in ["guard-original", "guard-forwarded"] {
        let folder = system.folder().join(guard);
        fs::create_dir_all(&folder)?;
        let keys = folder.join("statement.keys");
        fs::write(&keys, KEY)?;
        fs::set_permissions(keys, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

async fn before(stage: Stage, stand: Stand) -> Result<(Stage, Stand, Proxy)> {
    let nginx = Proxy::nginx(&stage, &stand).await?;
    stand.wait_until_ready().await?;
    Ok((stage, stand, nginx))
}

/// Attack H18.
#[tokio::test(flavor = "multi_thread")]
async fn each_look_up_is_on_record_once_whatever_is_killed_meanwhile() -> Result<()> {
    let (mut stage, stand, nginx) = open("guard-reports").await?;
    let visitor = Visitor::sign_in(&stage).await?;
    let portal = Portal::of(&visitor, &nginx, &stand).await?;
    for number in 0..5 {
        portal.look_up(&format!("first-{number}")).await?;
    }
    delivered(&stand).await?;
    let (answers, patients) = on_record(&stage).await?;
    assert_eq!((answers, patients.len()), (5, 5));

    // Somebody looks up without a pause while the guard dies, then the server, then both.
    let is_over = std::sync::Arc::new(AtomicBool::new(false));
    let looking = tokio::spawn({
        let (portal, is_over) = (portal.clone(), std::sync::Arc::clone(&is_over));
        async move {
            let mut answered = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                let patient = format!("then-{}", answered.len());
                portal.look_up(&patient).await?;
                answered.insert(patient);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            anyhow::Ok(answered)
        }
    });
    let a_while = || tokio::time::sleep(Duration::from_millis(700));
    a_while().await;
    stand.kill_guards(&stage)?;
    a_while().await;
    kill_server(&mut stage)?;
    a_while().await;
    // What it could not deliver it has when it comes back.
    stand.kill_guards(&stage)?;
    a_while().await;
    stage.system_mut().start_part(Part::Server)?;
    a_while().await;
    is_over.store(true, Ordering::Relaxed);
    let answered = looking.await??;
    delivered(&stand).await?;
    let (answers, patients) = on_record(&stage).await?;
    assert!(answered.len() > 5, "{}", answered.len());
    assert!(patients.is_superset(&answered), "something is lost");
    // A look-up that was written down when its guard died was asked for again: that is another
    // answer. There is one at most for each of the two deaths.
    let known = i64::try_from(answered.len() + 5)?;
    assert!(
        (known..=known + 2).contains(&answers),
        "{answers} of {known}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_guard_stops_is_over_at_the_server() -> Result<()> {
    let (stage, stand, nginx) = open("guard-stops").await?;
    let visitor = Visitor::sign_in(&stage).await?;
    let portal = Portal::of(&visitor, &nginx, &stand).await?;
    let mut codes = Vec::new();
    // The card is asked meanwhile, and signs a few times at most.
    for number in 0..400 {
        let answer = portal.ask(&format!("robot-{number}"), "write").await?;
        codes.push(answer.code());
        if answer.code() == "guard.session_stopped" {
            break;
        }
    }
    assert_eq!(codes.first().map(String::as_str), Some(""), "{codes:?}");
    assert_eq!(
        codes.last().map(String::as_str),
        Some("guard.session_stopped")
    );
    // The server ends the session, and the guard hears of it as of any other end.
    let denied = soon(&visitor, &nginx, |answer| answer.status == 401).await?;
    let ends = ["guard.session_ended", "guard.token_inactive"];
    assert!(ends.contains(&denied.code().as_str()), "{denied:?}");
    let refused = visitor.refresh(&stage).await?;
    assert_eq!(refused.get("error"), Some(&Value::from("invalid_grant")));
    delivered(&stand).await?;
    let (answers, _) = on_record(&stage).await?;
    assert_eq!(answers, i64::try_from(codes.len())?);
    Ok(())
}
