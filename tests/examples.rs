//! Every example as a stranger runs it: a real process, a real port, plain HTTP.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[cfg(unix)]
mod postgres;

/// A running example; it ends with this value, also if the test fails.
struct Example {
    process: Child,
    address: SocketAddr,
    /// Kept open: a process that writes into a closed pipe panics.
    output: BufReader<ChildStdout>,
}

impl Example {
    /// Starts an example on a free port, and waits until it says where it listens.
    fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    fn start_with(name: &str, variables: &[(&str, &str)]) -> Self {
        let test = std::env::current_exe().expect("this test is a file");
        let profile = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps");
        let file = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        assert!(file.exists(), "{} is not built: run `cargo build --examples`", file.display());
        let mut process = Command::new(file)
            .env("PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a first line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok());
        Self { process, address: address.unwrap_or_else(|| panic!("no address in {line:?}")), output }
    }

    fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").answer()
    }

    /// Sends a request on a connection of its own, without waiting for the answer.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Pending {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: example\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        request.push_str(body);
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("the request is sent");
        Pending(stream)
    }

    /// How often a request passes until it is denied, and the denial.
    fn exhaust(&self, path: &str, headers: &[(&str, &str)]) -> (usize, Answer) {
        let mut answers = (0..100).map(|_| self.get_with(path, headers)).enumerate();
        answers.find(|(_, answer)| answer.status != 200).expect("a limit")
    }

    /// Sees to it that the limits of that path have at least `left` seconds to go, so that none of them begins
    /// anew while a test counts. Takes one request.
    fn early_in_the_window(&self, path: &str, headers: &[(&str, &str)], left: u64) {
        let answer = self.get_with(path, headers);
        let rest = answer.field("ratelimit").rsplit(";t=").next().and_then(|seconds| seconds.parse().ok());
        let rest: u64 = rest.expect("the seconds that are left");
        if rest < left {
            std::thread::sleep(Duration::from_secs(rest));
        }
    }

    /// Ends it as Ctrl-C does; its last words.
    #[cfg(unix)]
    fn end(&mut self) -> String {
        let interrupt = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(interrupt.expect("the program `kill`").success());
        assert!(self.process.wait().expect("it ends").success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("what it said");
        rest.lines().last().unwrap_or_default().to_owned()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A request whose answer was not read yet.
struct Pending(TcpStream);

impl Pending {
    fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let fields = lines.filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Answer { status: status.expect("a status"), fields, body: body.to_owned() }
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    fields: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("no `{name}` in {self:?}"))
    }

    fn retry_after(&self) -> u64 {
        self.field("retry-after").parse().expect("whole seconds")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

#[test]
fn s01_quickstart_lets_exactly_its_limit_through() {
    let example = Example::start("quickstart");
    // One of the hundred if its window goes on, and forgotten if that is about to end and a new one is waited for.
    let first = example.get("/items");
    assert_eq!((first.status, first.body.as_str()), (200, "ok\n"));
    assert_eq!(first.field("ratelimit-policy"), "\"items\";q=100;w=60");
    let rest: u64 =
        first.field("ratelimit").trim_start_matches("\"items\";r=99;t=").parse().expect("seconds");
    let taken = if rest < 5 {
        std::thread::sleep(Duration::from_secs(rest));
        0
    } else {
        1
    };
    let pending: Vec<_> = (0..150 - taken).map(|_| example.send("GET", "/items", &[], "")).collect();
    let answers: Vec<_> = pending.into_iter().map(Pending::answer).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    let denied: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((passed + taken, denied.len()), (100, 50));
    for answer in denied {
        let wait = answer.retry_after();
        assert!((1..=60).contains(&wait), "{answer:?}");
        assert_eq!(answer.field("ratelimit"), format!("\"items\";r=0;t={wait}"), "the rest of the window");
        assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
        let plural = if wait == 1 { "" } else { "s" };
        assert_eq!(answer.body, format!("Too many requests. Retry in {wait} second{plural}."));
    }
}

#[test]
fn s03_s04_custom_handler_says_it_in_json_and_the_wait_is_true() {
    let example = Example::start("custom_handler");
    let (_, denied) = example.exhaust("/read", &[]);
    let answered = Instant::now();
    let wait = denied.retry_after();
    assert_eq!((denied.status, denied.field("content-type")), (429, "application/json"));
    assert_eq!(denied.field("x-ratelimit-reset"), wait.to_string());
    let expected = json!({
        "error": "rate_limit_exceeded",
        "message": "You've hit the \"api:read\" limit. Slow down!",
        "retry_after_seconds": wait,
        "limit": 3,
        "remaining": 0,
    });
    assert_eq!(denied.json(), expected);
    assert!((1..=2).contains(&wait), "{denied:?}");
    std::thread::sleep(Duration::from_secs(wait).saturating_sub(answered.elapsed()));
    assert_eq!(example.get("/read").status, 200, "admitted after exactly the stated wait");
}

#[test]
fn custom_handler_answers_in_the_form_that_was_asked_for() {
    let example = Example::start("custom_handler");
    let (_, text) = example.exhaust("/list", &[]);
    assert_eq!(text.field("content-type"), "text/plain; charset=utf-8");
    let (_, problem) = example.exhaust("/list", &[("accept", "application/json")]);
    assert_eq!(problem.field("content-type"), "application/problem+json");
    assert_eq!(problem.json()["violated-policies"], json!(["api:list"]));
}

#[test]
fn keys_separates_clients_as_it_says() {
    let example = Example::start("keys");
    example.early_in_the_window("/header", &[("x-api-key", "probe")], 10);
    let twice = |path: &str, headers: &[(&str, &str)]| {
        let (passed, denied) = example.exhaust(path, headers);
        assert_eq!((passed, denied.status), (2, 429), "{path} {headers:?}");
    };
    twice("/ip", &[]);
    twice("/header", &[("x-api-key", "one")]);
    twice("/header", &[("x-api-key", "other")]);
    twice("/header", &[]);
    twice("/cookie", &[("cookie", "theme=dark; session=one")]);
    twice("/cookie", &[("cookie", "session=other")]);
    twice("/global", &[("x-api-key", "one")]);
    assert_eq!(example.get_with("/global", &[("x-api-key", "other")]).status, 429);
    twice("/tenant", &[("authorization", "a1")]);
    assert_eq!(example.get_with("/tenant", &[("authorization", "a2")]).status, 429, "of the same tenant");
    twice("/tenant", &[("authorization", "b1")]);
    assert_eq!(example.get("/tenant").status, 401, "the key function's own answer");
    for _ in 0..10 {
        assert_eq!(example.get_with("/exempt", &[("authorization", "monitor")]).status, 200);
    }
    twice("/exempt", &[]);
    twice("/orgs/a/users/b%2Fc", &[]);
    twice("/orgs/a%2Fb/users/c", &[]);
}

#[test]
fn dynamic_rate_goes_by_the_plan() {
    let example = Example::start("dynamic_rate");
    let key = |key| [("x-api-key", key)];
    example.early_in_the_window("/items", &key("gold"), 10);
    assert_eq!(example.get_with("/items", &key("nobody")).status, 401);
    assert_eq!(example.exhaust("/items", &[]).0, 5);
    assert_eq!(example.exhaust("/items", &key("basic")).0, 5);
    let left = example.get_with("/items", &key("gold"));
    assert_eq!(left.field("ratelimit-policy"), "\"items\";q=50;w=60");
    for _ in 0..60 {
        let staff = example.get_with("/items", &key("root"));
        assert_eq!((staff.status, staff.fields.get("ratelimit")), (200, None), "{staff:?}");
    }
}

#[test]
fn weighted_cost_charges_what_a_request_weighs() {
    let example = Example::start("weighted_cost");
    example.early_in_the_window("/export", &[], 10);
    let never = example.get("/export?rows=20000");
    assert_eq!((never.status, never.fields.get("retry-after")), (429, None), "no wait helps");
    assert_eq!(never.body, "This request costs more than the limit can ever allow.");
    let passed = example.get("/export?rows=4000");
    assert_eq!((passed.status, passed.body.as_str()), (200, "4000 rows\n"));
    let denied = example.get("/export?rows=9000");
    assert_eq!(denied.status, 429);
    assert!(denied.retry_after() <= 60);
    assert!(denied.field("ratelimit").starts_with("\"export\";r=4;"), "a denial takes nothing: {denied:?}");
    assert_eq!(example.exhaust("/report", &[]).0, 2);

    let declared = |length: &str| [("content-length", length.to_owned())];
    let upload = |length: &str, body: &str| {
        let [(name, value)] = declared(length);
        example.send("POST", "/upload", &[(name, &value)], body).answer()
    };
    let kept = upload("2000", &"x".repeat(2_000));
    assert_eq!((kept.status, kept.body.as_str()), (200, "2000 bytes\n"));
    // The body is never sent: the answer does not wait for it.
    assert_eq!(upload("65536", "").status, 429);
    let chunked = [("transfer-encoding", "chunked")];
    assert_eq!(example.send("POST", "/upload", &chunked, "0\r\n\r\n").answer().status, 411);
}

#[test]
fn s08_s24_registry_shapes_denials_and_overrides_limits() {
    let example = Example::start("registry");
    example.early_in_the_window("/write", &[("x-forwarded-for", "198.51.100.1")], 10);
    let (passed, denied) = example.exhaust("/read", &[]);
    assert_eq!(passed, 3, "not the thousand of the attribute");
    let wait = denied.retry_after();
    let detail = format!("Too many requests. Retry in {wait} second{}.", if wait == 1 { "" } else { "s" });
    let expected = json!({ "error": "rate_limit_exceeded", "detail": detail, "retry_after": wait });
    assert_eq!(denied.json(), expected);
    let (passed, denied) = example.exhaust("/write", &[]);
    assert_eq!((passed, denied.body.as_str()), (2, "api:write wants less of that\n"));
}

#[test]
fn registry_believes_the_proxies_that_it_trusts() {
    let example = Example::start("registry");
    example.early_in_the_window("/write", &[], 10);
    for client in ["203.0.113.7", "203.0.113.8", "10.9.9.9, 203.0.113.9"] {
        assert_eq!(example.exhaust("/read", &[("x-forwarded-for", client)]).0, 3, "{client}");
    }
    let forged = [("x-forwarded-for", "10.9.9.8, 203.0.113.9")];
    assert_eq!(example.get_with("/read", &forged).status, 429, "the left is hearsay");
}

#[cfg(unix)]
#[test]
fn s09_registry_closes_its_backends_at_the_end() {
    let mut example = Example::start("registry");
    assert_eq!(example.get("/read").status, 200);
    assert_eq!(example.end(), "every backend is closed");
}

#[cfg(feature = "redis")]
#[test]
fn redis_shares_one_limit_between_processes() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let server = listener.local_addr().expect("an address");
    drop(listener);
    let port = server.port().to_string();
    let redis = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port])
        .stdout(Stdio::null())
        .spawn()
        .expect("no redis-server: install it with `apt-get install redis-server`");
    let _redis = Stopped(redis);
    let started = Instant::now();
    while TcpStream::connect(server).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
    let url = format!("redis://{server}");
    let two = [(); 2].map(|()| Example::start_with("redis", &[("REDIS_URL", &url)]));
    two[0].early_in_the_window("/shared", &[], 10);
    let answers = (0..20).map(|turn| two[turn % 2].get("/shared").status);
    let passed = answers.filter(|status| *status == 200).count();
    assert!((9..=10).contains(&passed), "one request may have been in the window before: {passed}");
}

