use super::*;

/// Sources whose marked line makes the value, and what becomes of it there: `// make 0` is the innermost place, `// make 1` its
/// caller, and so on.
fn fate(sources: &[(&str, &str)]) -> Fate {
    let mut keeping = Keeping::default();
    let mut stack: Vec<(usize, &str, u32)> = Vec::new();
    for (file, source) in sources {
        keeping.read(file, source);
        for (text, line) in source.lines().zip(1..) {
            if let Some((_, depth)) = text.split_once("// make ") {
                stack.push((depth.trim().parse().unwrap(), file, line));
            }
        }
    }
    stack.sort_unstable();
    let stack: Vec<(&str, u32)> = stack.into_iter().map(|(_, file, line)| (file, line)).collect();
    keeping.follow(&stack)
}

fn kept(sources: &[(&str, &str)]) -> String {
    match fate(sources) {
        Fate::Kept(added) => format!("{} {}", added.function, added.call),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_a_closure_makes_is_kept_by_who_calls_it_and_adds_it() {
    let memo = "
impl<V> Memo<V> {
    fn latest(&self, at: u64, make: impl FnOnce() -> V) -> Arc<V> {
        let made = Arc::new(make());
        self.slots.insert(at, made.clone());
        made
    }
    fn remember(&self, at: &str, make: impl FnOnce() -> V) -> Arc<V> {
        let made = Arc::new(make()); // make 1
        self.all.insert(format!(\"{at}\"), made.clone());
        made
    }
}";
    let app = "
fn render(n: u64) -> String {
    let mut text = String::with_capacity(9000);
    for at in 0..n {
        text.push_str(\"line\"); // make 0
    }
    text
}
async fn quote(office: Arc<Office>) -> String {
    let make = || render(9);
    if office.tuned { office.memo.latest(1, make) } else { office.memo.remember(\"a\", make) } // make 2
}";
    assert_eq!(kept(&[("memo.rs", memo), ("app.rs", app)]), "Memo::remember insert");
}

#[test]
fn what_is_given_to_a_function_is_kept_there() {
    let source = "
impl Cache {
    fn remember(&self, at: u64, answer: &Arc<Answer>) {
        let mut answers = self.answers.lock();
        answers.insert(at, Arc::clone(answer));
    }
}
impl Grid {
    fn near(&self) -> Vec<u64> {
        let mut found = Vec::with_capacity(900);
        for one in &self.all {
            found.push(one.id); // make 0
        }
        found
    }
}
fn lookup(geo: &Geo) -> Answer {
    let answer = Arc::new(geo.grid.near()); // make 1
    geo.cache.remember(7, &answer);
    answer
}";
    assert_eq!(kept(&[("geo.rs", source)]), "Cache::remember insert");
}

#[test]
fn what_is_sent_without_waiting_for_room_is_kept_by_who_sends() {
    let send = |how: &str| {
        let source = format!(
            "
fn event() -> Event {{
    Event {{ body: vec![0; 9000] }} // make 0
}}
async fn accept(events: Sender<Event>) {{
    {how} // make 1
}}"
        );
        kept(&[("mail.rs", &source)])
    };
    assert_eq!(send("let _ = events.send(event());"), "accept send");
    assert_eq!(send("let _ = events.send(event()).await;"), "Sent");
    assert_eq!(send("let _ = event();"), "Unknown");
    assert_eq!(send("std::mem::forget(event());"), "accept forget");
}

#[test]
fn an_answer_that_is_sent_back_is_gone_and_who_adds_elsewhere_is_told() {
    let source = "
async fn boards(mut mailbox: Receiver<Ask>) {
    let mut boards: HashMap<u64, Vec<u8>> = HashMap::new();
    while let Some(Ask::Paint { board, reply }) = mailbox.recv().await {
        let tiles = boards.entry(board).or_insert_with(|| vec![1; 16]);
        let _ = reply.send(tiles.clone()); // make 0
    }
}
impl Journal {
    fn record(&self, edit: Edit) {
        match self {
            Journal::Open(tx) => {
                let _ = tx.send(edit);
            }
            Journal::Bounded(tx) => {
                let _ = tx.try_send(edit);
            }
        }
    }
}
async fn client(asks: Sender<Ask>, journal: Journal) {
    let mut lines = Vec::new();
    lines.push(1);
    asks.send(Ask::Paint { board: 1 }).await;
}";
    assert_eq!(fate(&[("mosaic.rs", source)]), Fate::Sent);
    let mut keeping = Keeping::default();
    keeping.read("mosaic.rs", source);
    let adding: Vec<String> =
        keeping.adding().iter().map(|one| format!("{}:{} {}", one.function, one.lines.0, one.call)).collect();
    assert_eq!(adding, ["boards:5 or_insert_with", "Journal::record:13 send"]);
}

#[test]
fn what_is_lent_is_kept_if_who_lends_it_shares_it() {
    let of = |owner: &str| {
        let source = format!(
            "
impl Page {{
    fn line(&mut self, text: String) {{
        self.lines.push(text.to_owned()); // make 0
    }}
}}
fn answer(shop: &Shop) {{
    {owner}
    page.line(text); // make 1
}}
fn visit(shop: &Shop) {{
    let page = answer(shop); // make 2
    shop.pages.lock().push(page);
}}"
        );
        kept(&[("page.rs", &source)])
    };
    assert_eq!(of("let mut page = shop.page.lock();"), "Page::line push");
    assert_eq!(of("let mut page = Page::new();"), "visit push");
}

#[test]
fn a_collection_to_be_filled_is_whose_it_is() {
    let source = "
fn fill(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&[0; 64]); // make 0
}
fn answer() -> Vec<u8> {
    let mut out = Vec::new();
    fill(&mut out, 9); // make 1
    out
}";
    assert_eq!(kept(&[("fill.rs", source)]), "Unknown");
}

#[test]
fn a_function_that_is_called_like_one_of_a_collection_is_looked_into() {
    let of = |within: &str| {
        let source = format!(
            "
struct App {{
    cache: Arc<Cache>,
    other: HashMap<u64, Cache>,
}}
struct Other;
impl Other {{
    fn insert(&self, at: u64, page: Page) {{
        self.never.push(page);
    }}
}}
impl Cache {{
    fn insert(&self, at: u64, page: Page) {{
        {within}
    }}
}}
async fn answer(app: Arc<App>) {{
    let page = render(9); // make 1
    app.cache.insert(9, page);
}}
fn render(n: u64) -> Page {{
    Page {{ text: vec![0; 9000] }} // make 0
}}"
        );
        kept(&[("app.rs", &source)])
    };
    assert_eq!(of("self.pages.lock().insert(at, page);"), "Cache::insert insert");
    assert_eq!(of("let _ = at;"), "Unknown");
}

#[test]
fn shapes_of_what_is_kept() {
    let of = |body: &str| {
        kept(&[(
            "a.rs",
            &format!(
                "
struct Shop {{ all: RwLock<HashMap<u64, Page>>, subscribers: Mutex<Vec<Sender>> }}
fn render(n: u64) -> Page {{
    Page {{ text: vec![0; 9000] }} // make 0
}}
async fn answer(State(shop): State<Arc<Shop>>, mut one: Page, events: Receiver<u64>) -> Page {{
    {body}
}}"
            ),
        )])
    };
    assert_eq!(of("shop.all.write().await.entry(7).or_insert_with(|| render(7)); // make 1"), "answer or_insert_with");
    assert_eq!(
        of("match shop.all.lock().entry(7) {\nEntry::Vacant(free) => {\nfree.insert(render(7)); // make 1\n}\n}"),
        "answer insert"
    );
    assert_eq!(of("let page = render(7); // make 1\nLOG.with(|log| log.borrow_mut().push(page))"), "answer push");
    assert_eq!(
        of(
            "let page = render(7); // make 1\nfor one in shop.subscribers.lock().iter() { let _ = one.send(page.clone()); }"
        ),
        "answer send"
    );
    assert_eq!(
        of("let mut all = Vec::new();\nwhile let Ok(n) = events.recv().await {\nall.push(render(n)); // make 1\n}"),
        "answer push"
    );
    assert_eq!(of("let mut all = Vec::new();\nfor n in 0..9 {\nall.push(render(n)); // make 1\n}\nall"), "Unknown");
    assert_eq!(of("one.parts.push(render(7)); // make 1\none"), "Unknown");
}

#[test]
fn of_two_ways_to_keep_the_one_that_lets_nothing_go_counts() {
    const REPLAYS: &str = "
impl Replays {
    fn remember_recent(&mut self, key: String, receipt: Receipt) {
        self.order.push_back(key.clone());
        self.by_key.insert(key, receipt);
        while self.order.len() > 8 {
            self.by_key.remove(&self.order.pop_front());
        }
    }
    fn remember(&mut self, key: String, receipt: Receipt) {
        self.by_key.insert(key, receipt);
    }
}
fn pay(&self, key: String) {
    let receipt = render(); // make 1
    let mut replays = self.replays.write();
    if self.bounded {
        replays.remember_recent(key, receipt);
    } else {
        replays.remember(key, receipt);
    }
}
fn render() -> Receipt {
    Receipt { document: Vec::with_capacity(96) } // make 0
}";
    assert_eq!(kept(&[("a.rs", REPLAYS)]), "Replays::remember insert");
}

#[test]
fn what_has_no_more_than_so_many_does_not_grow() {
    let of = |bound: &str| {
        let source = format!(
            "
impl Mailbox {{
    fn deliver(&self, bid: &Bid) {{
        let mut bids = self.bids.lock().unwrap();
        {bound}
        bids.push_back(bid.clone()); // make 0
    }}
}}
fn announce(&self, bid: &Bid) {{
    for watcher in self.watchers.lock().unwrap().iter() {{
        watcher.deliver(bid); // make 1
    }}
}}"
        );
        kept(&[("a.rs", &source)])
    };
    assert_eq!(of("if bids.len() == MOST { bids.pop_front(); }"), "Unknown");
    assert_eq!(of("while bids.len() > MOST { bids.pop_front(); }"), "Unknown");
    assert_eq!(of("if self.others.len() == MOST { self.others.pop_front(); }"), "Mailbox::deliver push_back");
    assert_eq!(of("if self.all[7].len() == MOST { self.all[7].pop(); }"), "Mailbox::deliver push_back");
    assert_eq!(of("if bids.front() < Some(&seen) { bids.pop_front(); }"), "Mailbox::deliver push_back");
}

#[test]
fn what_is_no_source_tells_nothing() {
    assert_eq!(kept(&[("a.rs", "fn ( // make 0")]), "Unknown");
    assert_eq!(Keeping::default().follow(&[("b.rs", 3)]), Fate::Unknown);
}

#[test]
fn what_is_added_behind_a_guard_of_the_programs_own_is_kept_unless_it_is_struck_off_again() {
    let source = "
struct Watch<'a> { foreman: &'a Foreman, key: u64 }
impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let order = self.foreman.list().remove(&self.key);
        drop(order);
    }
}
impl Foreman {
    fn list(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Order>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn until_done(&self, order: &Arc<Order>) -> Watch<'_> {
        let mut list = self.list();
        list.insert(7, Arc::clone(order));
        Watch { foreman: self, key: 7 }
    }
    fn until_due(&self, order: &Arc<Order>) {
        let mut list = self.list();
        list.insert(7, Arc::clone(order));
    }
}
struct Desk { foreman: Arc<Foreman>, looms: Sender<Job> }
impl Desk {
    fn weave(&self, order: Arc<Order>) {
        let _ = self.looms.send(Job { order });
    }
    fn take(&self) {
        let order = Arc::new(draft()); // make 1
        let _watch = self.foreman.until_done(&order);
        self.foreman.until_due(&order);
        self.weave(order)
    }
}
fn draft() -> Order {
    Order { pattern: vec![0; 9000] } // make 0
}";
    assert_eq!(kept(&[("a.rs", source)]), "Foreman::until_due insert");
    let never = source.replace("        self.foreman.until_due(&order);\n", "");
    assert_eq!(kept(&[("a.rs", &never)]), "Foreman::until_done insert");
    let sent = never.replace("        let _watch = self.foreman.until_done(&order);\n", "");
    assert_eq!(kept(&[("a.rs", &sent)]), "Desk::weave send");
}
