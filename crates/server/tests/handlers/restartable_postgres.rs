//! A PostgreSQL cluster of one test alone, which can be stopped and started under its users.
//!
//! As the cluster of the whole test run, it ends with the standard input of its shell.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::postgres_cluster::{programs, unprivileged_shell};

const SCRIPT: &str = r#"
set -eu
bin=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/cardea-postgres-XXXXXX")
stop() { "$bin/pg_ctl" stop --pgdata="$dir/data" --mode=fast --silent >&2; }
crash() { "$bin/pg_ctl" stop --pgdata="$dir/data" --mode=immediate --silent >&2; }
trap 'stop || true; rm -rf "$dir"' EXIT
"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --no-sync \
    --encoding=UTF8 --locale=C >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
start() {
    "$bin/pg_ctl" start --wait --silent --pgdata="$dir/data" --log="$dir/postgres.log" \
        --options="-k $dir -c listen_addresses= -c fsync=off -c max_connections=100" \
        </dev/null >/dev/null 2>&1 || { cat "$dir/postgres.log" >&2; exit 1; }
}
start
echo "$dir"
while read -r command; do
    "$command"
    echo done
done
"#;

pub(crate) struct RestartablePostgres {
    pub(crate) socket_folder: String,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    shell: Child,
}

impl Drop for RestartablePostgres {
    fn drop(&mut self) {
        // The shell stops the cluster at the end of its input.
        drop(self.commands.take());
        let _ = self.shell.wait();
    }
}

impl RestartablePostgres {
    pub(crate) fn start_new() -> Self {
        let mut command = unprivileged_shell();
        let mut shell = command
            .args(["-c", SCRIPT, "sh"])
            .arg(programs())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        let mut cluster = Self {
            socket_folder: String::new(),
            commands: shell.stdin.take(),
            answers,
            shell,
        };
        cluster.socket_folder = cluster.answer();
        cluster
    }

    /// Stops it as for a restart: connections are cut, running transactions undone.
    pub(crate) fn stop(&mut self) {
        self.run("stop");
    }

    /// Ends it as a crash of its processes does: nothing more is written, nobody is told.
    pub(crate) fn crash(&mut self) {
        self.run("crash");
    }

    pub(crate) fn start(&mut self) {
        self.run("start");
    }

    fn run(&mut self, command: &str) {
        let commands = self.commands.as_mut().unwrap();
        writeln!(commands, "{command}").unwrap();
        assert_eq!(self.answer(), "done");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let line = line.trim().to_owned();
        assert!(!line.is_empty(), "PostgreSQL failed; its words stand above");
        line
    }
}
