//! A PostgreSQL of this run alone, on the driver's core, with durable commits.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, path::PathBuf};

use crate::Failure;
use crate::site::{DRIVER_CORE, cpu_time};

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
echo "$dir $postgres"
cat >/dev/null
kill -INT "$postgres"
wait "$postgres" || true
"#;

pub(crate) struct Postgres {
    folder: String,
    process_id: u32,
    // Its standard input ends with it, and the cluster with that.
    _shell: Child,
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
            .args(["taskset", "-c", DRIVER_CORE, "sh", "-c", SCRIPT, "sh"])
            .arg(programs)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(shell.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let (folder, id) = line
            .trim()
            .split_once(' ')
            .ok_or("PostgreSQL did not start")?;
        Ok(Self {
            folder: folder.to_owned(),
            process_id: id.parse()?,
            _shell: shell,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.folder
        )
    }

    /// CPU time of the postmaster and of all that it started and that still run.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Failure> {
        let id = self.process_id;
        let processes = fs::read_dir("/proc")?.flatten();
        let processes = processes.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
        let children = processes.filter(|process| parent_of(*process) == Some(id));
        let mut sum = Duration::ZERO;
        for process in children.chain([id]) {
            // One that ended meanwhile did little.
            sum += cpu_time(process).unwrap_or_default();
        }
        Ok(sum)
    }
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
