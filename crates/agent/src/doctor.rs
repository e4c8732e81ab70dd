//! `cardea-agent doctor`: finds what keeps a card from signing in, says it in words, and offers the
//! fix.
//!
//! Each probe looks at one part and is bounded in time. Findings stand in the order in which they
//! must be mended: what is broken further up hides what depends on it. No probe asks for a PIN,
//! sends one or asks the card about one, and none changes anything.

use std::path::PathBuf;
use std::time::Duration;

use crate::browser_setup_command::{self, Homes};
use crate::config::Environment;
use crate::language::Language;

mod agent;
mod browsers;
mod card;
mod cause;
mod certificate;
mod clock_check;
mod configuration;
mod finding;
mod issuers;
mod log;
mod port;
mod reader_service;
mod readers;
mod report;
mod tls_chain;
mod words;

pub use cause::{Cause, Severity};
pub use finding::Finding;
pub use report::Report;

/// How long one probe may take. A machine that hangs is a finding, not a reason to hang.
const PROBE_LIMIT: Duration = Duration::from_secs(8);

/// What the command is to do.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Options {
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
    /// Mend what can be mended without asking, then look again.
    #[arg(long)]
    pub fix: bool,
}

/// Where the doctor looks.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The configuration file, where one was named.
    pub named: Option<PathBuf>,
    /// The configuration file where none was named.
    pub usual: Option<PathBuf>,
    /// What the configuration takes from the environment.
    pub environment: Environment,
    /// The person's browsers; none where there is no home folder.
    pub homes: Option<Homes>,
    /// `/`, but for tests: where the machine's own settings are.
    pub root: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_this_machine(named: Option<PathBuf>, usual: Option<PathBuf>) -> Self {
        Self {
            named,
            usual,
            environment: Environment::read(),
            homes: Homes::read().ok(),
            root: "/".into(),
        }
    }

    /// The language before a configuration could be read.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::of_locale(self.environment.locale.as_deref())
    }
}

/// Looks at everything. Where even the defaults do not make a configuration, that is all there is
/// to say.
pub async fn examine(surroundings: &Surroundings) -> Report {
    let (config, unusable) = configuration::load(surroundings);
    let Some(config) = config else {
        return Report::of_nothing(surroundings.language(), unusable.into_iter().collect());
    };
    let is_unread = unusable.is_some();
    let mut report = Report::of(config.language, unusable.into_iter().collect());
    report.take(configuration::prompt(&config));
    // Everything that can wait, at once: a dead network takes as long as one probe.
    let (cards, issuers, agent) = tokio::join!(
        readers::examine(&config, surroundings),
        issuers::examine(&config, surroundings),
        agent::examine(&config),
    );
    report.take(cards.findings);
    report.see(&cards.seen);
    // Nobody knows who stands in a file that could not be read.
    let follows = |it: &Finding| is_unread && it.cause() == Cause::IssuerMissing;
    report.take(issuers.findings.into_iter().filter(|it| !follows(it)));
    report.see(&issuers.reached);
    // The card's end is judged by the issuer's time where it is known: the clock may be the fault.
    let now = issuers.clock.now();
    for card in &cards.certificates {
        match certificate::judge(card, now) {
            Some(finding) => report.take([finding]),
            None => report.see(&[card.seen(now)]),
        }
    }
    report.take(port::examine(&config, &agent));
    report.take(browsers::examine(&config, surroundings, &agent));
    report.take(agent.findings);
    report.in_order();
    report
}

/// Mends what can be mended without asking; the codes of what was mended. Nothing of the machine is
/// changed, only what is this person's own.
pub fn fix(surroundings: &Surroundings, report: &Report) -> Vec<&'static str> {
    let fixable = |cause: Cause| cause.is_fixable() && report.has(cause);
    let mut fixed = Vec::new();
    if fixable(Cause::BrowserHostMissing)
        && let (Some(config), _) = configuration::load(surroundings)
        && let Some(homes) = &surroundings.homes
    {
        let options = browser_setup_command::Options::default();
        if browser_setup_command::run(&config, &options, homes).is_ok() {
            fixed.push(Cause::BrowserHostMissing.code());
        }
    }
    fixed
}

/// Examines, mends if that is wanted, and examines again.
pub async fn run(options: Options, surroundings: &Surroundings) -> Report {
    let mut report = examine(surroundings).await;
    if options.fix {
        let fixed = fix(surroundings, &report);
        if !fixed.is_empty() {
            report = examine(surroundings).await;
            report.fixed(fixed);
        }
    }
    report
}
