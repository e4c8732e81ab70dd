//! The log's events at a SIEM (docs/siem.md): a real rsyslog over TLS, and files of JSON lines.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cardea_storage::ledger::list_entries;
use serde_json::Value;
use tempfile::TempDir;

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, TestApp};
use crate::two_nodes::on_postgres;

/// How long an event may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A certification authority and what it has given out, as PEM files.
struct Authority(TempDir);

impl Authority {
    fn new() -> Self {
        let own = Self(tempfile::tempdir().unwrap());
        own.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "30",
            "-subj",
            "/CN=SIEM test CA",
        ]);
        for name in ["server", "client"] {
            own.openssl(&[
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                &format!("{name}.key"),
                "-out",
                &format!("{name}.csr"),
                "-subj",
                &format!("/CN={name}"),
            ]);
            let names = own.file("names.cnf");
            fs::write(names, "subjectAltName=DNS:siem.example.test,IP:127.0.0.1\n").unwrap();
            own.openssl(&[
                "x509",
                "-req",
                "-in",
                &format!("{name}.csr"),
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-set_serial",
                "7",
                "-days",
                "30",
                "-extfile",
                "names.cnf",
                "-out",
                &format!("{name}.pem"),
            ]);
        }
        own
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        let output = command
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A real rsyslog that takes syslog over TLS from whoever shows a certificate of its authority.
struct Rsyslog {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Rsyslog {
    async fn prepare(authority: &Authority) -> Self {
        let address = Program::unused_address().await;
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = |name: &str| authority.file(name).display().to_string();
        let out = folder.path().join("received");
        let configuration = format!(
            "module(load=\"mmjsonparse\")\n\
             global(workDirectory=\"{}\" DefaultNetstreamDriver=\"ossl\"\n\
               DefaultNetstreamDriverCAFile=\"{}\" DefaultNetstreamDriverCertFile=\"{}\"\n\
               DefaultNetstreamDriverKeyFile=\"{}\")\n\
             module(load=\"imtcp\" StreamDriver.Name=\"ossl\" StreamDriver.Mode=\"1\"\n\
               StreamDriver.AuthMode=\"x509/certvalid\")\n\
             template(name=\"parsed\" type=\"string\" string=\
               \"%pri%|%timereported:::date-rfc3339%|%app-name%|%msgid%|%structured-data%|%msg%\\n\")\n\
             template(name=\"object\" type=\"string\" string=\
               \"%$!kind%|%$!place%|%$!details!acr%|%$!sub%\\n\")\n\
             ruleset(name=\"all\") {{\n\
               action(type=\"mmjsonparse\")\n\
               if $parsesuccess == \"OK\" then\n\
                 action(type=\"omfile\" file=\"{}.objects\" template=\"object\"\n\
                   asyncWriting=\"off\" flushOnTXEnd=\"on\")\n\
               action(type=\"omfile\" file=\"{}\" template=\"parsed\" asyncWriting=\"off\"\n\
                 flushOnTXEnd=\"on\")\n\
             }}\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"all\")\n",
            folder.path().display(),
            own("ca.pem"),
            own("server.pem"),
            own("server.key"),
            out.display(),
            out.display(),
        );
        fs::write(folder.path().join("rsyslog.conf"), configuration).unwrap();
        Self {
            folder,
            port,
            process: None,
        }
    }

