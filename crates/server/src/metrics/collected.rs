//! What is looked up at each scrape: what waits, what is old, what will run out.

use std::sync::atomic::AtomicU64;

use cardea_provider::{Clock as _, TokenKey};
use cardea_storage::health::{Amounts, count_amounts};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

use super::backup::newest_backup;
use super::labels::{
    AlgorithmLabel, AuthorityLabels, BuildLabels, CertificateLabels, ListLabels, OutputLabel,
    PoolLabels, ReasonLabel, StateLabel, bounded,
};
use super::process::Process;
use crate::clock::SystemClock;
use crate::state::AppState;

/// As `cardea pki status` shows them.
const FINGERPRINT_CHARACTERS: usize = 16;

type Number = Gauge<f64, AtomicU64>;

/// Registers everything that is true at this moment.
pub(super) async fn collect(registry: &mut Registry, state: &AppState) {
    collect_readiness(registry, state).await;
    collect_database(registry, state).await;
    collect_presence(registry, state);
    collect_event_streams(registry, state).await;
    collect_pushes(registry, state).await;
    collect_stops(registry, state).await;
    collect_ledger(registry, state).await;
    collect_siem(registry, state);
    collect_lists(registry, state);
    collect_keys(registry, state);
    collect_certificates(registry, state);
    collect_backup(registry, state);
    collect_process(registry);
    let version = env!("CARGO_PKG_VERSION");
    let database = state.store().engine_name();
    let build = Info::new(BuildLabels { version, database });
    registry.register("build", "The program and its database", build);
}

async fn collect_readiness(registry: &mut Registry, state: &AppState) {
    let report = state.readiness().look(state).await;
    let ready = u8::from(report.reasons.is_empty());
    register(registry, "ready", "1 while logins can be answered", ready);
    let reasons = Family::<ReasonLabel, Number>::default();
    for reason in crate::readiness::Reason::ALL {
        let is_given = report.reasons.contains(&reason);
        let reason = reason.as_str();
        set(
            &reasons,
            &ReasonLabel { reason },
            f64::from(u8::from(is_given)),
        );
    }
    let help = "1 for each reason why no login can be answered";
    registry.register("not_ready", help, reasons);
    let drift = SystemClock::drift().as_seconds_f64();
    let help = "How far the machine's clock has moved against the monotonic one since the start";
    register(registry, "clock_drift_seconds", help, drift);
    let behind = SystemClock::behind().as_seconds_f64();
    let help = "How far the machine's clock is behind the time that this program goes by";
    register(registry, "clock_behind_seconds", help, behind);
}

async fn collect_database(registry: &mut Registry, state: &AppState) {
    let store = state.store();
    let (open, idle) = (Family::<PoolLabels, Number>::default(), Family::default());
    for pool in store.pools() {
        let labels = PoolLabels { pool: pool.name };
        set(&open, &labels, f64::from(pool.open));
        set(&idle, &labels, f64::from(pool.idle));
    }
    registry.register("database_connections", "Connections that are open", open);
    let help = "Connections that wait for work";
    registry.register("database_connections_idle", help, idle);
    let before = SystemClock.now();
    if let Ok(Some(theirs)) = store.clock_millis().await {
        let offset = offset_seconds(before, SystemClock.now(), theirs);
        let help = "How far the database's clock is ahead of this program's";
        register(registry, "database_clock_offset_seconds", help, offset);
    }
    let Some(amounts) = amounts(state).await else {
        return;
    };
    let sessions = Family::<StateLabel, Number>::default();
    let counts = [
        ("active", amounts.sessions_active),
        ("pending", amounts.sessions_pending),
    ];
    for (state, count) in counts {
        set(&sessions, &StateLabel { state }, to_f64(count));
    }
    registry.register("sessions", "Sessions, of all nodes", sessions);
    let help = "Portals that are still to be told that a session is over, of all nodes";
    register(
        registry,
        "logout_deliveries_waiting",
        help,
        to_f64(amounts.logouts_waiting),
    );
}

async fn amounts(state: &AppState) -> Option<Amounts> {
    let mut transaction = state.store().begin_read().await.ok()?;
    count_amounts(&mut transaction).await.ok()
}

