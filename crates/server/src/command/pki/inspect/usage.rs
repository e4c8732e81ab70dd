//! What a certificate may be used for, by its key usage and extended key usage.

use x509_parser::extensions::{ExtendedKeyUsage, KeyUsage};

use crate::language::Text;

/// One use with the object identifier or bit it comes from, and its words.
pub(super) struct Use {
    pub(super) name: &'static str,
    pub(super) text: Text,
}

const fn use_of(name: &'static str, en: &'static str, fr: &'static str) -> Use {
    Use {
        name,
        text: Text::new(en, fr),
    }
}

const DIGITAL_SIGNATURE: Use = use_of(
    "digital_signature",
    "prove who the holder is, by a signature",
    "prouver qui est le titulaire, par une signature",
);
const NON_REPUDIATION: Use = use_of(
    "non_repudiation",
    "sign documents in the holder's name",
    "signer des documents au nom du titulaire",
);
const ENCIPHERMENT: Use = use_of(
    "encipherment",
    "encrypt for the holder",
    "chiffrer à l'intention du titulaire",
);
const KEY_CERT_SIGN: Use = use_of(
    "key_cert_sign",
    "issue certificates",
    "émettre des certificats",
);
const CRL_SIGN: Use = use_of(
    "crl_sign",
    "publish revocation lists",
    "publier des listes de révocation",
);
const ANY_PURPOSE: Use = use_of("any_purpose", "any purpose", "tout usage");
const CLIENT_AUTH: Use = use_of(
    "client_auth",
    "sign in to a site or a service",
    "se connecter à un site ou à un service",
);
const SMARTCARD_LOGON: Use = use_of(
    "smartcard_logon",
    "open a Windows session with the card",
    "ouvrir une session Windows avec la carte",
);
const SERVER_AUTH: Use = use_of("server_auth", "identify a server", "identifier un serveur");
const EMAIL_PROTECTION: Use = use_of(
    "email_protection",
    "sign or encrypt e-mail",
    "signer ou chiffrer des courriels",
);
const CODE_SIGNING: Use = use_of("code_signing", "sign programs", "signer des programmes");
const TIME_STAMPING: Use = use_of("time_stamping", "time-stamp", "horodater");
const OCSP_SIGNING: Use = use_of(
    "ocsp_signing",
    "answer whether certificates are revoked",
    "répondre si des certificats sont révoqués",
);

const PKINIT: Use = use_of(
    "pkinit_client_auth",
    "open a Kerberos session with the card",
    "ouvrir une session Kerberos avec la carte",
);
const DOCUMENT_SIGNING: Use = use_of("document_signing", "sign documents", "signer des documents");
const CARD_AUTHENTICATION: Use = use_of(
    "piv_card_auth",
    "prove which card it is, without a PIN (PIV)",
    "prouver de quelle carte il s'agit, sans code (PIV)",
);

/// Microsoft's smart card logon.
const SMARTCARD_LOGON_OID: &str = "1.3.6.1.4.1.311.20.2.2";
/// `id-pkinit-KPClientAuth` (RFC 4556 section 3.2.2).
const PKINIT_OID: &str = "1.3.6.1.5.2.3.4";
/// `id-kp-documentSigning` (RFC 9336 section 3.1).
const DOCUMENT_SIGNING_OID: &str = "1.3.6.1.5.5.7.3.36";
/// `id-PIV-cardAuth` (FIPS 201).
const CARD_AUTHENTICATION_OID: &str = "2.16.840.1.101.3.6.8";
/// Those that have words above.
const NAMED_OIDS: [&str; 4] = [
    SMARTCARD_LOGON_OID,
    PKINIT_OID,
    DOCUMENT_SIGNING_OID,
    CARD_AUTHENTICATION_OID,
];

/// The uses that the key usage allows (RFC 5280 section 4.2.1.3).
pub(super) fn of_key_usage(usage: &KeyUsage) -> Vec<Use> {
    let encipherment = usage.key_encipherment() || usage.data_encipherment();
    let all = [
        (usage.digital_signature(), DIGITAL_SIGNATURE),
        (usage.non_repudiation(), NON_REPUDIATION),
        (encipherment || usage.key_agreement(), ENCIPHERMENT),
        (usage.key_cert_sign(), KEY_CERT_SIGN),
        (usage.crl_sign(), CRL_SIGN),
    ];
    chosen(all)
}

/// The purposes that the extended key usage names (RFC 5280 section 4.2.1.12), and the object
/// identifiers of those without words.
pub(super) fn of_extended(usage: &ExtendedKeyUsage<'_>) -> (Vec<Use>, Vec<String>) {
    let others: Vec<String> = usage.other.iter().map(|oid| oid.to_id_string()).collect();
    let has = |wanted: &str| others.iter().any(|oid| oid == wanted);
    let all = [
        (usage.any, ANY_PURPOSE),
        (usage.client_auth, CLIENT_AUTH),
        (has(SMARTCARD_LOGON_OID), SMARTCARD_LOGON),
        (has(PKINIT_OID), PKINIT),
        (has(DOCUMENT_SIGNING_OID), DOCUMENT_SIGNING),
        (has(CARD_AUTHENTICATION_OID), CARD_AUTHENTICATION),
        (usage.server_auth, SERVER_AUTH),
        (usage.email_protection, EMAIL_PROTECTION),
        (usage.code_signing, CODE_SIGNING),
        (usage.time_stamping, TIME_STAMPING),
        (usage.ocsp_signing, OCSP_SIGNING),
    ];
    let named = chosen(all);
    let mut unnamed = others;
    unnamed.retain(|oid| !NAMED_OIDS.contains(&oid.as_str()));
    (named, unnamed)
}

fn chosen(all: impl IntoIterator<Item = (bool, Use)>) -> Vec<Use> {
    all.into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, use_)| use_)
        .collect()
}
