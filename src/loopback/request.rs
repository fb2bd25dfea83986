//! One HTTP request: its head, read within limits, and its body for who wants it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// The bytes that a head may have.
const LONGEST_HEAD: u64 = 16 << 10;
/// How many headers there may be.
const MOST_HEADERS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Content.
    Get,
    /// Only what is said about the content.
    Head,
    /// That something is taken.
    Post,
    /// Anything else.
    Other,
}

/// A request, without its body.
#[derive(Debug)]
pub(crate) struct Request {
    /// What is asked for.
    pub(crate) method: Method,
    /// The path, as it was sent, with what follows a `?`.
    pub(crate) target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    /// The bytes of the body that nobody read yet.
    left: u64,
    /// Whether the other side may ask again.
    goes_on: bool,
}

impl Request {
    /// The next request of a connection; none at its end.
    ///
    /// # Errors
    /// The status with which a head is refused.
    pub(super) fn read(mut reader: BufReader<TcpStream>) -> Result<Option<Self>, u16> {
        let head = read_head(&mut reader)?;
        if head.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(431),
            _ => return Err(400),
        }
        let method = match parsed.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            _ => Method::Other,
        };
        let target = parsed.path.unwrap_or_default().to_owned();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: Vec<(String, String)> = parsed
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
            .collect();
        let is_new = parsed.version == Some(1);
        let mut request = Self { method, target, headers, reader, left: 0, goes_on: false };
        request.left = request.length()?;
        let ends = request.values("connection").any(|value| value.eq_ignore_ascii_case("close"));
        request.goes_on = is_new && !ends;
        Ok(Some(request))
    }

    /// The values of a header, whose name is in lower case.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The path without what follows a `?`.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The body, if it has at most so many bytes.
    ///
    /// # Errors
    /// When the other side breaks off.
    pub(crate) fn read_body(&mut self, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
        if self.left > limit {
            return Ok(None);
        }
        let mut body = Vec::new();
        self.reader.by_ref().take(self.left).read_to_end(&mut body)?;
        if (body.len() as u64) < self.left {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left = 0;
        Ok(Some(body))
    }

    /// The connection, if the next request stands there.
    pub(super) fn into_next(self) -> Option<BufReader<TcpStream>> {
        (self.left == 0 && self.goes_on).then_some(self.reader)
    }

    /// The bytes of the body.
    fn length(&self) -> Result<u64, u16> {
        // Browsers say how long their bodies are.
        if self.values("transfer-encoding").next().is_some() {
            return Err(411);
        }
        let mut lengths = self.values("content-length");
        let length = lengths.next().map_or(Ok(0), |text| text.parse().map_err(|_| 400_u16))?;
        if lengths.next().is_some() { Err(400) } else { Ok(length) }
    }
}

/// Everything up to the empty line; nothing where the connection has ended.
fn read_head(reader: &mut BufReader<TcpStream>) -> Result<Vec<u8>, u16> {
    let mut head = Vec::new();
    let mut limited = reader.take(LONGEST_HEAD);
    loop {
        let before = head.len();
        match limited.read_until(b'\n', &mut head) {
            // A connection that ends, or says nothing for long, between two requests or in one.
            Err(_) | Ok(0) if limited.limit() > 0 => return Ok(Vec::new()),
            Err(_) | Ok(0) => return Err(431),
            Ok(_) if before > 0 && matches!(&head[before..], b"\r\n" | b"\n") => return Ok(head),
            Ok(_) => {}
        }
    }
}
