//! The words for a workstation that signs nobody in, or not here.

use crate::language::Text;

pub(crate) const NOT_KNOWN: Text = Text::new(
    "This portal does not know this workstation",
    "Ce portail ne connaît pas ce poste de travail",
);
pub(crate) const NOT_KNOWN_ADVICE: Text = Text::new(
    "Sign in once at a workstation that you have used before, and confirm this one there: you are \
     asked by itself. Then come back here. If you have no other workstation any more, ask the \
     support of this service to trust this one.",
    "Connectez-vous une fois sur un poste que vous avez déjà utilisé et confirmez-y celui-ci : la \
     question vous sera posée. Revenez ensuite ici. Si vous n’avez plus d’autre poste, demandez à \
     l’assistance de ce service d’approuver celui-ci.",
);
pub(crate) const NOT_MANAGED: Text = Text::new(
    "This portal is for managed workstations",
    "Ce portail est réservé aux postes gérés",
);
pub(crate) const NOT_MANAGED_ADVICE: Text = Text::new(
    "Use a workstation of your establishment, or ask its computer support to have this one \
     trusted.",
    "Utilisez un poste de votre établissement, ou demandez à son service informatique de faire \
     approuver celui-ci.",
);
pub(crate) const REVOKED: Text = Text::new(
    "This workstation signs you in no more",
    "Ce poste de travail ne permet plus de vous connecter",
);
pub(crate) const REVOKED_ADVICE: Text = Text::new(
    "It was taken out, by you or by the support of this service. Use another workstation: there \
     you can let it in again if it was you. Your card is not at fault.",
    "Il a été retiré, par vous ou par l’assistance de ce service. Utilisez un autre poste : vous \
     pourrez y autoriser celui-ci à nouveau si c’était vous. Votre carte n’est pas en cause.",
);
pub(crate) const NOT_ENTITLED: Text = Text::new(
    "This cannot be decided from here",
    "Cela ne peut pas être décidé depuis ce poste",
);
pub(crate) const NOT_ENTITLED_ADVICE: Text = Text::new(
    "Open your account at a workstation that you have used before, and decide there about the \
     others. The one that you sit at cannot be taken out from itself.",
    "Ouvrez votre compte sur un poste que vous avez déjà utilisé et décidez-y des autres. Le poste \
     où vous êtes ne peut pas être retiré depuis lui-même.",
);
