//! In French.

use crate::doctor::cause::Cause;

/// Title, detail, fix.
type Said = (&'static str, &'static str, &'static str);

pub(super) fn of(cause: Cause) -> Said {
    match cause {
        Cause::ConfigurationUnusable => CONFIGURATION_UNUSABLE,
        Cause::PromptMissing => PROMPT_MISSING,
        Cause::ReaderServiceMissing => READER_SERVICE_MISSING,
        Cause::ReaderServiceStopped => READER_SERVICE_STOPPED,
        Cause::ReaderServiceForbidden => READER_SERVICE_FORBIDDEN,
        Cause::ReaderServiceSilent => READER_SERVICE_SILENT,
        Cause::ModuleUnusable => MODULE_UNUSABLE,
        Cause::ReaderMissing => READER_MISSING,
        Cause::ReaderHeld => READER_HELD,
        Cause::CardMute => CARD_MUTE,
        Cause::CardUnknown => CARD_UNKNOWN,
        Cause::CardUnusable => CARD_UNUSABLE,
        Cause::IssuerMissing => ISSUER_MISSING,
        Cause::IssuerUnreachable => ISSUER_UNREACHABLE,
        Cause::ClockOff => CLOCK_OFF,
        Cause::IssuerCertificateOutdated => ISSUER_CERTIFICATE_OUTDATED,
        Cause::TlsIntercepted => TLS_INTERCEPTED,
        Cause::TlsLocalAuthority => TLS_LOCAL_AUTHORITY,
        Cause::IssuerForeign => ISSUER_FOREIGN,
        Cause::LogRefused => LOG_REFUSED,
        Cause::LogDoubtful => LOG_DOUBTFUL,
        Cause::CertificateExpired => CERTIFICATE_EXPIRED,
        Cause::CertificateExpiring => CERTIFICATE_EXPIRING,
        Cause::AgentStopped => AGENT_STOPPED,
        Cause::ScreenLockUnwatched => SCREEN_LOCK_UNWATCHED,
        Cause::PortTaken => PORT_TAKEN,
        Cause::BrowserHostMissing => BROWSER_HOST_MISSING,
        Cause::PolicyMissing => POLICY_MISSING,
        Cause::ExtensionOff => EXTENSION_OFF,
        Cause::ExtensionMissing => EXTENSION_MISSING,
        Cause::CardMissing => CARD_MISSING,
    }
}

const CONFIGURATION_UNUSABLE: Said = (
    "La configuration de Cardea est inutilisable.",
    "{reason}",
    "Corrigez le fichier à l’endroit indiqué ; agent.example.toml explique chaque réglage.",
);

const PROMPT_MISSING: Said = (
    "La fenêtre qui demande le code ne peut pas s’ouvrir.",
    "{reason}",
    "Installez un programme « pinentry » graphique.",
);

const READER_SERVICE_MISSING: Said = (
    "Le service des lecteurs de cartes n’est pas installé.",
    "Le programme pcscd est introuvable sur ce poste.",
    "Installez-le, ou demandez-le à votre informaticien.",
);

const READER_SERVICE_STOPPED: Said = (
    "Le service des lecteurs de cartes est arrêté.",
    "pcscd est installé, mais personne ne répond sur {socket}.",
    "Démarrez-le, ou demandez-le à votre informaticien.",
);

const READER_SERVICE_FORBIDDEN: Said = (
    "Votre compte n’a pas le droit d’utiliser le lecteur de cartes.",
    "{reason}",
    "Demandez à votre informaticien d’autoriser votre compte : règle polkit pour \
     org.debian.pcsc-lite.access_pcsc et access_card, droits sur {socket}. Une session \
     ouverte à distance n’a souvent pas ce droit.",
);

const READER_SERVICE_SILENT: Said = (
    "Le service des lecteurs de cartes ne répond plus.",
    "pcscd accepte la connexion, puis rien ne vient : {reason}.",
    "Débranchez et rebranchez le lecteur ; si cela ne suffit pas, redémarrez le service.",
);

const MODULE_UNUSABLE: Said = (
    "Le module de la carte (PKCS#11) ne fonctionne pas.",
    "{reason}",
    "Réinstallez le logiciel fourni avec la carte, ou corrigez « backend » dans agent.toml.",
);

const READER_MISSING: Said = (
    "Aucun lecteur de cartes n’est branché.",
    "Le service des lecteurs fonctionne, mais ne voit aucun lecteur.",
    "Branchez le lecteur, si possible directement sur l’ordinateur. S’il est déjà branché, \
     débranchez-le et rebranchez-le ; certains lecteurs demandent le pilote de leur \
     fabricant (paquet libccid pour la plupart).",
);

const READER_HELD: Said = (
    "Un autre logiciel garde la carte pour lui seul.",
    "Lecteur : {reader}.",
    "{advice}",
);

const CARD_MUTE: Said = (
    "La carte ne répond pas.",
    "Lecteur : {reader}.",
    "Retirez la carte, essuyez la puce, remettez-la puce en avant et vers le haut. Si cela \
     se reproduit avec une autre carte, le lecteur est en cause.",
);

const CARD_UNKNOWN: Said = (
    "Cette carte n’est pas reconnue.",
    "Lecteur : {reader}. Réponse de la carte à sa mise sous tension (ATR) : {atr}. {module}",
    "Vérifiez que c’est bien votre carte professionnelle, et non une carte bancaire ou \
     Vitale. Une carte CPS demande la « Cryptolib CPS » de l’Agence du Numérique en Santé. \
     Sinon, communiquez l’ATR à votre assistance.",
);

const CARD_UNUSABLE: Said = (
    "La carte ne contient rien qui permette de se connecter.",
    "Lecteur : {reader}. {reason} ATR : {atr}.",
    "Adressez-vous à l’émetteur de la carte.",
);

const ISSUER_MISSING: Said = (
    "Ce poste n’est enregistré auprès d’aucun service de connexion.",
    "Aucun émetteur n’est inscrit dans agent.toml ni dans issuers.d.",
    "Enregistrez le poste à l’adresse que votre portail vous a donnée, et comparez les \
     empreintes affichées avec celles du courrier.",
);

const ISSUER_UNREACHABLE: Said = (
    "Le service de connexion ne peut pas être joint.",
    "{issuer} : {reason}.",
    "Vérifiez la connexion à internet en ouvrant un autre site. Si les autres sites \
     fonctionnent, le service est en panne ou un pare-feu le bloque.",
);

const CLOCK_OFF: Said = (
    "L’horloge de ce poste n’est pas à l’heure.",
    "Elle {offset} par rapport à celle de {issuer}.",
    "Réglez la date et l’heure, ou activez le réglage automatique. Jusque-là, des \
     certificats valables peuvent paraître expirés.",
);

const ISSUER_CERTIFICATE_OUTDATED: Said = (
    "Le certificat du service de connexion n’est plus à jour.",
    "{issuer} : son certificat TLS est expiré ou pas encore valable, et l’horloge de ce \
     poste n’y est pour rien.",
    "Prévenez l’exploitant du service ; il n’y a rien à changer sur ce poste.",
);

const TLS_INTERCEPTED: Said = (
    "Quelqu’un répond à la place du service de connexion.",
    "{issuer} : {reason} Autorité au bout de la chaîne : {authority}.",
    "Un antivirus, un pare-feu ou une borne Wi-Fi lit la connexion. Ouvrez d’abord la page \
     d’accueil du réseau s’il y en a une ; sinon demandez que cette adresse soit exclue de \
     l’inspection TLS. Ne passez pas outre.",
);

const TLS_LOCAL_AUTHORITY: Said = (
    "La connexion au service passe par une autorité ajoutée à ce poste.",
    "{issuer} : son certificat vient de {authority}, une autorité que quelqu’un a ajoutée \
     à ce poste.",
    "C’est normal si le service appartient à votre établissement : enregistrez-le alors \
     avec cette autorité. Sinon, un antivirus ou un pare-feu lit la connexion : demandez \
     que cette adresse en soit exclue.",
);

const ISSUER_FOREIGN: Said = (
    "Ce qui répond n’est pas le service auprès duquel ce poste est enregistré.",
    "{issuer} : {reason}.",
    "Ne vous connectez pas. Demandez au service s’il a changé ses clés ; si oui, \
     enregistrez le poste à nouveau en comparant les empreintes.",
);

const LOG_REFUSED: Said = (
    "Le journal du service n’est pas tel que ce poste le connaît : personne n’est connecté.",
    "{issuer} : {reason} [{code} : {said}]",
    "{advice}",
);

const LOG_DOUBTFUL: Said = (
    "Le journal du service n’est pas aussi récent qu’il devrait l’être.",
    "{issuer} : {reason} [{code} : {said}]",
    "{advice}",
);

const CERTIFICATE_EXPIRED: Said = (
    "La carte est expirée.",
    "Lecteur : {reader}. Son certificat est valable du {from} au {until}.",
    "Prenez votre nouvelle carte, ou demandez-en une à son émetteur.",
);

const CERTIFICATE_EXPIRING: Said = (
    "La carte expire bientôt.",
    "Lecteur : {reader}. Encore {days} jour(s), jusqu’au {until}.",
    "Demandez une nouvelle carte dès maintenant.",
);

const AGENT_STOPPED: Said = (
    "Cardea n’est pas démarré pour votre session.",
    "Personne ne répond sur {socket}.{reason}",
    "Fermez votre session et rouvrez-la, ou lancez la commande ; il démarrera ensuite avec \
     votre session.",
);

const SCREEN_LOCK_UNWATCHED: Said = (
    "Cardea ne sait pas quand l’écran est verrouillé.",
    "Le code est demandé à chaque fois, alors que la configuration permet de le \
     garder ({reason}).",
    "Demandez à votre informaticien de démarrer D-Bus et logind (systemd-logind) sur \
     ce poste.",
);

const PORT_TAKEN: Said = (
    "Un autre programme occupe le port de Cardea.",
    "Sur 127.0.0.1:{port} : {program}.",
    "Fermez ce programme, puis redémarrez Cardea. Si vous ne le connaissez pas, prévenez \
     votre informaticien : il pourrait se faire passer pour Cardea.",
);

const BROWSER_HOST_MISSING: Said = (
    "Le navigateur ne sait pas où trouver Cardea.",
    "{browser} : {reason}",
    "Lancez la commande, ou cardea-agent doctor --fix, puis redémarrez le navigateur.",
);

const POLICY_MISSING: Said = (
    "Le navigateur n’est pas autorisé d’avance à joindre Cardea sur ce poste.",
    "{browser} : l’extension n’y est pas, et aucune stratégie d’entreprise ne nomme {issuer} \
     (LocalNetworkAccessAllowedForUrls).",
    "Installez l’extension Cardea ; sinon répondez « Autoriser » quand le navigateur le \
     demande, ou faites ajouter l’adresse à la stratégie dans {folder}.",
);

const EXTENSION_OFF: Said = (
    "L’extension Cardea est désactivée dans le navigateur.",
    "{browser} : l’extension est installée, mais le navigateur ne l’exécute pas.",
    "Ouvrez {page} dans le navigateur et activez Cardea. \
     Si c’est impossible, demandez à votre informaticien : \
     une stratégie l’interdit peut-être.",
);

const EXTENSION_MISSING: Said = (
    "L’extension Cardea manque dans le navigateur.",
    "{browser} : aucun profil ne contient l’extension, et le port local est fermé sur ce \
     poste ({loopback}).",
    "Installez l’extension Cardea, ou faites-la installer par la stratégie d’entreprise.",
);

const CARD_MISSING: Said = (
    "Aucune carte n’est insérée.",
    "Lecteur(s) : {readers}.",
    "Insérez votre carte pour vous connecter.",
);
