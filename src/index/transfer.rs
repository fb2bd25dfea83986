//! One transfer from a server, tried again where that may help.
//!
//! Tried again: connections that fail or break, and the statuses with which servers ask for patience. A file whose digest
//! is known is gone on with where it broke, if the server serves ranges.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use ureq::http::{Response, header};

use super::limits::FetchLimits;
use crate::error::Result;
use crate::ui::Task;

/// The statuses of servers that are busy or about to be back.
const PASSING: [u16; 4] = [429, 502, 503, 504];
/// How much is read at once.
const PIECE: usize = 64 << 10;

/// Why one try came to nothing.
pub(super) enum Failure {
    /// It may work the next time, after a pause if the server asks for one.
    Passing(anyhow::Error, Option<Duration>),
    /// It will not.
    Final(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

/// Tries until something came of it. The error says how often and what came of each try.
pub(super) fn retry<T>(
    limits: &FetchLimits,
    time: Duration,
    tries: u32,
    mut attempt: impl FnMut(Instant) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let end = Instant::now() + time;
    let mut failures: Vec<String> = Vec::new();
    let mut pause = limits.pause;
    loop {
        let (error, asked) = match attempt(end) {
            Ok(done) => return Ok(done),
            Err(Failure::Final(error)) => return Err(Failure::Final(error)),
            Err(Failure::Passing(error, asked)) => (error, asked),
        };
        failures.push(format!("{error:#}"));
        let wait = asked.unwrap_or(pause);
        let is_over = failures.len() >= tries as usize || Instant::now() + wait >= end;
        if is_over || wait > limits.longest_pause {
            let error = if failures.len() == 1 { error } else { anyhow!(describe(&failures)) };
            return Err(Failure::Passing(error, None));
        }
        std::thread::sleep(wait);
        pause *= 2;
    }
}

/// What came of several tries, each said once.
fn describe(failures: &[String]) -> String {
    let tried = format!("tried {} times", failures.len());
    let mut different = failures.to_vec();
    different.dedup();
    match &different[..] {
        [one] => format!("{one} ({tried})"),
        _ => format!("{tried}: {}", different.join("; then ")),
    }
}

/// What a server answered, if it is worth reading; nothing if there is nothing.
pub(super) fn answer(
    called: Result<Response<ureq::Body>, ureq::Error>,
) -> Result<Option<Response<ureq::Body>>, Failure> {
    let response = called.map_err(failure)?;
    match response.status().as_u16() {
        200 | 206 => Ok(Some(response)),
        404 => Ok(None),
        status @ (401 | 403) => Err(Failure::Final(anyhow!("the server refuses access (status {status})"))),
        status if PASSING.contains(&status) => {
            let seconds = header_text(&response, header::RETRY_AFTER).and_then(|text| text.parse().ok());
            let asked = seconds.map(Duration::from_secs);
            let patience = asked.map(|time| format!(" and asks for {} s", time.as_secs()));
            let error = anyhow!("the server answers with status {status}{}", patience.unwrap_or_default());
            Err(Failure::Passing(error, asked))
        }
        status => Err(Failure::Final(anyhow!("the server answers with status {status}"))),
    }
}

fn failure(error: ureq::Error) -> Failure {
    use ureq::Error;
    let may_pass = matches!(
        error,
        Error::Io(_) | Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed | Error::Protocol(_)
    );
    if may_pass { Failure::Passing(error.into(), None) } else { Failure::Final(error.into()) }
}

/// A header's text.
pub(super) fn header_text(response: &Response<ureq::Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// Copies a body of at most so many bytes, until the end of the time.
pub(super) fn copy_body(
    response: Response<ureq::Body>,
    target: &mut impl Write,
    most: u64,
    end: Instant,
    mut on_bytes: impl FnMut(u64),
) -> Result<(), Failure> {
    let mut body = response.into_body().into_with_config().limit(most).reader();
    let mut piece = vec![0; PIECE];
    let mut copied = 0;
    loop {
        let read = body.read(&mut piece).map_err(|error| broken(error, copied, most))?;
        if read == 0 {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(Failure::Final(anyhow!("it takes too long: {copied} bytes came in all the time")));
        }
        target.write_all(&piece[..read]).context("cannot keep what was downloaded")?;
        copied += read as u64;
        on_bytes(read as u64);
    }
}

/// Why a body cannot be read on.
fn broken(error: std::io::Error, copied: u64, most: u64) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    match inner {
        Some(ureq::Error::BodyExceedsLimit(_)) => {
            Failure::Final(anyhow!("it has more than {most} bytes, the most that is taken"))
        }
        Some(ureq::Error::Decompress(..)) => Failure::Final(anyhow!(error)),
        _ => {
            let context = format!("the connection broke after {copied} bytes");
            Failure::Passing(anyhow!(error).context(context), None)
        }
    }
}

/// A file that is being downloaded, as far as it is there.
pub(super) struct Partial<'a> {
    file: fs_err::File,
    task: &'a dyn Task,
    most: u64,
    /// Whether what is there may be gone on with.
    is_resumable: bool,
    length: u64,
}

impl<'a> Partial<'a> {
    pub(super) fn new(file: fs_err::File, task: &'a dyn Task, most: u64) -> Self {
        Self { file, task, most, is_resumable: false, length: 0 }
    }

    /// The range to ask for: what is not there yet.
    pub(super) fn range(&self) -> Option<String> {
        (self.is_resumable && self.length > 0).then(|| format!("bytes={}-", self.length))
    }

    /// Takes what the server sends: the rest, or all anew.
    pub(super) fn take(&mut self, response: Response<ureq::Body>, end: Instant) -> Result<(), Failure> {
        let start = format!("bytes {}-", self.length);
        let is_rest = response.status().as_u16() == 206;
        let fits =
            header_text(&response, header::CONTENT_RANGE).is_some_and(|range| range.starts_with(&start));
        if is_rest && !(self.is_resumable && fits) {
            self.is_resumable = false;
            let error = anyhow!("the server sends another part of the file than was asked for");
            return Err(Failure::Passing(error, None));
        }
        if !is_rest {
            self.restart()?;
        }
        let sent: Option<u64> =
            header_text(&response, header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let whole = sent.map(|sent| self.length.saturating_add(sent));
        if let Some(whole) = whole.filter(|whole| *whole > self.most) {
            return Err(Failure::Final(anyhow!(
                "it has {whole} bytes, and {} is the most that is taken",
                self.most
            )));
        }
        let ranges = header_text(&response, header::ACCEPT_RANGES);
        // Without a length the body may be a decompressed one, of which ranges mean something else.
        self.is_resumable = sent.is_some() && (is_rest || ranges == Some("bytes"));
        let Self { file, task, most, length, .. } = self;
        copy_body(response, file, most.saturating_sub(*length), end, |bytes| {
            *length += bytes;
            if let Some(whole) = whole {
                task.count_bytes(*length, whole);
            }
        })
    }

    fn restart(&mut self) -> Result<()> {
        self.length = 0;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(())
    }

    /// The end: all is written.
    pub(super) fn finish(mut self) -> Result<()> {
        self.file.flush()?;
        if self.file.metadata()?.len() != self.length {
            bail!("what was downloaded is not what came");
        }
        Ok(())
    }
}
