//! Between a login and the portal: a card of hers was suspended; and, once for each card, the code
//! that would suspend it.

use askama::Template;
use cardea_provider::{CardNews, MadeSuspendCode, SuspendedBy, SuspendedCard};

use super::card_words::{end_of_number, kind};
use crate::language::{Language, Text};
use crate::moment::Moments;

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "card_news.html")]
pub(crate) struct CardNewsPage<'a> {
    language: Language,
    moments: Moments,
    news: &'a CardNews,
    action: &'a str,
}

impl<'a> CardNewsPage<'a> {
    /// `path` is the page's own address, where its form goes too.
    pub(crate) fn new(moments: Moments, path: &'a str, news: &'a CardNews) -> Self {
        Self {
            language: moments.language(),
            moments,
            news,
            action: path,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        self.say(super::SWITCH)
    }

    fn portal(&self) -> &str {
        super::portal_name(&self.news.client_name, self.language)
    }

    fn title(&self) -> &'static str {
        self.say(match self.news.suspended.is_empty() {
            true => OFFER_HEADING,
            false => SUSPENDED_HEADING,
        })
    }

    fn tone(&self) -> &'static str {
        match self.news.suspended.is_empty() {
            true => "card",
            false => "warning",
        }
    }

    fn line(&self, card: &SuspendedCard) -> String {
        suspension(&self.moments, card)
    }

    /// What she is to think of what she did not ask for: a code is known, or a card with its PIN.
    fn not_you(&self) -> &'static str {
        let by_owner = |card: &SuspendedCard| card.suspension.by == SuspendedBy::Owner;
        self.say(match self.news.suspended.iter().any(by_owner) {
            true => NOT_YOU_ON_PAGE,
            false => NOT_YOU,
        })
    }
}

/// What a suspended card's owner is told of it.
fn suspension(moments: &Moments, card: &SuspendedCard) -> String {
    let language = moments.language();
    let by = match card.suspension.by {
        SuspendedBy::Code => BY_CODE,
        SuspendedBy::Operator => BY_OPERATOR,
        SuspendedBy::Owner => BY_OWNER,
    };
    let mut line = format!(
        "{} {}, {} {}, {}.",
        kind(&card.family, language),
        card.number,
        ON.in_language(language),
        moments.written(card.suspension.since),
        by.in_language(language)
    );
    if let Some(refused_at) = card.refused_at {
        line.push(' ');
        line.push_str(TRIED.in_language(language));
        line.push(' ');
        line.push_str(&moments.written(refused_at));
        line.push('.');
    }
    line
}

/// The code itself, which is shown once.
#[derive(Template)]
#[template(path = "suspend_code.html")]
pub(crate) struct SuspendCodePage<'a> {
    language: Language,
    moments: Moments,
    made: &'a MadeSuspendCode,
    code: &'a str,
    suspend_url: &'a str,
    onward: &'a str,
}

