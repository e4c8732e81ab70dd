//! What a report is asked about, as the form has it: by the names that an operator has in hand, and
//! from when to when by the clocks of the pages.

use cardea_provider::Error;
use cardea_provider::incident::ReportScope;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::{MAKE, PATH, form_choice};
use crate::console::{AtConsole, one_or_none, unavailable};
use crate::language::Text;
use crate::moment::Moments;
use crate::page::console_page::{Asked, Block, Field, FieldKind, Form, Section};
use crate::refusal::Refusal;
use crate::state::AppState;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 128;

/// The fields, as they were typed.
#[derive(Debug, Default)]
pub(super) struct ReportAsked {
    person: String,
    session: String,
    card: String,
    from: String,
    to: String,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mistake {
    field: &'static str,
    pub(super) text: Text,
}

impl Mistake {
    /// What the provider refuses for what stands in a field.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let (field, text) = match error {
            Error::IncidentScopeMissing => ("person", MISSING),
            Error::IncidentScopeInvalid => ("to", BACKWARDS),
            Error::IncidentNameUnknown { what: "person" } => ("person", PERSON_UNKNOWN),
            Error::IncidentNameUnknown { what: "session" } => ("session", SESSION_UNKNOWN),
            Error::IncidentNameUnknown { what: "card" } => ("card", CARD_UNKNOWN),
            _ => return None,
        };
        Some(Self { field, text })
    }

    pub(super) fn field_id(&self) -> String {
        id_of(self.field)
    }
}

impl ReportAsked {
    pub(super) fn read(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let field = |name| one_or_none(pairs, name).map(|it| it.trim().to_owned());
        Ok(Self {
            person: field("person")?,
            session: field("session")?,
            card: field("card")?,
            from: field("from")?,
            to: field("to")?,
        })
    }

    /// What a report is to be about. The fields stay as they were typed: what a name means is shown
    /// by the report alone, which is on record ([`Self::take`]).
    pub(super) async fn scope(
        &self,
        state: &AppState,
        at: &AtConsole,
    ) -> Result<Result<ReportScope, Vec<Mistake>>, Refusal> {
        let mut mistakes = Vec::new();
        for (field, text, typed) in [
            ("person", PERSON_UNKNOWN, &self.person),
            ("session", SESSION_UNKNOWN, &self.session),
            ("card", CARD_UNKNOWN, &self.card),
        ] {
            if typed.len() > NAME_BYTES_MAX {
                mistakes.push(Mistake { field, text });
            }
        }
        let mut moment = |field, typed: &str, end| {
            let moment = parse(&at.moments, typed, end);
            if moment.is_none() && !typed.is_empty() {
                let text = MOMENT;
                mistakes.push(Mistake { field, text });
            }
            moment
        };
        let from = moment("from", &self.from, End::First);
        let to = moment("to", &self.to, End::Last);
        if !mistakes.is_empty() {
            return Ok(Err(mistakes));
        }
        let session = state.provider().find_named_session(&self.session).await;
        let session = session.map_err(|error| unavailable(&error))?;
        let session = session.map_or_else(|| self.session.clone(), |session| session.id);
        let person = resolved_person(state, &self.person).await?;
        let card = resolved_card(state, at, &self.card).await?;
        let (sub, card_id) = match (person, card) {
            (Ok(sub), Ok(card_id)) => (sub, card_id),
            (person, card) => {
                return Ok(Err(person.err().into_iter().chain(card.err()).collect()));
            }
        };
        let named = |name: String| (!name.is_empty()).then_some(name);
        Ok(Ok(ReportScope {
            sub: named(sub),
            session_id: named(session),
            card_id: named(card_id),
            from,
            to,
        }))
    }

    /// Has the fields say what a report on record is about: by our names, and moments as a browser
    /// writes them.
    pub(super) fn take(&mut self, at: &AtConsole, scope: &ReportScope) {
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let moment = |moment: Option<OffsetDateTime>| {
            moment.map_or_else(String::new, |it| at.moments.in_field(it))
        };
        *self = Self {
            person: name(&scope.sub),
            session: name(&scope.session_id),
            card: name(&scope.card_id),
            from: moment(scope.from),
            to: moment(scope.to),
        };
    }

