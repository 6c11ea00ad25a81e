//! Tests of the pictures: what is in them, that they are well-formed whatever the names, and that they stay small.

use super::*;

fn stacks(lines: &[(&[&str], u64)]) -> Folded {
    let mut folded = Folded::new();
    for (stack, value) in lines {
        folded.add(stack, *value);
    }
    folded
}

fn draw(lines: &[(&[&str], u64)]) -> String {
    render(&stacks(lines), &Options::default()).unwrap()
}

/// Tooltips: name, value and share of every frame.
fn frames(svg: &str) -> Vec<&str> {
    svg.split("<title>").skip(1).map(|rest| rest.split("</title>").next().unwrap()).collect()
}

/// Panics unless tags nest, and texts hold no character that XML forbids. Returns the markup of all opening tags.
fn well_formed(svg: &str) -> Vec<String> {
    assert!(
        svg.chars().all(|c| c == '\n' || c == '\t' || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')),
        "forbidden character"
    );
    let (mut open, mut tags, mut rest) = (Vec::new(), Vec::new(), svg);
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains("]]>"), "end of a section in {text:?}");
        let end = match after {
            _ if after.starts_with("![CDATA[") => "]]>",
            _ if after.starts_with("!--") => "-->",
            _ => ">",
        };
        let (tag, more) = after.split_once(end).expect("closed");
        rest = more;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap().to_owned();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "nesting");
        } else if tag.ends_with('/') {
            tags.push(tag.to_owned());
        } else {
            open.push(name);
            tags.push(tag.to_owned());
        }
    }
    assert!(open.is_empty(), "unclosed {open:?}");
    tags
}

