//! Servers that are slow, busy, broken or endless, and what the index's client makes of them.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use cargo_pyodide::index::limits::FetchLimits;
use cargo_pyodide::index::settings::IndexSettings;
use cargo_pyodide::index::{PackageIndex, Resume};
use cargo_pyodide::redacted::Redacted;
use cargo_pyodide::ui::Task;
use url::Url;

use crate::harness::folder;

/// Answers each connection in its turn; the last answer serves all that follow. Keeps the heads of requests.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

type Answer = fn(&mut TcpStream) -> std::io::Result<()>;

fn serve(answers: &'static [Answer]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/simple/", listener.local_addr().unwrap());
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = requests.clone();
    std::thread::spawn(move || {
        for (number, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            let seen = seen.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(&connection).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                seen.lock().unwrap().push(head.join("\n").to_lowercase());
                // A client that hangs up is what is tested.
                let _ = answers[number.min(answers.len() - 1)](&mut connection);
            });
        }
    });
    Server { address, requests }
}

fn limits() -> FetchLimits {
    FetchLimits {
        idle: Duration::from_millis(800),
        page_time: Duration::from_secs(4),
        file_time: Duration::from_secs(4),
        page_size: 1 << 20,
        file_size: 1 << 20,
        pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(50),
        ..FetchLimits::default()
    }
}

#[derive(Default)]
struct Counted(Mutex<Vec<(u64, u64)>>);

impl Task for Counted {
    fn say(&self, _: &str) {}

    fn count(&self, done: u64, of: u64) {
        self.0.lock().unwrap().push((done, of));
    }
}

impl Server {
    fn index(&self, limits: FetchLimits) -> PackageIndex {
        let index_url = Redacted::new(Url::parse(&self.address).unwrap());
        PackageIndex::open_within(&IndexSettings { index_url, cert: None, proxy: None }, limits).unwrap()
    }

    /// What comes of a download: the file, or the error.
    fn download(&self, target: &Path, resume: Resume) -> Result<Vec<u8>, String> {
        let url = Url::parse(&self.address).unwrap().join("../file").unwrap();
        let started = Instant::now();
        let done = self.index(limits()).download(&url, target, resume, &Counted::default());
        assert!(started.elapsed() < Duration::from_secs(30), "it takes {:?}", started.elapsed());
        done.map(|()| fs_err::read(target).unwrap()).map_err(|error| self.without_port(&format!("{error:#}")))
    }

    fn without_port(&self, text: &str) -> String {
        let text = text.replace(self.address.trim_end_matches("/simple/"), "SERVER");
        // How many bytes trickle in is up to the machine.
        match (text.find("too long: "), text.find(" bytes came")) {
            (Some(start), Some(end)) => format!("{}N{}", &text[..start + 10], &text[end..]),
            _ => text,
        }
    }
}

const fn half() -> [u8; 500] {
    [b'a'; 500]
}

fn send_half(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nAccept-Ranges: bytes\r\n\r\n")?;
    stream.write_all(&half())
}

fn send_rest(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 206 Partial\r\nContent-Length: 500\r\nContent-Range: bytes 500-999/1000\r\n\r\n",
    )?;
    stream.write_all(&[b'b'; 500])
}

fn send_other_part(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 206 Partial\r\nContent-Length: 500\r\nContent-Range: bytes 400-899/1000\r\n\r\n",
    )?;
    stream.write_all(&[b'x'; 500])
}

fn send_whole(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&[half(), [b'b'; 500]].concat())
}

fn send_busy(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 429 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn send_busy_for_long(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
}

fn send_nothing(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
    std::thread::sleep(Duration::from_secs(5));
    Ok(())
}

fn trickle(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
    loop {
        stream.write_all(b"x")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn send_for_ever(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
    loop {
        stream.write_all(&[b'x'; 10_000])?;
    }
}

fn send_bomb(stream: &mut TcpStream) -> std::io::Result<()> {
    // Compressed before anybody waits for it.
    static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&vec![b' '; 10 << 20]).unwrap();
        encoder.finish().unwrap()
    });
    let bomb = &*BOMB;
    let length = bomb.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n")?;
    stream.write_all(bomb)
}

fn send_large(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
    stream.write_all(b"x")
}

fn hang_up(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown(std::net::Shutdown::Both)
}

#[test]
fn a_download_that_breaks_is_gone_on_with() {
    let place = folder();
    let target = place.path().join("file");
    let whole = [half(), [b'b'; 500]].concat();
    let range = "range: bytes=500-";
    let asked = |server: &Server, number: usize| server.requests.lock().unwrap()[number].contains(range);

    let server = serve(&[send_half, send_rest]);
    assert_eq!(server.download(&target, Resume::Allowed).as_ref(), Ok(&whole));
    assert!(!asked(&server, 0) && asked(&server, 1));
    // Without a digest nobody knows whether the rest belongs to the same file.
    let server = serve(&[send_half, send_whole]);
    assert_eq!(server.download(&target, Resume::Forbidden).as_ref(), Ok(&whole));
    assert!(!asked(&server, 1));
    // A server that sends all anew, or another part, is believed as far as it goes.
    let server = serve(&[send_half, send_whole]);
    assert_eq!(server.download(&target, Resume::Allowed).as_ref(), Ok(&whole));
    let server = serve(&[send_half, send_other_part, send_whole]);
    assert_eq!(server.download(&target, Resume::Allowed).as_ref(), Ok(&whole));
    assert!(asked(&server, 1) && !asked(&server, 2));
}

#[test]
fn busy_servers_are_asked_again() {
    let place = folder();
    let target = place.path().join("file");
    assert!(serve(&[send_busy, send_busy, send_whole]).download(&target, Resume::Forbidden).is_ok());
    assert!(serve(&[hang_up, hang_up, send_whole]).download(&target, Resume::Forbidden).is_ok());
    let answers: [&'static [Answer]; 4] =
        [&[send_busy], &[send_busy_for_long], &[send_busy, hang_up, send_half], &[send_nothing]];
    let said: Vec<String> =
        answers.iter().map(|list| serve(list).download(&target, Resume::Forbidden).unwrap_err()).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn endless_and_slow_bodies_come_to_an_end() {
    let place = folder();
    let target = place.path().join("file");
    let files: [&'static [Answer]; 4] = [&[trickle], &[send_for_ever], &[send_large], &[send_bomb]];
    let mut said: Vec<String> =
        files.iter().map(|list| serve(list).download(&target, Resume::Allowed).unwrap_err()).collect();
    for answers in [&[send_for_ever as Answer][..], &[send_bomb], &[trickle]] {
        let server = serve(answers);
        let error = server.index(limits()).project("x").unwrap_err();
        said.push(server.without_port(&format!("{error:#}")));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_server_out_of_reach_is_tried_again_once_and_for_all() {
    let server = serve(&[hang_up]);
    let index = server.index(limits());
    for name in ["x", "y", "z"] {
        assert!(index.project(name).is_err());
    }
    assert_eq!(server.requests.lock().unwrap().len(), 3 + 1 + 1);
}

#[test]
fn bytes_are_counted() {
    let place = folder();
    let server = serve(&[send_half, send_rest]);
    let counted = Counted::default();
    let url = Url::parse(&server.address).unwrap();
    let index = server.index(limits());
    index.download(&url, &place.path().join("file"), Resume::Allowed, &counted).unwrap();
    let counts = counted.0.into_inner().unwrap();
    assert_eq!(counts.last(), Some(&(1000, 1000)));
    assert!(counts.contains(&(500, 1000)));
}
