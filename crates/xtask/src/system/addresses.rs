//! Where each part of the system listens.

use anyhow::Result;

use crate::system::port;

/// Plain HTTP or TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP, which the server allows on loopback addresses only.
    Http,
    /// TLS with a certificate of the demo CA.
    Https,
}

/// The ports of one system.
#[derive(Clone, Debug)]
pub struct Addresses {
    scheme: Scheme,
    issuer_path: String,
    server_port: u16,
    portal_port: u16,
    agent_port: u16,
    pki_port: u16,
    ocsp_port: u16,
    /// The virtual reader's port; the driver also takes the one after it.
    vpcd_port: u16,
}

impl Addresses {
    pub(super) fn choose(
        scheme: Scheme,
        issuer_path: &str,
        prefer_demo_ports: bool,
    ) -> Result<Self> {
        let [server, portal, agent] = if prefer_demo_ports {
            [8080, 8081, 47110]
        } else {
            [0, 0, 0]
        };
        let ports = port::free([server, portal, agent, 0, 0])?;
        let [server_port, portal_port, agent_port, pki_port, ocsp_port] = ports;
        let vpcd_port = port::free_pair()?;
        Ok(Self {
            scheme,
            issuer_path: issuer_path.to_owned(),
            server_port,
            portal_port,
            agent_port,
            pki_port,
            ocsp_port,
            vpcd_port,
        })
    }

    /// The issuer: the server's address, and a path where the options give it one.
    pub fn issuer(&self) -> String {
        format!("{}{}", self.origin(), self.issuer_path)
    }

    /// The server's address.
    pub fn origin(&self) -> String {
        self.public(self.server_port)
    }

    /// The portal's address.
    pub fn portal_url(&self) -> String {
        self.public(self.portal_port)
    }

    /// The agent's address; always plain HTTP on loopback.
    pub fn agent_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.agent_port)
    }

    /// `HOST:PORT` of the virtual reader's driver.
    pub fn vpcd(&self) -> String {
        format!("127.0.0.1:{}", self.vpcd_port)
    }

    /// `HOST:PORT` of the driver's second reader.
    pub fn second_vpcd(&self) -> String {
        format!("127.0.0.1:{}", self.vpcd_port.saturating_add(1))
    }

    /// The port of the virtual reader's driver.
    pub fn vpcd_port(&self) -> u16 {
        self.vpcd_port
    }

    /// `HOST:PORT` of the test PKI's CRLs and certificates.
    pub fn publication(&self) -> String {
        self.pki_listen()
    }

    pub(super) fn pki_url(&self) -> String {
        format!("http://{}", self.pki_listen())
    }

    pub(super) fn ocsp_url(&self) -> String {
        format!("http://{}", self.ocsp_listen())
    }

    pub(super) fn server_listen(&self) -> String {
        format!("127.0.0.1:{}", self.server_port)
    }

    pub(super) fn portal_listen(&self) -> String {
        format!("127.0.0.1:{}", self.portal_port)
    }

    pub(super) fn pki_listen(&self) -> String {
        format!("127.0.0.1:{}", self.pki_port)
    }

    pub(super) fn ocsp_listen(&self) -> String {
        format!("127.0.0.1:{}", self.ocsp_port)
    }

    pub(super) fn server_port(&self) -> u16 {
        self.server_port
    }

    pub(super) fn portal_port(&self) -> u16 {
        self.portal_port
    }

    /// The agent's port on 127.0.0.1.
    pub fn agent_port(&self) -> u16 {
        self.agent_port
    }

    pub(super) fn pki_port(&self) -> u16 {
        self.pki_port
    }

    pub(super) fn ocsp_port(&self) -> u16 {
        self.ocsp_port
    }

    fn public(&self, port: u16) -> String {
        match self.scheme {
            Scheme::Http => format!("http://127.0.0.1:{port}"),
            Scheme::Https => format!("https://127.0.0.1:{port}"),
        }
    }
}
