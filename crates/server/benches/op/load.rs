//! Many visitors at once, and what they and the server's clock say of it.

use std::cell::{Cell, RefCell};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cardea_assertion::sign_present;
use cardea_test_pki::KeyKind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use crate::client::Client;
use crate::revocation_host::RevocationHost;
use crate::site::{Kind, Site};
use crate::visitor::{Code, Visitor};
use crate::workstation::{Answer, PresenceConnection, Workstation};
use crate::{Failure, mib};

pub(crate) const HEADER: &str = "\
| server | work | at once | done | a CPU second | with its database | CPU ms each | p50 ms \
| p99 ms | longest ms | failed |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|";
const WARM_UP: Duration = Duration::from_millis(700);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    LoginRsa,
    LoginP256,
    Code,
    ClientCredentials,
    Refresh,
    Introspection,
    Userinfo,
    Discovery,
}

pub(crate) struct People(Vec<Rc<Workstation>>);

pub(crate) struct Load {
    site: Rc<Site>,
    client: Rc<Client>,
    rsa: Vec<Rc<Workstation>>,
    p256: Vec<Rc<Workstation>>,
    seconds: Duration,
}

/// What came of some work: how much, the CPU seconds of the server and of its database.
pub(crate) struct Measured {
    pub(crate) done: f64,
    pub(crate) cpu: f64,
    database: f64,
    /// In their order.
    times: Vec<Duration>,
    failed: usize,
}

impl Measured {
    pub(crate) fn median_millis(&self) -> f64 {
        millis_at(&self.times, 500)
    }

    pub(crate) fn cpu_millis(&self) -> f64 {
        self.cpu * 1e3 / self.done.max(1.0)
    }
}

/// What all visitors of one measurement share.
struct Shared {
    measuring: Cell<bool>,
    stopped: Cell<bool>,
    times: RefCell<Vec<Duration>>,
    failed: RefCell<Vec<String>>,
}

impl Work {
    pub(crate) const ALL: [Self; 8] = [
        Self::LoginRsa,
        Self::LoginP256,
        Self::Code,
        Self::ClientCredentials,
        Self::Refresh,
        Self::Introspection,
        Self::Userinfo,
        Self::Discovery,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LoginRsa => "login",
            Self::LoginP256 => "login-p256",
            Self::Code => "code",
            Self::ClientCredentials => "client_credentials",
            Self::Refresh => "refresh",
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
            Self::Discovery => "discovery",
        }
    }
}

impl People {
    pub(crate) fn new(host: &RevocationHost, key: KeyKind, count: usize) -> Result<Self, Failure> {
        // Other people than those with another kind of key.
        let first = if key == KeyKind::P256 { 5_000 } else { 0 };
        let issue = |number| Ok(Rc::new(Workstation::new(host.issue(key, first + number)?)?));
        let people = (0..count).map(issue);
        Ok(Self(people.collect::<Result<_, Failure>>()?))
    }
}

/// As many files as the system lets us have: each agent is one.
pub(crate) fn raise_file_limit() -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

