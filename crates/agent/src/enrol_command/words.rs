//! What the command says, in the language of the terminal.

use std::path::Path;

use cardea_assertion::root_fingerprint;

use super::look_alike::Concern;
use crate::display_text::for_display;
use crate::enrolment::Enrolment;
use crate::language::Language;

pub(super) struct Words {
    pub(super) language: Language,
}

impl Words {
    fn choose<'a>(&self, french: &'a str, english: &'a str) -> &'a str {
        match self.language {
            Language::French => french,
            Language::English => english,
        }
    }

    /// Who the issuer says that it is, what to be wary of, and what is to be compared.
    pub(super) fn introduction(&self, new: &Enrolment, concerns: &[Concern]) -> String {
        let mut text = format!(
            "{}{}\n{}{}\n",
            self.choose("Émetteur :       ", "Issuer:          "),
            new.issuer.as_str(),
            self.choose("Nom :            ", "Name:            "),
            for_display(&new.name),
        );
        for origin in &new.origins {
            let label = self.choose("Pages :          ", "Pages:           ");
            text.push_str(&format!("{label}{}\n", origin.as_str()));
        }
        for (index, root) in new.roots.iter().enumerate() {
            let label = self.choose("Clé racine", "Root key");
            let (number, fingerprint) = (index + 1, root_fingerprint(root));
            text.push_str(&format!("{label} {number}:\n  {fingerprint}\n"));
        }
        for concern in concerns {
            text.push_str(&self.warning(concern));
        }
        text
    }

    fn warning(&self, concern: &Concern) -> String {
        let attention = self.choose("ATTENTION : ", "WARNING: ");
        let words = match concern {
            Concern::InternationalHost { ascii, unicode } => match self.language {
                Language::French => format!(
                    "le nom d’hôte {ascii} s’affiche « {unicode} » et peut ressembler à un autre"
                ),
                Language::English => {
                    format!("the host {ascii} is shown as “{unicode}” and may look like another")
                }
            },
            Concern::ForeignOrigin { origin } => match self.language {
                Language::French => format!("la page {origin} n’est pas sur le site de l’émetteur"),
                Language::English => format!("the page {origin} is not on the issuer’s own site"),
            },
            Concern::Unencrypted => self
                .choose(
                    "la connexion n’est pas chiffrée : pour des essais sur ce poste seulement",
                    "the connection is not encrypted: for trials on this machine alone",
                )
                .to_owned(),
        };
        format!("{attention}{words}\n")
    }

    pub(super) fn question(&self) -> &'static str {
        match self.language {
            Language::French => {
                "Comparez chaque empreinte avec celle que l’émetteur vous a donnée par une autre \
                 voie\n(papier, téléphone), jamais par ce site. Sont-elles identiques ? \
                 Tapez oui : "
            }
            Language::English => {
                "Compare each fingerprint with the one that the issuer gave you by another way\n\
                 (paper, telephone), never by this site. Do they match? Type yes: "
            }
        }
    }

    /// The whole word, in either language: a key pressed by habit pins nothing.
    pub(super) fn is_yes(&self, answer: &str) -> bool {
        let answer = answer.to_lowercase();
        answer == "yes" || answer == "oui"
    }

    pub(super) fn already(&self) -> &'static str {
        match self.language {
            Language::French => "Déjà enregistré, à l’identique : rien n’a été changé.\n",
            Language::English => "Enrolled already, exactly so: nothing was changed.\n",
        }
    }

    pub(super) fn pinned(&self, path: &Path) -> String {
        let words = self.choose("Enregistré, dans", "Enrolled, in");
        format!("{words} {}\n", path.display())
    }

    pub(super) fn removed(&self, issuer: &str) -> String {
        match self.language {
            Language::French => format!("{issuer} n’est plus enregistré.\n"),
            Language::English => format!("{issuer} is no longer enrolled.\n"),
        }
    }

    pub(super) fn kept_in(&self, file: &Path) -> String {
        let words = self.choose("Fichier :        ", "File:            ");
        format!("{words}{}\n\n", file.display())
    }

    pub(super) fn none(&self) -> &'static str {
        match self.language {
            Language::French => "Aucun émetteur n’est enregistré.\n",
            Language::English => "No issuer is enrolled.\n",
        }
    }

    pub(super) fn taken_up(&self) -> &'static str {
        self.choose(
            "L’agent qui tourne en tient compte.\n",
            "The running agent has taken this up.\n",
        )
    }

    pub(super) fn restart(&self) -> &'static str {
        match self.language {
            Language::French => {
                "Un agent tourne sur ce poste : redémarrez-le pour qu’il en tienne compte.\n"
            }
            Language::English => "An agent is running: restart it, so that it takes this up.\n",
        }
    }
}
