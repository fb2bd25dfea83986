//! The names of a server on loopback: who asks under another one, or for a page of another site, is refused.

use super::request::Request;

/// The names of a server on loopback.
#[derive(Debug)]
pub(super) struct Names {
    /// Host and port, as a browser writes them.
    authorities: Vec<String>,
}

impl Names {
    pub(super) fn of_port(port: u16) -> Self {
        let hosts = ["127.0.0.1", "localhost"];
        let mut authorities: Vec<String> = hosts.iter().map(|host| format!("{host}:{port}")).collect();
        // Browsers leave out the port that HTTP has anyway.
        if port == 80 {
            authorities.extend(hosts.map(str::to_owned));
        }
        Self { authorities }
    }

    /// The address of the server.
    pub(super) fn address(&self) -> String {
        format!("http://{}/", self.authorities[0])
    }

    /// Whether a request means this server, under its own name, and comes from none of another site's pages. Such a page
    /// can make a browser ask here under a name of its own, but can change neither header.
    pub(super) fn are_meant_by(&self, request: &Request) -> bool {
        let is_ours = |authority: &str| self.authorities.iter().any(|own| own == authority);
        let mut hosts = request.values("host");
        hosts.next().is_some_and(is_ours)
            && hosts.next().is_none()
            && request.values("origin").all(|origin| origin.strip_prefix("http://").is_some_and(is_ours))
    }
}
