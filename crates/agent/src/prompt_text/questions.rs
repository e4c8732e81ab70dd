//! Questions beside the PIN's own: one click instead of a PIN, a reader with keys, a site to block;
//! and the announcement of a card's end.

use time::Date;

use super::Subject;
use crate::display_text::for_display;
use crate::language::Language;

/// How long before its end a card's expiry is announced.
const ANNOUNCED_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The end of a card that is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NearExpiry {
    /// The last day.
    date: Date,
    /// Whole days until then.
    days: i64,
}

impl NearExpiry {
    /// The end of a certificate that is valid until `not_after`, seen from `now` (unix seconds), if
    /// it is near.
    pub(crate) fn of(not_after: time::OffsetDateTime, now: i64) -> Option<Self> {
        let days = days_until(not_after, now);
        (days <= ANNOUNCED_DAYS).then_some(Self {
            date: not_after.date(),
            days,
        })
    }
}

/// Whole days from `now` (unix seconds) to that moment; negative when it has passed.
pub(crate) fn days_until(moment: time::OffsetDateTime, now: i64) -> i64 {
    moment
        .unix_timestamp()
        .saturating_sub(now)
        .div_euclid(DAY_SECONDS)
}

impl Language {
    /// That the card is to expire soon: a line of a prompt, or nothing.
    pub(super) fn expiry_notice(self, subject: &Subject) -> String {
        let Some(NearExpiry { date, days }) = subject.expiry else {
            return String::new();
        };
        let (day, month, year) = (date.day(), u8::from(date.month()), date.year());
        match self {
            Self::French => {
                let when = match days {
                    ..=0 => "aujourd’hui".to_owned(),
                    1 => "demain".to_owned(),
                    days => format!("dans {days} jours"),
                };
                format!(
                    "\n\nAttention : la carte expire le {day:02}/{month:02}/{year} ({when}). \
                     Demandez une nouvelle carte."
                )
            }
            Self::English => {
                let when = match days {
                    ..=0 => "today".to_owned(),
                    1 => "tomorrow".to_owned(),
                    days => format!("in {days} days"),
                };
                let month = date.month();
                format!(
                    "\n\nNote: the card expires on {day} {month} {year} ({when}). \
                     Ask for a new one."
                )
            }
        }
    }

    /// One click instead of a PIN that was typed before.
    pub(crate) fn kept_pin_question(self, subject: &Subject) -> String {
        let (request, card) = (self.request(subject), self.card_line(subject));
        let expiry = self.expiry_notice(subject);
        let (click, doubt) = match self {
            Self::French => (
                "Code déjà saisi : cliquez sur « Se\u{a0}connecter ».",
                "Annulez si vous ne venez pas de demander cette connexion.",
            ),
            Self::English => (
                "The PIN that you typed before will do: click “Sign in”.",
                "Cancel if you have not just asked for this sign-in.",
            ),
        };
        format!("{request}\n\n{card}\n\n{click}{expiry}\n\n{doubt}")
    }

    /// One click where the card takes no PIN.
    pub(crate) fn contactless_question(self, subject: &Subject) -> String {
        let (request, card) = (self.request(subject), self.card_line(subject));
        let expiry = self.expiry_notice(subject);
        match self {
            Self::French => format!(
                "{request}\n\n{card}\n\nLecture sans contact : aucun code n’est demandé.{expiry}\n\
                 \n\
                 Annulez si vous ne venez pas de demander cette connexion."
            ),
            Self::English => format!(
                "{request}\n\n{card}\n\nContactless reading: no PIN is asked.{expiry}\n\n\
                 Cancel if you have not just asked for this sign-in."
            ),
        }
    }

