//! What an output is written to: a file, standard output, or a connection.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardea_jose::sha256_base64url;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_openssl::SslStream;
use zeroize::Zeroizing;

use crate::config::{SiemConfig, SiemTarget};
use crate::error::Error;
use crate::tls::own_errors::OwnErrors;

/// Time to reach a receiver, handshake included, and to hand a batch over.
const TIME_MAX: Duration = Duration::from_secs(10);
/// A file of authorities larger than this is none.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;
/// Who may read a new file: its owner, and the group of whoever ships it.
const FILE_MODE: u32 = 0o640;

/// Where an output goes, with what is needed to go there.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    File(PathBuf),
    Stdout,
    Connection(Receiver),
}

/// A receiver at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    host: String,
    port: u16,
    /// Absent on this machine.
    tls: Option<(SslConnector, String)>,
    /// How long what was sent may stay without the other machine's word that it has it.
    unacknowledged_max: Duration,
}

/// Why nothing goes out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    #[error("the receiver cannot be reached")]
    Unreachable(#[source] io::Error),
    /// Whatever stopped the handshake: an authority that does not vouch for the receiver, another
    /// name, a certificate of ours that it does not take.
    #[error("no TLS connection with the receiver")]
    Handshake(#[source] openssl::ssl::Error),
    #[error("TLS cannot be set up")]
    Tls(#[from] openssl::error::ErrorStack),
    #[error("it takes longer than {} s", TIME_MAX.as_secs())]
    TimedOut,
    #[error("the connection has ended")]
    Ended,
    #[error("cannot be written")]
    Unwritable(#[source] io::Error),
}

impl SinkError {
    /// Stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Handshake(_) | Self::Tls(_) => "server.siem_tls_refused",
            Self::Unreachable(_) | Self::TimedOut | Self::Ended => "server.siem_unreachable",
            Self::Unwritable(_) => "server.siem_unwritable",
        }
    }
}

impl Sink {
    /// Reads the files that an output needs.
    ///
    /// # Errors
    /// [`Error::FileUnusable`], [`Error::TlsUnusable`].
    pub(crate) fn prepare(config: &SiemConfig) -> Result<Self, Error> {
        let unacknowledged_max = Duration::from_millis(u64::from(config.confirm_seconds) * 500);
        Ok(match &config.to {
            SiemTarget::File(path) => Self::File(path.clone()),
            SiemTarget::Stdout => Self::Stdout,
            SiemTarget::Tcp { address, port } => Self::Connection(Receiver {
                host: address.to_string(),
                port: *port,
                tls: None,
                unacknowledged_max,
            }),
            SiemTarget::Tls { host, port } => {
                let name = config.server_name.clone().unwrap_or_else(|| host.clone());
                Self::Connection(Receiver {
                    host: host.clone(),
                    port: *port,
                    tls: Some((connector(config)?, name)),
                    unacknowledged_max,
                })
            }
        })
    }
}

/// TLS as this output wants it: its own authorities, and no others.
fn connector(config: &SiemConfig) -> Result<SslConnector, Error> {
    let named = config.ca_file.as_deref().unwrap_or_else(|| Path::new(""));
    let unusable = |file: &Path, source: openssl::error::ErrorStack| Error::TlsUnusable {
        file: file.to_owned(),
        source,
    };
    let of_authorities = |source| unusable(named, source);
    let pem = read_bounded(named).map_err(|source| Error::FileUnusable {
        file: named.to_owned(),
        action: "cannot be read",
        source,
    })?;
    let mut store = X509StoreBuilder::new().map_err(of_authorities)?;
    let authorities = X509::stack_from_pem(&pem).map_err(of_authorities)?;
    if authorities.is_empty() {
        return Err(Error::FileUnusable {
            file: named.to_owned(),
            action: "has no certificate",
            source: io::ErrorKind::InvalidData.into(),
        });
    }
    for authority in authorities {
        store.add_cert(authority).map_err(of_authorities)?;
    }
    // Names are compared and certificates demanded as `SslConnector` has it.
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(of_authorities)?;
    builder.set_cert_store(store.build());
    let version = Some(SslVersion::TLS1_2);
    builder
        .set_min_proto_version(version)
        .map_err(of_authorities)?;
    if let (Some(certificate), Some(key)) = (&config.certificate, &config.key) {
        let of_certificate = |source| unusable(certificate, source);
        builder
            .set_certificate_chain_file(certificate)
            .map_err(of_certificate)?;
        builder
            .set_private_key_file(key, SslFiletype::PEM)
            .map_err(|source| unusable(key, source))?;
        builder
            .check_private_key()
            .map_err(|source| unusable(key, source))?;
    }
    Ok(builder.build())
}

/// A digest of the files that an output names, as far as they can be read.
pub(crate) fn files_sha256(config: &SiemConfig) -> String {
    let mut all = Zeroizing::new(Vec::new());
    for file in [&config.ca_file, &config.certificate, &config.key] {
        let bytes = file.as_deref().and_then(|file| read_bounded(file).ok());
        let bytes = Zeroizing::new(bytes.unwrap_or_default());
        all.extend_from_slice(&bytes);
        all.push(0);
    }
    sha256_base64url(&all)
}

fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(AUTHORITIES_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to a receiver. It is read all the time: a receiver says nothing, but it says when
/// it closes, or does not take our certificate.
pub(crate) struct Connection {
    writing: WriteHalf<Box<dyn Stream>>,
    has_ended: Arc<AtomicBool>,
    reading: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn open(receiver: &Receiver) -> Result<Self, SinkError> {
        match timeout(TIME_MAX, Self::open_patiently(receiver)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SinkError::TimedOut),
        }
    }

    async fn open_patiently(receiver: &Receiver) -> Result<Self, SinkError> {
        let address = (receiver.host.as_str(), receiver.port);
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(SinkError::Unreachable)?;
        // A machine that does not say in time that it has what was sent has ended the connection,
        // before anything of it counts as received.
        let milliseconds = u32::try_from(receiver.unacknowledged_max.as_millis());
        let milliseconds = milliseconds.unwrap_or(u32::MAX).max(500);
        let set = rustix::net::sockopt::set_tcp_user_timeout(&stream, milliseconds)
            .and_then(|()| rustix::net::sockopt::set_socket_keepalive(&stream, true))
            .and_then(|()| {
                let idle = receiver.unacknowledged_max.max(Duration::from_secs(1));
                rustix::net::sockopt::set_tcp_keepidle(&stream, idle)
            });
        set.map_err(|error| SinkError::Unreachable(error.into()))?;
        let Some((connector, name)) = &receiver.tls else {
            return Ok(Self::over(Box::new(stream)));
        };
        let ssl = connector.configure()?.into_ssl(name)?;
        let mut stream = SslStream::new(ssl, stream)?;
        let shaken = Pin::new(&mut stream).connect().await;
        if let Err(error) = shaken {
            // Whoever refuses leaves nothing on the thread's list.
            drop(openssl::error::ErrorStack::get());
            return Err(SinkError::Handshake(error));
        }
        Ok(Self::over(Box::new(OwnErrors::new(stream))))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        let (mut reading, writing) = tokio::io::split(stream);
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        let reading = tokio::spawn(async move {
            let mut bytes = [0_u8; 1024];
            // What a receiver says is read and thrown away.
            while matches!(reading.read(&mut bytes).await, Ok(count) if count > 0) {}
            ended.store(true, Ordering::SeqCst);
        });
        Self {
            writing,
            has_ended,
            reading,
        }
    }

    /// Whether the receiver has closed, or the connection is broken.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Hands bytes over to the connection. They are not received by that.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        if self.has_ended() {
            return Err(SinkError::Ended);
        }
        let whole = async {
            self.writing.write_all(bytes).await?;
            self.writing.flush().await
        };
        match timeout(TIME_MAX, whole).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SinkError::Unreachable(error)),
            Err(_) => Err(SinkError::TimedOut),
        }
    }

    /// Closes in the order that TLS wants.
    pub(crate) async fn close(mut self) {
        let _ = timeout(Duration::from_secs(1), self.writing.shutdown()).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// A file that is written on. Where something else is at its path, as after a rotation, that is
/// gone on with.
pub(crate) struct WrittenFile {
    path: PathBuf,
    open: Option<(File, (u64, u64))>,
}

impl WrittenFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Writes whole lines; they are on the disk when this comes back.
    pub(crate) fn write(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        let outcome = self.try_write(lines);
        if outcome.is_err() {
            self.open = None;
        }
        outcome.map_err(SinkError::Unwritable)
    }

    fn try_write(&mut self, lines: &[u8]) -> io::Result<()> {
        let there = std::fs::metadata(&self.path).ok();
        let there = there.map(|it| (it.dev(), it.ino()));
        let is_same = self
            .open
            .as_ref()
            .is_some_and(|(_, own)| Some(*own) == there);
        if !is_same {
            self.open = Some(open_at_line(&self.path)?);
        }
        let Some((file, _)) = &mut self.open else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.write_all(lines)?;
        file.sync_data()
    }
}

