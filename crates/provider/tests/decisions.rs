//! Every decision of the provider through its public methods: in memory, with a test PKI, keys in
//! place of cards and a clock that the test turns.

// Marked as test code so that the lints' exceptions for tests hold in shared parts too.
#[cfg(test)]
mod decisions {
    mod account_stops;
    mod admin;
    mod agentless;
    mod anchors;
    mod authentication;
    mod authorization;
    mod cancellation;
    mod card_grant;
    mod card_recheck;
    mod challenge_randomness;
    mod client_certificate;
    mod completion;
    mod consent;
    mod console;
    mod device;
    mod event_push;
    mod event_stream;
    mod fapi2;
    mod flood;
    mod guard_reports;
    mod incidents;
    mod instances;
    mod logout;
    mod logout_queue;
    mod mass_loss;
    mod new_workstation;
    mod not_me;
    mod notices;
    mod pairwise;
    mod presence;
    mod proof;
    mod psc;
    mod sandbox;
    mod session_limits;
    mod silent;
    mod step_up;
    mod suspension;
    mod token;
    mod userinfo;
    mod world;
}