    /// Shown while the PIN is typed on the reader's own keys.
    pub(crate) fn on_reader_notice(
        self,
        subject: &Subject,
        tries_left: Option<u8>,
        remark: Option<&str>,
    ) -> String {
        let (request, card) = (self.request(subject), self.card_line(subject));
        let (tries, expiry) = (self.tries_line(tries_left), self.expiry_notice(subject));
        let remark = remark
            .map(|remark| format!("{remark}\n\n"))
            .unwrap_or_default();
        match self {
            Self::French => format!(
                "{remark}{request}\n\n{card}{tries}\n\nTapez votre code SUR LE LECTEUR, puis \
                 validez.{expiry}"
            ),
            Self::English => format!(
                "{remark}{request}\n\n{card}{tries}\n\nType the PIN ON THE READER, then \
                 confirm.{expiry}"
            ),
        }
    }

    /// Offered to a person who keeps cancelling a site's prompts.
    pub(crate) fn block_question(self, name: &str, origin: &str) -> String {
        let (name, origin) = (for_display(name), for_display(origin));
        match self {
            Self::French => format!(
                "Vous avez annulé plusieurs demandes de\n« {name} »\n(par {origin}).\n\n\
                 Bloquer ce site pendant une heure ? Il ne pourra plus demander votre carte ; les \
                 autres sites le pourront.\n\
                 Pour le débloquer avant : cardea-agent unblock"
            ),
            Self::English => format!(
                "You have cancelled several requests of\n“{name}”\n(through {origin}).\n\n\
                 Block this site for an hour? It will not be able to ask for your card; other \
                 sites will.\n\
                 To unblock it before then: cardea-agent unblock"
            ),
        }
    }

    /// The button that signs in.
    pub(crate) fn sign_in(self) -> &'static str {
        match self {
            Self::French => "Se connecter",
            Self::English => "Sign in",
        }
    }

    /// The button that blocks a site.
    pub(crate) fn block(self) -> &'static str {
        match self {
            Self::French => "Bloquer une heure",
            Self::English => "Block for an hour",
        }
    }

    /// The button that does not.
    pub(crate) fn do_not_block(self) -> &'static str {
        match self {
            Self::French => "Ne pas bloquer",
            Self::English => "Do not block",
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn the_end_is_announced_thirty_days_ahead() {
        let end = |days: i64| {
            let moment = time::OffsetDateTime::from_unix_timestamp(NOW + days * DAY_SECONDS);
            NearExpiry::of(moment.unwrap(), NOW).map(|near| near.days)
        };
        let cases = [(31, None), (30, Some(30)), (1, Some(1)), (0, Some(0))];
        for (days, announced) in cases {
            assert_eq!(end(days), announced, "{days}");
        }
        let moment = datetime!(2026-12-01 12:00 UTC);
        assert_eq!(days_until(moment, moment.unix_timestamp() + 1), -1);
    }

    #[test]
    fn the_announcement_says_the_date_in_both_languages() {
        let moment = datetime!(2026-12-09 23:59:59 UTC);
        let now = datetime!(2026-11-29 12:00 UTC).unix_timestamp();
        let subject = Subject {
            expiry: NearExpiry::of(moment, now),
            ..super::super::tests::subject()
        };
        let text = Language::French.pin_description(&subject, Some(3));
        assert!(
            text.contains("expire le 09/12/2026 (dans 10 jours)"),
            "{text}"
        );
        let text = Language::English.pin_description(&subject, Some(3));
        assert!(
            text.contains("expires on 9 December 2026 (in 10 days)"),
            "{text}"
        );
        let far = super::super::tests::subject();
        assert!(
            !Language::French
                .pin_description(&far, None)
                .contains("expire")
        );
    }

    #[test]
    fn one_click_names_portal_issuer_and_person() {
        let subject = super::super::tests::subject();
        for language in [Language::French, Language::English] {
            for text in [
                language.kept_pin_question(&subject),
                language.contactless_question(&subject),
                language.on_reader_notice(&subject, Some(2), None),
            ] {
                for name in ["Officine", "Émetteur", "Camille DURAND"] {
                    assert!(text.contains(name), "{name}: {text}");
                }
            }
        }
    }
}
