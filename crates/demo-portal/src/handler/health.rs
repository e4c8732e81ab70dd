//! `GET /healthz`: the portal runs.

pub(crate) async fn answer_health() -> &'static str {
    "ok\n"
}
