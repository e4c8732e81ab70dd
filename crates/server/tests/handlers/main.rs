//! The server's HTTP surface, driven over a loopback listener on a SQLite file.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod account;
mod account_stops;
mod activity;
mod admin;
mod agent;
mod agentless;
mod anchors;
mod authorize;
mod card;
mod card_grant;
mod client_assertion;
mod clients;
mod come_back;
mod consent;
mod console;
mod console_report;
mod cross_origin;
mod device;
mod discovery;
mod dpop;
mod end_session;
mod enumeration;
mod event_stream;
mod failed_flush;
mod fapi2;
mod foreign_pages;
mod forged_tokens;
mod forgotten_flood;
mod form_post;
mod full_disk;
mod graceful_stop;
mod guard_reports;
mod haproxy;
mod https;
mod hung_lists;
mod hung_up;
mod incidents;
mod instances;
mod interface;
mod key_client;
mod killed;
mod killed_often;
mod ledger;
mod limits;
mod log_lines;
mod logged_in;
mod logged_out_portal;
mod login;
mod login_cancel;
mod login_page;
mod logout_pages;
mod lost_disk;
mod mtls;
mod new_workstations;
mod nodes;
mod nothing_fetched;
mod notices;
mod on_record;
mod on_the_wire;
mod operations;
mod outage;
mod pages;
mod par;
#[path = "../../../storage/tests/records/postgres_cluster.rs"]
mod postgres_cluster;
mod power_loss;
mod presence;
mod program;
mod proven_clients;
mod pushed_events;
mod redirect_uris;
mod refresh;
mod register;
mod reload;
mod relying_party;
mod restartable_postgres;
mod restored;
mod revocation;
mod revocation_host;
mod rp_initiated_logout;
mod running_session;
mod siem;
mod step_up;
mod suspend;
mod test_app;
mod token;
mod token_keys;
mod token_lookup;
mod traces;
mod two_nodes;
mod two_nodes_load;
mod two_nodes_sessions;
mod upgraded;
mod userinfo;
mod witness;
mod wrong_clocks;