#[test]
fn frames_show_name_value_and_share() {
    let svg = draw(&[(&["main", "work"], 30), (&["main", "rest"], 60), (&["main"], 10)]);
    let mut frames = frames(&svg);
    frames.sort_unstable();
    insta::assert_snapshot!(frames.join("\n"), @r"
    all (100 samples, 100%)
    main (100 samples, 100.00%)
    rest (60 samples, 60.00%)
    work (30 samples, 30.00%)
    ");
    well_formed(&svg);
}

#[test]
fn title_coverage_and_unit_are_visible() {
    let coverage = crate::Coverage { sampled_cpu_s: 4.76, kernel_cpu_s: 4.85, samples: 471, lost: 0 };
    let options =
        Options { title: "baseline".into(), subtitle: coverage.to_string(), unit: "ms".into(), ..Options::default() };
    let svg = render(&stacks(&[(&["main"], 5)]), &options).unwrap();
    assert!(svg.contains(">baseline</text>"));
    assert!(svg.contains(&format!("<text class=\"note\" x=\"50%\" y=\"40\">{coverage}</text>")), "{svg}");
    assert_eq!(svg.matches("class=\"note\"").count(), 1, "nothing is hidden, so nothing is said");
    assert_eq!(frames(&svg), ["all (5 ms, 100%)", "main (5 ms, 100.00%)"]);
}

#[test]
fn hidden_frames_are_counted_and_their_parents_keep_their_width() {
    let lines: &[(&[&str], u64)] =
        &[(&["main", "big"], 9_990), (&["main", "small", "deeper"], 6), (&["main", "tiny"], 4)];
    let svg = draw(lines);
    // "small" holds 0.06 %, its child too, "tiny" 0.04 %.
    assert!(svg.contains(">3 frames narrower than 0.1 % not drawn</text>"));
    assert_eq!(
        frames(&svg),
        ["all (10,000 samples, 100%)", "main (10,000 samples, 100.00%)", "big (9,990 samples, 99.90%)"]
    );
    let everything = render(&stacks(lines), &Options { min_width_percent: 0.0, ..Options::default() }).unwrap();
    assert_eq!(frames(&everything).len(), 6);
    assert!(!everything.contains("not drawn"));
}

#[test]
fn a_picture_of_nothing_but_narrow_frames_says_so() {
    let mut folded = Folded::new();
    for n in 0..5_000 {
        folded.add(&[format!("f{n}")], 1);
    }
    let svg = render(&folded, &Options::default()).unwrap();
    assert_eq!(frames(&svg), ["all (5,000 samples, 100%)", "[too narrow to draw] (5,000 samples, 100.00%)"]);
    assert!(svg.contains("5000 frames narrower than 0.1 % not drawn"));
}

/// Each of 400 stacks is a quarter of a per cent wide, and none is like another below the sixth frame.
#[test]
fn of_too_many_frames_the_widest_are_drawn_and_the_rest_is_counted() {
    let mut folded = Folded::new();
    for n in 0..400 {
        let shared = ["main", "serve"].map(str::to_owned).into_iter().chain((0..4).map(|bit| format!("g{}", n >> bit)));
        let own = (0..120).map(|depth| format!("app::step_{n}_{depth}"));
        folded.add(&shared.chain(own).collect::<Vec<_>>(), if n == 0 { 2 } else { 1 });
    }
    let svg = render(&folded, &Options::default()).unwrap();
    let frames = frames(&svg);
    assert!((9_000..=1 + shape::MOST_FRAMES).contains(&frames.len()), "{}", frames.len());
    assert!(frames.contains(&"serve (401 samples, 100.00%)"), "widths stay true");
    // The widest stack is drawn to its end; of the others what is nearest the root.
    assert!(frames.iter().any(|frame| frame.starts_with("app::step_0_119 (2 ")));
    assert!(frames.iter().any(|frame| frame.starts_with("app::step_399_9 (1 ")));
    assert!(!frames.iter().any(|frame| frame.contains("_119 (1 ")));
    let left = svg.split(" frames narrower than 0.1 %, or not among the widest 10,000, not drawn<").next().unwrap();
    let left: usize = left.rsplit('>').next().unwrap().parse().expect("a number of frames");
    let all = 2 + (0..4).map(|bit| 1 + (399 >> bit)).sum::<usize>() + 400 * 120;
    assert!(left + frames.len() > all - 2_000, "{left} of {all} are left out");
    assert!(svg.len() < 5_000_000, "{}", svg.len());
}

#[test]
fn nothing_to_draw_is_an_error_that_says_so() {
    insta::assert_snapshot!(render(&Folded::new(), &Options::default()).unwrap_err(), @"the profile has no samples: nothing to draw");
    for percent in [-1.0, 101.0, f64::NAN] {
        let options = Options { min_width_percent: percent, ..Options::default() };
        assert_eq!(render(&stacks(&[(&["a"], 1)]), &options), Err(SvgError::MinWidth));
    }
}

#[test]
fn a_name_with_a_space_does_not_tear_its_siblings_apart() {
    // "a b" sorts between "a" and "a;c": drawn line by line, "a" would be two frames.
    let svg = draw(&[(&["a"], 1), (&["a b", "x"], 2), (&["a", "c"], 3)]);
    let frames = frames(&svg);
    assert!(frames.contains(&"a (4 samples, 66.67%)"), "{frames:?}");
    assert_eq!(frames.len(), 5);
}

#[test]
fn names_that_look_like_counts_or_comments_are_names() {
    let svg = draw(&[(&["worker 12"], 5), (&["# note"], 5), (&["v 1.5"], 5), (&["main", " 7 "], 5)]);
    let mut frames = frames(&svg);
    frames.sort_unstable();
    insta::assert_snapshot!(frames.join("\n").replace('\u{a0}', "~"), @r"
    #~note (5 samples, 25.00%)
    7 (5 samples, 25.00%)
    all (20 samples, 100%)
    main (5 samples, 25.00%)
    v~1.5 (5 samples, 25.00%)
    worker~12 (5 samples, 25.00%)
    ");
}

#[test]
fn hostile_texts_stay_texts() {
    let long = "x".repeat(10_000);
    let hostile = [
        "<script>alert(1)</script>",
        "]]><script>alert(2)</script>",
        "\"onload=\"alert(3)",
        "' onload='alert(4)",
        "</text></svg><img src=x onerror=alert(5)>",
        "</style><text id=\"subtitle\">",
        "<!-- -->",
        "&lt;&#0;&amp;",
        "a;b;c",
        "bell\u{7}\u{1b}[31m\u{0}null\r\nline",
        "\u{202e}turned\u{2066}",
        "\u{fffe}\u{ffff}",
        "日本語::🦀",
        "",
        "   ",
        "12",
        long.as_str(),
    ];
    let clean = well_formed(&draw(&[(&["main"], 1)]));
    for text in hostile {
        let options = Options { title: text.into(), subtitle: text.into(), unit: text.into(), min_width_percent: 0.0 };
        let svg = render(&stacks(&[(&["main", text, "leaf"], 3), (&[text], 1)]), &options).unwrap();
        let tags = well_formed(&svg);
        let kinds = |tags: &[String]| {
            let mut names: Vec<String> =
                tags.iter().map(|tag| tag.split([' ', '/']).next().unwrap().to_owned()).collect();
            names.sort();
            names.dedup();
            names
        };
        assert_eq!(kinds(&tags), kinds(&clean), "{text:?} added an element");
        let scripts =
            |tags: &[String]| tags.iter().filter(|tag| tag.starts_with("script") || tag.contains("onload")).count();
        assert_eq!(scripts(&tags), scripts(&clean), "{text:?} added a script");
        assert_eq!(frames(&svg).len(), 5, "{text:?}");
        assert!(svg.len() < 40_000, "{text:?} grew the picture to {}", svg.len());
    }
}

#[test]
fn long_names_keep_both_ends_and_long_stacks_their_root() {
    let name = format!("begin{}end", "é".repeat(5_000));
    let deep: Vec<String> = (0..5_000).map(|n| format!("f{n}")).collect();
    let mut folded = stacks(&[(&[&name], 1)]);
    folded.add(&deep, 1);
    let svg = render(&folded, &Options::default()).unwrap();
    let frames = frames(&svg);
    assert!(frames.iter().any(|frame| frame.starts_with("beginé") && frame.contains("éend (1 samples")));
    assert_eq!(frames.len(), 2 + 400);
    assert!(frames.iter().any(|frame| frame.starts_with("[deeper frames] (1 ")));
}

#[test]
fn the_same_profile_gives_the_same_picture() {
    let one = draw(&[(&["a", "b"], 2), (&["c"], 3)]);
    let two = draw(&[(&["c"], 3), (&["a", "b"], 1), (&["a", "b"], 1)]);
    assert_eq!(one, two);
}

#[test]
fn it_adapts_to_its_frame_and_to_the_dark() {
    let svg = draw(&[(&["main"], 1)]);
    let style =
        svg.split("</style><style type=\"text/css\">").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
    assert_eq!(style, STYLE);
    for rule in
        ["svg:not(#frames) { width: 100%; height: auto; }", "color-scheme: light dark", "prefers-color-scheme: dark"]
    {
        assert!(style.contains(rule), "{rule}");
    }
    // Served as an element of a document, and without anything from elsewhere.
    assert!(!svg.contains("@import") && !svg.contains(" href=") && !svg.contains(" src="));
}

#[test]
fn twenty_thousand_deep_stacks_never_become_one_text() {
    let mut folded = Folded::new();
    for n in 0..20_000_u64 {
        let stack: Vec<String> = (0..60)
            .map(|depth| {
                format!("app::module_{depth}::function_with_a_long_name_{}", (n * 31 + depth * 17) % (1 + depth * 3))
            })
            .collect();
        folded.add(&stack, 1 + n % 7);
    }
    let raw: usize = folded.iter().map(|(stack, _)| stack.iter().map(|name| name.len() + 1).sum::<usize>()).sum();
    let drawing = shape::Drawing::new(&folded, 0.1).unwrap();
    let text: usize = drawing.lines().iter().map(String::len).sum();
    assert!(text * 10 < raw, "{text} of {raw} bytes became lines");
    let svg = render(&folded, &Options::default()).unwrap();
    assert!(svg.len() < 8_000_000, "{}", svg.len());
    assert!(frames(&svg).iter().any(|frame| frame.contains("100%")));
}

proptest::proptest! {
    #[test]
    fn every_value_is_drawn_and_every_frame_is_drawn_or_counted(
        lines in proptest::collection::vec((proptest::collection::vec("[ab] ?[ab]?", 1..6), 1_u64..50), 1..30),
        percent in 0.0..60.0_f64,
    ) {
        let mut folded = Folded::new();
        let mut prefixes = std::collections::BTreeSet::new();
        for (stack, value) in &lines {
            let stack: Vec<String> = stack.iter().map(|name| name.trim().to_owned()).collect();
            folded.add(&stack, *value);
            prefixes.extend((1..=stack.len()).map(|depth| stack[..depth].to_vec()));
        }
        let drawing = shape::Drawing::new(&folded, percent).unwrap();
        let mut drawn = std::collections::BTreeSet::new();
        let mut sum = 0;
        for line in drawing.lines() {
            let (stack, value) = line.rsplit_once(' ').unwrap();
            sum += value.parse::<u64>().unwrap();
            let stack: Vec<&str> = stack.split(';').filter(|name| *name != "[too narrow to draw]").collect();
            drawn.extend((1..=stack.len()).map(|depth| stack[..depth].join(";")));
        }
        proptest::prop_assert_eq!(sum, folded.total());
        proptest::prop_assert_eq!(drawn.len() + drawing.hidden().unwrap_or(0), prefixes.len());
    }
}