fn collect_presence(registry: &mut Registry, state: &AppState) {
    let connected = u32::try_from(state.presence().count()).unwrap_or(u32::MAX);
    let help = "Presence keys with a connection to this node";
    register(registry, "presence_connections", help, connected);
    let lost = u8::from(state.provider().is_losing_many());
    let help = "1 while many agents are silent at once and nobody's session ends for it";
    register(registry, "mass_presence_loss", help, lost);
}

async fn collect_event_streams(registry: &mut Registry, state: &AppState) {
    let help = "Polls of resource servers that wait at this node for sessions that end";
    register(
        registry,
        "event_polls_waiting",
        help,
        state.event_polls().count(),
    );
    let Ok(backlog) = state.provider().event_backlog().await else {
        return;
    };
    let help = "Streams by which resource servers hear of sessions that end, of all nodes";
    register(registry, "event_streams", help, to_f64(backlog.streams));
    let help = "Events that resource servers have not acknowledged, of all nodes";
    register(registry, "events_undelivered", help, to_f64(backlog.events));
    let age = backlog.oldest_at.map(|at| SystemClock.now() - at);
    let help = "Age of the oldest event that was not acknowledged";
    let seconds = age.map_or(0.0, |age| age.as_seconds_f64().max(0.0));
    register(registry, "event_undelivered_age_seconds", help, seconds);
}

async fn collect_pushes(registry: &mut Registry, state: &AppState) {
    let Ok(waiting) = state.provider().waiting_pushes().await else {
        return;
    };
    let help = "Events that are still to be pushed to their receivers, of all nodes";
    let events = to_f64(waiting.events);
    register(registry, "event_pushes_waiting", help, events);
    let age = waiting.oldest_at.map(|at| SystemClock.now() - at);
    let help = "How long ago the oldest of them happened";
    let seconds = age.map_or(0.0, |age| age.as_seconds_f64().max(0.0));
    register(registry, "event_push_age_seconds", help, seconds);
}

async fn collect_stops(registry: &mut Registry, state: &AppState) {
    let Ok(stops) = state.provider().count_account_stops().await else {
        return;
    };
    let help = "Accounts that guards have stopped and nobody has lifted, of all nodes";
    register(registry, "account_stops", help, to_f64(stops));
}

async fn collect_ledger(registry: &mut Registry, state: &AppState) {
    let Ok(standing) = state.log_keeper().standing().await else {
        return;
    };
    let now = SystemClock.now();
    let (size, lag) = (standing.size, standing.lag_seconds(now));
    let help = "Events that have their places in the log, of all nodes";
    register(
        registry,
        "ledger_size",
        help,
        to_f64(i64::try_from(size).unwrap_or(i64::MAX)),
    );
    let help = "How long the oldest event waits for its place in the log";
    register(registry, "ledger_lag_seconds", help, to_f64(lag));
    if let Some(signed_at) = standing.signed_at {
        let age = now.unix_timestamp().saturating_sub(signed_at).max(0);
        let help = "Age of the log's newest checkpoint";
        register(registry, "ledger_checkpoint_age_seconds", help, to_f64(age));
    }
    let help = "1 while this node signs nothing because of what it found in the log";
    let is_stopped = u8::from(state.log_keeper().is_stopped());
    register(registry, "ledger_stopped", help, is_stopped);
    let missed = i64::try_from(state.log_keeper().missed()).unwrap_or(i64::MAX);
    let help = "Events of this node that are not in the log as it wrote them, since its start";
    register(registry, "ledger_events_missed", help, to_f64(missed));
    let cosigning = state.log_keeper().cosigning();
    let silent = i64::try_from(cosigning.silent_seconds()).unwrap_or(i64::MAX);
    let help = "How long enough witnesses have not cosigned all that the log holds";
    register(
        registry,
        "ledger_witness_silent_seconds",
        help,
        to_f64(silent),
    );
    let covered = i64::try_from(cosigning.covered()).unwrap_or(i64::MAX);
    let help = "Events under the newest checkpoint that enough witnesses have cosigned";
    register(registry, "ledger_cosigned_size", help, to_f64(covered));
    let help = "1 while a witness says that this is not the log that it knows";
    let refused = u8::from(cosigning.is_refused());
    register(registry, "ledger_witness_refused", help, refused);
}

