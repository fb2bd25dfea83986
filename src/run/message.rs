//! What comes out of a session that runs in a browser.

use serde_json::Value;

use crate::ui::Stream;

/// What comes out of a session.
#[derive(Debug)]
pub(super) enum SessionMessage {
    /// An event: an object with the key `event`.
    Event(Value),
    /// Bytes of the session's stdout or stderr.
    Output(Stream, Vec<u8>),
    /// A message of the page's console.
    Console(String),
    /// The browser's renderer is gone.
    Gone,
}

impl SessionMessage {
    /// What a browser sent to an address of the server.
    pub(super) fn of_post(path: &str, body: Vec<u8>) -> Option<Self> {
        match path {
            "event" => serde_json::from_slice(&body).ok().map(Self::Event),
            "stdout" => Some(Self::Output(Stream::Stdout, body)),
            "stderr" => Some(Self::Output(Stream::Stderr, body)),
            "console" => Some(Self::Console(String::from_utf8_lossy(&body).into_owned())),
            _ => None,
        }
    }
}
