//! A publication point whose issuing authorities' CRLs have run out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use cardea_test_pki::{AuthorityName, CrlSpec};
use cardea_virtual_card::PkiDirectory;
use cardea_xtask::system::System;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Takes the place of a stopped test PKI; serves until dropped.
pub struct StalePublication {
    answered: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl StalePublication {
    /// Signs CRLs that ended four days ago, and serves them where the cards' certificates point.
    ///
    /// # Errors
    /// When the PKI can't be read or its address can't be listened on.
    pub async fn open(system: &System) -> Result<Self> {
        let files = Arc::new(sign(system)?);
        let address = system.addresses().publication();
        let listener = TcpListener::bind(&address)
            .await
            .with_context(|| format!("can't listen on {address}"))?;
        let answered = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&answered);
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (files, counter) = (Arc::clone(&files), Arc::clone(&counter));
                tokio::spawn(async move {
                    if answer(connection, &files).await.is_ok() {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self { answered, server })
    }

    /// How many requests were answered.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for StalePublication {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the running system has the machine's clock too"
)]
fn sign(system: &System) -> Result<HashMap<String, Vec<u8>>> {
    let now = OffsetDateTime::now_utc();
    let pki = PkiDirectory::open(system.card().pki_folder(), now).context("no test PKI")?;
    let issuing = [
        AuthorityName::FORT_PERSONNES,
        AuthorityName::STANDARD_PERSONNES,
    ];
    let mut files = HashMap::new();
    for name in AuthorityName::ROOTS.iter().copied().chain(issuing) {
        // A CRL of an issuing authority is good for six days, a root's for 45.
        let spec = CrlSpec::new(name, now - Duration::days(10));
        let crl = pki.pki().authority(name)?.crl(&spec)?;
        files.insert(format!("/CRL/{name}.crl"), crl);
    }
    Ok(files)
}

/// Answers one HTTP/1.1 request and closes the connection.
async fn answer(mut connection: TcpStream, files: &HashMap<String, Vec<u8>>) -> Result<()> {
    let mut request = vec![0; 8 * 1024];
    let length = connection.read(&mut request).await?;
    let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match files.get(path) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", [].as_slice()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/pkix-crl\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body).await?;
    connection.shutdown().await?;
    Ok(())
}
