//! The console's first page: how this server and its log stand, and what happened lately, in
//! numbers from which nobody can be told.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use cardea_provider::{CHART_DAYS, Clock as _, OperatorNumbers};
use cardea_storage::health::count_amounts;
use time::{Duration, OffsetDateTime};

use crate::clock::SystemClock;
use crate::console::{AtConsole, HOME, Said, Visit, unavailable};
use crate::form::parse_query;
use crate::incident_report::in_words;
use crate::language::{Language, Text};
use crate::page::chart::{Bar, BarChart, number};
use crate::page::console_page::{Block, Cell, Link, Part, Section, Table};
use crate::refusal::Refusal;
use crate::revocation_fetch::ListOverview;
use crate::state::AppState;

/// Seconds after which the browser asks again, where the operator wants it to.
const REFRESH_SECONDS: &str = "60";

/// Shows it; again each minute where that was asked for.
pub(crate) async fn get_overview(
    State(state): State<AppState>,
    Visit(at): Visit,
    uri: Uri,
) -> Result<Response, Refusal> {
    let days = at.moments.last_days(SystemClock.now(), CHART_DAYS);
    let numbers = state.provider().operator_numbers(&days).await;
    let numbers = numbers.map_err(|error| unavailable(&error))?;
    let is_live = parse_query(&uri)
        .map_err(Refusal::page)?
        .iter()
        .any(|(name, value)| name == "live" && value == "1");
    let mut first = now(&state, &at).await?;
    first
        .blocks
        .push(Block::Links(vec![live_link(&at, is_live)]));
    let sections = vec![first, lists(&state, &at), charts(&at, &numbers)];
    let mut response = at.show(&state, (Part::Overview, HOME), sections, Said::default());
    if is_live {
        let every = HeaderValue::from_static(REFRESH_SECONDS);
        response.headers_mut().insert(header::REFRESH, every);
    }
    Ok(response)
}

/// No page changes under a reader who did not ask for it (WCAG 2.2.2, 3.2.5).
fn live_link(at: &AtConsole, is_live: bool) -> Link {
    match is_live {
        true => at.link(HOME, at.say(STAND_STILL)),
        false => Link {
            href: format!("{}&live=1", at.href(HOME)),
            text: at.say(LIVE),
        },
    }
}

/// How this node, the sessions, the streams and the log stand.
async fn now(state: &AppState, at: &AtConsole) -> Result<Section, Refusal> {
    let number = |count: i64| {
        let count = u64::try_from(count).unwrap_or_default();
        Cell::Text(number(count, at.language))
    };
    let report = state.readiness().look(state).await;
    let mut blocks = Vec::new();
    let reasons = report.reasons.iter().map(|reason| reason.as_str());
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let readiness = match report.reasons.is_empty() {
        true => at.say(READY),
        false => {
            blocks.push(Block::Alert(format!("{} {reasons}", at.say(NOT_READY))));
            reasons
        }
    };
    let mut reading = state.store().begin_read().await.map_err(storage)?;
    let amounts = count_amounts(&mut reading).await.map_err(storage)?;
    drop(reading);
    let provider = state.provider();
    let backlog = provider.event_backlog().await;
    let backlog = backlog.map_err(|error| unavailable(&error))?;
    let stops = provider.count_account_stops().await;
    let stops = stops.map_err(|error| unavailable(&error))?;
    let incidents = provider.count_incidents().await;
    let incidents = incidents.map_err(|error| unavailable(&error))?;
    let mut facts = vec![
        (at.say(NODE), Cell::Text(readiness)),
        (at.say(SESSIONS), number(amounts.sessions_active)),
        (at.say(PENDING), number(amounts.sessions_pending)),
        (at.say(CONNECTIONS), {
            number(i64::try_from(state.presence().count()).unwrap_or(i64::MAX))
        }),
        (at.say(STOPPED), number(stops)),
        (at.say(INCIDENTS), number(incidents)),
        (at.say(STREAMS), number(backlog.streams)),
        (at.say(UNDELIVERED), {
            let oldest = backlog.oldest_at.map(|at| SystemClock.now() - at);
            let age = oldest.map(|age| format!(" ({})", duration(age, at.language)));
            let count = u64::try_from(backlog.events).unwrap_or_default();
            let count = crate::page::chart::number(count, at.language);
            Cell::Text(format!("{count}{}", age.unwrap_or_default()))
        }),
    ];
    if provider.is_losing_many() {
        blocks.push(Block::Alert(at.say(LOSING_MANY)));
    }
    facts.extend(log(state, at, &mut blocks).await);
    blocks.push(Block::Facts(facts));
    Ok(Section::new(at.say(NOW), blocks))
}