fn collect_siem(registry: &mut Registry, state: &AppState) {
    let (waiting, lag) = (Family::<OutputLabel, Number>::default(), Family::default());
    let (mut longest, mut is_any_ahead) = (0, false);
    for (output, standing) in state.siem().standings() {
        longest = standing.lag_seconds.max(longest);
        is_any_ahead |= standing.is_ahead;
        let output = OutputLabel { output };
        let events = i64::try_from(standing.waiting).unwrap_or(i64::MAX);
        set(&waiting, &output, to_f64(events));
        set(&lag, &output, to_f64(standing.lag_seconds));
    }
    let help = "Events of the log that an output has not sent for sure, of all nodes";
    registry.register("siem_waiting", help, waiting);
    let help = "How long ago the oldest of them happened";
    registry.register("siem_lag_seconds", help, lag);
    // There without any output, too: a rule looks at it.
    let help = "The same of the output that is the furthest behind";
    register(registry, "siem_lag_max_seconds", help, to_f64(longest));
    let help = "1 while an output has gone further than the log, which was put back";
    register(registry, "siem_ahead", help, u8::from(is_any_ahead));
}

fn collect_lists(registry: &mut Registry, state: &AppState) {
    let times: [Family<ListLabels, Number>; 3] = Default::default();
    let [this_update, next_update, fetched] = &times;
    let missing = Family::<ListLabels, Number>::default();
    for list in state.revocation().lists() {
        let labels = ListLabels {
            card_rules: bounded(&list.card_rules),
            issuer: bounded(&list.issuer),
            list: bounded(&list.list),
        };
        set(&missing, &labels, f64::from(u8::from(list.held.is_none())));
        let Some(held) = list.held else { continue };
        set(this_update, &labels, unix(held.this_update));
        set(fetched, &labels, unix(held.fetched_at));
        if let Some(next) = held.next_update {
            set(next_update, &labels, unix(next));
        }
    }
    let [this_update, next_update, fetched] = times;
    let help = "When the list at hand was issued";
    registry.register("crl_this_update_timestamp_seconds", help, this_update);
    let help = "When the list at hand runs out";
    registry.register("crl_next_update_timestamp_seconds", help, next_update);
    let help = "When its publisher gave or confirmed the list at hand";
    registry.register("crl_fetched_timestamp_seconds", help, fetched);
    let help = "1 where certificates name a list and none is at hand";
    registry.register("crl_missing", help, missing);
}

fn collect_keys(registry: &mut Registry, state: &AppState) {
    let now = SystemClock.now();
    let keys = state.provider().keys();
    let (since, until) = (
        Family::<AlgorithmLabel, Number>::default(),
        Family::default(),
    );
    let counts = Family::<StateLabel, Number>::default();
    for (state, is_so) in KEY_STATES {
        let count = keys
            .token_keys()
            .iter()
            .filter(|key| is_so(key, now))
            .count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        set(&counts, &StateLabel { state }, f64::from(count));
    }
    for key in keys.token_keys().iter().filter(|key| signs(key, now)) {
        let alg = key.key.algorithm().as_str();
        if let Some(from) = key.window.signs_from {
            set(&since, &AlgorithmLabel { alg }, unix(from));
        }
        if let Some(end) = key.window.signs_until {
            set(&until, &AlgorithmLabel { alg }, unix(end));
        }
    }
    let help = "Token keys: of the future, signing, and retired ones that verify yet";
    registry.register("token_keys", help, counts);
    let help = "Since when the key signs that signs now; absent where it always did";
    registry.register("token_key_signs_since_timestamp_seconds", help, since);
    let help = "When the next key signs; absent where none is planned";
    registry.register("token_key_next_rotation_timestamp_seconds", help, until);
}

