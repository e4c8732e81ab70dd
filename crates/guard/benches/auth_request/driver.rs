//! Who asks: some connections that are kept, one request after the other on each.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::site::{Site, Spent};

/// nginx gives a backend up after a minute: who waits longer has met somebody who says nothing.
const SILENCE_LIMIT: Duration = Duration::from_secs(75);

/// What came of it.
pub(crate) struct Measured {
    pub requests: u32,
    wall: Duration,
    spent: Spent,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.requests) / self.wall.as_secs_f64()
    }

    pub(crate) fn nginx_micros(&self) -> f64 {
        self.micros(self.spent.nginx)
    }

    pub(crate) fn backend_micros(&self) -> f64 {
        self.micros(self.spent.backend)
    }

    pub(crate) fn all_micros(&self) -> f64 {
        self.micros(self.spent.nginx + self.spent.backend + self.spent.driver)
    }

    fn micros(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / f64::from(self.requests)
    }
}

/// Sends each connection's requests again and again for a while, or each once.
pub(crate) async fn drive(
    address: &str,
    requests: Vec<Vec<Vec<u8>>>,
    is_once: bool,
    time: Duration,
    site: &Site,
) -> Measured {
    let before = site.spent();
    let began = Instant::now();
    let until = began + time;
    let tasks = requests.into_iter().map(|requests| {
        let address = Rc::new(address.to_owned());
        tokio::task::spawn_local(async move {
            let mut stream = TcpStream::connect(address.as_str()).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut count = 0_u32;
            let mut buffer = Vec::with_capacity(4_096);
            loop {
                for request in &requests {
                    if Instant::now() >= until {
                        return count;
                    }
                    stream.write_all(request).await.unwrap();
                    read_answer(&mut stream, &mut buffer).await;
                    count += 1;
                }
                if is_once {
                    return count;
                }
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut requests = 0;
    for task in tasks {
        let ended = tokio::time::timeout(time + SILENCE_LIMIT, task).await;
        requests += ended.expect("an answer never came").unwrap();
    }
    Measured {
        requests,
        wall: began.elapsed(),
        spent: site.spent().since(&before),
    }
}

/// Reads one answer, which must be good.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(read > 0, "nginx has closed the connection");
        let Some(head) = find(buffer, b"\r\n\r\n") else {
            continue;
        };
        if !buffer.starts_with(b"HTTP/1.1 200") {
            panic!("{}", String::from_utf8_lossy(buffer));
        }
        let place = find(buffer, b"Content-Length: ").expect("a length") + 16;
        let digits = buffer[place..].iter().take_while(|it| it.is_ascii_digit());
        let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        if buffer.len() >= head + 4 + length {
            return;
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|it| it == part)
}