/// Ends with the test.
#[cfg(feature = "redis")]
struct Stopped(Child);

#[cfg(feature = "redis")]
impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn s17_s22_s23_on_error_decides_what_becomes_of_requests() {
    let example = Example::start("on_error");
    let read = example.get("/read");
    assert_eq!(
        (read.status, read.fields.get("ratelimit")),
        (200, None),
        "nothing is known, so nothing is said"
    );
    let write = example.get("/write");
    assert_eq!((write.status, write.retry_after()), (429, 1));
    assert_eq!(example.get("/pay").retry_after(), 30);
    let debug = example.get("/debug");
    assert_eq!((debug.status, debug.body.as_str()), (500, "the rate limiter failed"));
    assert_eq!(example.get("/list").status, 200);
}

#[test]
fn s12_dict_backend_limits_with_every_strategy() {
    let example = Example::start("dict_backend");
    example.early_in_the_window("/window", &[], 10);
    // One was taken to look, and forgotten if that window was about to end.
    let passed = example.exhaust("/window", &[]).0;
    assert!((4..=5).contains(&passed), "{passed}");
    let (passed, denied) = example.exhaust("/log", &[]);
    let answered = Instant::now();
    assert_eq!((passed, denied.status), (3, 429));
    let wait = denied.retry_after();
    assert!((9..=10).contains(&wait), "{denied:?}");
    let left = denied.field("ratelimit");
    assert!(left.contains(";r=0;") && left.contains(";r=1;"), "a denial takes nothing: {left}");
    std::thread::sleep(Duration::from_secs(wait).saturating_sub(answered.elapsed()));
    assert_eq!(example.exhaust("/log", &[]).0, 1, "the other limit has one left");
}

