//! A PostgreSQL cluster of this test run alone: a temporary folder, a unix socket, no network.
//!
//! A shell starts it and waits for its standard input to end. The test process holds the other end,
//! so the cluster goes away with the process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const SCRIPT: &str = r#"
set -eu
bin=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/cardea-postgres-XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --no-sync \
    --encoding=UTF8 --locale=C >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=300 \
    >"$dir/postgres.log" 2>&1 </dev/null &
postgres=$!
for _ in $(seq 1 200); do
    "$bin/pg_isready" -q -h "$dir" && break
    sleep 0.05
done
"$bin/pg_isready" -q -h "$dir" || { cat "$dir/postgres.log" >&2; exit 1; }
echo "$dir"
cat >/dev/null
kill -INT "$postgres"
wait "$postgres" || true
"#;

struct Cluster {
    socket_folder: String,
    // Keeps the shell's standard input open.
    _shell: Child,
}

/// The folder of the running cluster's socket; the first caller starts it.
pub(crate) fn socket_folder() -> &'static str {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    &CLUSTER.get_or_init(start).socket_folder
}

fn start() -> Cluster {
    let bin = programs();
    let mut command = unprivileged_shell();
    let mut shell = command
        .args(["-c", SCRIPT, "sh"])
        .arg(bin)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let mut line = String::new();
    let stdout = shell.stdout.take().expect("standard output is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("the shell answers");
    assert!(
        !line.trim().is_empty(),
        "PostgreSQL did not start; its messages stand above"
    );
    Cluster {
        socket_folder: line.trim().to_owned(),
        _shell: shell,
    }
}

pub(crate) fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file());
    folders.sort();
    folders
        .pop()
        .expect("no PostgreSQL server found: apt-get install postgresql")
}

/// PostgreSQL refuses to run as root.
pub(crate) fn unprivileged_shell() -> Command {
    let user_id = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("id").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    if user_id(&["-u"]).as_deref() != Some("0") {
        return Command::new("sh");
    }
    let has_postgres = user_id(&["-u", "postgres"]).is_some();
    let name = if has_postgres { "postgres" } else { "nobody" };
    let group = user_id(&["-g", name]).expect("the user has a group");
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={name}"))
        .arg(format!("--regid={group}"));
    command
        .args(["--clear-groups", "sh"])
        .current_dir("/")
        .env_remove("TMPDIR");
    command
}
