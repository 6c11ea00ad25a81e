//! The stock `tokio-console`, in a terminal that tmux lends, opens a recording. Skipped where either is not installed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reports::run::console::Recording;
use workbench::recording::{Player, listen};

/// Session of tmux, on a server of its own.
const SOCKET: &str = "workbench-test-console";

pub(crate) fn the_stock_user_interface_opens_it(recording: Recording) {
    let there = |program: &str, flag: &str| {
        Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    if !there("tokio-console", "--version") || !there("tmux", "-V") {
        println!("skipped: the stock user interface needs tokio-console and tmux");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (listener, address) = runtime.block_on(listen(0)).expect("a port");
    let player = Player::new(recording, 20.0);
    runtime.spawn(player.serve(listener, std::future::pending()));
    let terminal = Terminal::open(&format!("tokio-console --no-colors --retain-for 1h http://{address}"));
    terminal.wait_for(&["Tasks", "CONNECTED", "faulty.rs"]);
    terminal.press("r");
    terminal.wait_for(&["Resources", "Sleep"]);
    // The oldest first: timers of the last moment fill the screen otherwise.
    terminal.press("i");
    terminal.wait_for(&["Resources", "Mutex", "Semaphore"]);
    runtime.shutdown_background();
}

struct Terminal {
    socket: String,
}

impl Terminal {
    fn open(command: &str) -> Self {
        let terminal = Self { socket: format!("{SOCKET}-{}", std::process::id()) };
        let opened = terminal.tmux(&["new-session", "-d", "-s", "t", "-x", "200", "-y", "60", command]);
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> std::process::Output {
        Command::new("tmux").args(["-L", &self.socket]).args(arguments).output().expect("tmux runs")
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", "-t", "t", key]);
    }

    fn wait_for(&self, texts: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let screen = String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-t", "t"]).stdout).into_owned();
            if texts.iter().all(|text| screen.contains(text)) {
                return;
            }
            assert!(Instant::now() < deadline, "not all of {texts:?} in\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
