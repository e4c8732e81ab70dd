//! `GET /assets/{name}`: the style sheet, the script and the picture, all in the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

pub(crate) async fn serve_asset(Path(name): Path<String>) -> Response {
    let (content, kind) = match name.as_str() {
        "portal.css" => (
            include_str!("../../assets/portal.css"),
            "text/css; charset=utf-8",
        ),
        "portal.js" => (
            include_str!("../../assets/portal.js"),
            "text/javascript; charset=utf-8",
        ),
        "portal.svg" => (include_str!("../../assets/portal.svg"), "image/svg+xml"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content).into_response()
}
