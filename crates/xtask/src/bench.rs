//! `cargo xtask bench`: the measurements behind docs/performance.md, with the machine they ran on.

mod peers;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::install::{self, Purpose};
use crate::{output, process, workspace};

/// One measurement.
struct Bench {
    name: &'static str,
    package: &'static str,
    purpose: &'static str,
    /// Whether other people's libraries run on the same inputs in a workspace of their own.
    has_peers: bool,
}

const BENCHES: [Bench; 14] = [
    Bench {
        name: "login_cost",
        package: "cardea-provider",
        purpose: "CPU time of the server's decisions in a login, beside its bare signatures",
        has_peers: false,
    },
    Bench {
        name: "login_over_http",
        package: "cardea-server",
        purpose: "CPU time of the whole server program a login",
        has_peers: false,
    },
    Bench {
        name: "op",
        package: "cardea-server",
        purpose: "operations a CPU second beside npm's oidc-provider, memory, flushes",
        has_peers: false,
    },
    Bench {
        name: "flood",
        package: "cardea-server",
        purpose: "how long a login waits for the server at rest and while one address floods it",
        has_peers: false,
    },
    Bench {
        name: "ledger",
        package: "cardea-ledger",
        purpose: "events on record a second beside a plain insert, proofs and verifying",
        has_peers: false,
    },
    Bench {
        name: "incident_report",
        package: "cardea-server",
        purpose: "time of an incident report on logs of up to ten million events",
        has_peers: false,
    },
    Bench {
        name: "presence",
        package: "cardea-server",
        purpose: "how soon a pulled card is felt, and what 10 000 watched sessions cost the server",
        has_peers: false,
    },
    Bench {
        name: "sign_in_time",
        package: "cardea-agent",
        purpose: "time of the agent beside that of the bare card, and the commands to the card",
        has_peers: false,
    },
    Bench {
        name: "agent_idle",
        package: "cardea-agent",
        purpose: "processor time, wake-ups and memory of the agent while nobody signs in",
        has_peers: false,
    },
    Bench {
        name: "pki",
        package: "cardea-pki",
        purpose: "paths, lists and look-ups beside OpenSSL, webpki and x509-parser",
        has_peers: true,
    },
    Bench {
        name: "decide",
        package: "cardea-guard",
        purpose: "decisions of the guard a second, beside a plain rate limiter",
        has_peers: false,
    },
    Bench {
        name: "redis",
        package: "cardea-guard",
        purpose: "decisions through a real Redis, beside its own benchmark",
        has_peers: false,
    },
    Bench {
        name: "auth_request",
        package: "cardea-guard",
        purpose: "requests through nginx that asks the guard, beside one that asks a no-op",
        has_peers: false,
    },
    Bench {
        name: "simulate",
        package: "cardea-guard",
        purpose: "what the guard makes of honest people and of robots (docs/guard-evidence.md)",
        has_peers: false,
    },
];

/// Builds and runs the named measurements, or all of them, and prints their tables.
///
/// # Errors
/// When a name is unknown, or a measurement can't be built or fails.
pub fn run(names: &[&str]) -> Result<()> {
    let chosen = choose(&spelled_out(names))?;
    install::ensure(Purpose::Demo)?;
    if chosen
        .iter()
        .any(|bench| ["redis", "auth_request"].contains(&bench.name))
    {
        install::ensure(Purpose::Test)?;
    }
    if chosen.iter().any(|bench| bench.name == "op") {
        install::ensure(Purpose::Test)?;
        for program in ["perf", "taskset"] {
            process::find_program(program).with_context(|| {
                format!("`op` needs {program}: apt-get install linux-perf util-linux")
            })?;
        }
    }
    output::step("building the benches (release without optimisation across crates)");
    let mut build = workspace::cargo();
    build.args(["bench", "--locked", "--no-run"]);
    for bench in &chosen {
        build.args(["--package", bench.package, "--bench", bench.name]);
    }
    process::run(&mut build)?;
    if chosen.iter().any(|bench| bench.has_peers) {
        output::step("building the peers");
        process::run(&mut peers::build())?;
    }
    output::result(&machine());
    for bench in chosen {
        output::step(&format!("{}: {}", bench.name, bench.purpose));
        let mut command = workspace::cargo();
        command.args(["bench", "--locked", "--quiet"]);
        command.args(["--package", bench.package, "--bench", bench.name]);
        if bench.name == "op" {
            command.env("CARDEA_BENCH_PEER", install::ensure_oidc_provider()?);
            command.env("CARDEA_BENCH_NODE", install::node_program()?);
            run_bench(&mut command)?;
        } else if bench.has_peers {
            peers::run(&mut command)?;
        } else {
            run_bench(&mut command)?;
        }
        if bench.name == "presence" {
            pull_real_cards()?;
        }
    }
    Ok(())
}

