//! "My workstations": where she has signed in, what each is to her, and what she can do about it.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::{
    AccountSession, Error, InstanceStanding, OWN_WORKSTATIONS_SHOWN_MAX, OwnWorkstation,
    WorkstationChange,
};

use super::{Section, SignedIn, unavailable};
use crate::error_response::language_of;
use crate::form::Body;
use crate::handler::account::{closed, show};
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page::SUSPEND_PATH;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

#[derive(Template)]
#[template(path = "account_workstations.html")]
struct Workstations<'a> {
    language: Language,
    moments: Moments,
    form_token: &'a str,
    workstations: &'a [OwnWorkstation],
}

/// The section.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Section, Refusal> {
    let workstations = state.provider().list_own_workstations(session).await;
    let workstations = workstations.map_err(|error| unavailable(&error))?;
    let section = Section::render(&Workstations {
        language,
        moments: state.moments(language),
        form_token: &session.form_token,
        workstations: &workstations,
    })?;
    Ok(section.reached_by("workstations", HEADING.in_language(language)))
}

/// Does what a button of the section says.
pub(crate) async fn post_workstation(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = signed_in.read_form(&state, &headers, body)?;
    let malformed = || Refusal::page(Problem::RequestMalformed);
    let language = language_of(&uri, &headers);
    if let [(field, word)] = pairs.as_slice()
        && field == "change"
        && word == REVOKE_OTHERS_WORD
    {
        return revoke_others(&state, &signed_in, language).await;
    }
    let [(first, instance), (second, word)] = pairs.as_slice() else {
        return Err(malformed());
    };
    let change = change_of(word).filter(|_| first == "workstation" && second == "change");
    let (change, done) = change.ok_or_else(malformed)?;
    let ends_here =
        change == WorkstationChange::EndSessions && *instance == signed_in.0.instance_jkt;
    let (all, account, jkt) = (state.clone(), signed_in.0.clone(), instance.clone());
    let changed = to_the_end(async move {
        let provider = all.provider();
        let ended = provider
            .change_own_workstation(&account, &jkt, change)
            .await?;
        all.announce(ended);
        Ok::<_, Error>(())
    });
    let changed = changed
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?;
    changed.map_err(|error| refuse(&error))?;
    if ends_here {
        return Ok(closed(&state, language));
    }
    show(&state, &signed_in, language, Some(done)).await
}

/// Takes out all but the one that she sits at, the page's fifty and what is beyond.
async fn revoke_others(
    state: &AppState,
    signed_in: &SignedIn,
    language: Language,
) -> Result<Response, Refusal> {
    let (all, account) = (state.clone(), signed_in.0.clone());
    let revoked = to_the_end(async move {
        let ended = all.provider().revoke_other_workstations(&account).await?;
        all.announce(ended);
        Ok::<_, Error>(())
    });
    let revoked = revoked
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?;
    revoked.map_err(|error| refuse(&error))?;
    show(state, signed_in, language, Some(OTHERS_REVOKED)).await
}

fn refuse(error: &Error) -> Refusal {
    match error {
        Error::WorkstationNotEntitled => {
            Refusal::page(Problem::WorkstationNotEntitled).because(error.code())
        }
        Error::WorkstationUnknown => Refusal::page(Problem::RequestMalformed).because(error.code()),
        error => unavailable(error),
    }
}

fn change_of(word: &str) -> Option<(WorkstationChange, Text)> {
    match word {
        "revoke" => Some((WorkstationChange::Revoke, REVOKED)),
        "allow" => Some((WorkstationChange::Allow, ALLOWED)),
        "end" => Some((WorkstationChange::EndSessions, ENDED)),
        _ => None,
    }
}