type KeyState = (&'static str, fn(&TokenKey, OffsetDateTime) -> bool);

const KEY_STATES: [KeyState; 3] = [
    ("next", |key, now| {
        key.window.signs_from.is_some_and(|from| now < from)
    }),
    ("signing", signs),
    ("retired", |key, now| {
        key.window.signs_until.is_some_and(|until| until <= now)
    }),
];

fn signs(key: &TokenKey, now: OffsetDateTime) -> bool {
    key.window.signs_from.is_none_or(|from| from <= now)
        && key.window.signs_until.is_none_or(|until| now < until)
}

fn collect_certificates(registry: &mut Registry, state: &AppState) {
    let ends = Family::<CertificateLabels, Number>::default();
    for (name, end) in state.certificates().ends() {
        let labels = CertificateLabels {
            name: bounded(name),
        };
        set(&ends, &labels, to_f64(end));
    }
    let authorities = Family::<AuthorityLabels, Number>::default();
    for (name, sha256, end) in state.revocation().authority_ends() {
        let labels = AuthorityLabels {
            name: bounded(&name),
            sha256: sha256.chars().take(FINGERPRINT_CHARACTERS).collect(),
        };
        set(&authorities, &labels, unix(end));
    }
    let help = "When a configured authority's certificate runs out";
    registry.register("authority_end_timestamp_seconds", help, authorities);
    let help = "When a certificate that this server shows runs out";
    registry.register("certificate_end_timestamp_seconds", help, ends);
}

fn collect_backup(registry: &mut Registry, state: &AppState) {
    let Some(folder) = state.backup_dir() else {
        return;
    };
    // A number that is absent would raise no alarm.
    let newest = newest_backup(folder).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let help = "When the newest file of the backups' folder was written; 0 where there is none";
    register(
        registry,
        "backup_last_timestamp_seconds",
        help,
        unix(newest),
    );
}

fn collect_process(registry: &mut Registry) {
    let look = Process::look();
    let numbers = [
        (
            "resident_memory_bytes",
            "Memory in use",
            look.resident_bytes,
        ),
        ("open_fds", "Open files and sockets", look.open_fds),
        (
            "max_fds",
            "Files and sockets that may be open",
            look.max_fds,
        ),
        ("threads", "Threads", look.threads),
    ];
    for (name, help, number) in numbers {
        if let Some(number) = number.and_then(|number| i64::try_from(number).ok()) {
            register(registry, &format!("process_{name}"), help, to_f64(number));
        }
    }
}

fn register(registry: &mut Registry, name: &str, help: &str, value: impl Into<f64>) {
    let number = Number::default();
    number.set(value.into());
    registry.register(name, help, number);
}

fn set<L>(family: &Family<L, Number>, labels: &L, value: f64)
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet,
{
    family.get_or_create(labels).set(value);
}

fn unix(time: OffsetDateTime) -> f64 {
    to_f64(time.unix_timestamp())
}

/// Exact up to 2^53, which no time and no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "numbers below 2^53")]
fn to_f64(number: i64) -> f64 {
    number as f64
}

/// The database was asked between two looks at our clock: its answer belongs to the middle.
fn offset_seconds(before: OffsetDateTime, after: OffsetDateTime, theirs_millis: i64) -> f64 {
    let took: time::Duration = after - before;
    let middle: OffsetDateTime = before + took / 2;
    let ours_millis = middle.unix_timestamp_nanos() / 1_000_000;
    let offset = i128::from(theirs_millis) - ours_millis;
    to_f64(i64::try_from(offset).unwrap_or_default()) / 1000.0
}

#[cfg(test)]
mod tests {
    use time::ext::NumericalDuration as _;

    use super::offset_seconds;

    #[test]
    fn the_databases_clock_is_compared_with_the_middle_of_the_question() {
        let noon = time::macros::datetime!(2026-03-02 12:00 UTC);
        let millis = |moment: time::OffsetDateTime| moment.unix_timestamp() * 1000;
        let ahead = offset_seconds(noon, noon + 2.seconds(), millis(noon) + 4_000);
        assert!((ahead - 3.0).abs() < 1e-9, "{ahead}");
        let behind = offset_seconds(noon, noon, millis(noon) - 1_500);
        assert!((behind + 1.5).abs() < 1e-9, "{behind}");
    }
}
