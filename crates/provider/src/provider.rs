//! The provider: one value that holds what its decisions need.

use std::sync::{Arc, OnceLock};

use cardea_jose::{JwkSet, UnverifiedJws, VerifiedJws, VerifyingKey};
use cardea_ledger::LogSigner;
use cardea_storage::{Store, Transaction};
use time::OffsetDateTime;

use crate::card_trust::CardTrustInForce;
use crate::client::Clients;
use crate::client_certificate::ClientCertificateTrust;
use crate::config::{
    AgentlessLogin, AuthorizationRules, Lifetimes, MassLossBounds, ProofRules,
    UserVerificationPolicy,
};
use crate::event::{Event, EventLog};
use crate::keys::KeysInUse;
use crate::mass_loss::Silence;
use crate::own_page::OwnClients;
use crate::protocol_profile::{ProfileRules, ProtocolProfile};
use crate::reachability::Reachability;
use crate::refusals_on_record::RefusalsOnRecord;
use crate::restoration::RestoreEpoch;
use crate::waiting_logins::WaitingLogins;
use crate::{Author, Client, Clock, Error, Issuer, ProviderConfig, ProviderKeys, Records};

/// An OpenID provider without HTTP. Its methods are spread over the files that decide them.
pub struct Provider {
    pub(crate) issuer: Issuer,
    pub(crate) rules: ProfileRules,
    pub(crate) clients: Clients,
    /// The pages of this server that people sign in to as to a portal.
    pub(crate) own_clients: OwnClients,
    pub(crate) card_trust: CardTrustInForce,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) mass_loss: MassLossBounds,
    pub(crate) silence: Silence,
    pub(crate) user_verification: UserVerificationPolicy,
    pub(crate) authorization_rules: AuthorizationRules,
    /// Whether every token says `test`.
    pub(crate) sandbox: bool,
    pub(crate) proof_rules: ProofRules,
    pub(crate) agentless: AgentlessLogin,
    pub(crate) keys: KeysInUse,
    pub(crate) store: Store,
    pub(crate) waiting_logins: WaitingLogins,
    refusals_on_record: RefusalsOnRecord,
    /// The log's key, once the server has opened it: erasures are signed by it.
    pub(crate) log_signer: LogSigner,
    event_log: Arc<dyn EventLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) restore_epoch: RestoreEpoch,
    pub(crate) reachability: Reachability,
    pub(crate) client_certificate_trust: ClientCertificateTrust,
    /// Where clients with certificates call our endpoints.
    pub(crate) alias_origin: OnceLock<String>,
}

impl Provider {
    /// Builds a provider from what the operator decided.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] for an unsafe registration, [`Error::KeyMissing`] when a client
    /// asks for an algorithm that no token key has, [`Error::CardRulesMissing`],
    /// [`Error::SandboxTakesRealCards`].
    pub fn new(
        config: ProviderConfig,
        keys: ProviderKeys,
        store: Store,
        event_log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let rules = config.profile.rules();
        let rules = rules.with(&config.authorization_rules, &config.proof_rules);
        let clients = Clients::new(config.clients, rules)?;
        for client in clients.all().values() {
            keys.check_client(client)?;
        }
        let card_trust = CardTrustInForce::new(config.card_rules, config.sandbox)?;
        let lifetimes = rules.bounded(config.lifetimes);
        let reachability = Reachability::since_start(clock.now(), lifetimes.presence_grace);
        Ok(Self {
            own_clients: OwnClients::new(&config.issuer),
            issuer: config.issuer,
            lifetimes,
            rules,
            clients,
            card_trust,
            mass_loss: config.mass_loss,
            silence: Silence::default(),
            user_verification: config.user_verification,
            authorization_rules: config.authorization_rules,
            sandbox: config.sandbox,
            proof_rules: config.proof_rules,
            agentless: config.agentless,
            keys: KeysInUse::new(keys),
            store,
            waiting_logins: WaitingLogins::default(),
            refusals_on_record: RefusalsOnRecord::default(),
            log_signer: LogSigner::default(),
            event_log,
            clock,
            reachability,
            restore_epoch: RestoreEpoch::never(),
            client_certificate_trust: ClientCertificateTrust::default(),
            alias_origin: OnceLock::new(),
        })
    }

