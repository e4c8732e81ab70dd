//! A user of the machine: a uid, a home of her own, an agent and the programs that she runs.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cardea_xtask::system::System;
use serde_json::{Value, json};

/// The caller that the native host expects to be named by a browser.
const EXTENSION: &str = "chrome-extension://ajfkdaenajfbbnpbnjbcbepophffeanh/";
/// How long a program may take; a loaded machine is slow.
const WAIT: Duration = Duration::from_secs(60);

/// Writes down what it is asked, types the right PIN and says yes to questions.
const PIN_PROMPT: &str = "#!/bin/sh
here=$(dirname \"$0\")
echo 'OK ready'
while read -r line; do
    printf '%s\\n' \"$line\" >>\"$here/asked\"
    case \"$line\" in
        GETPIN*) printf 'D 1234\\nOK\\n' ;;
        BYE*) echo OK && exit ;;
        *) echo OK ;;
    esac
done
";

/// Runs a program as another user, on a machine that shows it no accounts but those of a file, and
/// nobody who is logged on: either would keep a PIN from being kept.
const WITH_ACCOUNTS: &str = "set -e; mount --bind \"$1/passwd\" /etc/passwd; \
    mount --bind \"$1/nsswitch.conf\" /etc/nsswitch.conf; \
    for people in /run/systemd/users /var/lib/systemd/home /etc/userdb /run/userdb \
    /usr/lib/userdb; do if [ -d $people ]; then mount --bind \"$1/nobody\" $people; fi; done; \
    exec setpriv --reuid=\"$2\" --regid=\"$2\" --clear-groups \"$3\" \"${@:4}\"";

pub(crate) struct User {
    pub(crate) uid: u32,
    home: PathBuf,
    program: PathBuf,
    reader_service: PathBuf,
    accounts: PathBuf,
    agent: Option<Child>,
}

impl User {
    /// Makes the home: settings for an agent at this port, a prompt, and nothing that others see.
    pub(crate) fn new(system: &System, name: &str, uid: u32, port: u16) -> Result<Self> {
        let home = system.folder().join(name);
        fs::create_dir(&home)?;
        let user = Self {
            uid,
            home,
            program: system.folder().join("cardea-agent"),
            reader_service: system.folder().join("pcscd.comm"),
            accounts: accounts(system)?,
            agent: None,
        };
        let roots = fs::read_to_string(system.folder().join("roots.json"))?;
        user.write("roots.json", &roots, 0o600)?;
        user.write("pinentry", PIN_PROMPT, 0o700)?;
        let issuer = system.addresses().issuer();
        let settings = |socket: &str, loopback: &str| {
            format!(
                "port = {port}\nloopback = \"{loopback}\"\nsocket = \"{socket}\"\n\
                 pinentry = \"./pinentry\"\nstate_dir = \"state\"\npin_policy = \"pharmacy\"\n\
                 keep_pin_without_screen_lock = true\n\
                 [[issuer]]\nissuer = \"{issuer}\"\nroots_file = \"roots.json\"\n"
            )
        };
        let own = |name: &str| user.home.join("run").join(name).display().to_string();
        user.write("agent.toml", &settings(&own("agent.sock"), "on"), 0o600)?;
        user.write("auto.toml", &settings(&own("none.sock"), "auto"), 0o600)?;
        // Settings of a program that looks for the other user's agent.
        let others = ["alice", "bob"].map(|other| {
            let socket = system.folder().join(other).join("run/agent.sock");
            let file = format!("agent-of-{other}.toml");
            user.write(&file, &settings(&socket.display().to_string(), "on"), 0o600)
        });
        others.into_iter().collect::<Result<Vec<()>>>()?;
        fs::set_permissions(&user.home, Permissions::from_mode(0o700))?;
        chown(&user.home, Some(uid), Some(uid)).context(
            "the test gives files to two users of its own: run it as root, as in a container",
        )?;
        Ok(user)
    }

    fn write(&self, name: &str, content: &str, mode: u32) -> Result<()> {
        let path = self.home.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        chown(&path, Some(self.uid), Some(self.uid)).context("run this test as root")
    }

    /// A program that this user starts.
    fn command(&self, program: &Path) -> Command {
        let mut command = as_user(&self.accounts, self.uid, program);
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "fr_FR.UTF-8")
            .env("PCSCLITE_CSOCK_NAME", &self.reader_service)
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    /// Starts her agent, and waits until it answers her.
    pub(crate) async fn start_agent(&mut self) -> Result<()> {
        let log = fs::File::create(self.home.join("agent.log"))?;
        let mut command = self.command(&self.program);
        command.args(["run", "--config", "agent.toml"]).stderr(log);
        self.agent = Some(command.spawn().context("the agent does not start")?);
        for _ in 0..600 {
            if self.status("agent.toml")?.pointer("/running") == Some(&Value::Bool(true)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the agent does not answer: {}", self.log())
    }

    pub(crate) fn stop_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.join("agent.log")).unwrap_or_default()
    }