    /// The form, with what was typed and what is wrong with it.
    pub(super) fn form(&self, at: &AtConsole, mistakes: &[Mistake]) -> Section {
        let field = |name: &'static str, (label, hint): (Text, String), typed: &String| {
            let mistake = mistakes.iter().find(|it| it.field == name);
            let asked = Asked {
                is_moment: matches!(name, "from" | "to"),
                typed: typed.clone(),
                hint: Some(hint).filter(|hint| !hint.is_empty()),
                mistake: mistake.map(|it| at.say(it.text)),
            };
            Field {
                id: id_of(name),
                name,
                label: at.say(label),
                kind: FieldKind::Asked(asked),
                length_max: NAME_BYTES_MAX,
            }
        };
        let zone = at.say(ZONE).replace("{zone}", at.moments.zone_name());
        let form = Form::new(at.href(PATH), at.say(MAKE))
            .main()
            .with(field("from", (FROM, zone.clone()), &self.from))
            .with(field("to", (TO, zone), &self.to))
            .with(field("person", (PERSON, at.say(PERSON_HINT)), &self.person))
            .with(field(
                "session",
                (SESSION, at.say(SESSION_HINT)),
                &self.session,
            ))
            .with(field("card", (CARD, at.say(CARD_HINT)), &self.card))
            .with(form_choice(at));
        let blocks = vec![Block::Text(at.say(TOLD)), Block::Form(form)];
        Section::new(at.say(ASK), blocks)
    }
}

/// The same question once more, for a button: `form` is how the answer is wanted.
pub(super) fn again(at: &AtConsole, scope: &ReportScope, button: Text, form: &'static str) -> Form {
    let fields = [
        ("person", scope.sub.clone()),
        ("session", scope.session_id.clone()),
        ("card", scope.card_id.clone()),
        ("from", scope.from.map(exact)),
        ("to", scope.to.map(exact)),
    ];
    let again = Form::new(at.href(PATH), at.say(button)).hiding("form", form);
    let filled = fields.into_iter();
    let filled = filled.filter_map(|(name, value)| Some((name, value?)));
    filled.fold(again, |form, (name, value)| form.hiding(name, value))
}

/// Which end of a span a moment is: a day alone is its beginning, or its end.
#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// A name that we do not know is left as it is: look-ups of somebody who was erased may name her
/// yet, and whether any do the report itself finds out.
async fn resolved_person(state: &AppState, name: &str) -> Result<Result<String, Mistake>, Refusal> {
    let found = state.provider().find_named_persons(name).await;
    let found = found.map_err(|error| unavailable(&error))?;
    Ok(match found.as_slice() {
        [] => Ok(name.to_owned()),
        [one] => Ok(one.sub.clone()),
        _ => Err(Mistake {
            field: "person",
            text: SEVERAL_PERSONS,
        }),
    })
}

async fn resolved_card(
    state: &AppState,
    at: &AtConsole,
    name: &str,
) -> Result<Result<String, Mistake>, Refusal> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Ok(Ok(name.to_owned()));
    }
    let cards = state.provider().card_suspensions(&at.session.operator);
    let found = cards.find(name).await;
    let found = found.map_err(|error| unavailable(&error))?;
    Ok(match found.as_slice() {
        [] => Ok(name.to_owned()),
        [one] => Ok(one.id.clone()),
        _ => Err(Mistake {
            field: "card",
            text: SEVERAL_CARDS,
        }),
    })
}