    /// Who this provider is.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Which rules this provider follows.
    #[must_use]
    pub fn profile(&self) -> ProtocolProfile {
        self.rules.profile
    }

    /// What every client is held to here.
    #[must_use]
    pub fn rules(&self) -> &ProfileRules {
        &self.rules
    }

    /// Whether this is a sandbox, which has no real person in it.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.sandbox
    }

    /// How long things last here.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The public token keys, for the `jwks_uri` document.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.keys().jwks(self.now())
    }

    /// The registration of a client.
    #[must_use]
    pub fn find_client(&self, client_id: &str) -> Option<Arc<Client>> {
        self.clients.find(client_id)
    }

    /// Whether the database answers, for the health check.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn check_health(&self) -> Result<(), Error> {
        Ok(self.store.ping().await?)
    }

    /// Where the log's key is put once it is open.
    #[must_use]
    pub fn log_signer(&self) -> &LogSigner {
        &self.log_signer
    }

    /// The database, for what an operator changes in it.
    pub(crate) fn records(&self, author: &Author) -> Records {
        let (event_log, clock) = (Arc::clone(&self.event_log), Arc::clone(&self.clock));
        Records::new(self.store.clone(), event_log, clock, author.clone())
    }

    /// Waits until everything that was decided before is durable; see [`Store::settle`].
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn settle(&self) -> Result<(), Error> {
        Ok(self.store.settle().await?)
    }

    /// The same for who has a few milliseconds; see [`Store::settle_soon`].
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn settle_soon(&self) -> Result<(), Error> {
        Ok(self.store.settle_soon().await?)
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Puts an event on record in the transaction of its effect.
    pub(crate) async fn record(
        &self,
        transaction: &mut Transaction,
        event: Event,
    ) -> Result<(), Error> {
        self.event_log.append(transaction, &event).await
    }

    /// Puts a refusal on record, which has no other effect, in a transaction of its own; or only
    /// notes it, where too many strangers are refused.
    pub(crate) async fn record_alone(&self, event: Event) -> Result<(), Error> {
        if !self.may_record(&event) {
            self.note(&event);
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }

    /// Puts a refusal on record in its transaction, where there is room.
    pub(crate) async fn record_if_room(
        &self,
        transaction: &mut Transaction,
        event: Event,
    ) -> Result<(), Error> {
        if self.may_record(&event) {
            return self.record(transaction, event).await;
        }
        self.note(&event);
        Ok(())
    }

    /// Whether there is room on record for what a stranger can bring about.
    pub(crate) fn may_record(&self, event: &Event) -> bool {
        self.refusals_on_record.admits(event, self.now())
    }

    /// Notes a refusal that changed nothing and that anybody can provoke; see [`EventLog::note`].
    pub(crate) fn note(&self, event: &Event) {
        self.event_log.note(event);
    }

    /// Verifies a token that we signed: our key by its `kid`, and the `typ` of its use.
    pub(crate) fn verify_own_token(
        &self,
        token: &str,
        typ: &str,
    ) -> Result<VerifiedJws, cardea_jose::Error> {
        const TOKEN_BYTES_MAX: usize = 4096;
        let unverified = UnverifiedJws::parse(token, TOKEN_BYTES_MAX)?;
        if !self.rules.admits(unverified.algorithm()) {
            return Err(cardea_jose::Error::SignatureInvalid);
        }
        let (keys, now) = (self.keys(), self.now());
        let key = unverified.kid().and_then(|kid| keys.find(kid, now));
        let key = key.ok_or(cardea_jose::Error::SignatureInvalid)?;
        let key = VerifyingKey::from_jwk(key.public_jwk())?;
        unverified.verify(&key, typ)
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Provider")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
