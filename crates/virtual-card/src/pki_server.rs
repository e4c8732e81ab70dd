//! The publication points of a test PKI over HTTP: CRLs, authority certificates, and OCSP answered
//! by the real `openssl ocsp` program.
//!
//! Each OCSP request starts one `openssl ocsp` in responder mode with the index of its authority
//! (`/ACI-FO-PP` and so on). A revocation is therefore seen by the very next request, and any
//! number of requests are answered side by side, which the program's own server mode cannot do.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cardea_test_pki::AuthorityName;
use openssl::base64::decode_block;
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::error::Error;
use crate::pki_directory::PkiDirectory;

/// Most bytes of an OCSP request; one about a single certificate has about 120.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How long an answer may say that it is good: a revocation must not hide behind it for long.
const ANSWER_MINUTES: &str = "10";
const RESPONDER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handlers share.
struct Shared {
    directory: PkiDirectory,
    now: fn() -> OffsetDateTime,
}

/// Serves a PKI's publication points on two listeners until dropped or failed.
///
/// `now` is the clock for CRLs; `openssl ocsp` reads the system's.
///
/// # Errors
/// [`Error::ToolMissing`] when `openssl` is not installed; [`Error::ListenFailed`] when a listener
/// breaks.
pub async fn serve(
    directory: PkiDirectory,
    publication: TcpListener,
    ocsp: TcpListener,
    now: fn() -> OffsetDateTime,
) -> Result<(), Error> {
    check_openssl().await?;
    let shared = Arc::new(Shared { directory, now });
    let publication_routes = Router::new()
        .route("/CRL/{file}", get(crl))
        .route("/AC/{file}", get(certificate))
        .with_state(Arc::clone(&shared));
    let ocsp_routes = Router::new()
        .route("/{authority}", post(ocsp_post))
        .route("/{authority}/{*request}", get(ocsp_get))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared);
    let failed = |source| Error::ListenFailed {
        address: "HTTP".to_owned(),
        source,
    };
    tokio::try_join!(
        async { axum::serve(publication, publication_routes).await },
        async { axum::serve(ocsp, ocsp_routes).await },
    )
    .map_err(failed)?;
    Ok(())
}

async fn check_openssl() -> Result<(), Error> {
    let output = Command::new("openssl")
        .arg("version")
        .stdin(Stdio::null())
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Error::ToolMissing {
            program: "openssl",
            package: "openssl",
        }),
    }
}

async fn crl(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    let Some(name) = file.strip_suffix(".crl").and_then(AuthorityName::find) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let made =
        tokio::task::spawn_blocking(move || shared.directory.current_crl(name, (shared.now)()));
    match made.await {
        Ok(Ok(der)) => bytes_of("application/pkix-crl", der),
        Ok(Err(error)) => failure("crl", &error),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn certificate(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    let Some(name) = file.strip_suffix(".cer").and_then(AuthorityName::find) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match shared.directory.published_certificate(name) {
        Ok(der) => bytes_of("application/pkix-cert", der),
        Err(error) => failure("certificate", &error),
    }
}

async fn ocsp_post(
    State(shared): State<Arc<Shared>>,
    Path(authority): Path<String>,
    body: Bytes,
) -> Response {
    answer(&shared, &authority, &body).await
}

/// RFC 6960 appendix A.1: the request in base64, percent-encoded, behind the responder's address.
async fn ocsp_get(
    State(shared): State<Arc<Shared>>,
    Path((authority, request)): Path<(String, String)>,
) -> Response {
    if request.len() > REQUEST_BYTES_MAX {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    match decode_block(&request) {
        Ok(request) => answer(&shared, &authority, &request).await,
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn answer(shared: &Shared, authority: &str, request: &[u8]) -> Response {
    let name = AuthorityName::find(authority).filter(|name| !name.is_root());
    let Some(name) = name else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let folder = shared.directory.authority_folder(name);
    let run = run_responder(folder, request);
    match tokio::time::timeout(RESPONDER_TIMEOUT, run).await {
        Ok(Ok(response)) if !response.is_empty() => bytes_of("application/ocsp-response", response),
        Ok(Ok(_)) => StatusCode::BAD_REQUEST.into_response(),
        Ok(Err(source)) => {
            tracing::error!(%authority, %source, "openssl ocsp cannot be run");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// Runs `openssl ocsp` once as the delegated responder of an authority.
async fn run_responder(folder: PathBuf, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new("openssl")
        .arg("ocsp")
        .arg("-index")
        .arg(folder.join("index.txt"))
        .arg("-CA")
        .arg(folder.join("certificate.pem"))
        .arg("-rsigner")
        .arg(folder.join("responder.pem"))
        .arg("-rkey")
        .arg(folder.join("responder.key"))
        .args(["-rmd", "sha256", "-nmin", ANSWER_MINUTES])
        .args(["-reqin", "/dev/stdin", "-respout", "/dev/stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(request).await?;
    }
    Ok(child.wait_with_output().await?.stdout)
}

fn bytes_of(content_type: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
}

fn failure(what: &str, error: &Error) -> Response {
    tracing::error!(what, code = error.code(), %error, "publication failed");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
