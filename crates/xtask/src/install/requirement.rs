//! What has to be on the machine, how to see that it is, and who packages it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::install::Purpose;
use crate::process;

/// One thing that a command needs from the system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requirement {
    /// Its name for the person.
    pub(super) what: &'static str,
    probe: Probe,
    /// Package on Debian and its relatives.
    pub(super) debian: &'static str,
    /// Package on Fedora.
    pub(super) fedora: &'static str,
    /// Package on Arch.
    pub(super) arch: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Probe {
    /// Any one of these programs.
    Program(&'static [&'static str]),
    /// A library that pkg-config knows.
    Library(&'static str),
    /// Any one of these files.
    File(&'static [&'static str]),
    /// Modules of Python's own library, which Debian packages apart.
    PythonModules(&'static str),
    /// A program in `bin` of any numbered folder, as PostgreSQL is packaged.
    Versioned {
        folder: &'static str,
        program: &'static str,
    },
}

impl Requirement {
    /// Whether the thing itself is on the machine.
    pub(super) fn is_present(&self) -> bool {
        match self.probe {
            Probe::Program(names) => names
                .iter()
                .any(|name| process::find_program(name).is_some()),
            Probe::Library(name) => Command::new("pkg-config")
                .args(["--exists", name])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success()),
            Probe::File(paths) => paths.iter().any(|path| Path::new(path).exists()),
            Probe::PythonModules(names) => Command::new("python3")
                .args(["-c", &format!("import {names}")])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success()),
            Probe::Versioned { folder, program } => {
                process::find_program(program).is_some() || versioned(folder, program)
            }
        }
    }
}

fn versioned(folder: &str, program: &str) -> bool {
    std::fs::read_dir(folder).is_ok_and(|versions| {
        versions
            .flatten()
            .any(|version| version.path().join("bin").join(program).is_file())
    })
}

/// Everything that `purpose` needs.
pub(super) fn all(purpose: Purpose) -> Vec<Requirement> {
    let mut list = DEMO.to_vec();
    if has_display() {
        list.push(GRAPHICAL_PINENTRY);
    }
    if purpose == Purpose::Test {
        list.extend(TEST);
        list.extend(FOREIGN_CLIENTS);
    }
    list
}

/// Whether the PIN prompt can open a window in this session.
pub(super) fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

const fn needed(
    what: &'static str,
    probe: Probe,
    [debian, fedora, arch]: [&'static str; 3],
) -> Requirement {
    Requirement {
        what,
        probe,
        debian,
        fedora,
        arch,
    }
}

const GRAPHICAL_PINENTRY: Requirement = needed(
    "a graphical PIN prompt",
    Probe::Program(&[
        "pinentry-gtk-2",
        "pinentry-qt",
        "pinentry-qt5",
        "pinentry-gnome3",
        "pinentry-fltk",
    ]),
    ["pinentry-qt", "pinentry-qt", "pinentry"],
);

const DEMO: [Requirement; 9] = [
    needed(
        "a C compiler",
        Probe::Program(&["cc", "gcc"]),
        ["gcc", "gcc", "gcc"],
    ),
    needed(
        "the C library's headers",
        Probe::File(&["/usr/include/stdio.h"]),
        ["libc6-dev", "glibc-devel", "glibc"],
    ),
    needed(
        "pkg-config",
        Probe::Program(&["pkg-config"]),
        ["pkg-config", "pkgconf-pkg-config", "pkgconf"],
    ),
    needed(
        "OpenSSL's headers",
        Probe::Library("openssl"),
        ["libssl-dev", "openssl-devel", "openssl"],
    ),
    needed(
        "PC/SC's headers",
        Probe::Library("libpcsclite"),
        ["libpcsclite-dev", "pcsc-lite-devel", "pcsclite"],
    ),
    needed(
        "openssl",
        Probe::Program(&["openssl"]),
        ["openssl", "openssl", "openssl"],
    ),
    needed(
        "pcscd",
        Probe::Program(&["pcscd"]),
        ["pcscd", "pcsc-lite", "pcsclite"],
    ),
    needed(
        "the virtual reader's driver (vpcd)",
        Probe::File(&VPCD_DRIVERS),
        [
            "vsmartcard-vpcd",
            "vsmartcard-vpcd",
            "virtualsmartcard (AUR)",
        ],
    ),
    needed(
        "a PIN prompt",
        Probe::Program(&["pinentry-curses", "pinentry-tty", "pinentry"]),
        ["pinentry-curses", "pinentry", "pinentry"],
    ),
];

/// Where Debian and others put the virtual reader's driver.
pub(super) const VPCD_DRIVERS: [&str; 2] = [
    "/usr/lib/pcsc/drivers/serial/libifdvpcd.so",
    "/usr/lib64/pcsc/drivers/serial/libifdvpcd.so",
];

/// Where Debian, Fedora and Arch put the library that lies about the time.
pub(super) const FAKETIME_LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// Where Debian, Fedora and Arch put the modules of Apache's web server.
pub(super) const APACHE_MODULES: [&str; 3] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
];

