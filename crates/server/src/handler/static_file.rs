//! The files of the pages, embedded in the program.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::problem::Problem;
use crate::refusal::Refusal;

/// The login page's script: one file for the browser, so that no two of its parts can ever be of
/// different versions, and one idea a file here. The function around it keeps its names to itself.
const LOGIN_SCRIPT: &str = concat!(
    "\"use strict\";\n\n(() => {\n\n",
    include_str!("../../static/login/panels.js"),
    "\n",
    include_str!("../../static/login/server.js"),
    "\n",
    include_str!("../../static/login/agent_answer.js"),
    "\n",
    include_str!("../../static/login/extension.js"),
    "\n",
    include_str!("../../static/login/network_access.js"),
    "\n",
    include_str!("../../static/login/loopback.js"),
    "\n",
    include_str!("../../static/login/start.js"),
    "\n})();\n",
);

/// Gives an embedded file.
pub(crate) async fn get_static_file(
    Path(name): Path<String>,
) -> Result<(HeaderMap, &'static str), Refusal> {
    let (media_type, content) = match name.as_str() {
        "login.js" => ("text/javascript; charset=utf-8", LOGIN_SCRIPT),
        "form_post.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../static/form_post.js"),
        ),
        "cardea.css" => (
            "text/css; charset=utf-8",
            include_str!("../../static/cardea.css"),
        ),
        "icon.svg" => ("image/svg+xml", include_str!("../../static/icon.svg")),
        _ => return Err(Refusal::page(Problem::NotFound)),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // Public as they are; the listener that asks for cards' certificates shows pages with them.
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    // Revalidated each hour, so that an update of the server soon reaches every browser.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    Ok((headers, content))
}