#[test]
fn s10_s11_custom_backend_fails_in_its_own_words() {
    let example = Example::start("custom_backend");
    example.early_in_the_window("/lenient", &[], 10);
    assert_eq!(example.exhaust("/strict", &[]).0, 3);
    assert_eq!(example.get("/stop").body, "closed\n");
    let strict = example.get("/strict");
    assert_eq!((strict.status, strict.retry_after()), (429, 1), "the default fails closed");
    assert_eq!(strict.fields.get("ratelimit"), None, "nothing is known, so nothing is said");
    for _ in 0..9 {
        assert_eq!(example.get("/lenient").status, 200, "the function knows this error");
    }
}

#[cfg(unix)]
#[test]
fn s13_pooled_store_shares_one_limit_between_processes() {
    let database = [("DATABASE_URL", postgres::database())];
    let mut two = [(); 2].map(|()| Example::start_with("pooled_store", &database));
    two[0].early_in_the_window("/orders", &[], 10);
    let answers: Vec<_> = (0..20).map(|turn| two[turn % 2].get("/orders")).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((9..=10).contains(&passed), "one request may have been in the window before: {passed}");
    let denied = answers.last().expect("the twentieth");
    assert_eq!(denied.status, 429);
    assert!((1..=60).contains(&denied.retry_after()), "{denied:?}");
    assert_eq!(two[0].end(), "the pool is closed");
}