impl Workstations<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn name<'a>(&self, workstation: &'a OwnWorkstation) -> &'a str {
        let name = workstation.name.as_deref();
        name.unwrap_or_else(|| NAMELESS.in_language(self.language))
    }

    fn used(&self, workstation: &OwnWorkstation) -> String {
        let (first, last) = (workstation.first_seen_at, workstation.last_seen_at);
        format!(
            "{} {}, {} {}",
            self.say(FIRST_USED),
            self.moments.written(first),
            self.say(LAST_USED),
            self.moments.written(last),
        )
    }

    fn standing(&self, workstation: &OwnWorkstation) -> &'static str {
        self.say(match workstation.standing {
            InstanceStanding::Revoked if workstation.is_revoked_by_owner => IS_REVOKED,
            InstanceStanding::Revoked => IS_REVOKED_BY_OPERATOR,
            InstanceStanding::Managed => IS_MANAGED,
            InstanceStanding::Known => IS_KNOWN,
            InstanceStanding::Unknown => IS_UNKNOWN,
        })
    }

    fn can_revoke(&self, workstation: &OwnWorkstation) -> bool {
        workstation.may_change && !workstation.is_revoked_by_owner
    }

    fn can_allow(&self, workstation: &OwnWorkstation) -> bool {
        workstation.may_change && workstation.is_revoked_by_owner
    }

    /// Whether there are more than one to take out, or more than are shown.
    fn can_revoke_others(&self) -> bool {
        self.workstations.iter().any(|it| it.may_change)
            && (self.is_cut()
                || self
                    .workstations
                    .iter()
                    .filter(|it| self.can_revoke(it))
                    .count()
                    > 1)
    }

    fn is_cut(&self) -> bool {
        self.workstations.len() >= OWN_WORKSTATIONS_SHOWN_MAX
    }

    fn suspend_href(&self) -> String {
        format!("{SUSPEND_PATH}?lang={}", self.language.tag())
    }

    /// Whether she has to be told why there is no button.
    fn is_bound(&self) -> bool {
        let others = || self.workstations.iter().filter(|it| !it.is_this_one);
        others().count() > 0 && others().all(|it| !it.may_change)
    }
}

