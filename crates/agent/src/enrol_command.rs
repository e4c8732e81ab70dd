//! `cardea-agent enrol`: pins an issuer's root keys, after a person has compared them.
//!
//! The issuer's document comes from its address or from a file. It must agree with itself, be of
//! the address that was asked, and pass for no issuer that is enrolled already. Then issuer, pages
//! and fingerprints are shown, and nothing is pinned before a person has typed yes, or the
//! fingerprints stand on the command line.

mod introduction;
mod look_alike;
mod pinned_file;
mod words;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use cardea_assertion::{EnrolmentDocument, UncomparedEnrolment, root_fingerprint};

use self::introduction::Source;
use self::look_alike::{concerns, deception};
use self::words::Words;
use crate::Error;
use crate::agent_socket::ask_to_read_issuers;
use crate::config::{Config, Enrolled, Environment};
use crate::enrolment::{Enrolment, IssuerUrl};
use crate::language::Language;
use crate::log_memory::KnownLog;
use crate::protected_file::{self, Protection};

const FOREIGN_FINGERPRINTS: Error = Error::EnrolmentUnconfirmed {
    reason: "the fingerprints are not those of its root keys",
};

/// What the command is to do.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// The issuer's address, or the file of its enrolment document.
    #[arg(value_name = "URL|FILE", required_unless_present_any = ["list", "remove"])]
    pub source: Option<String>,
    /// A root key's fingerprint, as the issuer gave it: once for each of its root keys. Nobody is
    /// asked then.
    #[arg(long = "fingerprint", value_name = "F", requires = "source")]
    pub fingerprints: Vec<String>,
    /// With --fingerprint: go on although there is something to be wary of.
    #[arg(long, requires = "fingerprints")]
    pub accept_warnings: bool,
    /// Certificates (PEM) of a private certification authority, where the issuer's TLS needs one.
    #[arg(long, value_name = "FILE", requires = "source")]
    pub ca_file: Option<PathBuf>,
    /// Show the issuers that are enrolled.
    #[arg(long, conflicts_with_all = ["source", "remove"])]
    pub list: bool,
    /// Take an issuer away.
    #[arg(long, value_name = "ISSUER", conflicts_with = "source")]
    pub remove: Option<String>,
}

/// Where the command works: the configuration's path, which need not exist yet, and the terminal.
pub struct Desk<'a> {
    /// The configuration file, beside which issuers are kept.
    pub config: &'a Path,
    /// What the configuration takes from the environment.
    pub environment: &'a Environment,
    /// What the person types.
    pub input: &'a mut dyn BufRead,
    /// What she reads.
    pub output: &'a mut dyn Write,
}

/// Does it.
///
/// # Errors
/// `agent.enrolment_*`, `agent.issuer_unreachable`, `agent.issuer_certificate_untrusted`,
/// `agent.issuer_unknown`, and those of files.
pub async fn run(options: &Options, desk: Desk<'_>) -> Result<(), Error> {
    let language = language(desk.config, desk.environment);
    let enrolled = Config::enrolled(desk.config)?;
    let mut command = Command {
        words: Words { language },
        enrolled,
        desk,
    };
    match (&options.source, &options.remove) {
        (Some(source), _) => command.enrol(source, options).await,
        (None, Some(issuer)) => command.remove(issuer).await,
        (None, None) => command.list(),
    }
}

/// The language of the configuration, where one can be read, else that of the environment.
#[must_use]
pub fn language(config: &Path, environment: &Environment) -> Language {
    match Config::load_or_default(config, environment) {
        Ok(config) => config.language,
        Err(_) => Language::of_locale(environment.locale.as_deref()),
    }
}

struct Command<'a> {
    words: Words,
    enrolled: Vec<Enrolled>,
    desk: Desk<'a>,
}

