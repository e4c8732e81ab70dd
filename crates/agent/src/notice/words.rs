//! What the windows and the status page say of notices.

use cardea_assertion::NoticeKind;

use super::{NoticeStatus, Told};
use crate::language::Language;

impl Language {
    /// A notice's window.
    pub(super) fn notice(self, told: &Told) -> String {
        let what = self.what_happened(told.kind, told.workstation.as_deref(), told.code.as_deref());
        let issuer = &told.issuer;
        let text = match self {
            Self::French => format!(
                "{issuer}\n\n{what}\n\nC’était vous ? Il n’y a rien à faire.\n\nCe n’était pas \
                 vous ? Ouvrez votre compte et dites-le : vos autres sessions seront fermées et le \
                 service alerté. Vous n’avez personne à appeler."
            ),
            Self::English => format!(
                "{issuer}\n\n{what}\n\nWas it you? There is nothing to do.\n\nWas it not you? Open \
                 your account and say so: your other sessions are ended and the service is \
                 alerted. You need not call anybody."
            ),
        };
        self.keep_marks(&text)
    }

    /// The same in the status page's list, without what to do.
    pub(crate) fn listed_notice(self, notice: &NoticeStatus) -> String {
        let what = self.what_happened(
            notice.kind,
            notice.workstation.as_deref(),
            notice.code.as_deref(),
        );
        let (issuer, minutes) = (&notice.issuer, notice.seconds / 60);
        let text = match self {
            Self::French => format!("{issuer}, il y a {minutes} min : {what}"),
            Self::English => format!("{issuer}, {minutes} min ago: {what}"),
        };
        self.keep_marks(&text)
    }

    /// The button that leads to the account page.
    pub(crate) fn open_account(self) -> &'static str {
        self.say("Ouvrir mon compte", "Open my account")
    }

    pub(super) fn close_notice(self) -> &'static str {
        self.say("Fermer", "Close")
    }

    fn what_happened(
        self,
        kind: NoticeKind,
        workstation: Option<&str>,
        code: Option<&str>,
    ) -> String {
        let named = match (self, workstation.filter(|name| !name.is_empty())) {
            (Self::French, Some(name)) => format!(", qui se nomme « {name} »"),
            (Self::English, Some(name)) => format!(", which calls itself “{name}”"),
            (_, None) => String::new(),
        };
        match (kind, self) {
            (NoticeKind::RefusedUse, Self::French) => format!(
                "Votre carte vient d’être refusée sur un autre poste{named}. {}",
                self.why_refused(code)
            ),
            (NoticeKind::RefusedUse, Self::English) => format!(
                "Your card has just been refused at another workstation{named}. {}",
                self.why_refused(code)
            ),
            (_, Self::French) => format!(
                "Votre carte vient d’être utilisée, avec son code, sur un poste où elle n’avait \
                 jamais servi{named}."
            ),
            (_, Self::English) => format!(
                "Your card has just been used, with its PIN, at a workstation where it had never \
                 been used{named}."
            ),
        }
    }

    /// A word that this version does not know says as much as an unknown reason.
    fn why_refused(self, code: Option<&str>) -> &'static str {
        match code.unwrap_or_default() {
            "login.card_suspended" => self.say(
                "Elle est suspendue auprès de ce service.",
                "It is suspended at this service.",
            ),
            "login.card_revoked" => {
                self.say("Son émetteur l’a révoquée.", "Its issuer has revoked it.")
            }
            "login.revocation_unavailable" => self.say(
                "Il n’a pas été possible de savoir si elle était révoquée.",
                "It could not be found out whether it was revoked.",
            ),
            "login.workstation_not_known"
            | "login.workstation_not_managed"
            | "login.workstation_revoked" => self.say(
                "Ce poste n’est pas autorisé.",
                "That workstation is not let in.",
            ),
            _ => self.say("Personne n’est entré.", "Nobody was let in."),
        }
    }
}