impl Load {
    pub(crate) fn new(
        site: Rc<Site>,
        client: Rc<Client>,
        rsa: &People,
        p256: &People,
        seconds: Duration,
    ) -> Self {
        Self {
            site,
            client,
            rsa: rsa.0.clone(),
            p256: p256.0.clone(),
            seconds,
        }
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    fn visitor(&self, work: Work, number: usize) -> Result<Visitor, Failure> {
        let people = if work == Work::LoginP256 {
            &self.p256
        } else {
            &self.rsa
        };
        let person = people.get(number % people.len()).ok_or("nobody")?;
        Visitor::new(&self.site, &self.client, person)
    }

    /// A row of the table.
    pub(crate) async fn measure(&self, work: Work, concurrency: usize) -> Result<String, Failure> {
        let Measured {
            done,
            cpu,
            database,
            times,
            failed,
        } = self.run(work, concurrency).await?;
        let database = match self.site.kind {
            Kind::Postgres => format!("{:.0}", done / (cpu + database)),
            _ => "–".to_owned(),
        };
        Ok(format!(
            "| {} | {} | {concurrency} | {done} | **{:.0}** | {database} | {:.3} | {:.1} | {:.1} \
             | {:.1} | {failed} |",
            self.site.kind.name(),
            work.name(),
            done / cpu,
            cpu * 1e3 / done.max(1.0),
            millis_at(&times, 500),
            millis_at(&times, 990),
            millis_at(&times, 1000),
        ))
    }

    /// Has so many visitors work for a while.
    pub(crate) async fn run(&self, work: Work, concurrency: usize) -> Result<Measured, Failure> {
        let shared = Rc::new(Shared {
            measuring: Cell::new(false),
            stopped: Cell::new(false),
            times: RefCell::default(),
            failed: RefCell::default(),
        });
        let mut visitors = Vec::new();
        for number in 0..concurrency {
            let mut visitor = self.visitor(work, number)?;
            let codes = self.prepare(&mut visitor, work, concurrency).await?;
            visitors.push((visitor, codes));
        }
        let mut tasks = Vec::new();
        for (visitor, codes) in visitors {
            let shared = Rc::clone(&shared);
            tasks.push(tokio::task::spawn_local(work_on(
                visitor, work, codes, shared,
            )));
        }
        if work != Work::Code {
            tokio::time::sleep(WARM_UP).await;
        }
        let before = (self.site.cpu_time()?, self.site.database_cpu_time()?);
        shared.measuring.set(true);
        let begun = Instant::now();
        while begun.elapsed() < self.seconds && !tasks.iter().all(|task| task.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shared.measuring.set(false);
        let done = shared.times.borrow().len();
        let cpu = self.site.cpu_time()?.saturating_sub(before.0);
        let database = self.site.database_cpu_time()?.saturating_sub(before.1);
        shared.stopped.set(true);
        for task in tasks {
            task.await?;
        }
        let failed = shared.failed.borrow();
        if let Some(first) = failed.first() {
            crate::say(&format!(
                "first failure: {}",
                first.get(..600).unwrap_or(first)
            ))?;
        }
        let mut times = shared.times.borrow().clone();
        times.sort_unstable();
        Ok(Measured {
            done: f64::from(u32::try_from(done)?),
            cpu: cpu.as_secs_f64().max(0.001),
            database: database.as_secs_f64(),
            times,
            failed: failed.len(),
        })
    }

    /// What must be there before the work is measured.
    async fn prepare(
        &self,
        visitor: &mut Visitor,
        work: Work,
        concurrency: usize,
    ) -> Result<Vec<Code>, Failure> {
        let mut codes = Vec::new();
        match work {
            Work::Code => {
                // The peer forgets what was not asked for lately.
                let codes_max = if self.site.kind == Kind::Peer {
                    128
                } else {
                    640
                };
                for _ in 0..(codes_max / concurrency) {
                    let mut code = visitor.get_code(true).await?;
                    stay(code.agent.take());
                    codes.push(code);
                }
            }
            Work::Refresh => stay(visitor.log_in(true).await?.agent.take()),
            Work::Userinfo | Work::Introspection => stay(visitor.log_in(false).await?.agent.take()),
            _ => {}
        }
        Ok(codes)
    }

    /// Flushes a login, as the kernel counts them. Not by strace: it stops the program at each
    /// call, and commits that come apart no longer share a flush.
    pub(crate) async fn count_flushes(&self, concurrency: usize) -> Result<String, Failure> {
        let file = self.site.folder.path().join("flushes");
        let id = self.site.process_id().to_string();
        let calls = "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync";
        let mut perf = Command::new("perf")
            .args(["stat", "-x", ",", "-e", calls, "-p", &id, "-o"])
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut tasks = Vec::new();
        let logins = if concurrency == 1 { 100 } else { 40 };
        for number in 0..concurrency {
            let mut visitor = self.visitor(Work::LoginP256, number)?;
            tasks.push(tokio::task::spawn_local(async move {
                for _ in 0..logins {
                    stay(visitor.log_in(true).await?.agent.take());
                }
                Ok::<_, Failure>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        Command::new("kill")
            .args(["-INT", &perf.id().to_string()])
            .status()?;
        perf.wait()?;
        let report = std::fs::read_to_string(&file)?;
        let mut calls = 0_u32;
        for line in report.lines().filter(|line| line.contains("sys_enter")) {
            let count = line.split(',').next().ok_or("no count")?;
            calls += count.parse::<u32>()?;
        }
        let logins = u32::try_from(logins * concurrency)?;
        Ok(format!(
            "| {concurrency} at once | {logins} logins | {calls} flushes | {:.2} a login |",
            f64::from(calls) / f64::from(logins)
        ))
    }

    /// Brings about so many sessions that stay, and says what they take.
    pub(crate) async fn keep_sessions(&self, count: usize) -> Result<(), Failure> {
        let left = Rc::new(Cell::new(count));
        let mut tasks = Vec::new();
        for number in 0..16 {
            let mut visitor = self.visitor(Work::LoginP256, number)?;
            let left = Rc::clone(&left);
            tasks.push(tokio::task::spawn_local(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    stay(visitor.log_in(true).await?.agent.take());
                }
                Ok::<_, Failure>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        crate::say(&format!(
            "| {count} live | {:.1} MiB |",
            mib(self.site.memory()?)
        ))?;
        let before = self.site.cpu_time()?;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let used = self.site.cpu_time()?.saturating_sub(before).as_secs_f64() / 30.0;
        crate::say(&format!(
            "| {count} live, 30 s later | {:.1} MiB | {:.1} % of a core |",
            mib(self.site.memory()?),
            used * 100.0
        ))
    }
}

/// So many of a thousand were done in this time; the times are sorted.
fn millis_at(times: &[Duration], per_thousand: usize) -> f64 {
    let index = times.len() * per_thousand / 1000;
    let time = times.get(index.min(times.len().saturating_sub(1)));
    time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

async fn work_on(mut visitor: Visitor, work: Work, codes: Vec<Code>, shared: Rc<Shared>) {
    let mut codes = codes.into_iter();
    while !shared.stopped.get() {
        let begun = Instant::now();
        let outcome = match work {
            Work::LoginRsa | Work::LoginP256 => visitor.log_in(true).await.map(drop),
            Work::Code => match codes.next() {
                Some(mut code) => visitor.redeem(&mut code, true).await,
                None => return,
            },
            Work::ClientCredentials => visitor.client_credentials().await,
            Work::Refresh => visitor.refresh().await,
            Work::Introspection => visitor.introspect().await,
            Work::Userinfo => visitor.userinfo().await,
            Work::Discovery => visitor.discovery().await,
        };
        match outcome {
            Ok(()) if shared.measuring.get() => shared.times.borrow_mut().push(begun.elapsed()),
            Ok(()) => {}
            Err(error) => {
                shared.failed.borrow_mut().push(error.to_string());
                if shared.failed.borrow().len() > 1000 {
                    return;
                }
            }
        }
    }
}

/// Has an agent answer as long as the run lasts.
fn stay(agent: Option<(PresenceConnection, Answer)>) {
    if let Some((connection, answer)) = agent {
        tokio::task::spawn_local(answer_always(connection, answer));
    }
}

async fn answer_always(mut connection: PresenceConnection, answer: Answer) -> Result<(), Failure> {
    while let Some(frame) = connection.next().await? {
        if let Some(nonce) = frame.get("nonce").and_then(Value::as_str) {
            let statement = sign_present(&answer.presence_key, &answer.issuer, nonce)?;
            connection.send(&statement).await?;
        }
    }
    Ok(())
}
