//! A PostgreSQL server for the tests: one for each test process, which does not outlive it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// Returns the connection string of the server.
pub(crate) fn database() -> &'static str {
    static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(Server::start);
    match &*SERVER {
        Ok(server) => &server.database,
        Err(complaint) => panic!("{complaint}"),
    }
}

struct Server {
    database: String,
    /// The shell that runs the server. Its input is a pipe from this process. The server ends when the pipe is
    /// closed, which the system does at the latest when this process ends.
    _shell: Child,
}

impl Server {
    fn start() -> Result<Self, String> {
        let mut command = Command::new("sh");
        command.args(["-c", include_str!("serve.sh")]).current_dir("/");
        // The keys of a terminal must not reach it: otherwise, it would end before the script has cleaned up.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if id("-u", None) == Some(0) {
            // PostgreSQL refuses to run as root.
            let user = ["postgres", "nobody"].into_iter().find(|user| id("-u", Some(user)).is_some());
            let [user, group] = ["-u", "-g"].map(|option| id(option, user).expect("a user that is not root"));
            command.uid(user).gid(group);
        }
        let mut shell = command.spawn().expect("a shell");
        let mut directory = String::new();
        let output = shell.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut directory).expect("text");
        if directory.is_empty() {
            let complaint = shell.wait_with_output().expect("its end").stderr;
            return Err(String::from_utf8_lossy(&complaint).trim_end().to_owned());
        }
        let database = format!("host='{}' user=throttle dbname=postgres", directory.trim_end());
        Ok(Self { database, _shell: shell })
    }
}

/// Returns the number of a user or of its group, or of the current user.
fn id(option: &str, user: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(option).args(user).output().expect("the program `id`");
    String::from_utf8(output.stdout).ok()?.trim_end().parse().ok()
}