    /// What `cardea-agent status` tells her, with these settings.
    pub(crate) fn status(&self, settings: &str) -> Result<Value> {
        let mut command = self.command(&self.program);
        let output = command
            .args(["status", "--json", "--config", settings])
            .output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// How often her prompt asked for the PIN.
    pub(crate) fn pins_asked(&self) -> usize {
        let asked = fs::read_to_string(self.home.join("asked")).unwrap_or_default();
        asked
            .lines()
            .filter(|line| line.starts_with("GETPIN"))
            .count()
    }

    /// What a program of hers gets at a port that it asks as a login page would.
    pub(crate) fn ask_port(&self, port: u16, origin: &str) -> Result<String> {
        let request = format!(
            "GET /v1/status HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nOrigin: {origin}\\r\\n\
             Connection: close\\r\\n\\r\\n"
        );
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port} && printf '{request}' >&3; cat <&3 2>/dev/null"
        );
        let mut command = self.command(Path::new("/bin/bash"));
        let output = command.args(["-c", &script]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The last answer of the native messaging host, started with these settings as her browser
    /// would.
    pub(crate) async fn ask_host(&self, settings: &str, request: Value) -> Result<Value> {
        let mut command = self.command(&self.program);
        let mut host = command
            .args(["native-host", "--config", settings, EXTENSION])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let id = host.id();
        let talking = tokio::task::spawn_blocking(move || {
            let outcome = talk(&mut host, &request);
            let _ = host.kill();
            let _ = host.wait();
            outcome
        });
        let outcome = tokio::time::timeout(WAIT, talking).await;
        outcome.with_context(|| format!("the host {id} does not answer"))??
    }

    /// A whole statement of her card, by way of her own host.
    pub(crate) async fn sign(&self, origin: &str, challenge: &str) -> Result<Value> {
        let request = json!({"type": "assertion", "origin": origin, "challenge": challenge});
        self.ask_host("agent.toml", request).await
    }

    /// The sockets that programs of hers listen on for TCP, of both address families.
    pub(crate) fn listening(&self) -> Vec<String> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
        let lines = tables.iter().flat_map(|table| table.lines().skip(1));
        lines
            .filter_map(|line| {
                let fields: Vec<_> = line.split_ascii_whitespace().collect();
                let (local, state, uid) = (fields.get(1)?, fields.get(3)?, fields.get(7)?);
                let hers = *state == "0A" && **uid == self.uid.to_string();
                hers.then(|| (*local).to_owned())
            })
            .collect()
    }

    /// The mode of a file in her home.
    pub(crate) fn mode(&self, name: &str) -> Result<u32> {
        Ok(fs::metadata(self.home.join(name))?.permissions().mode() & 0o777)
    }
}

/// A folder with what the users' programs see of this machine's accounts.
fn accounts(system: &System) -> Result<PathBuf> {
    let folder = system.folder().join("accounts");
    fs::create_dir_all(folder.join("nobody"))?;
    fs::write(folder.join("passwd"), "root:x:0:0:root:/root:/bin/bash\n")?;
    fs::write(folder.join("nsswitch.conf"), "passwd: files\n")?;
    let trial = as_user(&folder, 0, Path::new("true")).output()?;
    ensure!(
        trial.status.success(),
        "the test hides this machine's accounts from the agents, in a mount namespace of theirs: \
         run it as root, where unshare(1) and mount(8) may make one (in a container: \
         --cap-add=SYS_ADMIN): {}",
        String::from_utf8_lossy(&trial.stderr)
    );
    Ok(folder)
}

fn as_user(accounts: &Path, uid: u32, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "bash", "-c", WITH_ACCOUNTS, "bash"]);
    command.arg(accounts).arg(uid.to_string()).arg(program);
    command
}

impl Drop for User {
    fn drop(&mut self) {
        self.stop_agent();
    }
}

/// Sends the one request, and reads until an answer that is no state of a sign-in.
fn talk(host: &mut Child, request: &Value) -> Result<Value> {
    let mut input = host.stdin.take().context("no input")?;
    let mut output = host.stdout.take().context("no output")?;
    let text = request.to_string();
    input.write_all(&u32::try_from(text.len())?.to_ne_bytes())?;
    input.write_all(text.as_bytes())?;
    input.flush()?;
    loop {
        let mut length = [0; 4];
        output.read_exact(&mut length).context("the host ended")?;
        let length = usize::try_from(u32::from_ne_bytes(length))?;
        ensure!(length <= 64 * 1024, "a frame of {length} bytes");
        let mut text = vec![0; length];
        output.read_exact(&mut text)?;
        let answer: Value = serde_json::from_slice(&text)?;
        let kind = answer.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("accepted" | "state")) {
            return Ok(answer);
        }
    }
}
