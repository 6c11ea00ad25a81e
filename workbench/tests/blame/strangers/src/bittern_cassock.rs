//! A document list: what of a folder a member may see, by the groups the member is in.
use crate::bram::{mix, runtime, serve, Dice};
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

type GroupId = u32;
type MemberId = u32;

const GROUPS: u32 = 1400;
const MEMBERS: u32 = 400;
const FOLDERS: u32 = 60;
const PER_FOLDER: u32 = 300;

mod directory {
    use super::*;

    pub struct Directory {
        parents: HashMap<GroupId, Vec<GroupId>>,
        direct: HashMap<MemberId, Vec<GroupId>>,
    }

    impl Directory {
        pub fn seeded() -> Directory {
            let mut parents = HashMap::new();
            for g in 1..GROUPS {
                let h = mix(g as u64);
                parents.insert(g, vec![(h % g as u64) as u32, ((h >> 24) % g as u64) as u32, g - 1 - g / 9]);
            }
            let mut direct = HashMap::new();
            for m in 0..MEMBERS {
                direct.insert(m, (0..5).map(|i| (mix(m as u64 * 31 + i) % GROUPS as u64) as u32).collect());
            }
            Directory { parents, direct }
        }

        /// All groups a member is in, directly or through other groups.
        pub fn groups_of(&self, member: MemberId) -> BTreeSet<GroupId> {
            let mut seen: BTreeSet<GroupId> = BTreeSet::new();
            let mut todo: VecDeque<GroupId> = self.direct.get(&member).into_iter().flatten().copied().collect();
            while let Some(g) = todo.pop_front() {
                if seen.insert(g) {
                    todo.extend(self.parents.get(&g).into_iter().flatten());
                }
            }
            seen
        }

        pub fn move_member(&mut self, member: MemberId, to: GroupId) {
            if let Some(groups) = self.direct.get_mut(&member) {
                groups.rotate_left(1);
                groups[0] = to;
            }
        }
    }
}

use directory::Directory;

struct Document {
    id: u64,
    title: String,
    readers: Vec<GroupId>,
    sealed: bool,
}

struct Shelf {
    folders: Vec<Vec<Document>>,
}

impl Shelf {
    fn seeded() -> Shelf {
        let folders =
            (0..FOLDERS).map(|f| (0..PER_FOLDER).map(|d| document((f * PER_FOLDER + d) as u64)).collect()).collect();
        Shelf { folders }
    }
}

fn document(id: u64) -> Document {
    let h = mix(id + 77);
    Document {
        id,
        title: format!("minute {:05} of {}", h % 90_000, 1990 + h % 35),
        readers: (0..3).map(|i| (mix(h + i) % GROUPS as u64) as u32).collect(),
        sealed: h % 29 == 0,
    }
}

fn admits(doc: &Document, groups: &BTreeSet<GroupId>) -> bool {
    !doc.sealed && doc.readers.iter().any(|g| groups.contains(g))
}

struct Library {
    directory: RwLock<Directory>,
    shelf: Shelf,
    dice: Dice,
    shown: AtomicU64,
    revised: bool,
}

impl Library {
    fn listing(&self, member: MemberId, folder: u32) -> Vec<&Document> {
        let directory = self.directory.read();
        let docs = &self.shelf.folders[folder as usize];
        if self.revised {
            let groups = directory.groups_of(member);
            docs.iter().filter(|d| admits(d, &groups)).collect()
        } else {
            docs.iter()
                .filter(|d| admits(d, &directory.groups_of(member))) // guilty
                .collect()
        }
    }

    fn page(&self, member: MemberId, folder: u32) -> String {
        let mut docs = self.listing(member, folder);
        docs.sort_by(|a, b| a.title.cmp(&b.title));
        self.shown.fetch_add(docs.len() as u64, Ordering::Relaxed);
        let mut out = format!("folder {folder} for {member}: {}\n", docs.len());
        for d in docs.iter().take(10) {
            out.push_str(&format!("  {:06} {}\n", d.id, d.title));
        }
        out
    }
}

async fn answer(lib: Arc<Library>, path: String) -> String {
    if path == "/shown" {
        return format!("{}\n", lib.shown.load(Ordering::Relaxed));
    }
    let member = lib.dice.below(MEMBERS as u64) as MemberId;
    let folder = lib.dice.below(FOLDERS as u64) as u32;
    lib.page(member, folder)
}

async fn personnel(lib: Arc<Library>) {
    let mut tick = tokio::time::interval(Duration::from_millis(400));
    loop {
        tick.tick().await;
        let member = lib.dice.below(MEMBERS as u64) as MemberId;
        let group = lib.dice.below(GROUPS as u64) as GroupId;
        lib.directory.write().move_member(member, group);
    }
}

async fn census(lib: Arc<Library>) {
    let mut titles: HashSet<u64> = HashSet::new();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let f = lib.dice.below(FOLDERS as u64) as usize;
        titles.extend(lib.shelf.folders[f].iter().filter(|d| d.sealed).map(|d| d.id));
    }
}

async fn open(revised: bool, port: u16) -> std::io::Result<()> {
    let lib = Arc::new(Library {
        directory: RwLock::new(Directory::seeded()),
        shelf: Shelf::seeded(),
        dice: Dice::new(59),
        shown: AtomicU64::new(0),
        revised,
    });
    tokio::spawn(personnel(lib.clone()));
    tokio::spawn(census(lib.clone()));
    let l = TcpListener::bind(("127.0.0.1", port)).await?;
    serve(l, move |path| answer(lib.clone(), path)).await;
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    runtime().block_on(open(!broken, port)).expect("run");
}