const HEADING: Text = Text::new("My workstations", "Mes postes de travail");
const TOLD: Text = Text::new(
    "These are the computers where your card was used here. Take out one that is not yours, or no \
     longer: your card then signs nobody in there.",
    "Voici les ordinateurs sur lesquels votre carte a été utilisée ici. Retirez celui qui n’est \
     pas ou plus le vôtre : votre carte n’y connectera plus personne.",
);
const NOT_ENOUGH: Text = Text::new(
    "Somebody used your card without you, or you do not have it any more? Taking out a computer is \
     not enough: whoever has the card and its PIN goes on at another one. Have the card suspended:",
    "Quelqu’un a utilisé votre carte sans vous, ou vous ne l’avez plus ? Retirer un poste ne \
     suffit pas : qui a la carte et son code continue sur un autre. Faites suspendre la carte :",
);
const NOT_ENOUGH_LINK: Text = Text::new("card lost or stolen", "carte perdue ou volée");
const CUT: Text = Text::new(
    "There may be more: only the ones that were used last are shown.",
    "Il peut y en avoir d’autres : seuls les derniers utilisés sont affichés.",
);
const REVOKE_OTHERS_WORD: &str = "revoke_others";
const REVOKE_OTHERS: Text = Text::new(
    "Take out all but this one",
    "Retirer tous les postes sauf celui-ci",
);
const REVOKE_OTHERS_TOLD: Text = Text::new(
    "Your card signs nobody in any more on the others, whether they are shown here or not, and \
     your sessions there end. You can let in again those that are yours.",
    "Votre carte ne connecte plus personne sur les autres, affichés ici ou non, et vos sessions y \
     sont fermées. Vous pourrez autoriser à nouveau ceux qui sont les vôtres.",
);
const OTHERS_REVOKED: Text = Text::new(
    "All other workstations are taken out, and your sessions there are over.",
    "Tous les autres postes sont retirés, et vos sessions y sont fermées.",
);
const BOUND: Text = Text::new(
    "To take one out, open this page at a workstation that you have confirmed.",
    "Pour en retirer un, ouvrez cette page sur un poste que vous avez confirmé.",
);
const NAMELESS: Text = Text::new("Workstation without a name", "Poste sans nom");
const HERE: Text = Text::new("you are here", "vous êtes ici");
const FIRST_USED: Text = Text::new("First used on", "Première utilisation le");
const LAST_USED: Text = Text::new("last on", "dernière le");
const IS_KNOWN: Text = Text::new("Confirmed as yours", "Confirmé comme le vôtre");
const IS_UNKNOWN: Text = Text::new(
    "New: you have not confirmed it at another workstation yet",
    "Nouveau : vous ne l’avez pas encore confirmé depuis un autre poste",
);
const IS_MANAGED: Text = Text::new(
    "Managed by the computer support",
    "Géré par le service informatique",
);
const IS_REVOKED: Text = Text::new("Taken out by you", "Retiré par vous");
const IS_REVOKED_BY_OPERATOR: Text = Text::new(
    "Taken out by the support of this service",
    "Retiré par l’assistance de ce service",
);
const OPEN: Text = Text::new("signed in there now", "connecté en ce moment");
const REVOKE: Text = Text::new("Take out", "Retirer");
const ALLOW: Text = Text::new("Let in again", "Autoriser à nouveau");
const END: Text = Text::new("End my sessions there", "Y fermer mes sessions");
const REVOKED: Text = Text::new(
    "The workstation is taken out, and your sessions there are over.",
    "Le poste est retiré, et vos sessions y sont fermées.",
);
const ALLOWED: Text = Text::new(
    "The workstation is let in again.",
    "Le poste est à nouveau autorisé.",
);
const ENDED: Text = Text::new(
    "Your sessions there are over.",
    "Vos sessions y sont fermées.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{InstanceStanding, OwnWorkstation};
    use time::macros::datetime;

    use super::Workstations;
    use crate::language::Language;
    use crate::moment::Moments;

    fn workstation(name: &str) -> OwnWorkstation {
        OwnWorkstation {
            instance_jkt: "jkt".to_owned(),
            name: Some(name.to_owned()),
            first_seen_at: datetime!(2026-11-01 08:00 UTC),
            last_seen_at: datetime!(2026-11-29 18:04 UTC),
            standing: InstanceStanding::Known,
            is_revoked_by_owner: false,
            sessions: 1,
            is_this_one: false,
            may_change: true,
        }
    }

    fn html(language: Language, workstations: &[OwnWorkstation]) -> String {
        let section = Workstations {
            language,
            moments: Moments::utc(language),
            form_token: "token",
            workstations,
        };
        section.render().unwrap()
    }

    #[test]
    fn names_are_escaped_and_each_has_its_buttons() {
        let shown = html(Language::French, &[workstation("<b>Comptoir</b>")]);
        assert!(!shown.contains("<b>"), "{shown}");
        for part in [
            "&#60;b&#62;Comptoir",
            "29 novembre 2026",
            "Retirer",
            "Y fermer",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        assert!(!shown.contains("Autoriser à nouveau"), "{shown}");
        let revoked = OwnWorkstation {
            standing: InstanceStanding::Revoked,
            is_revoked_by_owner: true,
            sessions: 0,
            ..workstation("Comptoir")
        };
        let shown = html(Language::English, &[revoked]);
        assert!(
            shown.contains("Let in again") && !shown.contains("Take out<"),
            "{shown}"
        );
    }

    #[test]
    fn where_she_is_not_known_she_is_told_why_nothing_can_be_taken_out() {
        let other = OwnWorkstation {
            may_change: false,
            ..workstation("Comptoir")
        };
        let shown = html(Language::English, &[other]);
        assert!(shown.contains("that you have confirmed"), "{shown}");
        assert!(!shown.contains("Take out<"), "{shown}");
    }
}