/// How the tamper-evident log stands.
async fn log(state: &AppState, at: &AtConsole, blocks: &mut Vec<Block>) -> Vec<(String, Cell)> {
    let keeper = state.log_keeper();
    if keeper.is_stopped() {
        blocks.push(Block::Alert(at.say(LOG_STOPPED)));
    }
    let cosigning = keeper.cosigning();
    if cosigning.is_refused() {
        blocks.push(Block::Alert(at.say(WITNESS_REFUSES)));
    }
    let Ok(standing) = keeper.standing().await else {
        return Vec::new();
    };
    let now = SystemClock.now();
    let size = number(standing.size, at.language);
    let since = |seconds: i64| duration(Duration::seconds(seconds.max(0)), at.language);
    let signed = match standing.signed_at {
        Some(moment) => {
            let age = now.unix_timestamp().saturating_sub(moment);
            format!("{} ({})", number(standing.signed, at.language), since(age))
        }
        None => at.say(NEVER),
    };
    let witness = match cosigning.covered() == 0 {
        true => at.say(UNWITNESSED),
        false => {
            let silent = i64::try_from(cosigning.silent_seconds()).unwrap_or(i64::MAX);
            let covered = number(cosigning.covered(), at.language);
            format!("{covered} ({})", since(silent))
        }
    };
    vec![
        (at.say(LOG_SIZE), Cell::Text(size)),
        (at.say(LOG_SIGNED), Cell::Text(signed)),
        (at.say(LOG_WITNESS), Cell::Text(witness)),
        (
            at.say(LOG_LAG),
            Cell::Text(since(standing.lag_seconds(now))),
        ),
    ]
}

/// How old each revocation list is, by its trust anchor.
fn lists(state: &AppState, at: &AtConsole) -> Section {
    let now = SystemClock.now();
    let row = |list: ListOverview| {
        let (age, until) = match list.held {
            Some(held) => (
                duration(now - held.this_update, at.language),
                match held.next_update {
                    Some(next) if next < now => at.say(RUN_OUT),
                    Some(next) => at.written(next),
                    None => "–".to_owned(),
                },
            ),
            None => (at.say(MISSING), "–".to_owned()),
        };
        let texts = [list.card_rules, list.issuer, age, until];
        texts.map(Cell::Text).to_vec()
    };
    let rows: Vec<_> = state.revocation().lists().into_iter().map(row).collect();
    let block = match rows.is_empty() {
        true => Block::Text(at.say(NO_LISTS)),
        false => Block::Table(Table {
            caption: at.say(LISTS),
            head: [ANCHOR, ISSUER, AGE, UNTIL].map(|it| at.say(it)).to_vec(),
            rows,
        }),
    };
    Section::new(at.say(LISTS), vec![block])
}

fn charts(at: &AtConsole, numbers: &OperatorNumbers) -> Section {
    let days = |counted: &[(OffsetDateTime, u64)]| {
        let bars = counted.iter();
        bars.map(|(day, count)| Bar::new(short_day(*day, at.language), *count))
            .collect::<Vec<_>>()
    };
    let words = |counted: &[(String, u64)]| {
        let bars = counted.iter();
        bars.map(|(word, count)| Bar::new(word.clone(), *count))
            .collect::<Vec<_>>()
    };
    let answers: Vec<_> = numbers
        .held_up
        .iter()
        .map(|(word, count)| (in_words::answer(word, at.language).to_owned(), *count))
        .collect();
    let all = [
        (LOGINS, DAY, LOGINS_COUNTED, days(&numbers.logins)),
        (REFUSALS, CODE, REFUSED_COUNTED, words(&numbers.refusals)),
        (LOOK_UPS, DAY, LOOK_UPS_COUNTED, days(&numbers.look_ups)),
        (HELD_UP, ANSWER, ANSWERS_COUNTED, words(&answers)),
    ];
    let charts = all.into_iter().map(|(title, of, counted, bars)| {
        let title = at.say(title).replace("{days}", &CHART_DAYS.to_string());
        let chart = BarChart {
            description: title.clone(),
            title,
            of: of.in_language(at.language),
            counted: counted.in_language(at.language),
            bars,
            limit: None,
        };
        Block::Chart(chart.html(at.language))
    });
    let mut blocks: Vec<_> = charts.collect();
    blocks.push(Block::Text(at.say(BUDGETS)));
    let title = at.say(LATELY).replace("{days}", &CHART_DAYS.to_string());
    Section::new(title, blocks)
}

/// A day in a few characters.
pub(super) fn short_day(day: OffsetDateTime, language: Language) -> String {
    let (month, day) = (u8::from(day.month()), day.day());
    match language {
        Language::French => format!("{day:02}/{month:02}"),
        Language::English => format!("{month:02}-{day:02}"),
    }
}

/// A time span in its largest unit.
fn duration(span: Duration, language: Language) -> String {
    let seconds = span.whole_seconds().max(0);
    let (count, text) = match seconds {
        0..=119 => (seconds, Text::new("s", "s")),
        120..=7199 => (seconds / 60, Text::new("min", "min")),
        7200..=172_799 => (seconds / 3600, Text::new("h", "h")),
        _ => (seconds / 86_400, Text::new("days", "jours")),
    };
    format!("{count}\u{a0}{}", text.in_language(language))
}