    async fn start(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let process = Command::new("rsyslogd")
            .args(["-n", "-f"])
            .arg(self.folder.path().join("rsyslog.conf"))
            .arg("-i")
            .arg(self.folder.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("rsyslogd is there: apt-get install rsyslog rsyslog-openssl");
        self.process = Some(process);
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
            .await
            .is_err()
        {
            let words = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(
                begun.elapsed() < PATIENCE,
                "rsyslog does not listen: {words}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn received(&self) -> String {
        fs::read_to_string(self.folder.path().join("received")).unwrap_or_default()
    }

    /// What rsyslog itself read of the objects in messages: kind, place, `acr`, `sub`.
    fn objects(&self) -> String {
        fs::read_to_string(self.folder.path().join("received.objects")).unwrap_or_default()
    }

    fn output(&self, authority: &Authority, more: &str) -> String {
        let own = |name: &str| authority.file(name).display().to_string();
        format!(
            "[[siem]]\nname = \"soc\"\nformat = \"syslog\"\n\
             to = \"tls://127.0.0.1:{}\"\nserver_name = \"siem.example.test\"\n\
             certificate = \"{}\"\nkey = \"{}\"\nfrom = \"beginning\"\n\
             confirm_seconds = 2\n{more}\n",
            self.port,
            own("client.pem"),
            own("client.key"),
        )
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ca_file(authority: &Authority) -> String {
    format!("ca_file = \"{}\"", authority.file("ca.pem").display())
}

fn with_outputs(outputs: &str) -> Changes {
    Changes::replacing("[keys]", &format!("{outputs}[keys]"))
}

/// The ids of all events with a place, in the order of places, once at least `least` of a kind
/// have one.
async fn placed(app: &TestApp, kind: &str, least: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let mut ids = Vec::new();
        let mut found = 0;
        app.in_database_of_its_own(async |transaction| {
            let entries = list_entries(transaction, 0, 10_000).await.unwrap();
            for entry in entries {
                let event = entry.entry.unwrap().event;
                found += usize::from(event.kind == kind);
                ids.push(event.id);
            }
        })
        .await;
        if found >= least {
            return ids;
        }
        assert!(begun.elapsed() < PATIENCE, "{found} of {kind}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until all of these are there.
async fn wait_for(received: impl Fn() -> String, ids: &[String]) {
    let begun = Instant::now();
    loop {
        let text = received();
        let lacking: Vec<_> = ids.iter().filter(|id| !text.contains(*id)).collect();
        if lacking.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{lacking:?} of {}", ids.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn sign_in_and_leave(app: &TestApp) {
    let card = Card::pharmacist(app);
    let mut signed_in = sign_in(app, &Request::new(), &card).await;
    signed_in.connection.send(&card.departed(app)).await;
    while let Some(frame) = signed_in.connection.next().await {
        if frame["reason"] == "departed" {
            return;
        }
    }
}

/// Where the operator has no enterprise number rsyslog reads the event as an object.
#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_reads_an_event_as_an_object_where_nobody_has_a_number() {
    let authority = Authority::new();
    let mut rsyslog = Rsyslog::prepare(&authority).await;
    rsyslog.start().await;
    let outputs = rsyslog.output(&authority, &ca_file(&authority));
    let app = TestApp::start_with(with_outputs(&outputs)).await;
    sign_in_and_leave(&app).await;
    let ids = placed(&app, "session.ended", 1).await;
    wait_for(|| rsyslog.received(), &ids).await;
    let received = rsyslog.received();
    let lines = received.lines().filter(|it| !it.contains("rsyslogd"));
    for line in lines {
        assert!(
            line.contains("|[origin software=\"cardea\" swVersion=\""),
            "{line}"
        );
        assert!(!line.contains("]["), "{line}");
    }
    let objects = rsyslog.objects();
    let accepted = objects.lines().find(|it| it.starts_with("login.accepted|"));
    let accepted: Vec<_> = accepted.unwrap_or_default().split('|').collect();
    assert_eq!(accepted.len(), 4, "{objects}");
    assert!(accepted[1].parse::<u64>().is_ok(), "{objects}");
    assert_eq!(accepted[2], "urn:cardea:acr:card-pin");
    assert!(!accepted[3].is_empty(), "{objects}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_reads_every_event_over_tls_with_its_parts() {
    let authority = Authority::new();
    let mut rsyslog = Rsyslog::prepare(&authority).await;
    rsyslog.start().await;
    let number = format!("{}\nenterprise_number = 64999", ca_file(&authority));
    let outputs = rsyslog.output(&authority, &number);
    let app = TestApp::start_with(with_outputs(&outputs)).await;
    sign_in_and_leave(&app).await;
    let ids = placed(&app, "session.ended", 1).await;
    wait_for(|| rsyslog.received(), &ids).await;
    let received = rsyslog.received();
    let line = |kind: &str| {
        let found = received
            .lines()
            .find(|it| it.contains(&format!("|{kind}|")));
        found
            .unwrap_or_else(|| panic!("no {kind} in {received}"))
            .to_owned()
    };
    let accepted = line("login.accepted");
    let parts: Vec<_> = accepted.splitn(6, '|').collect();
    assert_eq!(parts[0], "86", "security and authorization, informational");
    assert_eq!(parts[2], "cardea");
    assert!(parts[4].starts_with("[event@64999 place=\""), "{accepted}");
    assert!(parts[4].contains(" sub=\"") && parts[4].contains("[details@64999 "));
    assert!(
        parts[4].contains(" acr=\"urn:cardea:acr:card-pin\""),
        "{accepted}"
    );
    assert_eq!(parts[5].trim(), "login.accepted");
    assert!(line("siem.begun").starts_with("109|"), "log audit, notice");
    assert!(line("session.ended").ends_with("session.ended departed"));
    // The beginning of a login gets no place in the log, and does not go out.
    assert!(!received.contains("|authorization.begun|"));
}

/// Attack H18: neither the receiver's nor the server's end loses an event.
#[tokio::test(flavor = "multi_thread")]
async fn h18_nothing_is_lost_when_either_side_is_killed() {
    let authority = Authority::new();
    let mut rsyslog = Rsyslog::prepare(&authority).await;
    rsyslog.start().await;
    let outputs = rsyslog.output(&authority, &ca_file(&authority));
    let address = Program::unused_address().await;
    let app = TestApp::start_with(with_outputs(&outputs)).await;
    let app = app.handed_to(format!("http://{address}"));
    let mut program = Program::start(app.folder(), &address).await;
    sign_in_and_leave(&app).await;
    program.kill();
    let mut program = Program::start(app.folder(), &address).await;
    sign_in_and_leave(&app).await;
    wait_for(
        || rsyslog.received(),
        &placed(&app, "session.ended", 2).await,
    )
    .await;
    // Now the receiver, for a while: logins go on.
    rsyslog.kill();
    sign_in_and_leave(&app).await;
    sign_in_and_leave(&app).await;
    let missed = placed(&app, "session.ended", 4).await;
    rsyslog.start().await;
    wait_for(|| rsyslog.received(), &missed).await;
    program.kill();
    let log = String::from_utf8(program.log()).unwrap();
    assert!(log.contains("server.siem_unreachable"), "{log}");
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|it| it.starts_with(name));
    let value = line.and_then(|it| it.rsplit(' ').next());
    value
        .unwrap_or_else(|| panic!("no {name}"))
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_another_authority_gets_nothing_and_holds_up_no_other_output() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut rsyslog = Rsyslog::prepare(&stranger).await;
    rsyslog.start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let address = Program::unused_address().await;
    let metrics = loop {
        let other = Program::unused_address().await;
        if other != address {
            break other;
        }
    };
    let outputs = format!(
        "{}[[siem]]\nname = \"file\"\nformat = \"json_lines\"\nto = \"file:{}\"\n\
         from = \"beginning\"\n[operations]\n listen = \"{metrics}\"\n",
        rsyslog.output(
            &authority,
            &format!("{}\nwarn_after_seconds = 3", ca_file(&authority))
        ),
        file.display()
    );
    let app = TestApp::start_with(with_outputs(&outputs)).await;
    let app = app.handed_to(format!("http://{address}"));
    let program = Program::start(app.folder(), &address).await;
    sign_in_and_leave(&app).await;
    let ids = placed(&app, "session.ended", 1).await;
    wait_for(|| fs::read_to_string(&file).unwrap_or_default(), &ids).await;
    assert_eq!(rsyslog.received(), "");
    let begun = Instant::now();
    loop {
        let ready = app.client.get(format!("http://{metrics}/readyz"));
        let ready: Value = ready.send().await.unwrap().json().await.unwrap();
        assert_eq!(ready["status"], "ready");
        if ready["warnings"].to_string().contains("siem_behind") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{ready}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let text = app.client.get(format!("http://{metrics}/metrics"));
    let text = text.send().await.unwrap().text().await.unwrap();
    assert!(metric(&text, "cardea_siem_lag_seconds{output=\"soc\"}") > 3.0);
    assert!(metric(&text, "cardea_siem_waiting{output=\"soc\"}") > 3.0);
    let log = String::from_utf8(program.log()).unwrap();
    assert!(log.contains("server.siem_tls_refused"), "{log}");
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(|it| serde_json::from_str(it).unwrap());
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_a_reload_adds_writes_lines_and_goes_on_after_a_rotation() {
    let app = TestApp::start().await;
    sign_in_and_leave(&app).await;
    placed(&app, "session.ended", 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let configuration = app.folder().join("cardea.toml");
    let before = fs::read_to_string(&configuration).unwrap();
    let output = format!(
        "[[siem]]\nname = \"file\"\nformat = \"json_lines\"\nto = \"file:{}\"\n",
        file.display()
    );
    fs::write(
        &configuration,
        before.replace("[keys]", &format!("{output}[keys]")),
    )
    .unwrap();
    let report = app.reload().await.unwrap();
    assert!(report.replaced.contains(&"siem"), "{report:?}");
    placed(&app, "siem.begun", 1).await;
    sign_in_and_leave(&app).await;
    let ids = placed(&app, "session.ended", 2).await;
    let last = ids.last().unwrap().clone();
    wait_for(|| fs::read_to_string(&file).unwrap_or_default(), &[last]).await;
    let written = lines(&file);
    let places: Vec<_> = written
        .iter()
        .map(|it| it["place"].as_u64().unwrap())
        .collect();
    let first = places[0];
    assert!(first > 3, "from now on: {places:?}");
    let in_order: Vec<_> = (first..).take(places.len()).collect();
    assert_eq!(places, in_order, "none twice and none left out");
    let accepted = written
        .iter()
        .find(|it| it["kind"] == "login.accepted")
        .unwrap();
    assert_eq!(accepted["details"]["acr"], "urn:cardea:acr:card-pin");
    assert!(accepted["sub"].is_string() && accepted["time"].as_str().unwrap().ends_with('Z'));

    let rotated = folder.path().join("events.jsonl.1");
    fs::rename(&file, &rotated).unwrap();
    sign_in_and_leave(&app).await;
    let ids = placed(&app, "session.ended", 3).await;
    wait_for(
        || fs::read_to_string(&file).unwrap_or_default(),
        &ids[ids.len() - 1..],
    )
    .await;
    let all: BTreeSet<_> = lines(&rotated)
        .iter()
        .chain(&lines(&file))
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        all.len(),
        lines(&rotated).len() + lines(&file).len(),
        "none twice"
    );
    taken_out(&app, &configuration, &before, &output).await;
}

/// Taken out, it stops; a file that cannot be used keeps what there was.
async fn taken_out(app: &TestApp, configuration: &Path, before: &str, output: &str) {
    let bad = output.replace(
        "file:",
        "tls://127.0.0.1:1\"\nca_file = \"/nowhere.pem\"\n#",
    );
    fs::write(
        configuration,
        before.replace("[keys]", &format!("{bad}\n[keys]")),
    )
    .unwrap();
    let report = app.reload().await.unwrap();
    assert_eq!(report.kept[0].kind, "siem", "{report:?}");
    assert_eq!(report.kept[0].code, "server.file_unusable");
    fs::write(configuration, before).unwrap();
    let report = app.reload().await.unwrap();
    assert!(report.replaced.contains(&"siem"), "{report:?}");
}

/// Attack H19: two nodes, one of which sends; when it goes the other goes on.
#[tokio::test(flavor = "multi_thread")]
async fn h19_of_two_nodes_one_sends_and_the_other_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let output = format!(
        "[[siem]]\nname = \"file\"\nformat = \"json_lines\"\nto = \"file:{}\"\n\
         from = \"beginning\"\n",
        file.display()
    );
    let (one, _) = on_postgres(with_outputs(&output)).await;
    let other = one.another_node().await;
    sign_in_and_leave(&one).await;
    let ids = placed(&one, "session.ended", 1).await;
    wait_for(|| fs::read_to_string(&file).unwrap_or_default(), &ids).await;
    let written = lines(&file);
    let distinct: BTreeSet<_> = written.iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(distinct.len(), written.len(), "one node alone sends");
    one.stop();
    sign_in_and_leave(&one.at(other.url(""))).await;
    let ids = placed(&one, "session.ended", 2).await;
    wait_for(|| fs::read_to_string(&file).unwrap_or_default(), &ids).await;
}