/// The parts that other people's OpenID Connect clients run on.
pub(super) const FOREIGN_CLIENTS: [Requirement; 4] = [
    needed(
        "npm",
        Probe::Program(&["npm"]),
        ["npm", "nodejs-npm", "npm"],
    ),
    needed(
        "Python's virtual environments",
        Probe::PythonModules("ensurepip, venv"),
        ["python3-venv", "python3", "python"],
    ),
    needed(
        "Apache's web server",
        Probe::Program(&["apache2", "httpd"]),
        ["apache2-bin", "httpd-core", "apache"],
    ),
    needed(
        "mod_auth_openidc",
        Probe::File(&[
            "/usr/lib/apache2/modules/mod_auth_openidc.so",
            "/usr/lib64/httpd/modules/mod_auth_openidc.so",
            "/usr/lib/httpd/modules/mod_auth_openidc.so",
        ]),
        [
            "libapache2-mod-auth-openidc",
            "mod_auth_openidc",
            "mod_auth_openidc (AUR)",
        ],
    ),
];

const TEST: &[Requirement] = &[
    needed(
        "pdftotext",
        Probe::Program(&["pdftotext"]),
        ["poppler-utils", "poppler-utils", "poppler"],
    ),
    needed(
        "rsyslog",
        Probe::Program(&["rsyslogd"]),
        ["rsyslog", "rsyslog", "rsyslog"],
    ),
    needed(
        "rsyslog's TLS over OpenSSL",
        Probe::File(&[
            "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so",
            "/usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_ossl.so",
            "/usr/lib64/rsyslog/lmnsd_ossl.so",
            "/usr/lib/rsyslog/lmnsd_ossl.so",
        ]),
        ["rsyslog-openssl", "rsyslog-openssl", "rsyslog"],
    ),
    needed(
        "OpenSSH's server",
        Probe::Program(&["sshd"]),
        ["openssh-server", "openssh-server", "openssh"],
    ),
    needed(
        "OpenSSH's client",
        Probe::Program(&["ssh"]),
        ["openssh-client", "openssh-clients", "openssh"],
    ),
    needed(
        "pamtester",
        Probe::Program(&["pamtester"]),
        ["pamtester", "pamtester", "pamtester"],
    ),
    needed("sudo", Probe::Program(&["sudo"]), ["sudo", "sudo", "sudo"]),
    needed(
        "debootstrap, which makes a bare system for packages",
        Probe::Program(&["debootstrap"]),
        ["debootstrap", "debootstrap", "debootstrap"],
    ),
    needed(
        "dpkg-shlibdeps, which names the libraries of a package",
        Probe::Program(&["dpkg-shlibdeps"]),
        ["dpkg-dev", "dpkg-dev", "dpkg"],
    ),
    needed(
        "systemd-analyze",
        Probe::Program(&["systemd-analyze"]),
        ["systemd", "systemd", "systemd"],
    ),
    needed(
        "man",
        Probe::Program(&["man"]),
        ["man-db", "man-db", "man-db"],
    ),
    needed(
        "mandoc",
        Probe::Program(&["mandoc"]),
        ["mandoc", "mandoc", "mandoc"],
    ),
    needed(
        "HAProxy",
        Probe::Program(&["haproxy"]),
        ["haproxy", "haproxy", "haproxy"],
    ),
    needed(
        "nginx",
        Probe::Program(&["nginx"]),
        ["nginx-light", "nginx", "nginx"],
    ),
    needed(
        "Caddy",
        Probe::Program(&["caddy"]),
        ["caddy", "caddy", "caddy"],
    ),
    needed("curl", Probe::Program(&["curl"]), ["curl", "curl", "curl"]),
    needed(
        "OpenSSL's engine for PKCS#11",
        Probe::File(&[
            "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so",
            "/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so",
            "/usr/lib64/engines-3/pkcs11.so",
            "/usr/lib/engines-3/pkcs11.so",
        ]),
        ["libengine-pkcs11-openssl", "openssl-pkcs11", "libp11"],
    ),
    needed(
        "NSS's certutil and pk12util",
        Probe::Program(&["pk12util"]),
        ["libnss3-tools", "nss-tools", "nss"],
    ),
    needed(
        "OpenSC",
        Probe::Program(&["pkcs11-tool"]),
        ["opensc", "opensc", "opensc"],
    ),
    needed(
        "OpenSC's piv-tool",
        Probe::Program(&["piv-tool"]),
        ["opensc", "opensc", "opensc"],
    ),
    needed(
        "yubico-piv-tool",
        Probe::Program(&["yubico-piv-tool"]),
        ["yubico-piv-tool", "yubico-piv-tool", "yubico-piv-tool"],
    ),
    needed(
        "SoftHSM2",
        Probe::Program(&["softhsm2-util"]),
        ["softhsm2", "softhsm", "softhsm"],
    ),
    needed(
        "Chromium",
        Probe::Program(&["chromium", "chromium-browser", "google-chrome"]),
        ["chromium", "chromium", "chromium"],
    ),
    needed(
        "chromedriver",
        Probe::Program(&["chromedriver"]),
        ["chromium-driver", "chromedriver", "chromium"],
    ),
    needed(
        "Firefox",
        Probe::Program(&["firefox-esr", "firefox"]),
        ["firefox-esr", "firefox", "firefox"],
    ),
    needed(
        "a font for the screenshots",
        Probe::File(&["/usr/share/fonts/truetype", "/usr/share/fonts"]),
        ["fonts-dejavu-core", "dejavu-sans-fonts", "ttf-dejavu"],
    ),
    needed(
        "PostgreSQL",
        Probe::Versioned {
            folder: "/usr/lib/postgresql",
            program: "initdb",
        },
        ["postgresql", "postgresql-server", "postgresql"],
    ),
    needed(
        "Redis",
        Probe::Program(&["redis-server"]),
        ["redis-server", "redis", "redis"],
    ),
    needed(
        "OpenLDAP's slapd",
        Probe::Program(&["slapd"]),
        ["slapd", "openldap-servers", "openldap"],
    ),
    needed(
        "a D-Bus daemon",
        Probe::Program(&["dbus-daemon"]),
        ["dbus-daemon", "dbus-daemon", "dbus"],
    ),
    needed(
        "python3-dbusmock, which speaks as logind",
        Probe::File(&[
            "/usr/lib/python3/dist-packages/dbusmock",
            "/usr/lib/python3.13/site-packages/dbusmock",
            "/usr/lib/python3.14/site-packages/dbusmock",
        ]),
        ["python3-dbusmock", "python3-dbusmock", "python-dbusmock"],
    ),
    needed(
        "a desktop's tray (ayatana-indicator-application), which gathers icons",
        Probe::File(&[
            "/usr/libexec/ayatana-indicator-application/ayatana-indicator-application-service",
        ]),
        [
            "ayatana-indicator-application",
            "ayatana-indicator-application",
            "ayatana-indicator-application",
        ],
    ),
    needed(
        "a TPM in software (swtpm)",
        Probe::Program(&["swtpm"]),
        ["swtpm", "swtpm", "swtpm"],
    ),
    needed(
        "the PKCS#11 module for TPMs",
        Probe::File(&[
            "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
            "/usr/lib/aarch64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
            "/usr/lib64/pkcs11/libtpm2_pkcs11.so",
            "/usr/lib/pkcs11/libtpm2_pkcs11.so",
        ]),
        ["libtpm2-pkcs11-1", "tpm2-pkcs11", "tpm2-pkcs11"],
    ),
    needed(
        "the way from that module to swtpm",
        Probe::File(&[
            "/usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0",
            "/usr/lib/aarch64-linux-gnu/libtss2-tcti-swtpm.so.0",
            "/usr/lib64/libtss2-tcti-swtpm.so.0",
            "/usr/lib/libtss2-tcti-swtpm.so.0",
        ]),
        ["libtss2-tcti-swtpm0", "tpm2-tss", "tpm2-tss"],
    ),
    needed(
        "libfaketime",
        Probe::File(&FAKETIME_LIBRARIES),
        ["faketime", "libfaketime", "libfaketime"],
    ),
    needed(
        "Prometheus and its promtool",
        Probe::Program(&["promtool"]),
        ["prometheus", "golang-github-prometheus", "prometheus"],
    ),
];
