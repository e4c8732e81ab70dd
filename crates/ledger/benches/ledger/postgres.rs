//! A PostgreSQL of this run alone, with durable commits.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::Failure;

const SCRIPT: &str = r#"
set -eu
bin=$1
dir=$(mktemp -d /tmp/cardea-postgres-XXXXXX)
trap 'rm -rf "$dir"' EXIT
"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --no-sync \
    --encoding=UTF8 --locale=C >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= >"$dir/log" 2>&1 </dev/null &
postgres=$!
for _ in $(seq 1 200); do
    "$bin/pg_isready" -q -h "$dir" && break
    sleep 0.05
done
echo "$dir"
cat >/dev/null
kill -INT "$postgres"
wait "$postgres" || true
"#;

pub(crate) struct Postgres {
    folder: String,
    shell: Child,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self, Failure> {
        let folders = fs::read_dir("/usr/lib/postgresql")?.flatten();
        let mut programs: Vec<PathBuf> = folders.map(|it| it.path().join("bin")).collect();
        programs.sort();
        let programs = programs
            .pop()
            .ok_or("no PostgreSQL: apt-get install postgresql")?;
        // PostgreSQL refuses to run as root.
        let mut shell = Command::new("setpriv")
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .args(["sh", "-c", SCRIPT, "sh"])
            .arg(programs)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(shell.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        match line.trim() {
            "" => Err("PostgreSQL did not start".into()),
            folder => Ok(Self {
                folder: folder.to_owned(),
                shell,
            }),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.folder
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its standard input ends, and the cluster with it; its folder is removed.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