/// `2026-11-30T14:05` or `2026-11-30 14:05`, or a day alone, by the clocks of the pages; with a `Z`
/// at its end, as our own buttons send it on, in UTC.
///
/// Of a time that clocks show twice, or leave out, a span begins at the first moment and ends at
/// the last: nothing is left out of a report.
fn parse(moments: &Moments, typed: &str, end: End) -> Option<OffsetDateTime> {
    if let Some(exact) = typed.strip_suffix('Z') {
        return Some(shown(exact)?.assume_utc());
    }
    if !typed.contains(['T', ' ']) {
        let day = moments.parse_day(typed)?;
        let moment = match end {
            End::First => day.from,
            End::Last => day.until,
        };
        // One moment has one form, however it was typed: a report's further pages know it again.
        return Some(moment.to_offset(UtcOffset::UTC));
    }
    let (first, last) = moments.moments_of(shown(typed)?)?;
    Some(match end {
        End::First => first,
        End::Last => last,
    })
}

fn shown(text: &str) -> Option<PrimitiveDateTime> {
    let (day, time) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()?;
    let [hour, minute] = numbers(time, ':', [2, 2])?;
    let (hour, minute) = (u8::try_from(hour).ok()?, u8::try_from(minute).ok()?);
    let time = Time::from_hms(hour, minute, 0).ok()?;
    // No event is of before, nor much later than any of ours; a day's ends are around it.
    (1970..=2500)
        .contains(&date.year())
        .then(|| PrimitiveDateTime::new(date, time))
}

/// Numbers of so many digits each, with a character between them.
fn numbers<const COUNT: usize>(
    text: &str,
    between: char,
    digits: [usize; COUNT],
) -> Option<[u16; COUNT]> {
    let mut parts = text.split(between);
    let mut all = [0; COUNT];
    for (number, digits) in all.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(all)
}

/// A moment for a form that nobody fills in.
fn exact(moment: OffsetDateTime) -> String {
    let utc = moment.to_offset(UtcOffset::UTC);
    let (date, hour, minute) = (utc.date(), utc.hour(), utc.minute());
    format!("{date}T{hour:02}:{minute:02}Z")
}

fn id_of(field: &str) -> String {
    format!("report-{field}")
}

