//! Words for logins that cannot go without the agent.

use crate::language::Text;

pub(super) const REFUSED: Text = Text::new(
    "Signing in without the agent is not let in here",
    "La connexion sans l’agent n’est pas admise ici",
);
pub(super) const INSUFFICIENT: Text = Text::new(
    "This portal wants your PIN now",
    "Ce portail exige votre code maintenant",
);
pub(super) const ADVICE: Text = Text::new(
    "Go back to the portal and sign in at a workstation with the agent.",
    "Retournez sur le portail et connectez-vous depuis un poste qui a l’agent.",
);