#[cfg(feature = "ws")]
#[test]
fn s02_s07_websocket_chat_tells_who_writes_too_much_and_closes_on_who_floods() {
    use tokio_tungstenite::tungstenite::{Message, client};
    let example = Example::start("websocket_chat");
    let open = || {
        let stream = TcpStream::connect(example.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        client(format!("ws://{}/chat", example.address), stream).expect("a connection").0
    };
    let (mut ann, mut bob) = (open(), open());
    // One frame comes for each that is sent: the text, as everybody hears it, or what became of it.
    let mut say = |text: &str| {
        ann.send(Message::text(text)).expect("it is sent");
        ann.read().expect("an answer")
    };
    let heard = |said: usize, answer: Message| (said, answer.into_text().expect("text").to_string());
    let (passed, notice) =
        (0..8).map(|said| heard(said, say("hi"))).find(|(_, text)| text != "hi").expect("a limit");
    let answered = Instant::now();
    assert!((3..=6).contains(&passed), "three in each window: {passed}");
    assert_eq!(bob.read().expect("what Ann said"), Message::text("hi"));
    let notice: Value = serde_json::from_str(&notice).expect("JSON");
    let wait = notice["retry_after"].as_u64().expect("whole seconds");
    assert!((1..=2).contains(&wait), "{notice}");
    let expected = json!({ "type": "rate_limit", "error": "Too many messages", "retry_after": wait });
    assert_eq!(notice, expected);
    std::thread::sleep(Duration::from_secs(wait).saturating_sub(answered.elapsed()));
    assert_eq!(say("again"), Message::text("again"), "admitted after exactly the stated wait");
    let end = (0..60).map(|_| say("flood")).find_map(|answer| match answer {
        Message::Close(frame) => frame,
        _ => None,
    });
    let end = end.expect("an end of patience");
    assert_eq!(u16::from(end.code), 1008);
    assert!(end.reason.starts_with("Rate limit exceeded. Retry after "), "{end:?}");
}