/// The bench's agents and cards are its own; here a card is pulled at a real reader, with the real
/// agent, by an end-to-end test. Its programs are not optimised.
fn pull_real_cards() -> Result<()> {
    const PULLS: &str = "30";
    install::ensure(Purpose::Test)?;
    output::step(&format!("presence: {PULLS} pulls at a real reader"));
    workspace::build_programs()?;
    let mut command = workspace::cargo();
    command.args(["test", "--locked", "--quiet", "--package", "cardea-e2e"]);
    command.args([
        "--test",
        "presence",
        "--",
        "--nocapture",
        "a_card_that_is_pulled",
    ]);
    run_bench(command.env("CARDEA_PULLS", PULLS))
}

/// Runs one measurement, whose tables go straight to our stdout.
fn run_bench(command: &mut Command) -> Result<()> {
    let status = command.status().context("can't start `cargo bench`")?;
    if !status.success() {
        bail!("`{}` failed ({status})", process::describe(command));
    }
    Ok(())
}

/// `guard` has measurements of several kinds, and with `--simulate` the one that is no measurement
/// of speed.
fn spelled_out<'a>(names: &[&'a str]) -> Vec<&'a str> {
    match names {
        ["guard", "--simulate"] => vec!["simulate"],
        ["guard", "--redis"] => vec!["redis"],
        ["guard", "--proxy"] => vec!["auth_request"],
        ["guard"] => vec!["decide", "redis", "auth_request"],
        ["ledger"] => vec!["ledger", "incident_report"],
        _ => names.to_vec(),
    }
}

fn choose(names: &[&str]) -> Result<Vec<&'static Bench>> {
    if names.is_empty() {
        return Ok(BENCHES.iter().collect());
    }
    let find = |name: &&str| {
        let found = BENCHES.iter().find(|bench| bench.name == *name);
        found.with_context(|| {
            let known = BENCHES.map(|bench| bench.name).join(", ");
            format!("no such bench: `{name}`; there are {known}")
        })
    };
    names.iter().map(find).collect()
}

/// What the numbers depend on, as a Markdown list.
fn machine() -> String {
    let information = read("/proc/cpuinfo");
    let processor = processor(&information);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let lines = [
        ("processor", format!("{processor}, {cores} cores")),
        ("kernel", answer("uname", &["-sr"])),
        ("OpenSSL", answer("openssl", &["version"])),
        ("compiler", answer("rustc", &["--version"])),
        ("load before the run", load.to_owned()),
    ];
    let lines = lines.map(|(name, value)| format!("- {name}: {value}\n"));
    format!("### Machine\n\n{}", lines.concat())
}

fn processor(information: &str) -> &str {
    let line = information
        .lines()
        .find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": "))
        .map_or("unknown", |(_, name)| name.trim())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn answer(program: &str, arguments: &[&str]) -> String {
    process::capture(Command::new(program).args(arguments))
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{BENCHES, choose, processor, spelled_out};

    #[test]
    fn without_a_name_all_benches_run() {
        assert_eq!(choose(&[]).unwrap().len(), BENCHES.len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = choose(&["login"]).err().unwrap().to_string();
        assert!(error.contains("login_cost"), "{error}");
    }

    #[test]
    fn the_guards_measurements_have_options_for_names() {
        for (option, name) in [
            ("--simulate", "simulate"),
            ("--redis", "redis"),
            ("--proxy", "auth_request"),
        ] {
            let chosen = choose(&spelled_out(&["guard", option])).unwrap();
            assert_eq!(chosen[0].name, name);
        }
    }

    #[test]
    fn the_processor_is_named_as_the_kernel_names_it() {
        let information = "processor\t: 0\nmodel name\t: A processor of 2 GHz\nflags\t\t: fpu\n";
        assert_eq!(processor(information), "A processor of 2 GHz");
        assert_eq!(processor(""), "unknown");
    }
}