impl<'a> SuspendCodePage<'a> {
    /// `code` is the one that was made, as it is read; `suspend_url` is where it is typed, `onward`
    /// where the page leads.
    pub(crate) fn new(
        moments: Moments,
        (made, code): (&'a MadeSuspendCode, &'a str),
        suspend_url: &'a str,
        onward: &'a str,
    ) -> Self {
        Self {
            language: moments.language(),
            moments,
            made,
            code,
            suspend_url,
            onward,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    /// Which card the sheet is for. Whoever finds it learns no number that is of use.
    fn card(&self) -> String {
        let kind = kind(&self.made.family, self.language);
        let end = end_of_number(&self.made.number);
        format!("{kind}, {} {end}", self.say(NUMBER_ENDS))
    }

    fn made_at(&self) -> String {
        self.moments.written(self.made.made_at)
    }
}

const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const SUSPENDED_HEADING: Text = Text::new(
    "A card of yours is suspended",
    "Une de vos cartes est suspendue",
);
const ON: Text = Text::new("suspended on", "suspendue le");
const BY_CODE: Text = Text::new(
    "with the suspension code that you were given for it",
    "avec le code de suspension reçu pour cette carte",
);
const BY_OPERATOR: Text = Text::new(
    "by the support of this service",
    "par l’assistance de ce service",
);
const BY_OWNER: Text = Text::new(
    "from your account page, with another card of yours",
    "depuis votre page « Mon compte », avec une autre de vos cartes",
);
const TRIED: Text = Text::new(
    "Somebody last tried to sign in with it on",
    "Quelqu’un a tenté de se connecter avec elle pour la dernière fois le",
);
const NOT_YOU: Text = Text::new(
    "If you did not ask for this, call the support of this service: somebody has your code. The \
     card you are using now is not affected.",
    "Si vous ne l’avez pas demandé, appelez l’assistance de ce service : quelqu’un détient votre \
     code. La carte que vous utilisez n’est pas concernée.",
);
const NOT_YOU_ON_PAGE: Text = Text::new(
    "If it was not you, call the support of this service at once: somebody uses a card of yours, \
     or has your code.",
    "Si ce n’était pas vous, appelez aussitôt l’assistance de ce service : quelqu’un utilise une \
     de vos cartes, ou détient votre code.",
);
const OFFER_HEADING: Text = Text::new(
    "If you lose this card one day",
    "Si vous perdez un jour cette carte",
);
const OFFER: Text = Text::new(
    "A suspension code lets you have it refused at once, even on a Saturday, from any telephone. \
     Print it and keep it away from the card. It can do nothing else: nobody signs in with it.",
    "Un code de suspension vous permet de la faire refuser aussitôt, même un samedi, depuis \
     n’importe quel téléphone. Imprimez-le et gardez-le loin de la carte. Il ne permet rien \
     d’autre : personne ne se connecte avec lui.",
);
const MAKE: Text = Text::new("Show my code", "Afficher mon code");
const LATER: Text = Text::new("Not now – continue", "Plus tard – continuer");
const SEEN: Text = Text::new("I have seen it – continue", "J’en prends note – continuer");
const LATER_WHERE: Text = Text::new(
    "You are asked once. The code is always to be had on your account page.",
    "La question n’est posée qu’une fois. Le code reste disponible sur la page « Mon compte ».",
);
const CODE_HEADING: Text = Text::new(
    "The suspension code of your card",
    "Le code de suspension de votre carte",
);
const CODE_OF: Text = Text::new("Card of", "Carte de");
const NUMBER_ENDS: Text = Text::new("number ending in", "numéro se terminant par");
const MADE_AT: Text = Text::new("Code made on", "Code créé le");
const CODE_ONCE: Text = Text::new(
    "It is shown this once. Print this page or write the code down, and keep it away from the \
    card.",
    "Il n’est affiché que cette fois. Imprimez cette page ou notez le code, et gardez-le loin de \
     la carte.",
);
const CODE_HOW: Text = Text::new(
    "Card lost or stolen? Type it at this address, or read it to the support of this service:",
    "Carte perdue ou volée ? Saisissez-le à cette adresse, ou lisez-le à l’assistance de ce \
     service :",
);
const CODE_ONLY: Text = Text::new(
    "Whoever has it can suspend this card, and do nothing else. A new code makes this one useless.",
    "Quiconque le détient peut suspendre cette carte, et rien d’autre. Un nouveau code rend \
     celui-ci inutilisable.",
);
const ONWARD: Text = Text::new("I have kept it – continue", "Je l’ai conservé – continuer");

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{
        CardNews, CardSuspension, MadeSuspendCode, SuspendCode, SuspendedBy, SuspendedCard,
    };
    use time::macros::datetime;

    use super::{CardNewsPage, SuspendCodePage};
    use crate::language::Language;
    use crate::moment::Moments;

    fn news(offered: bool) -> CardNews {
        CardNews {
            suspended: vec![SuspendedCard {
                family: "cps".to_owned(),
                number: "8000/<i>1".to_owned(),
                suspension: CardSuspension {
                    since: datetime!(2026-11-28 18:04 UTC),
                    by: SuspendedBy::Code,
                },
                refused_at: Some(datetime!(2026-11-29 02:11 UTC)),
            }],
            offered_for: offered.then(|| "cpe".to_owned()),
            client_name: "<b>Portail</b>".to_owned(),
            shown: "digest".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
        }
    }

    #[test]
    fn a_suspension_is_told_with_its_day_and_what_was_tried_since() {
        for (language, words) in [
            (
                Language::French,
                [
                    "28 novembre 2026 à 18:04 UTC",
                    "29 novembre 2026 à 02:11 UTC",
                    "J’en prends note",
                ],
            ),
            (
                Language::English,
                [
                    "28 November 2026, 18:04 UTC",
                    "29 November 2026, 02:11 UTC",
                    "I have seen it",
                ],
            ),
        ] {
            let news = news(false);
            let html = CardNewsPage::new(Moments::utc(language), "/card-news/abc", &news);
            let html = html.render().unwrap();
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(!html.contains("<i>") && !html.contains("<b>"), "{html}");
            assert!(!html.contains("make_code"), "{html}");
        }
    }

    #[test]
    fn an_offer_can_be_declined() {
        let mut offer = news(true);
        offer.suspended.clear();
        let html = CardNewsPage::new(Moments::utc(Language::French), "/card-news/abc", &offer);
        let html = html.render().unwrap();
        for part in [
            "Afficher mon code",
            "Plus tard – continuer",
            "make_code",
            "go_on",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        let code = "ABCD-EFGH-JKLM-NPQR";
        let url = "https://id.example.test/suspend";
        let made = made();
        let shown = (&made, code);
        let html = SuspendCodePage::new(
            Moments::utc(Language::French),
            shown,
            url,
            "/login/abc/answer",
        );
        let html = html.render().unwrap();
        for part in [
            code,
            url,
            "Carte de <strong>Dominique &#60;i&#62;LEFEVRE",
            "CPE (carte de personnel d’établissement), numéro se terminant par 4321",
            "30 novembre 2026 à 08:04 UTC",
            "n’est affiché que cette fois",
            "/login/abc/answer",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(!html.contains("<script") && !html.contains("<i>"), "{html}");
        assert!(
            !html.contains("8000054321"),
            "the number's end alone: {html}"
        );
        let english = SuspendCodePage::new(
            Moments::utc(Language::English),
            shown,
            url,
            "/login/abc/answer",
        );
        let english = english.render().unwrap();
        for part in [
            "Card of",
            "number ending in 4321",
            "Code made on 30 November",
        ] {
            assert!(english.contains(part), "{part} is not in {english}");
        }
    }

    fn made() -> MadeSuspendCode {
        MadeSuspendCode {
            code: SuspendCode::parse("2222-2222-2222-2222").unwrap(),
            person_name: "Dominique <i>LEFEVRE".to_owned(),
            family: "cpe".to_owned(),
            number: "8000054321".to_owned(),
            made_at: datetime!(2026-11-30 08:04 UTC),
        }
    }

    #[test]
    fn a_suspension_from_the_account_page_says_so() {
        let mut news = news(false);
        news.suspended[0].suspension.by = SuspendedBy::Owner;
        for (language, words) in [
            (
                Language::French,
                ["avec une autre de vos cartes", "Si ce n’était pas vous"],
            ),
            (
                Language::English,
                ["with another card of yours", "If it was not you"],
            ),
        ] {
            let html = CardNewsPage::new(Moments::utc(language), "/card-news/abc", &news);
            let html = html.render().unwrap();
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
        }
    }
}
