//! `cardea-vcard pki …`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_test_pki::PublicationSettings;
use cardea_virtual_card::{Error, PkiDirectory, pki_server, settings_for};
use clap::Subcommand;
use tokio::net::TcpListener;

use super::{KeyOption, open_pki, say};
use crate::clock::now;

/// Commands around the test PKI.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Make roots, issuing authorities, OCSP responders and CRLs.
    Init {
        /// Folder to make.
        directory: PathBuf,
        /// Where CRLs and authority certificates will be published.
        #[arg(long, default_value_t = PublicationSettings::default().base_url)]
        base_url: String,
        /// Where the OCSP responders will be, one path below it for each issuing authority.
        #[arg(long, default_value_t = PublicationSettings::default().ocsp_url)]
        ocsp_url: String,
        /// Keys of the authorities; the model's are rsa4096, which take seconds to make.
        #[arg(long, value_enum, default_value = "rsa4096")]
        authority_key: KeyOption,
    },
    /// Publish CRLs and authority certificates, and answer OCSP with `openssl ocsp`, until killed.
    Serve {
        /// Folder of the PKI.
        directory: PathBuf,
        /// Address for CRLs and authority certificates (port 0 takes a free one).
        #[arg(long)]
        listen: SocketAddr,
        /// Address for OCSP (port 0 takes a free one).
        #[arg(long)]
        ocsp_listen: SocketAddr,
    },
    /// Write the roots as PEM.
    Anchors {
        /// Folder of the PKI.
        directory: PathBuf,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
        /// Only the roots behind cards: the ELEMENTAIRE range has software certificates.
        #[arg(long)]
        cards_only: bool,
    },
    /// Write the issuing authorities as PEM.
    Intermediates {
        /// Folder of the PKI.
        directory: PathBuf,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Runs one of them.
pub(crate) fn run(command: PkiCommand) -> anyhow::Result<()> {
    match command {
        PkiCommand::Init {
            directory,
            base_url,
            ocsp_url,
            authority_key,
        } => {
            let settings = settings_for(&base_url, &ocsp_url, authority_key.into(), now());
            PkiDirectory::init(&directory, &settings)?;
            say(&format!("test PKI in {}", directory.display()))
        }
        PkiCommand::Serve {
            directory,
            listen,
            ocsp_listen,
        } => serve(&directory, listen, ocsp_listen),
        PkiCommand::Anchors {
            directory,
            out,
            cards_only,
        } => {
            let bundle = if cards_only {
                "card-anchors.pem"
            } else {
                "anchors.pem"
            };
            export(&directory, bundle, &out)
        }
        PkiCommand::Intermediates { directory, out } => {
            export(&directory, "intermediates.pem", &out)
        }
    }
}

fn export(directory: &Path, bundle: &str, out: &Path) -> anyhow::Result<()> {
    open_pki(directory)?;
    let source = directory.join(bundle);
    std::fs::copy(&source, out)
        .with_context(|| format!("cannot copy {} to {}", source.display(), out.display()))?;
    Ok(())
}

#[tokio::main]
async fn serve(
    directory: &Path,
    listen: SocketAddr,
    ocsp_listen: SocketAddr,
) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let pki = open_pki(directory)?;
    let publication = bind(listen).await?;
    let ocsp = bind(ocsp_listen).await?;
    // The first line that a caller may wait for.
    say(&format!(
        "CRLs and certificates at http://{}, OCSP at http://{}",
        publication.local_addr()?,
        ocsp.local_addr()?
    ))?;
    tokio::select! {
        result = pki_server::serve(pki, publication, ocsp, now) => Ok(result?),
        () = super::insert::asked_to_end() => Ok(()),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::ListenFailed {
            address: address.to_string(),
            source,
        })
}
