//! Strangers ask a server.

use std::io::{Read, Write};

use super::*;

fn start() -> LoopbackServer {
    let answer = |request: &mut Request| match (request.method, request.path()) {
        (Method::Post, _) => match request.read_body(10) {
            Ok(Some(body)) => Answer::Content { kind: "text/plain", headers: &[("X-Own", "1")], body },
            _ => Answer::Status(413),
        },
        (Method::Get | Method::Head, "/there") => {
            Answer::Content { kind: "text/plain", headers: &[], body: b"content".to_vec() }
        }
        (Method::Get | Method::Head, _) => Answer::Status(404),
        (Method::Other, _) => Answer::Status(405),
    };
    LoopbackServer::start(0, answer).unwrap()
}

/// The answers to what is sent, without the headers that are always there. `HOST` is the server's own.
fn ask(server: &LoopbackServer, sent: &str) -> String {
    let mut connection = TcpStream::connect(server.socket).unwrap();
    connection.write_all(sent.replace("HOST", &server.socket.to_string()).as_bytes()).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    // A server that refuses a long request may hang up before it has read all.
    drop(connection.read_to_string(&mut answer));
    let lines =
        answer.lines().filter(|line| !line.starts_with("Content-Type") && !line.starts_with("X-Content"));
    lines.collect::<Vec<_>>().join("|")
}

#[test]
fn requests_of_one_connection_are_answered_in_turn() {
    let server = start();
    let get = "GET /there?x HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let answer = "HTTP/1.1 200 OK|Content-Length: 7||content";
    assert_eq!(ask(&server, &format!("{get}{get}")), format!("{answer}{answer}"));
    let posted = ask(
        &server,
        "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\nabGET /there HTTP/1.1\r\n\r\n",
    );
    assert_eq!(
        posted,
        "HTTP/1.1 200 OK|Content-Length: 2|X-Own: 1||abHTTP/1.1 403 Forbidden|Content-Length: 0|"
    );
    let head = ask(&server, "HEAD /there HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\nGET");
    assert_eq!(head, "HTTP/1.1 200 OK|Content-Length: 7|");
}

#[test]
fn only_its_own_names_and_origins_are_served() {
    let server = start();
    let check =
        |headers: &str| ask(&server, &format!("GET /there HTTP/1.1\r\n{headers}\r\n")).contains("200 OK");
    assert!(check("Host: HOST\r\n"));
    assert!(check("Host: HOST\r\nOrigin: http://HOST\r\n"));
    assert!(check(&format!("host: localhost:{}\r\n", server.socket.port())));
    for headers in
        ["", "Host: 127.0.0.1\r\n", "Host: evil.example\r\n", "Host: HOST\r\nHost: evil.example\r\n"]
    {
        assert!(!check(headers), "{headers}");
    }
    for origin in ["null", "http://evil.example", "https://HOST", "http://127.0.0.1:1", ""] {
        assert!(!check(&format!("Host: HOST\r\nOrigin: {origin}\r\n")), "{origin}");
    }
    assert_eq!(server.address(), format!("http://{}/", server.socket));
}

#[test]
fn a_browser_leaves_out_the_usual_port() {
    assert_eq!(format!("{:?}", Names::of_port(80)).matches("localhost").count(), 2);
}

#[test]
fn what_is_too_long_is_refused_and_costs_nothing() {
    let server = start();
    let status = |sent: &str| ask(&server, sent).split('|').next().unwrap_or_default().to_owned();
    let post =
        |headers: &str, body: &str| status(&format!("POST / HTTP/1.1\r\nHost: HOST\r\n{headers}\r\n{body}"));
    assert_eq!(post("Content-Length: 10\r\n", "0123456789"), "HTTP/1.1 200 OK");
    assert_eq!(post("Content-Length: 11\r\n", "01234567890"), "HTTP/1.1 413 Content Too Large");
    // Nothing is set aside for what is only promised.
    assert_eq!(post("Content-Length: 18446744073709551615\r\n", ""), "HTTP/1.1 413 Content Too Large");
    assert_eq!(post("Content-Length: 99999999999999999999\r\n", ""), "HTTP/1.1 400 Bad Request");
    assert_eq!(post("Content-Length: 1\r\nContent-Length: 2\r\n", ""), "HTTP/1.1 400 Bad Request");
    assert_eq!(post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"), "HTTP/1.1 411 Length Required");
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(20_000));
    assert_eq!(status(&long), "HTTP/1.1 431 Request Header Fields Too Large");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
    assert_eq!(status(&many), "HTTP/1.1 431 Request Header Fields Too Large");
    for text in ["\r\n\r\n", "GET\r\n\r\n", "\u{0}\n\n"] {
        assert_eq!(status(text), "HTTP/1.1 400 Bad Request", "{text:?}");
    }
    assert_eq!(status("GET / HT"), "", "it broke off");
    assert_eq!(status("DELETE / HTTP/1.1\r\nHost: HOST\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
}

#[test]
fn a_server_that_is_dropped_gives_its_port_back() {
    let server = start();
    let socket = server.socket;
    drop(server);
    // Its thread ends a moment later.
    let begun = std::time::Instant::now();
    while TcpListener::bind(socket).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the port is still taken");
        std::thread::yield_now();
    }
}

#[test]
fn secrets_differ() {
    let (one, other) = (secret().unwrap(), secret().unwrap());
    assert!(one != other && one.len() == 32, "{one} {other}");
}
