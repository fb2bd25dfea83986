//! A small HTTP server on loopback: for the page of a session, and for a site that is tried out.
//!
//! Every process of this machine reaches a port of loopback, whoever's it is, and so does a page of another site in the
//! user's browser. Names and origins keep pages out ([`names`]); a path that nobody can guess ([`secret`]) keeps
//! processes out. What a stranger sends costs no more than a few kilobytes.

mod names;
mod request;

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::anyhow;

use crate::error::Result;
use names::Names;
pub(crate) use request::{Method, Request};

/// How long a connection may say nothing.
const PATIENCE: Duration = Duration::from_mins(5);
/// How many connections there are at once. A browser has about ten.
const MOST_CONNECTIONS: usize = 256;

/// What a server answers.
pub(crate) enum Answer {
    /// A status without content.
    Status(u16),
    /// Content of this type.
    Content {
        /// Its media type.
        kind: &'static str,
        /// Further headers.
        headers: &'static [(&'static str, &'static str)],
        /// The bytes.
        body: Vec<u8>,
    },
    /// Bytes now and then, until the other side is gone; then the last function is called.
    Beats(Box<dyn FnOnce()>),
}

/// A server that answers until this is dropped.
pub(crate) struct LoopbackServer {
    names: Arc<Names>,
    socket: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl LoopbackServer {
    /// Listens on a port of loopback; 0 is any that is free.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub(crate) fn start(
        port: u16,
        answer: impl Fn(&mut Request) -> Answer + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let socket = listener.local_addr()?;
        let names = Arc::new(Names::of_port(socket.port()));
        let stopped = Arc::new(AtomicBool::new(false));
        let server = Self { names: Arc::clone(&names), socket, stopped: Arc::clone(&stopped) };
        let (answer, open) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
                    open.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let (answer, names, open) = (Arc::clone(&answer), Arc::clone(&names), Arc::clone(&open));
                // Each on its own: a page whose script waits for an answer reads nothing else meanwhile.
                std::thread::spawn(move || {
                    // One that hangs up early is its own affair.
                    drop(serve(&connection, &names, &*answer));
                    hang_up(&connection);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(server)
    }

    /// The address: `http://127.0.0.1:8000/`.
    pub(crate) fn address(&self) -> String {
        self.names.address()
    }
}

impl Drop for LoopbackServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // The thread waits for a connection: this is one.
        drop(TcpStream::connect(self.socket));
    }
}

/// 128 random bits as hexadecimal digits: a part of a path that nobody guesses.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(crate) fn secret() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Ends a connection. Who ends one while something is unread takes the answer back: so some more is read.
fn hang_up(mut connection: &TcpStream) {
    drop(connection.shutdown(Shutdown::Write));
    drop(connection.set_read_timeout(Some(Duration::from_secs(1))));
    let mut unread = [0; 4096];
    for _ in 0..64 {
        if !matches!(connection.read(&mut unread), Ok(1..)) {
            break;
        }
    }
    drop(connection.shutdown(Shutdown::Both));
}

/// Answers the requests of one connection.
fn serve(
    connection: &TcpStream,
    names: &Names,
    answer: &dyn Fn(&mut Request) -> Answer,
) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let mut request = match Request::read(reader) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(status) => return write_answer(connection, Method::Get, Answer::Status(status)),
        };
        let answer = if names.are_meant_by(&request) { answer(&mut request) } else { Answer::Status(403) };
        write_answer(connection, request.method, answer)?;
        // What follows a body that nobody read is no request.
        match request.into_next() {
            Some(rest) => reader = rest,
            None => return Ok(()),
        }
    }
}

fn write_answer(mut connection: &TcpStream, method: Method, answer: Answer) -> std::io::Result<()> {
    let (status, kind, headers, body) = match answer {
        Answer::Status(status) => (status, "text/plain", &[][..], Vec::new()),
        Answer::Content { kind, headers, body } => (200, kind, headers, body),
        Answer::Beats(gone) => return beat(connection, gone),
    };
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n",
        reason(status),
        body.len()
    );
    for (name, value) in headers {
        head.extend([*name, ": ", *value, "\r\n"]);
    }
    head.push_str("\r\n");
    connection.write_all(head.as_bytes())?;
    if method != Method::Head {
        connection.write_all(&body)?;
    }
    connection.flush()
}

/// Keeps a connection open until the other side is gone.
fn beat(mut connection: &TcpStream, gone: Box<dyn FnOnce()>) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut written = connection.write_all(head.as_bytes());
    while written.is_ok() {
        std::thread::sleep(Duration::from_millis(200));
        written = connection.write_all(b"1\r\n.\r\n");
    }
    gone();
    written
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
