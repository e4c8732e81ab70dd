//! The text for people.

use std::io::{self, Write};

use super::reading::{Certified, Reading, Validity};
use super::words;
use crate::command::terminal_text::{shown, shown_within};
use crate::language::{Language, Text};
use crate::moment::{Moments, days_between};

/// Width of the column of labels.
const LABEL_CHARACTERS: usize = 22;
/// Most characters of a given name or a family name.
const NAME_CHARACTERS_MAX: usize = 80;
/// Good enough to speak of years.
const DAYS_OF_A_YEAR: i64 = 365;
/// Width that long texts are wrapped to.
const LINE_CHARACTERS: usize = 92;

/// Writes one certificate; `others` is how many more its file holds.
///
/// # Errors
/// When `output` cannot be written to.
pub(super) fn write(
    output: &mut impl Write,
    reading: &Reading,
    others: usize,
    language: Language,
) -> io::Result<()> {
    let mut page = Page { output, language };
    page.heading(reading)?;
    page.holder(reading)?;
    page.section(Text::new("Use", "Usage"))?;
    page.uses(reading)?;
    page.validity(reading)?;
    page.technical(reading)?;
    page.closing(others)
}

struct Page<'a, W> {
    output: &'a mut W,
    language: Language,
}

impl<W: Write> Page<'_, W> {
    fn say(&self, en: &'static str, fr: &'static str) -> &'static str {
        Text::new(en, fr).in_language(self.language)
    }

    fn heading(&mut self, reading: &Reading) -> io::Result<()> {
        let title = title_of(reading.certified).in_language(self.language);
        writeln!(self.output, "{title}")?;
        if !reading.warnings.is_empty() {
            writeln!(self.output)?;
        }
        for warning in &reading.warnings {
            let text = warning.text(reading.certified).in_language(self.language);
            self.wrapped("  ! ", "    ", text)?;
        }
        Ok(())
    }

    fn section(&mut self, title: Text) -> io::Result<()> {
        writeln!(self.output, "\n{}", title.in_language(self.language))
    }

    /// One labelled line. `value` may come from the certificate.
    fn line(&mut self, en: &'static str, fr: &'static str, value: &str) -> io::Result<()> {
        let label = self.say(en, fr);
        writeln!(self.output, "  {label:<LABEL_CHARACTERS$}{}", shown(value))
    }

    fn wrapped(&mut self, first: &str, next: &str, text: &str) -> io::Result<()> {
        let mut line = first.to_owned();
        let mut is_empty = true;
        for word in text.split(' ') {
            let length = line.chars().count() + word.chars().count() + 1;
            if !is_empty && length > LINE_CHARACTERS {
                writeln!(self.output, "{line}")?;
                line = next.to_owned();
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        writeln!(self.output, "{line}")
    }

    fn holder(&mut self, reading: &Reading) -> io::Result<()> {
        self.section(Text::new("Holder", "Titulaire"))?;
        let Some(person) = &reading.person else {
            self.line("Subject", "Sujet", &reading.subject)?;
            return self.alternative_names(reading);
        };
        let names = [&person.given_name, &person.family_name];
        // Each is cut by itself, so that a long given name cannot hide the family name.
        let name: Vec<String> = names
            .into_iter()
            .flatten()
            .map(|name| shown_within(name, NAME_CHARACTERS_MAX))
            .collect();
        self.line("Name", "Nom", &name.join(" "))?;
        if let Some(identifier) = &person.identifier {
            self.line("Identifier", "Identifiant", identifier)?;
            let kind = person.identifier_type.as_deref().unwrap_or_default();
            if let Some(words) = words::person_identifier(kind) {
                // The first character only tells the kind, which the words do.
                let number: String = identifier.chars().skip(1).collect();
                let words = words.in_language(self.language);
                self.line("", "", &format!("{words} {number}"))?;
            } else if !kind.is_empty() {
                let words = words::other_identifier(kind);
                let words = words.map_or(kind, |words| words.in_language(self.language));
                self.line("", "", &format!("({words})"))?;
            }
        }
        self.profession(reading, person.title.as_deref())?;
        self.structure(reading)?;
        self.card(reading)?;
        self.alternative_names(reading)
    }

    fn profession(&mut self, reading: &Reading, title: Option<&str>) -> io::Result<()> {
        match (&reading.profession, title) {
            (Some(profession), _) => {
                // A terminology without words here has the certificate's own.
                let unknown = title.unwrap_or(self.say("not in our table", "hors de notre table"));
                let words = words::profession(profession);
                let words = words.map_or(unknown, |words| words.in_language(self.language));
                let code = self.say("code", "code");
                let (system, number) = (&profession.system, &profession.code);
                let text = format!("{words} ({code} {number}, {system})");
                self.line("Profession", "Profession", &text)
            }
            (None, Some(title)) => {
                let text = match self.language {
                    Language::French => format!("aucune ; intitulé : « {title} »"),
                    Language::English => format!("none; described as “{title}”"),
                };
                self.line("Profession", "Profession", &text)
            }
            (None, None) => Ok(()),
        }
    }

    fn structure(&mut self, reading: &Reading) -> io::Result<()> {
        let Some(structure) = &reading.structure else {
            return Ok(());
        };
        let kind = structure
            .id_type
            .as_deref()
            .and_then(words::structure_identifier);
        let id = structure.id.as_ref().map(|id| match kind {
            // The first character only tells the kind, which the word before it does.
            Some(kind) => {
                let number: String = id.chars().skip(1).collect();
                format!("{} {number}", kind.in_language(self.language))
            }
            None => id.clone(),
        });
        let parts = [structure.name.clone(), id, structure.department.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        self.line("Structure", "Structure", &parts.join(", "))
    }

    fn card(&mut self, reading: &Reading) -> io::Result<()> {
        let Some(card) = &reading.card else {
            let none = self.say("none: not on a card", "aucune : hors carte");
            return match reading.certified {
                Certified::SoftwareAuthentication
                | Certified::SoftwareSignature
                | Certified::SoftwareOther => self.line("Card", "Carte", none),
                _ => Ok(()),
            };
        };
        let unknown = self.say("of an unknown family", "d'une famille inconnue");
        let family = card.family.as_deref().and_then(words::family);
        let family = family.map_or(unknown, |words| words.in_language(self.language));
        let number = card.number.as_deref().unwrap_or("?");
        let text = format!("{family}, {} {number}", self.say("no.", "n°"));
        self.line("Card", "Carte", &text)?;
        let environment = match reading.test {
            Some(true) => self.say("TEST", "TEST"),
            Some(false) => self.say("production: a real card", "production : une vraie carte"),
            None => return Ok(()),
        };
        self.line("Environment", "Environnement", environment)
    }

    fn alternative_names(&mut self, reading: &Reading) -> io::Result<()> {
        for name in &reading.alternative_names {
            let text = format!("{} ({})", name.value, name.kind);
            self.line("Also named", "Autre nom", &text)?;
        }
        Ok(())
    }

    fn uses(&mut self, reading: &Reading) -> io::Result<()> {
        let mut is_first = true;
        let named = reading.uses.iter();
        let named = named.map(|it| it.text.in_language(self.language).to_owned());
        let mut all: Vec<String> = named.chain(reading.other_uses.iter().cloned()).collect();
        if all.is_empty() {
            let none = self.say("not said in the certificate", "non dit dans le certificat");
            all.push(none.to_owned());
        }
        for text in all {
            let (en, fr) = if is_first {
                ("May", "Peut servir à")
            } else {
                ("", "")
            };
            self.line(en, fr, &text)?;
            is_first = false;
        }
        let sign_in = reading.sign_in.text().in_language(self.language);
        self.line("To sign in", "Pour se connecter", sign_in)
    }

    fn validity(&mut self, reading: &Reading) -> io::Result<()> {
        self.section(Text::new("Validity", "Validité"))?;
        let (from, to) = (reading.not_before, reading.not_after);
        let moments = Moments::utc(self.language);
        self.line("From", "Du", &moments.written(from))?;
        self.line("To", "Au", &moments.written(to))?;
        let state = match reading.validity {
            Validity::Current => {
                let length = self.length(days_between(reading.read_at, to));
                let valid = self.say("within its validity, for another", "en cours, encore");
                format!("{valid} {length}")
            }
            Validity::Expired => {
                let length = self.length(days_between(to, reading.read_at));
                match self.language {
                    Language::French => format!("EXPIRÉ depuis {length}"),
                    Language::English => format!("EXPIRED {length} ago"),
                }
            }
            Validity::NotYetValid => self.say("NOT YET VALID", "PAS ENCORE VALABLE").to_owned(),
        };
        self.line("Today", "Aujourd'hui", &state)
    }

    /// Days, or whole years where days say little.
    fn length(&self, days: i64) -> String {
        let years = days / DAYS_OF_A_YEAR;
        if years >= 2 {
            return format!("{years} {}", self.say("years", "ans"));
        }
        let unit = match days {
            1 => self.say("day", "jour"),
            // French has no plural for zero.
            0 => self.say("days", "jour"),
            _ => self.say("days", "jours"),
        };
        format!("{days} {unit}")
    }

    fn technical(&mut self, reading: &Reading) -> io::Result<()> {
        self.section(Text::new("For the help desk", "Pour le support"))?;
        self.line("Issued by", "Émis par", &reading.issuer_name)?;
        self.line("", "", &reading.issuer)?;
        self.line("Serial number", "N° de série", &reading.serial)?;
        let key = match &reading.key.curve {
            Some(curve) => format!("{} {curve}", reading.key.kind),
            None => format!("{} {} bits", reading.key.kind, reading.key.bits),
        };
        let signature = &reading.signature_algorithm;
        let by = self.say("signed by its issuer with", "signé par l'émetteur en");
        self.line("Key", "Clé", &format!("{key}, {by} {signature}"))?;
        for policy in &reading.policies {
            self.line("Policy", "Politique", policy)?;
        }
        let revocation = &reading.revocation;
        let ocsp = revocation.ocsp.iter().map(|url| ("OCSP", url));
        let lists = revocation.crl.iter().map(|url| ("CRL", url));
        let deltas = revocation.delta_crl.iter().map(|url| ("delta CRL", url));
        for (index, (kind, url)) in ocsp.chain(lists).chain(deltas).enumerate() {
            let (en, fr) = match index {
                0 => ("Revocation asked at", "Révocation auprès de"),
                _ => ("", ""),
            };
            self.line(en, fr, &format!("{kind} {url}"))?;
        }
        if revocation.ocsp.is_empty() && revocation.crl.is_empty() {
            let none = self.say("no address is given", "aucune adresse indiquée");
            self.line("Revocation asked at", "Révocation auprès de", none)?;
        }
        self.line("SHA-256", "SHA-256", &reading.sha256)?;
        self.line("SHA-1", "SHA-1", &reading.sha1)
    }

    fn closing(&mut self, others: usize) -> io::Result<()> {
        writeln!(self.output)?;
        if others > 0 {
            let text = self.say(
                "Other certificates in this file, not shown:",
                "Autres certificats de ce fichier, non montrés :",
            );
            writeln!(self.output, "{text} {others}")?;
        }
        let text = self.say(
            "Not verified: this is what the certificate says of itself. Whether its issuer is \
             trusted and whether it is revoked is told by `cardea pki validate`.",
            "Non vérifié : c'est ce que le certificat dit de lui-même. Si son émetteur est de \
             confiance et s'il est révoqué, `cardea pki validate` le dit.",
        );
        self.wrapped("", "", text)
    }
}

fn title_of(certified: Certified) -> Text {
    match certified {
        Certified::CardAuthentication => Text::new(
            "Authentication certificate of a professional card",
            "Certificat d'authentification d'une carte professionnelle",
        ),
        Certified::CardSignature => Text::new(
            "Signature certificate of a professional card",
            "Certificat de signature d'une carte professionnelle",
        ),
        Certified::CardOther => Text::new(
            "Another certificate of a professional card",
            "Autre certificat d'une carte professionnelle",
        ),
        Certified::SoftwareAuthentication => Text::new(
            "Authentication certificate in software, not on a card",
            "Certificat d'authentification logiciel, hors carte",
        ),
        Certified::SoftwareSignature => Text::new(
            "Signature certificate in software, not on a card",
            "Certificat de signature logiciel, hors carte",
        ),
        Certified::SoftwareOther => Text::new(
            "Certificate in software, not on a card",
            "Certificat logiciel, hors carte",
        ),
        Certified::Server => Text::new("Certificate of a server", "Certificat de serveur"),
        Certified::Authority => Text::new(
            "Certificate of a certification authority",
            "Certificat d'une autorité de certification",
        ),
        Certified::Other => Text::new("Certificate", "Certificat"),
    }
}