const ASK: Text = Text::new("Ask for a report", "Demander un rapport");
const TOLD: Text = Text::new(
    "Which patients were looked up, when and from where, by the guards’ clocks. Give a span of \
     time, or name a person, a session or a card; whatever you give must hold at once. That you \
     asked stands on record, also with everybody who is in the report.",
    "Quels patients ont été consultés, quand et depuis où, à l’horloge des contrôleurs d’accès. \
     Indiquez une période, ou une personne, une session ou une carte\u{a0}; tout ce que vous \
     indiquez s’applique à la fois. Votre demande est consignée, y compris auprès de chaque \
     personne qui figure au rapport.",
);
const FROM: Text = Text::new("From", "Du");
const TO: Text = Text::new("Until", "Au");
const ZONE: Text = Text::new(
    "Day and time as on this page (time zone {zone}). Without a person, a session or a card both \
     ends are needed.",
    "Date et heure comme sur cette page (fuseau horaire {zone}). Sans personne, session ni carte, \
     les deux bornes sont nécessaires.",
);
const PERSON: Text = Text::new("Person", "Personne");
const PERSON_HINT: Text = Text::new(
    "Her pseudonym here, a portal’s name for her (its sub), or her number in the register.",
    "Son pseudonyme ici, le nom que lui donne un portail (son sub), ou son numéro au répertoire.",
);
const SESSION: Text = Text::new("Session", "Session");
const SESSION_HINT: Text = Text::new(
    "Its id here, or a portal’s sid.",
    "Son identifiant ici, ou le sid d’un portail.",
);
const CARD: Text = Text::new("Card", "Carte");
const CARD_HINT: Text = Text::new("Its id or its number.", "Son identifiant ou son numéro.");
const MISSING: Text = Text::new(
    "Name a person, a session or a card, or give both ends of a span of time.",
    "Indiquez une personne, une session ou une carte, ou les deux bornes d’une période.",
);
const BACKWARDS: Text = Text::new(
    "The end is not behind the beginning.",
    "La fin doit être postérieure au début.",
);
const MOMENT: Text = Text::new(
    "Write day and time as 2026-11-30 14:05.",
    "Écrivez la date et l’heure sous la forme 2026-11-30 14:05.",
);
const PERSON_UNKNOWN: Text = Text::new(
    "Nothing is on record of a person of this name. Type it whole.",
    "Rien n’est consigné sur une personne de ce nom. Saisissez-le en entier.",
);
const SESSION_UNKNOWN: Text = Text::new(
    "Nothing is on record of a session of this name. Type it whole.",
    "Rien n’est consigné sur une session de ce nom. Saisissez-le en entier.",
);
const CARD_UNKNOWN: Text = Text::new(
    "Nothing is on record of a card of this name. Type it whole.",
    "Rien n’est consigné sur une carte de ce nom. Saisissez-le en entier.",
);
const SEVERAL_PERSONS: Text = Text::new(
    "Several people have this number, in several registers: write rpps:… or the pseudonym.",
    "Plusieurs personnes ont ce numéro, dans plusieurs répertoires\u{a0}: écrivez rpps:… ou le \
     pseudonyme.",
);
const SEVERAL_CARDS: Text = Text::new(
    "This means several cards: look for it under “Search”, and take the id of one.",
    "Plusieurs cartes répondent à ce nom\u{a0}: cherchez-le sous «\u{a0}Recherche\u{a0}» et \
     prenez l’identifiant de l’une d’elles.",
);

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{End, exact, parse};
    use crate::language::Language;
    use crate::moment::Moments;
    use crate::time_zone::PageZone;

    fn paris() -> Moments {
        let zone = PageZone::try_from("Europe/Paris".to_owned()).unwrap();
        Moments::new(Language::English, &zone)
    }

    #[test]
    fn a_moment_is_read_as_browsers_and_people_write_it() {
        let paris = paris();
        for (typed, moment) in [
            ("2026-11-30T14:05", datetime!(2026-11-30 13:05 UTC)),
            ("2026-07-14 00:00", datetime!(2026-07-13 22:00 UTC)),
            ("2026-07-13T22:00Z", datetime!(2026-07-13 22:00 UTC)),
        ] {
            assert_eq!(parse(&paris, typed, End::First), Some(moment), "{typed}");
            assert_eq!(parse(&paris, &exact(moment), End::Last), Some(moment));
        }
        let shown = paris.in_field(datetime!(2026-11-30 13:05 UTC));
        assert_eq!(shown, "2026-11-30T14:05");
    }

    /// A day has 25 hours where clocks are put back, and no half of the hour is left out.
    #[test]
    fn a_span_holds_all_of_what_clocks_show() {
        let paris = paris();
        let span = |first: &str, last: &str| {
            let first = parse(&paris, first, End::First).unwrap();
            parse(&paris, last, End::Last).unwrap() - first
        };
        assert_eq!(span("2026-11-30", "2026-11-30").whole_hours(), 24);
        assert_eq!(span("2026-03-29", "2026-03-29").whole_hours(), 23);
        assert_eq!(span("2026-10-25", "2026-10-25").whole_hours(), 25);
        let repeated = span("2026-10-25 02:15", "2026-10-25 02:30");
        assert_eq!(repeated.whole_minutes(), 75);
        let left_out = span("2026-03-29 02:15", "2026-03-29 02:30");
        assert_eq!(left_out.whole_minutes(), 75);
    }

    #[test]
    fn nothing_else_is_a_moment() {
        let utc = Moments::utc(Language::English);
        for typed in [
            "",
            "Z",
            "yesterday",
            "2026-11-30T",
            "2026-11-30T24:00",
            "2026-11-30T12:60",
            "2026-11-30T1:05",
            "2026-11-30T12:05:00",
            "2026-13-01T12:05",
            "2026-11-31",
            "1969-12-31",
            "30/11/2026 12:05",
            "2026-11-30T+1:05",
            "2026-11-30Z",
        ] {
            for moments in [&utc, &paris()] {
                assert_eq!(parse(moments, typed, End::First), None, "{typed}");
            }
        }
    }
}
