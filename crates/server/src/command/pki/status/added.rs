//! The certificates that operators added to the database, read without changing anything there.

use std::io;

use cardea_provider::{AddedAnchor, AnchorRegistrations, AnchorRole, fingerprint};
use cardea_storage::{Error as StorageError, Store};
use time::OffsetDateTime;

use super::authority::{Authority, DATABASE, Role};
use crate::command::operator;
use crate::config::Config;

/// What the database has.
#[derive(Default)]
pub(super) struct Added {
    certificates: Vec<AddedAnchor>,
    /// What cannot be read, in words.
    pub(super) problems: Vec<String>,
}

impl Added {
    /// Reads the database. One that a first start has yet to make has nothing.
    pub(super) async fn read(config: &Config) -> Self {
        let store = match Store::open_as_it_is(&config.database.url.to_url()).await {
            Ok(store) => store,
            Err(StorageError::FileNotPrivate { source })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return Self::default();
            }
            Err(error) => return Self::unreadable(&error, error.code()),
        };
        let registrations = AnchorRegistrations::new(operator::records(&store));
        let listed = registrations.list().await;
        store.close().await;
        match listed {
            Ok((certificates, unreadable)) => {
                let in_words = |(sha256, error): (String, cardea_provider::Error)| {
                    let code = error.code();
                    format!("the added certificate {sha256} cannot be read: {error} [{code}]")
                };
                Self {
                    certificates,
                    problems: unreadable.into_iter().map(in_words).collect(),
                }
            }
            Err(error) => Self::unreadable(&error, error.code()),
        }
    }

    fn unreadable(error: &dyn std::error::Error, code: &str) -> Self {
        let problem = format!("the database cannot be read: {error} [{code}]");
        Self {
            certificates: Vec::new(),
            problems: vec![problem],
        }
    }

    /// Takes out those of one trust anchor.
    pub(super) fn take_of(&mut self, name: &str, now: OffsetDateTime) -> Vec<Authority> {
        let of_it = self.certificates.extract_if(.., |it| it.rules == name);
        let authority = |it: AddedAnchor| {
            let role = match it.role {
                AnchorRole::Anchor => Role::Anchor,
                AnchorRole::Intermediate => Role::Intermediate,
            };
            Authority::of(role, it.certificate, DATABASE, now)
        };
        of_it.map(authority).collect()
    }

    /// Those that are left: their trust anchor is not configured.
    pub(super) fn of_nobody(&self) -> Vec<String> {
        let in_words = |it: &AddedAnchor| {
            let (sha256, rules) = (fingerprint(&it.certificate), &it.rules);
            format!("the added certificate {sha256} is of {rules}, which is not configured")
        };
        self.certificates.iter().map(in_words).collect()
    }
}
