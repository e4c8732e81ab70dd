//! One reader's card: held, silent, unknown, or read.

use cardea_card::{
    CardCertificate, CardPresence, Error, Insertion, ProgramAtReader, Reader,
    authentication_certificate, programs_at_reader_service,
};

use super::PROBE_LIMIT;
use super::cause::Cause;
use super::configuration;
use super::finding::Finding;
use super::reader_service::{self, SECURITY_VIOLATION};
use crate::config::{Backend, Config};
use crate::display_text::for_display;
use crate::language::Language;
use crate::prompt_text::days_until;

/// A certificate that logs in, as its card holds it.
#[derive(Debug)]
pub(super) struct SeenCertificate {
    pub(super) reader: String,
    pub(super) kind: String,
    pub(super) certificate: CardCertificate,
}

impl SeenCertificate {
    /// That it is good, in French and in English. No name: who reads this knows whose card it is,
    /// and whoever gets a copy need not.
    pub(super) fn seen(&self, now: i64) -> (String, String) {
        let Self { reader, kind, .. } = self;
        let days = days_until(self.certificate.not_after(), now);
        (
            format!("La carte {kind} dans « {reader} » est lue, encore {days} jours."),
            format!("The card {kind} in “{reader}” was read; {days} days left."),
        )
    }
}

/// Looks at a reader's card; nothing for an empty reader.
pub(super) async fn examine(
    config: &Config,
    reader: Reader,
) -> Result<Option<SeenCertificate>, Finding> {
    let name = for_display(&reader.name);
    let (atr, insertion) = match (&reader.card, reader.insertion()) {
        (CardPresence::Mute, _) => {
            return Err(Finding::new(Cause::CardMute).with("reader", name));
        }
        (
            CardPresence::Present {
                exclusive: true, ..
            },
            _,
        ) => return Err(held(&name)),
        (CardPresence::Present { atr, .. }, Some(insertion)) => (hex(atr), insertion),
        _ => return Ok(None),
    };
    let backend = config.backend.open();
    let backend = backend.map_err(|error| configuration::unusable(&error))?;
    let look = tokio::task::spawn_blocking(move || read(&backend, &insertion));
    let read = match tokio::time::timeout(PROBE_LIMIT, look).await {
        Ok(Ok(read)) => read,
        // Either somebody has a transaction that does not end, or the card does not answer.
        Ok(Err(_)) | Err(_) => {
            return Err(match others().is_empty() {
                true => Finding::new(Cause::CardMute).with("reader", name),
                false => held(&name),
            });
        }
    };
    match read {
        Ok((kind, certificate)) => Ok(Some(SeenCertificate {
            reader: name,
            kind: for_display(&kind),
            certificate,
        })),
        // It left this moment.
        Err(Error::NoCard | Error::CardRemoved | Error::NoReader) => Ok(None),
        Err(error) => Err(failure(&error, &name, &atr, config)),
    }
}

/// What the card is and its certificate. Reads alone: nothing asks the card about its PIN.
fn read(
    backend: &cardea_card::Backend,
    insertion: &Insertion,
) -> Result<(String, CardCertificate), Error> {
    let mut card = backend.open_insertion(insertion)?;
    let certificates = card.certificates()?;
    let certificate = authentication_certificate(&certificates)?.clone();
    let kind = match certificate.holder().card_family {
        Some(family) => family.as_str().to_owned(),
        None => card.card_name(),
    };
    Ok((kind, certificate))
}

fn failure(error: &Error, reader: &str, atr: &str, config: &Config) -> Finding {
    let about = |cause| {
        Finding::new(cause)
            .with("reader", reader)
            .with("atr", if atr.is_empty() { "?" } else { atr })
    };
    match error {
        Error::Busy => held(reader),
        Error::Unresponsive | Error::TimedOut { .. } => about(Cause::CardMute),
        Error::ReaderFault { status, .. } if *status == SECURITY_VIOLATION => {
            reader_service::denied_card()
        }
        Error::ReaderServiceUnavailable => reader_service::timed_out(),
        Error::Unsupported { .. } | Error::UnexpectedStatus { .. } => {
            about(Cause::CardUnknown).with_words("module", modules(&config.backend))
        }
        error => about(Cause::CardUnusable)
            .with_technical("reason", &format!("{error} ({}).", error.code())),
    }
}

/// Which modules were asked, too.
fn modules(backend: &Backend) -> (&'static str, &'static str) {
    match backend {
        Backend::Automatic if cardea_card::known_modules().is_empty() => (
            "La Cryptolib CPS n’est pas installée.",
            "The Cryptolib CPS is not installed.",
        ),
        Backend::Automatic => (
            "La Cryptolib CPS est installée, mais ne la connaît pas non plus.",
            "The Cryptolib CPS is installed, but does not know it either.",
        ),
        Backend::Pcsc | Backend::Pkcs11 { .. } => ("", ""),
    }
}

/// Who holds it, as far as the system tells.
fn held(reader: &str) -> Finding {
    let programs = others();
    let advice = |language: Language| language.reader_held_advice(&programs);
    Finding::new(Cause::ReaderHeld)
        .with("reader", reader)
        .with_words(
            "advice",
            (advice(Language::French), advice(Language::English)),
        )
}

/// The programs at the service, without Cardea's own: it holds no card.
fn others() -> Vec<ProgramAtReader> {
    let mut programs = programs_at_reader_service();
    // The kernel keeps fifteen bytes of a name.
    programs.retain(|it| {
        it.name
            .as_deref()
            .is_none_or(|name| !name.starts_with("cardea-agent"))
    });
    programs
}

/// As makers of cards write an ATR.
fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    digits.join(" ")
}