fn storage(error: cardea_storage::Error) -> Refusal {
    unavailable(&cardea_provider::Error::from(error))
}

const LIVE: Text = Text::new("Refresh each minute", "Actualiser chaque minute");
const STAND_STILL: Text = Text::new("Stop refreshing", "Ne plus actualiser");
const NOW: Text = Text::new("Now", "Maintenant");
const NODE: Text = Text::new("This node", "Ce nœud");
const READY: Text = Text::new("ready", "prêt");
const NOT_READY: Text = Text::new(
    "This node answers no logins:",
    "Ce nœud ne répond à aucune connexion\u{a0}:",
);
const SESSIONS: Text = Text::new("Sessions with a card in", "Sessions avec carte présente");
const PENDING: Text = Text::new("Sessions that begin", "Sessions qui s’ouvrent");
const CONNECTIONS: Text = Text::new(
    "Presence connections to this node",
    "Connexions de présence à ce nœud",
);
const STOPPED: Text = Text::new("Stopped accounts", "Comptes arrêtés");
const INCIDENTS: Text = Text::new("Incidents not closed", "Incidents non clos");
const STREAMS: Text = Text::new("Guards’ streams", "Flux des contrôleurs d’accès");
const UNDELIVERED: Text = Text::new(
    "Events that guards have not taken yet",
    "Événements que les contrôleurs d’accès n’ont pas encore pris",
);
const LOSING_MANY: Text = Text::new(
    "Many agents are silent at once: no session ends for silence until they are back.",
    "De nombreux agents se taisent en même temps\u{a0}: aucune session ne se ferme pour silence \
     avant leur retour.",
);
const LOG_SIZE: Text = Text::new("Entries of the log", "Entrées du journal");
const LOG_SIGNED: Text = Text::new("Of these signed (age)", "Dont signées (âge)");
const LOG_WITNESS: Text = Text::new(
    "Cosigned by witnesses (behind by)",
    "Cosignées par des témoins (retard)",
);
const LOG_LAG: Text = Text::new("Oldest unplaced event", "Plus ancien événement non placé");
const LOG_STOPPED: Text = Text::new(
    "The log stands still until somebody has looked: see docs/ledger.md.",
    "Le journal est arrêté en attendant une vérification\u{a0}: voir docs/ledger.md.",
);
const WITNESS_REFUSES: Text = Text::new(
    "A witness says that this is not the log that it knows. Treat it as an incident.",
    "Un témoin déclare que ce journal n’est pas celui qu’il connaît. Traitez-le comme un incident.",
);
const UNWITNESSED: Text = Text::new("none", "aucune");
const NEVER: Text = Text::new("not yet", "pas encore");
const LISTS: Text = Text::new("Revocation lists", "Listes de révocation");
const NO_LISTS: Text = Text::new(
    "No card has named a list yet.",
    "Aucune carte n’a encore désigné de liste.",
);
const ANCHOR: Text = Text::new("Trust anchor", "Ancre de confiance");
const ISSUER: Text = Text::new("Issuer", "Émetteur");
const AGE: Text = Text::new("Age", "Âge");
const UNTIL: Text = Text::new("Valid until", "Valable jusqu’au");
const RUN_OUT: Text = Text::new("run out", "périmée");
const MISSING: Text = Text::new("missing", "absente");
const LATELY: Text = Text::new("The last {days} days", "Les {days} derniers jours");
const LOGINS: Text = Text::new("Logins a day", "Connexions par jour");
const REFUSALS: Text = Text::new("Refused logins by reason", "Connexions refusées, par motif");
const LOOK_UPS: Text = Text::new(
    "Look-ups that guards let through, a day",
    "Consultations autorisées par les contrôleurs d’accès, par jour",
);
const HELD_UP: Text = Text::new(
    "Look-ups that budgets held up, by answer",
    "Consultations retenues par les budgets, par réponse",
);
const DAY: Text = Text::new("Day", "Jour");
const CODE: Text = Text::new("Code", "Code");
const ANSWER: Text = Text::new("Answer", "Réponse");
const LOGINS_COUNTED: Text = Text::new("Logins", "Connexions");
const REFUSED_COUNTED: Text = Text::new("Refusals", "Refus");
const LOOK_UPS_COUNTED: Text = Text::new("Look-ups", "Consultations");
const ANSWERS_COUNTED: Text = Text::new("Times", "Fois");
const BUDGETS: Text = Text::new(
    "A person’s look-ups against her budget stand on her page: look for her pseudonym.",
    "Les consultations d’une personne face à son budget figurent sur sa page\u{a0}: recherchez son \
     pseudonyme.",
);
