use super::*;
use crate::findings::Loops;

fn of(file: &str, source: &str, function: &str) -> Option<(String, u32)> {
    let mut all = Loops::default();
    all.read(file, source);
    let joined = Joined { loops: Some(&all), ..Joined::default() };
    let frame = TraceFrame { function: function.into(), file: file.into(), line: 0 };
    overwriting(&joined, &[frame]).map(|(at, _)| (at.function, at.line))
}

#[test]
fn whom_to_tell_is_lost_where_it_is_left_under_what_two_may_get() {
    let go = "func (c *client) quantity(sku string) int {\n\tch := make(chan int, 1)\n\tc.pending[sku] = ch\n\treturn <-ch\n}\nfunc (c *client) bySeq(sku string) int {\n\tch := make(chan int, 1)\n\ttag := c.next()\n\tc.pending[tag] = ch\n\treturn <-ch\n}\n";
    let rust = "fn price_of(&self, sku: u64) -> u64 {\n    let (tx, rx) = channel();\n    self.open.lock().insert(sku, tx);\n    rx.recv()\n}\nfn by_tag(&self, sku: u64) -> u64 {\n    let (tx, rx) = channel();\n    self.open.lock().insert(self.next(), tx);\n    rx.recv()\n}\n";
    assert_eq!(of("a.go", go, "main.(*client).quantity"), Some(("main.(*client).quantity".into(), 3)));
    assert_eq!(of("a.go", go, "main.(*client).bySeq"), None);
    assert_eq!(of("a.rs", rust, "shop::Desk::price_of"), Some(("shop::Desk::price_of".into(), 3)));
    assert_eq!(of("a.rs", rust, "shop::Desk::by_tag"), None);
}

#[test]
fn who_leaves_it_for_whoever_waits_is_found_by_its_name() {
    let rust = "\
struct Slip {
    filled: Condvar,
}
fn file_by_sku(desk: &Desk, sku: u32, slip: &Arc<Slip>) -> u64 {
    let reference = sku as u64;
    desk.open.lock().insert(reference, slip.clone());
    reference
}
fn file_by_sequence(desk: &Desk, slip: &Arc<Slip>) -> u64 {
    let reference = desk.seq.fetch_add(1);
    desk.open.lock().insert(reference, slip.clone());
    reference
}
fn ask(desk: &Desk, sku: u32) -> u32 {
    let slip = Arc::new(Slip::default());
    if desk.old { file_by_sku(desk, sku, &slip) } else { file_by_sequence(desk, &slip) };
    slip.wait()
}
fn other(desk: &Desk) {}
";
    assert_eq!(of("a.rs", rust, "shop::ask"), Some(("shop::file_by_sku".into(), 6)));
    assert_eq!(of("a.rs", rust, "shop::other"), None);
    assert_eq!(of("a.rs", &rust.replace("sku as u64", "desk.hash(sku)"), "shop::ask"), None, "nobody knows");
    let go = "func (s *desk) park(card string) chan int {\n\tch := make(chan int, 1)\n\ts.waiting[card] = ch\n\treturn ch\n}\nfunc pay() {\n\tpark := s.park\n\tfunc() {\n\t\t<-park(card)\n\t}()\n}\n";
    assert_eq!(of("a.go", go, "main.pay.func1"), Some(("main.(*desk).park".into(), 3)));
}

#[test]
fn numbers_that_come_again_in_turn_are_given_to_two_at_once() {
    let rust = "\
struct Ticket {
    called: Condvar,
}
fn by_turn(&self, ticket: &Arc<Ticket>, order: u64) -> u8 {
    let tag = (order % TAGS as u64) as u8;
    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));
    tag
}
fn from_free(&self, ticket: &Arc<Ticket>) -> u8 {
    let tag = self.free.recv().unwrap_or(0);
    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));
    tag
}
fn order(&self, order: u64) {
    let ticket = Arc::new(Ticket::default());
    let tag = if self.turns { self.by_turn(&ticket, order) } else { self.from_free(&ticket) };
    ticket.wait();
}
";
    assert_eq!(of("a.rs", rust, "shop::Line::order"), Some(("shop::by_turn".into(), 6)));
    let shards = rust.replace("order % TAGS as u64", "self.next()");
    assert_eq!(of("a.rs", &shards, "shop::Line::order"), None, "nobody knows");
    let looks = rust.replace("    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));\n    tag\n}\nfn from", "    while self.tickets[tag as usize].lock().is_some() {}\n    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));\n    tag\n}\nfn from");
    assert_eq!(of("a.rs", &looks, "shop::Line::order"), None, "it looks whether the place is free");
    let go = "func (l *line) ask(order int) int {\n\tch := make(chan int, 1)\n\ttag := order % tags\n\tl.open[tag] = ch\n\treturn <-ch\n}\n";
    assert_eq!(of("a.go", go, "main.(*line).ask"), Some(("main.(*line).ask".into(), 4)));
    let counts = "func (p *free) take(ctx C) (byte, error) {\n\treturn <-p.tags, nil\n}\nfunc (c *counter) take(ctx C) (byte, error) {\n\treturn byte(c.seq.Add(1) % tags), nil\n}\nfunc (l *line) ask(ctx C) byte {\n\ttag, err := l.tags.take(ctx)\n\tif err != nil {\n\t\treturn 0\n\t}\n\tch := make(chan byte, 1)\n\tl.open[tag] = ch\n\treturn <-ch\n}\n";
    assert_eq!(of("a.go", counts, "main.(*line).ask").map(|(_, line)| line), Some(5), "who numbers them so");
    let looks = counts.replace("err != nil", "l.open[tag] != nil");
    assert_eq!(of("a.go", &looks, "main.(*line).ask"), None, "it looks whether the place is free");
}

#[test]
fn who_looks_for_another_one_before_overwrites_none() {
    let rust = "\
struct Flight {
    landed: Notify,
}
fn join(&self, route: u64) -> Arc<Flight> {
    if let Some(flight) = self.flights.get(&route) {
        return flight.clone();
}
    let flight = Arc::new(Flight::default());
    self.flights.insert(route, flight.clone());
    flight
}
";
    assert_eq!(of("a.rs", rust, "shop::Desk::join"), None);
    let blind = rust.replace("get(", "len(");
    assert!(of("a.rs", &blind, "shop::Desk::join").is_some());
    assert_eq!(of("a.rs", &blind.replace("Notify", "u64"), "shop::Desk::join"), None, "nobody waits in it: a cache");
    let go = "func (s *desk) park(card string) chan int {\n\tif ch, ok := s.waiting[card]; ok {\n\t\treturn ch\n\t}\n\tch := make(chan int, 1)\n\ts.waiting[card] = ch\n\treturn ch\n}\n";
    assert_eq!(of("a.go", go, "main.(*desk).park"), None);
    assert!(of("a.go", &go.replace("s.waiting[card];", "s.left[card];"), "main.(*desk).park").is_some());
    let compares = "func (d *desk) drop(card string, ch chan int) {\n\tif d.waiting[card] == ch {\n\t\tdelete(d.waiting, card)\n\t}\n}\n";
    assert_eq!(of("a.go", compares, "main.(*desk).drop"), None);
}
