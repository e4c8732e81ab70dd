//! Decisions through a real Redis, beside what `redis-benchmark` gets out of the same one.
//!
//! Redis has a core of its own, and who asks it the other. First each guard has one connection and
//! one act under way: nothing is pipelined, as with `redis-benchmark`. Then one guard as it is
//! shipped has eight connections, on which many acts are under way at once. At last two guards take
//! turns over the same subjects, so that each hears of the other's acts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

#[path = "../decide/processor_time.rs"]
#[expect(dead_code, reason = "other benches look at memory")]
mod processor_time;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_guard::{Accounts, Act, Answer, Health, Patient, Rules, StateConfig, open_accounts};

use crate::processor_time::of_thread;

const START: i64 = 1_795_996_800_000;
/// Subjects of each worker.
const SUBJECTS: u64 = 50;
const AT_ONCE: [usize; 3] = [1, 16, 64];
const REDIS_CORE: &str = "0";
const DRIVER_CORE: &str = "1";

struct Redis {
    server: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let folder = tempfile::tempdir().unwrap();
        let server = Command::new("taskset")
            .args(["-c", REDIS_CORE, "redis-server"])
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("taskset or redis-server is missing");
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            server,
            port,
            folder,
        }
    }

    async fn guard(&self, connections: usize) -> Arc<dyn Accounts> {
        let text = format!(
            "[redis]\nhost = \"127.0.0.1\"\nport = {}\ntls = false\nconnections = {connections}\n\
             timeout_milliseconds = 5000",
            self.port
        );
        let config: StateConfig = toml::from_str(&text).unwrap();
        open_accounts(
            &config,
            Rules::default(),
            self.folder.path(),
            "owner",
            START,
        )
        .await
        .unwrap()
    }

    /// Processor time of the server so far.
    fn processor_time(&self) -> Duration {
        let file = format!("/proc/{}/schedstat", self.server.id());
        let text = std::fs::read_to_string(file).unwrap();
        let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
        Duration::from_nanos(nanoseconds)
    }

    /// What the plain commands get, with entries as long as ours: operations a second.
    fn plain(&self, command: &str, at_once: usize, count: usize) -> f64 {
        let said = Command::new("taskset")
            .args(["-c", DRIVER_CORE, "redis-benchmark"])
            .args(["-p", &self.port.to_string(), "-t", command, "--csv"])
            .args(["-c", &at_once.to_string(), "-n", &count.to_string()])
            .args(["-d", "100", "-r", "3200"])
            .output()
            .expect("redis-benchmark is missing");
        let text = String::from_utf8(said.stdout).unwrap();
        let line = text.lines().nth(1).unwrap_or_default();
        let rate = line.split(',').nth(1).unwrap_or_default().trim_matches('"');
        rate.parse().unwrap_or(0.0)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

fn act(dice: &mut Dice, worker: u64, at: i64) -> Act {
    let number = worker * SUBJECTS + dice.below(SUBJECTS);
    let name = Patient::from_pseudonym(&format!("{number}-{}", dice.below(72)));
    Act {
        at,
        profession: Some("pharmacist".to_owned()),
        session: format!("session-{number}"),
        source: format!("source-{number}"),
        patient_present: dice.below(3) > 0,
        ..Act::look_up(&format!("sub-{number:032x}"), "patient-lookup", name)
    }
}

/// What was measured of some acts.
struct Measured {
    acts: u32,
    wall: Duration,
    driver: Duration,
    redis: Duration,
    /// Half of the decisions, and all but a hundredth, took no longer.
    times: [Duration; 2],
}

/// Workers take acts one after the other, each of subjects of its own; several guards by turns.
async fn work(redis: &Redis, guards: Vec<Vec<Arc<dyn Accounts>>>, each: usize) -> Measured {
    let run = |round: i64, each: usize| {
        let workers = guards.clone().into_iter().enumerate();
        let tasks = workers.map(|(worker, guards)| {
            let worker = u64::try_from(worker).unwrap();
            tokio::task::spawn_local(async move {
                let mut dice = Dice((worker + 1) * 0x9e37_79b9_7f4a_7c15);
                let mut times = Vec::with_capacity(each);
                for number in 0..each {
                    let at = START + round * 3_600_000 + i64::try_from(number).unwrap() * 100;
                    let act = act(&mut dice, worker, at);
                    let guard = &guards[number % guards.len()];
                    let began = Instant::now();
                    let decision = guard.decide(&act).await;
                    times.push(began.elapsed());
                    assert_eq!(decision.answer, Answer::Allow);
                }
                times
            })
        });
        tasks.collect::<Vec<_>>()
    };
    // Every subject is known, and journals have reached their usual length.
    for task in run(0, each / 2 + 200) {
        task.await.unwrap();
    }
    let (began, driver, server) = (Instant::now(), of_thread(), redis.processor_time());
    let mut times = Vec::new();
    for task in run(1, each) {
        times.extend(task.await.unwrap());
    }
    let (wall, driver) = (began.elapsed(), of_thread() - driver);
    let server = redis.processor_time() - server;
    for guard in guards.iter().flatten() {
        assert_eq!(guard.health(), Health::Good);
    }
    times.sort_unstable();
    Measured {
        acts: u32::try_from(times.len()).unwrap(),
        wall,
        driver,
        redis: server,
        times: [times[times.len() / 2], times[times.len() * 99 / 100]],
    }
}

impl Measured {
    fn row(&self, name: &str, at_once: usize) -> String {
        let acts = f64::from(self.acts);
        let micro = |time: Duration| time.as_secs_f64() * 1e6;
        format!(
            "| {name} | {at_once} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} |\n",
            acts / self.wall.as_secs_f64(),
            micro(self.redis) / acts,
            micro(self.driver) / acts,
            micro(self.times[0]),
            micro(self.times[1]),
        )
    }
}

fn main() {
    // Cargo says `--bench` when it measures; else a moment shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let own = std::process::id().to_string();
    let pin = Command::new("taskset")
        .args(["-cp", DRIVER_CORE, &own])
        .stdout(Stdio::null())
        .status();
    assert!(pin.expect("taskset is missing").success());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let text = tokio::task::LocalSet::new().block_on(&runtime, measure(measuring));
    // A closed pipe is nobody's loss.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

async fn measure(measuring: bool) -> String {
    let total: usize = if measuring { 60_000 } else { 640 };
    let mut text =
        "| | at once | a second | Redis, µs | guard, µs | half within, µs | 99 % within, µs |\n\
        |---|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    let mut plain = String::new();
    for at_once in AT_ONCE {
        let redis = Redis::start();
        let before = redis.processor_time();
        let set = redis.plain("set", at_once, total);
        let between = redis.processor_time();
        let get = redis.plain("get", at_once, total);
        let count = f64::from(u32::try_from(total).unwrap());
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count;
        for (name, rate, time) in [
            ("SET", set, between - before),
            ("GET", get, redis.processor_time() - between),
        ] {
            let time = each(time);
            plain += &format!(
                "| `redis-benchmark`, {name} | {at_once} | {rate:.0} | {time:.1} | – | – \
                 | – |\n"
            );
        }
        let mut guards = Vec::new();
        for _ in 0..at_once {
            guards.push(vec![redis.guard(1).await]);
        }
        let measured = work(&redis, guards, total / at_once).await;
        text += &measured.row("nothing pipelined", at_once);
        let redis = Redis::start();
        let guard = redis.guard(8).await;
        let guards = vec![vec![guard]; at_once];
        let measured = work(&redis, guards, total / at_once).await;
        text += &measured.row("as shipped: eight connections", at_once);
        let redis = Redis::start();
        let pair = vec![redis.guard(8).await, redis.guard(8).await];
        let measured = work(&redis, vec![pair; at_once], total / at_once).await;
        text += &measured.row("two guards, the same subjects", at_once);
    }
    text + &plain
}
