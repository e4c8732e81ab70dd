//! What a running server goes by and operators may change without a restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use cardea_provider::{AdminOperator, AdminRules, FourEyes, OperatorsChanged, Permission};
use time::Duration;
use tokio::sync::MutexGuard;

use crate::anchor_reload::ConfiguredAnchor;
use crate::config::{AdminConfig, Config, RegistrationConfig};
use crate::revocation_fetch::AnchorSettings;
use crate::settings::Settings;

/// Shared by the handlers, the tasks and the reload.
#[derive(Debug)]
pub(crate) struct Administration {
    config_file: PathBuf,
    registration: RegistrationConfig,
    admin: RwLock<Option<Arc<AdminRules>>>,
    configured_anchors: Mutex<Vec<ConfiguredAnchor>>,
    /// Where evidence for clients' own certificates is fetched.
    client_anchors: Mutex<Vec<AnchorSettings>>,
    /// The settings of the start, which last as long as the process.
    settings: Settings,
    changing: tokio::sync::Mutex<()>,
}

impl Administration {
    pub(crate) fn new(
        config: &Config,
        configured_anchors: Vec<ConfiguredAnchor>,
        client_anchors: Vec<AnchorSettings>,
    ) -> Self {
        Self {
            config_file: config.file.clone(),
            registration: config.registration,
            admin: RwLock::new(rules_of(&config.admin)),
            configured_anchors: Mutex::new(configured_anchors),
            client_anchors: Mutex::new(client_anchors),
            settings: Settings::of(config),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// The file that is read anew.
    pub(crate) fn config_file(&self) -> &Path {
        &self.config_file
    }

    /// Whether and how many clients may register themselves.
    pub(crate) fn registration(&self) -> RegistrationConfig {
        self.registration
    }

    /// Who may use the admin API; none where it is off.
    pub(crate) fn admin(&self) -> Option<Arc<AdminRules>> {
        let admin = self.admin.read().unwrap_or_else(PoisonError::into_inner);
        admin.clone()
    }

    /// What [`Administration::replace_admin`] would change about operators; none where nothing.
    pub(crate) fn operators_changed(&self, config: &AdminConfig) -> Option<OperatorsChanged> {
        let old = self.admin()?;
        let new = rules_of(config).unwrap_or_default();
        let changed = || OperatorsChanged::between_rules(&old, &new);
        (old != new).then(changed)
    }

    pub(crate) fn replace_admin(&self, config: &AdminConfig) {
        let mut admin = self.admin.write().unwrap_or_else(PoisonError::into_inner);
        // What was off at the start has no routes.
        if admin.is_some() {
            *admin = rules_of(config);
        }
    }

    /// The trust anchors of the configuration, with what their files held.
    pub(crate) fn configured_anchors(&self) -> Vec<ConfiguredAnchor> {
        let anchors = self.configured_anchors.lock();
        anchors.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace_configured_anchors(&self, anchors: Vec<ConfiguredAnchor>) {
        let old = self.configured_anchors.lock();
        *old.unwrap_or_else(PoisonError::into_inner) = anchors;
    }

    pub(crate) fn client_anchors(&self) -> Vec<AnchorSettings> {
        let anchors = self.client_anchors.lock();
        anchors.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives those that are replaced.
    pub(crate) fn replace_client_anchors(
        &self,
        anchors: Vec<AnchorSettings>,
    ) -> Vec<AnchorSettings> {
        let old = self.client_anchors.lock();
        let mut old = old.unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *old, anchors)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Waits until nobody else changes anything.
    pub(crate) async fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }
}

fn rules_of(config: &AdminConfig) -> Option<Arc<AdminRules>> {
    if !config.enabled {
        return None;
    }
    let operators = operators_of(config);
    Some(Arc::new(AdminRules {
        four_eyes: AdminRules::four_eyes_of(&operators, config.four_eyes),
        operators,
        anchors: match config.anchors {
            true => Permission::Allowed,
            false => Permission::Refused,
        },
        authentication_age_max: Duration::seconds(i64::from(config.authentication_age_max_seconds)),
    }))
}

/// Whether what a command changes takes an operator's card as well: only where there are any.
pub(crate) fn four_eyes_of_commands(config: &AdminConfig) -> FourEyes {
    rules_of(config).map_or(FourEyes::NotAsked, |rules| rules.four_eyes)
}

/// The operators of a configuration.
pub(crate) fn operators_of(config: &AdminConfig) -> Vec<AdminOperator> {
    let operators = config.operator.iter().map(|operator| AdminOperator {
        subject_id: operator.subject_id.clone(),
        subject_id_type: operator.subject_id_type.clone(),
        trust_anchor: operator.trust_anchor.clone(),
        person: operator.person.clone(),
    });
    operators.collect()
}
