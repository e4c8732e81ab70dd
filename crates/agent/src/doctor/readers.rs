//! The way to the card: service, reader, who holds it, card. What is broken first hides the rest.

use cardea_card::{CardPresence, Error, Reader};

use super::card::{self, SeenCertificate};
use super::cause::Cause;
use super::configuration::{self, told};
use super::finding::Finding;
use super::{PROBE_LIMIT, Surroundings, reader_service};
use crate::config::{Backend, Config};
use crate::display_text::for_display;

/// What was found on the way, and the certificates at its end.
#[derive(Debug, Default)]
pub(super) struct Cards {
    pub(super) findings: Vec<Finding>,
    pub(super) seen: Vec<(String, String)>,
    pub(super) certificates: Vec<SeenCertificate>,
}

impl From<Finding> for Cards {
    fn from(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }
}

/// Walks the way as far as it leads.
pub(super) async fn examine(config: &Config, surroundings: &Surroundings) -> Cards {
    let readers = match find_readers(config, surroundings).await {
        Ok(readers) => readers,
        Err(finding) => return finding.into(),
    };
    let mut cards = Cards::default();
    if readers.iter().all(|it| it.card == CardPresence::Absent) {
        let names: Vec<String> = readers.iter().map(|it| for_display(&it.name)).collect();
        let finding = Finding::new(Cause::CardMissing).with("readers", names.join(", "));
        return finding.into();
    }
    let looks = readers
        .into_iter()
        .map(|reader| card::examine(config, reader));
    for look in futures_util::future::join_all(looks).await {
        match look {
            Ok(Some(certificate)) => cards.certificates.push(certificate),
            Ok(None) => {}
            Err(finding) => cards.findings.push(finding),
        }
    }
    cards
}

/// The readers; the finding that there are none to be had.
async fn find_readers(
    config: &Config,
    surroundings: &Surroundings,
) -> Result<Vec<Reader>, Finding> {
    let of_service = !matches!(config.backend, Backend::Pkcs11 { .. });
    let backend = config.backend.open().map_err(|error| match of_service {
        true => configuration::unusable(&error),
        false => Finding::new(Cause::ModuleUnusable).with_technical("reason", &told(&error)),
    })?;
    let surroundings = surroundings.clone();
    let look = tokio::task::spawn_blocking(move || {
        if of_service {
            reader_service::knock(&reader_service::socket(), &surroundings)?;
        }
        let readers = backend.monitor().and_then(|mut monitor| monitor.readers());
        let readers = readers.map_err(|error| match (of_service, &error) {
            (true, error) => reader_service::failure(error),
            (false, Error::ReaderServiceUnavailable) => Finding::new(Cause::ReaderServiceStopped)
                .with("socket", reader_service::socket().display().to_string()),
            (false, error) => Finding::new(Cause::ModuleUnusable)
                .with_technical("reason", &format!("{error} ({})", error.code())),
        })?;
        reader_service::check_any(&readers)?;
        Ok(readers)
    });
    match tokio::time::timeout(PROBE_LIMIT, look).await {
        Ok(Ok(found)) => found,
        // A thread that died, or hangs in a call of the service.
        Ok(Err(_)) | Err(_) => Err(reader_service::timed_out()),
    }
}
