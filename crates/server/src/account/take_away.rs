//! "Take it with you": her own log as a file, with proofs (docs/activity.md).

use std::net::SocketAddr;

use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use cardea_provider::{AccountSession, Clock as _, EXPORTED_MAX, OWN_FILES_MAX, OwnEvents};
use time::OffsetDateTime;

use super::own_files::OwnFilesPage;
use super::{Section, SignedIn, unavailable};
use crate::activity::export::{FORMAT, OwnLog, entries};
use crate::activity::paper::OwnPaper;
use crate::clock::SystemClock;
use crate::error_response::language_of;
use crate::form::Body;
use crate::language::{Language, Text};
use crate::ledger::inclusion::{Proven, inclusion};
use crate::moment::{DaySpan, Moments};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;
use crate::{page, pdf};

/// No id of an event is longer.
const ID_BYTES_MAX: usize = 128;

#[derive(Template)]
#[template(path = "account_take_away.html")]
struct TakeAway<'a> {
    language: Language,
    form_token: &'a str,
}

/// The section.
pub(crate) fn section(session: &AccountSession, language: Language) -> Result<Section, Refusal> {
    let section = Section::render(&TakeAway {
        language,
        form_token: &session.form_token,
    })?;
    Ok(section.reached_by("take-away", HEADING.in_language(language)))
}

/// What the form asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    form: Form,
    /// The first day, as the form has it and as it is.
    from: (String, Option<DaySpan>),
    /// The day that is still in it.
    until: (String, Option<DaySpan>),
    after: Option<String>,
    /// Which of several files it is, for its name.
    number: Option<u32>,
    /// Where one file does not hold it, all are to be shown.
    lists_files: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Json,
    Pdf,
}

/// Gives her a file of hers.
pub(crate) async fn post_export(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = signed_in.read_form(&state, &headers, body)?;
    let language = language_of(&uri, &headers);
    let moments = state.moments(language);
    let wanted = Wanted::read(pairs, &moments);
    let wanted = wanted.ok_or_else(|| Refusal::page(Problem::RequestMalformed))?;
    // A file costs a look at many rows: it stays counted, whoever asks.
    let counted = state.charge(Counted::OwnExport, peer, &headers);
    drop(counted.ok_or_else(|| Refusal::page(Problem::TooManyRequests))?);
    let session = &signed_in.0;
    if wanted.lists_files
        && let Some(listed) = list_files(&state, session, &wanted, &moments).await?
    {
        return Ok(listed);
    }
    let after = wanted.after.as_deref();
    let events = state
        .provider()
        .own_events(session, wanted.span(), after)
        .await;
    let events = events.map_err(|error| unavailable(&error))?;
    let proven = prove(&state, &events).await?;
    let (all, account) = (state.clone(), session.clone());
    let (form, count) = (wanted.form.word(), proven.entries.len());
    let recorded = to_the_end(async move {
        let provider = all.provider();
        provider.record_own_export(&account, form, count).await
    });
    // On record before it is out of here.
    let recorded = recorded
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?;
    recorded.map_err(|error| unavailable(&error))?;
    let made_at = SystemClock.now();
    let (bytes, media_type, ending) = match wanted.form {
        Form::Json => (
            json(&state, session, &wanted, (&events, &proven), made_at)?,
            "application/json",
            "json",
        ),
        Form::Pdf => {
            let paper = OwnPaper {
                moments: moments.clone(),
                issuer: state.provider().issuer().as_str(),
                session,
                entries: &events.entries,
                proven: &proven,
                made_at,
                is_cut: events.next.is_some(),
            };
            let rendered = pdf::render(&paper.document());
            let internal = |_| Refusal::page(Problem::Internal);
            (rendered.map_err(internal)?, "application/pdf", "pdf")
        }
    };
    let name = name(&moments.short_day(made_at), wanted.number, ending);
    Ok(download(bytes, media_type, &name))
}

async fn prove(state: &AppState, events: &OwnEvents) -> Result<Proven, Refusal> {
    let ids = events.entries.iter().map(|it| it.event.id.clone());
    let ids: Vec<_> = ids.collect();
    inclusion(state.store(), &ids).await.map_err(|error| {
        tracing::warn!(code = error.code(), "nothing can be proven of the log");
        Refusal::page(Problem::Unavailable).because(error.code())
    })
}

/// The page of all files; none where one holds everything.
async fn list_files(
    state: &AppState,
    session: &AccountSession,
    wanted: &Wanted,
    moments: &Moments,
) -> Result<Option<Response>, Refusal> {
    let files = state.provider().own_files(session, wanted.span()).await;
    let files = files.map_err(|error| unavailable(&error))?;
    if files.len() < 2 {
        return Ok(None);
    }
    let days = (wanted.from.0.as_str(), wanted.until.0.as_str());
    let shown = OwnFilesPage::new(moments.clone(), session, days, &files);
    let language = moments.language();
    Ok(Some(page::render(state, StatusCode::OK, language, &shown)))
}

fn json(
    state: &AppState,
    session: &AccountSession,
    wanted: &Wanted,
    (events, proven): (&OwnEvents, &Proven),
    made_at: OffsetDateTime,
) -> Result<Vec<u8>, Refusal> {
    let entries = entries(proven, &session.sub);
    let (from, until) = wanted.span();
    let log = OwnLog {
        format: FORMAT,
        issuer: state.provider().issuer().as_str(),
        sub: &session.sub,
        made_at: made_at.unix_timestamp(),
        from: from.map(OffsetDateTime::unix_timestamp),
        until: until.map(OffsetDateTime::unix_timestamp),
        waiting: events.entries.len().saturating_sub(entries.len()),
        next: events.next.as_deref(),
        checkpoint: proven.checkpoint.to_string(),
        entries,
    };
    serde_json::to_vec_pretty(&log).map_err(|_| Refusal::page(Problem::Internal))
}

