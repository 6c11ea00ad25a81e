//! Loops that go round for others.

use super::*;

#[test]
fn who_goes_round_for_others_decides_on_nothing_that_they_give_it() {
    const SOURCE: &str = "\
func (b *book) update(change func(int) int) int {
\tfor {
\t\tnext := change(b.page)
\t\tif b.swap(next) {
\t\t\treturn next
\t\t}
\t}
}
func (o *office) sell(route int) int {
\treturn o.book.update(func(p int) int {
\t\treturn p + o.ask(route)
\t})
}
";
    let mut loops = Loops::default();
    loops.read("a.go", SOURCE);
    let joined = Joined { loops: Some(&loops), ..Joined::default() };
    let of = |own: &[(&str, u32)]| {
        let frame = |(function, line): &(&str, u32)| TraceFrame {
            function: (*function).into(),
            file: "a.go".into(),
            line: *line,
        };
        let own: Vec<TraceFrame> = own.iter().map(frame).collect();
        crate::findings::guilty::repeating(&joined, "", &own).map(|frame| (frame.function.clone(), frame.line))
    };
    let (update, sell) = (("main.(*book).update", 3), ("main.(*office).sell", 10));
    let given = ("main.(*office).sell.func1", 11);
    assert_eq!(of(&[given, update, sell]), Some(("main.(*office).sell.func1".into(), 11)));
    assert_eq!(of(&[("main.(*office).ask", 20), update, sell]), Some(("main.(*book).update".into(), 3)));
}
