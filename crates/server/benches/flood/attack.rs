//! Requests without credentials, as many as go through, from an address of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use reqwest::{Client, RequestBuilder};

use crate::Failure;
use crate::program::{CLIENT_ID, REDIRECT_URI};

/// People log in from 127.0.0.1.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
/// Requests under way at once.
const AT_ONCE: usize = 16;

/// A running flood, in a thread of its own.
pub(crate) struct Attack {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Attack {
    pub(crate) fn begin(issuer: &str) -> Result<Self, Failure> {
        let http = Client::builder()
            .local_address(ADDRESS)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, counter, issuer) = (stop.clone(), answered.clone(), issuer.to_owned());
        let thread = std::thread::spawn(move || {
            let senders = (0..AT_ONCE).map(|number| {
                let (http, issuer) = (http.clone(), issuer.clone());
                let (stopped, counter) = (stopped.clone(), counter.clone());
                async move {
                    while !stopped.load(Ordering::Relaxed) {
                        let answer = request(number, &http, &issuer).send().await?;
                        answer.bytes().await?;
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<_, Failure>(())
                }
            });
            let all = futures_util::future::try_join_all(senders);
            runtime.block_on(all).map(drop)
        });
        Ok(Self {
            stop,
            answered,
            thread,
        })
    }

    /// Ends it, and says how many requests were answered.
    pub(crate) fn end(self) -> Result<usize, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| "the flood panicked")??;
        Ok(self.answered.load(Ordering::Relaxed))
    }
}

/// Half of them begin logins; the others are refused.
fn request(number: usize, http: &Client, issuer: &str) -> RequestBuilder {
    let form = [("grant_type", "authorization_code"), ("code", "guess")];
    match number % 4 {
        0 | 1 => http.get(format!("{issuer}/authorize")).query(&[
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", "openid"),
            (
                "code_challenge",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
            ("code_challenge_method", "S256"),
        ]),
        2 => http.get(format!("{issuer}/authorize?client_id=nobody")),
        _ => http
            .post(format!("{issuer}/token"))
            .basic_auth(CLIENT_ID, Some("guess"))
            .form(&form),
    }
}
