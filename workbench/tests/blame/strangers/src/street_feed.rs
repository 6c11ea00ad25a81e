//! Street feed: GET / is the front page with the newest posts of the neighbourhood and who wrote
//! them. Posts and people live in the directory, a line-based store reached over TCP.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const POSTS_ON_PAGE: usize = 40;

struct Post {
    author: u32,
    title: String,
}

struct Directory {
    reader: BufReader<TcpStream>,
}

impl Directory {
    fn connect(port: u16) -> io::Result<Directory> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Directory { reader: BufReader::new(stream) })
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        let line = format!("{question}\n");
        self.reader.get_mut().write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.reader.read_line(&mut answer)?;
        answer.truncate(answer.trim_end().len());
        Ok(answer)
    }

    fn person(&mut self, id: u32) -> io::Result<String> {
        self.ask(&format!("NAME {id}"))
    }
}

fn newest_posts(directory: &mut Directory) -> io::Result<Vec<Post>> {
    let listing = directory.ask(&format!("POSTS {POSTS_ON_PAGE}"))?;
    let posts = listing.split('|').filter_map(|entry| {
        let (author, title) = entry.split_once(':')?;
        Some(Post { author: author.parse().ok()?, title: title.to_string() })
    });
    Ok(posts.collect())
}

fn with_authors(directory: &mut Directory, posts: &[Post]) -> io::Result<HashMap<u32, String>> {
    let mut names = HashMap::new();
    for post in posts {
        names.insert(post.author, directory.person(post.author)?); // guilty
    }
    Ok(names)
}

fn authors_of(directory: &mut Directory, posts: &[Post]) -> io::Result<HashMap<u32, String>> {
    let mut ids: Vec<u32> = posts.iter().map(|post| post.author).collect();
    ids.sort_unstable();
    ids.dedup();
    let list: Vec<String> = ids.iter().map(u32::to_string).collect();
    let answer = directory.ask(&format!("NAMES {}", list.join(",")))?;
    Ok(ids.into_iter().zip(answer.split('|').map(str::to_string)).collect())
}

fn render(posts: &[Post], names: &HashMap<u32, String>) -> String {
    let mut page = String::from("<h1>Your street</h1>\n<ul>\n");
    for post in posts {
        let name = names.get(&post.author).map_or("somebody", String::as_str);
        let _ = writeln!(page, "<li>{} <i>by {}</i></li>", post.title, name);
    }
    page.push_str("</ul>\n");
    page
}

fn front_page(directory: &mut Directory, broken: bool) -> io::Result<String> {
    let posts = newest_posts(directory)?;
    let names = match broken {
        true => with_authors(directory, &posts)?,
        false => authors_of(directory, &posts)?,
    };
    Ok(render(&posts, &names))
}

fn serve(stream: TcpStream, directory_port: u16, broken: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut directory = Directory::connect(directory_port)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let page = if head.starts_with("GET / ") { front_page(&mut directory, broken)? } else { String::from("?") };
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len());
        reader.get_mut().write_all(answer.as_bytes())?;
    }
}

fn person_name(id: &str) -> String {
    let first = ["Ada", "Ben", "Cleo", "Dov", "Eve", "Finn", "Gus", "Hana"];
    let id: usize = id.parse().unwrap_or(0);
    format!("{} from number {}", first[id % first.len()], id)
}

/// One client of the directory; the store is across the data centre, a fraction of a millisecond.
fn directory_client(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or(("", ""));
        let parts: Vec<String> = match verb {
            "POSTS" => (0..rest.parse().unwrap_or(0)).map(|n| format!("{}:Found item no. {n}", (n * 7) % 61)).collect(),
            "NAME" | "NAMES" => rest.split(',').map(person_name).collect(),
            _ => vec![],
        };
        thread::sleep(Duration::from_micros(150));
        reader.get_mut().write_all(format!("{}\n", parts.join("|")).as_bytes())?;
        line.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let store = TcpListener::bind("127.0.0.1:0").unwrap();
    let store_port = store.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in store.incoming().flatten() {
            thread::spawn(move || directory_client(stream));
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || serve(stream, store_port, broken));
    }
}
