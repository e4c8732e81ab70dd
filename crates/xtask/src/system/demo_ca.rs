//! TLS for the demo: a certification authority of its own, made with the `openssl` program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

const DAYS: &str = "30";

/// Makes the CA and one certificate for `localhost` and 127.0.0.1.
pub(super) fn make_certificates(folder: &Path) -> Result<()> {
    let tls = tls_folder(folder);
    fs::create_dir_all(&tls).context("can't make the folder for TLS")?;
    let openssl = |text: &str| {
        let arguments = text.split(' ').map(|word| word.replace('+', " "));
        process::capture(Command::new("openssl").args(arguments).current_dir(&tls))
    };
    // An empty configuration file: the machine's own must not add extensions.
    fs::write(
        tls.join("empty.cnf"),
        "[req]\ndistinguished_name=dn\n[dn]\n",
    )
    .context("can't write a file for openssl")?;
    fs::write(tls.join("leaf.cnf"), LEAF_EXTENSIONS).context("can't write a file for openssl")?;
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config empty.cnf";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -days {DAYS} -subj /CN=Cardea+demo+CA \
         -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign"
    ))?;
    openssl(&format!(
        "req {key} -keyout leaf.key -out leaf.csr -subj /CN=localhost"
    ))?;
    openssl(&format!(
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {DAYS} \
         -extfile leaf.cnf -out leaf.pem"
    ))?;
    Ok(())
}

const LEAF_EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\n\
    keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n\
    subjectAltName=DNS:localhost,IP:127.0.0.1\n\
    subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// The CA's certificate, for whoever has to trust the demo.
pub(super) fn ca_file(folder: &Path) -> PathBuf {
    tls_folder(folder).join("ca.pem")
}

pub(super) fn tls_folder(folder: &Path) -> PathBuf {
    folder.join("tls")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{ca_file, make_certificates, tls_folder};
    use crate::process;

    #[test]
    fn the_certificate_is_good_for_this_machine() {
        let folder = std::env::temp_dir().join(format!("cardea-demo-ca-{}", std::process::id()));
        make_certificates(&folder).unwrap();
        let mut command = Command::new("openssl");
        command.args([
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_ip",
            "127.0.0.1",
        ]);
        command
            .arg("-CAfile")
            .arg(ca_file(&folder))
            .arg(tls_folder(&folder).join("leaf.pem"));
        assert!(process::capture(&mut command).unwrap().contains("OK"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