/// Opens a file to go on with, at the beginning of a line: what was cut off in the middle of one is
/// left as a line that is none, and comes again.
fn open_at_line(path: &Path) -> io::Result<(File, (u64, u64))> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    if found.len() > 0 {
        let mut last = [0_u8];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok((file, (found.dev(), found.ino())))
}

/// Writes whole lines to standard output.
pub(crate) fn write_stdout(lines: &[u8]) -> Result<(), SinkError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(lines).and_then(|()| out.flush());
    written.map_err(SinkError::Unwritable)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::WrittenFile;

    #[test]
    fn a_file_is_gone_on_with_after_a_rotation_and_after_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, "{\"place\":0}\n{\"pla").unwrap();
        let mut file = WrittenFile::new(path.clone());
        file.write(b"{\"place\":1}\n").unwrap();
        let cut = "{\"place\":0}\n{\"pla\n{\"place\":1}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), cut);
        let rotated = folder.path().join("events.jsonl.1");
        fs::rename(&path, &rotated).unwrap();
        file.write(b"{\"place\":2}\n").unwrap();
        file.write(b"{\"place\":3}\n").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), cut);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"place\":2}\n{\"place\":3}\n"
        );
        let mut nowhere = WrittenFile::new(folder.path().join("none/events.jsonl"));
        assert_eq!(
            nowhere.write(b"x\n").unwrap_err().code(),
            "server.siem_unwritable"
        );
        let mut a_folder = WrittenFile::new(folder.path().to_owned());
        assert!(a_folder.write(b"x\n").is_err());
    }
}