impl Command<'_> {
    async fn enrol(&mut self, source: &str, options: &Options) -> Result<(), Error> {
        let ca_pem = match &options.ca_file {
            Some(file) => Some(protected_file::read(file, Protection::WrittenByOwner)?),
            None => None,
        };
        let source = Source::parse(source)?;
        let read = source.read(ca_pem.as_deref()).await?;
        // Whatever is pinned here: who gave fingerprints learns first of all if they are others.
        if !options.fingerprints.is_empty() && !read.has_fingerprints(&options.fingerprints) {
            return Err(FOREIGN_FINGERPRINTS);
        }
        let new = enrolment_of(read.unconfirmed(), ca_pem)?;
        let signed_at = read.unconfirmed().iat;
        self.check_known(&new, signed_at)?;
        let others: Vec<&Enrolment> = self.enrolled.iter().map(|it| &it.enrolment).collect();
        if let Some(reason) = deception(&new, &others) {
            return Err(Error::EnrolmentDeceptive { reason });
        }
        let shown = self.words.introduction(&new, &concerns(&new));
        self.say(&shown)?;
        if self.is_unchanged(&new) {
            self.remember_newer(&new, signed_at)?;
            let already = self.words.already();
            return self.say(already);
        }
        self.confirm(read, &new, options)?;
        let path = pinned_file::write(self.desk.config, &new, signed_at)?;
        let pinned = self.words.pinned(&path);
        self.say(&pinned)?;
        self.tell_running_agent().await
    }

    /// Nothing is pinned blindly: either the fingerprints are given, or a person types yes.
    fn confirm(
        &mut self,
        read: UncomparedEnrolment,
        new: &Enrolment,
        options: &Options,
    ) -> Result<EnrolmentDocument, Error> {
        let unconfirmed = |reason| Error::EnrolmentUnconfirmed { reason };
        if !options.fingerprints.is_empty() {
            if !concerns(new).is_empty() && !options.accept_warnings {
                return Err(unconfirmed(
                    "there are warnings, which --accept-warnings accepts",
                ));
            }
            return read
                .compared(&options.fingerprints)
                .ok_or(FOREIGN_FINGERPRINTS);
        }
        let question = self.words.question();
        self.say(question)?;
        let mut answer = String::new();
        let mut bounded = std::io::Read::take(&mut *self.desk.input, 64);
        let typed = bounded.read_line(&mut answer);
        if typed.is_err() || !self.words.is_yes(answer.trim()) {
            return Err(unconfirmed("nobody said that they match"));
        }
        let shown = read.fingerprints();
        read.compared(&shown).ok_or(Error::Internal {
            reason: "a document is not the one that was shown",
        })
    }

    /// An issuer whose keys have changed is another issuer until a person says otherwise, and what
    /// it has said since is not taken back by a document from before.
    fn check_known(&self, new: &Enrolment, signed_at: i64) -> Result<(), Error> {
        let Some(known) = self.find(&new.issuer) else {
            return Ok(());
        };
        let conflict = |reason: String| Error::EnrolmentConflict {
            issuer: new.issuer.as_str().to_owned(),
            reason,
        };
        let fingerprints = |enrolment: &Enrolment| -> Vec<String> {
            let mut all: Vec<_> = enrolment.roots.iter().map(root_fingerprint).collect();
            all.sort();
            all
        };
        let (before, now) = (fingerprints(&known.enrolment), fingerprints(new));
        if before != now {
            let reason = format!(
                "its root keys were {}, and are {} now; if the issuer says so too, take it away \
                 first: cardea-agent enrol --remove {}",
                before.join(" / "),
                now.join(" / "),
                new.issuer.as_str(),
            );
            return Err(conflict(reason));
        }
        if known.signed_at.is_some_and(|known| signed_at < known) {
            return Err(Error::EnrolmentRolledBack);
        }
        if known.file == self.desk.config && !self.is_unchanged(new) {
            let file = known.file.display();
            return Err(conflict(format!(
                "it is written in {file}: change it there"
            )));
        }
        Ok(())
    }

    /// A document that says the same anew makes those before it old all the same.
    fn remember_newer(&self, new: &Enrolment, signed_at: i64) -> Result<(), Error> {
        match self.find(&new.issuer) {
            Some(known) if known.file != self.desk.config && known.signed_at != Some(signed_at) => {
                pinned_file::write(self.desk.config, &known.enrolment, signed_at).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn is_unchanged(&self, new: &Enrolment) -> bool {
        self.find(&new.issuer).is_some_and(|known| {
            known.enrolment.name == new.name
                && known.enrolment.origins == new.origins
                && (new.ca_pem.is_none() || known.enrolment.ca_pem == new.ca_pem)
        })
    }

    async fn remove(&mut self, issuer: &str) -> Result<(), Error> {
        let issuer = issuer.trim_end_matches('/');
        let known = self
            .enrolled
            .iter()
            .find(|known| known.enrolment.issuer.as_str() == issuer)
            .ok_or(Error::IssuerUnknown)?;
        if known.file == self.desk.config {
            return Err(Error::EnrolmentConflict {
                issuer: issuer.to_owned(),
                reason: format!("it is written in {}: remove it there", known.file.display()),
            });
        }
        pinned_file::remove(&known.file)?;
        let removed = self.words.removed(issuer);
        self.say(&removed)?;
        self.tell_running_agent().await
    }

    fn list(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        for known in &self.enrolled {
            text.push_str(&self.words.introduction(&known.enrolment, &[]));
            text.push_str(&self.words.kept_in(&known.file));
        }
        if self.enrolled.is_empty() {
            text.push_str(self.words.none());
        }
        self.say(&text)
    }

    /// What runs reads its issuers again.
    async fn tell_running_agent(&mut self) -> Result<(), Error> {
        let config = Config::load_or_default(self.desk.config, self.desk.environment);
        let Ok(config) = config else {
            return Ok(());
        };
        let said = match ask_to_read_issuers(&config.socket).await {
            Ok(true) => self.words.taken_up(),
            Ok(false) => self.words.restart(),
            Err(_) => return Ok(()),
        };
        self.say(said)
    }

    fn find(&self, issuer: &IssuerUrl) -> Option<&Enrolled> {
        self.enrolled
            .iter()
            .find(|known| known.enrolment.issuer == *issuer)
    }

    fn say(&mut self, text: &str) -> Result<(), Error> {
        let written = self.desk.output.write_all(text.as_bytes());
        written
            .and_then(|()| self.desk.output.flush())
            .map_err(|_| Error::Internal {
                reason: "nothing can be written to the terminal",
            })
    }
}

fn enrolment_of(document: &EnrolmentDocument, ca_pem: Option<Vec<u8>>) -> Result<Enrolment, Error> {
    let invalid = |reason: &str| Error::EnrolmentInvalid {
        reason: reason.to_owned(),
    };
    let issuer = IssuerUrl::parse(&document.iss)
        .map_err(|reason| invalid(&format!("its issuer {reason}")))?;
    for origin in &document.origins {
        crate::enrolment::parse_origin(origin.as_str())
            .map_err(|reason| invalid(&format!("an origin {reason}")))?;
    }
    if ca_pem.as_ref().is_some_and(|pem| {
        openssl::x509::X509::stack_from_pem(pem).map_or(true, |found| found.is_empty())
    }) {
        return Err(invalid("the file of --ca-file holds no certificate in PEM"));
    }
    let log = document.log.as_ref().map(KnownLog::parse).transpose();
    let log = log.map_err(|reason| invalid(&format!("its log: {reason}")))?;
    Ok(Enrolment {
        issuer,
        name: document.name.clone(),
        origins: document.origins.clone(),
        roots: document.roots.keys.clone(),
        ca_pem,
        log,
    })
}

#[cfg(test)]
mod tests;
