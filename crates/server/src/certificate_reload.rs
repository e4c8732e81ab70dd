//! The certificates that this server shows, exchanged while it runs.
//!
//! All listeners change together or none does: a renewed certificate beside its old key, or a file
//! that is half written, leaves every listener as it was.

use std::collections::BTreeMap;

use crate::agentless;
use crate::config::{Config, TlsConfig};
use crate::error::Error;
use crate::tls::client_certificate::{CertificateDemand, ClientCertificates};
use crate::tls::{PreparedTls, ReloadableTls};

/// A listener of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ListenerKind {
    /// `listen`: everything, and never a certificate.
    Main,
    /// `[mtls]`: what clients with certificates call.
    Mtls,
    /// `[agentless]`: a few pages, and never without a certificate.
    Agentless,
}

/// The TLS of every listener that has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListenerCertificates(BTreeMap<ListenerKind, ReloadableTls>);

/// Certificates that were read and fit their keys.
pub(crate) struct PreparedCertificates(Vec<PreparedTls>);

impl ListenerKind {
    const ALL: [Self; 3] = [Self::Main, Self::Mtls, Self::Agentless];

    /// Its word in numbers and in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Mtls => "mtls",
            Self::Agentless => "agentless",
        }
    }

    /// What a configuration says about a listener's TLS; none where it has none.
    fn settings(self, config: &Config) -> Result<Option<(&TlsConfig, ClientCertificates)>, Error> {
        match self {
            Self::Main => Ok(config
                .tls
                .as_ref()
                .map(|files| (files, ClientCertificates::default()))),
            Self::Mtls => Ok(config.mtls.as_ref().and_then(|mtls| {
                let demand = match mtls.proxy {
                    None => CertificateDemand::Optional,
                    // It is the proxy that asks for them.
                    Some(_) => CertificateDemand::None,
                };
                let clients = ClientCertificates {
                    demand,
                    ..ClientCertificates::default()
                };
                Some((mtls.tls(config)?, clients))
            })),
            Self::Agentless => {
                let Some(agentless) = config.agentless() else {
                    return Ok(None);
                };
                let files = agentless.tls.as_ref().or(config.tls.as_ref());
                let clients = agentless::client_certificates(config, agentless)?;
                Ok(files.map(|files| (files, clients)))
            }
        }
    }
}

impl ListenerCertificates {
    /// Reads the certificates of all listeners.
    ///
    /// # Errors
    /// [`Error::TlsUnusable`], [`Error::FileUnusable`], [`Error::KeyNotPrivate`].
    pub(crate) fn load(config: &Config) -> Result<Self, Error> {
        let mut loaded = BTreeMap::new();
        for kind in ListenerKind::ALL {
            if let Some((files, clients)) = kind.settings(config)? {
                loaded.insert(kind, ReloadableTls::load(files, &clients)?);
            }
        }
        Ok(Self(loaded))
    }

    /// The TLS of one listener.
    pub(crate) fn of(&self, kind: ListenerKind) -> Option<ReloadableTls> {
        self.0.get(&kind).cloned()
    }

    /// When the certificate of each listener runs out, in Unix seconds.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let end = |(kind, tls): (&ListenerKind, &ReloadableTls)| Some((kind.name(), tls.end()?));
        self.0.iter().filter_map(end)
    }

    /// Reads all certificates anew, from where `config` says that they are now, and changes
    /// nothing yet. A listener that had no TLS at the start gets none before the next.
    ///
    /// # Errors
    /// As [`ListenerCertificates::load`]; the old certificates then stay.
    pub(crate) fn prepare(&self, config: &Config) -> Result<PreparedCertificates, Error> {
        let mut prepared = Vec::new();
        for (kind, tls) in &self.0 {
            if let Some((files, clients)) = kind.settings(config)? {
                prepared.push(tls.prepare(files, &clients)?);
            }
        }
        Ok(PreparedCertificates(prepared))
    }
}

impl PreparedCertificates {
    /// Has new connections of every listener take the new certificates.
    pub(crate) fn swap(self) {
        self.0.into_iter().for_each(PreparedTls::swap);
    }
}