fn name(day: &str, number: Option<u32>, ending: &str) -> String {
    match number {
        Some(number) => format!("cardea-{day}-{number}.{ending}"),
        None => format!("cardea-{day}.{ending}"),
    }
}

fn download(bytes: Vec<u8>, media_type: &'static str, name: &str) -> Response {
    let mut response = (StatusCode::OK, bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pdf => "pdf",
        }
    }
}

impl Wanted {
    /// Reads the form; what is said twice, or is nothing of it, is refused.
    fn read(pairs: Vec<(String, String)>, moments: &Moments) -> Option<Self> {
        let mut wanted = Self::default();
        let mut seen = Vec::new();
        for (name, value) in pairs {
            if seen.contains(&name) {
                return None;
            }
            let day = match value.is_empty() {
                true => Some(None),
                false => moments.parse_day(&value).map(Some),
            };
            match name.as_str() {
                "form" if value == "json" => wanted.form = Form::Json,
                "form" if value == "pdf" => wanted.form = Form::Pdf,
                "from" => wanted.from = (value, day?),
                "until" => wanted.until = (value, day?),
                "files" if value == "all" => wanted.lists_files = true,
                "number" => {
                    let number = value.parse().ok();
                    let number = number.filter(|it| (1..=OWN_FILES_MAX).contains(it));
                    wanted.number = Some(number?);
                }
                "after" if is_id(&value) => wanted.after = Some(value),
                "after" if value.is_empty() => {}
                _ => return None,
            }
            seen.push(name);
        }
        seen.iter().any(|it| it == "form").then_some(wanted)
    }

    /// From when on, and until before when.
    fn span(&self) -> (Option<OffsetDateTime>, Option<OffsetDateTime>) {
        let (from, until) = (self.from.1, self.until.1);
        (from.map(|it| it.from), until.map(|it| it.until))
    }
}

fn is_id(text: &str) -> bool {
    let is_of_ids = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.chars().all(is_of_ids)
}

impl TakeAway<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn told(&self) -> String {
        self.say(TOLD).replace("{count}", &EXPORTED_MAX.to_string())
    }
}

const HEADING: Text = Text::new("Take it with you", "Emporter mon historique");
const TOLD: Text = Text::new(
    "Everything that is on record about you, with nothing left out: as a document to read and \
     print, or as a file with proofs that hold without this service. A file holds up to {count} \
     entries, the oldest first; where there are more, a page shows all the files.",
    "Tout ce qui est enregistré à votre sujet, sans rien omettre\u{a0}: en document à lire et à \
     imprimer, ou en fichier avec des preuves valables sans ce service. Un fichier contient \
     jusqu’à {count} entrées, les plus anciennes d’abord\u{a0}; s’il y en a plus, une page \
     présente tous les fichiers.",
);
const FROM: Text = Text::new("From (day)", "Du");
const UNTIL: Text = Text::new("To (day)", "Au");
const AS_PDF: Text = Text::new("Document (PDF)", "Document (PDF)");
const AS_JSON: Text = Text::new("File with proofs (JSON)", "Fichier avec preuves (JSON)");

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{Form, Wanted, name};
    use crate::language::Language;
    use crate::moment::Moments;

    fn wanted(pairs: &[(&str, &str)]) -> Option<Wanted> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let utc = Moments::utc(Language::French);
        Wanted::read(pairs.iter().map(owned).collect(), &utc)
    }

    #[test]
    fn a_form_is_read_strictly() {
        let whole = wanted(&[("from", "2026-11-01"), ("until", ""), ("form", "pdf")]).unwrap();
        assert_eq!(whole.form, Form::Pdf);
        assert_eq!(whole.span(), (Some(datetime!(2026-11-01 00:00 UTC)), None));
        assert_eq!((whole.after, whole.number), (None, None));
        let until = wanted(&[("form", "pdf"), ("until", "2026-11-01")]).unwrap();
        // That day is still in it.
        assert_eq!(until.span(), (None, Some(datetime!(2026-11-02 00:00 UTC))));
        let second = wanted(&[("form", "pdf"), ("number", "2"), ("files", "all")]).unwrap();
        assert!(second.number == Some(2) && second.lists_files);
        let next = wanted(&[("form", "json"), ("after", "18a-0-x_")]).unwrap();
        assert_eq!(next.after.as_deref(), Some("18a-0-x_"));
        for bad in [
            &[("from", "2026-11-01")][..],
            &[("form", "csv")],
            &[("form", "json"), ("form", "pdf")],
            &[("form", "json"), ("from", "today")],
            &[("form", "json"), ("after", "' OR 1=1")],
            &[("form", "json"), ("sub", "somebody")],
            &[("form", "json"), ("number", "0")],
            &[("form", "json"), ("number", "201")],
            &[("form", "json"), ("number", "x")],
            &[("form", "json"), ("files", "some")],
        ] {
            assert_eq!(wanted(bad), None, "{bad:?}");
        }
        assert_eq!(name("2026-11-05", None, "pdf"), "cardea-2026-11-05.pdf");
        assert_eq!(
            name("2026-11-05", Some(2), "json"),
            "cardea-2026-11-05-2.json"
        );
    }
}
