use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn wish(command: &str) -> ProgramWish {
    let target = Some("http://127.0.0.1:8080/orders".to_owned());
    ProgramWish { command: words(command), target, ..ProgramWish::default() }
}

fn refused(wish: &ProgramWish, name: &str) -> String {
    wish.scenario(name, &Catalog::builtin()).unwrap_err().to_string()
}

#[test]
fn a_program_alone_makes_a_scenario_named_after_it() {
    let wish = ProgramWish {
        rate: Some(500.0),
        concurrency: Some(8),
        duration: Some(Duration::from_secs(10)),
        ..wish("./My_Service.bin --port 8080")
    };
    let scenario = wish.scenario("", &Catalog::builtin()).unwrap();
    insta::assert_snapshot!(scenarios::file::to_toml(&scenario));
}

#[test]
fn variants_by_command_share_the_arguments() {
    let variants = vec![("base".to_owned(), words("./old")), ("new".to_owned(), words("./new --port 9 --fast"))];
    // Arguments without a program are meant for every variant; those of a program belong to it.
    for (command, new) in
        [("--port 8080", "./new --port 9 --fast --port 8080"), ("./old --port 8080", "./new --port 9 --fast")]
    {
        let wish = ProgramWish { variants: variants.clone(), ..wish(command) };
        let scenario = wish.scenario("", &Catalog::builtin()).unwrap();
        let commands: Vec<_> = scenario.variants.iter().map(|v| v.command.clone().unwrap().join(" ")).collect();
        assert_eq!(commands, ["./old --port 8080", new], "{command}");
        assert_eq!((scenario.name.as_str(), scenario.trial.blocks), ("old", COMPARISON_BLOCKS));
    }
}

#[test]
fn a_body_is_posted() {
    let request = RequestWish { body: Some("{}".into()), headers: vec!["x-a: b".into()], ..RequestWish::default() };
    let scenario = ProgramWish { request, ..wish("a") }.scenario("", &Catalog::builtin()).unwrap();
    let request = scenario.mix[0].request.as_ref().unwrap();
    assert_eq!((request.method.as_str(), request.headers.len()), ("POST", 1));
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let with = |request: RequestWish| ProgramWish { request, ..wish("a") };
    let messages = [
        refused(&wish(""), ""),
        refused(&wish("--port 8080"), ""),
        refused(&ProgramWish { target: None, ..wish("a") }, ""),
        refused(&ProgramWish { target: Some("127.0.0.1:80".into()), ..wish("a") }, ""),
        refused(&ProgramWish { rate: Some(0.0), ..wish("a") }, ""),
        refused(&ProgramWish { rate: Some(1.0), duration: Some(Duration::from_millis(10)), ..wish("a") }, ""),
        refused(&ProgramWish { ready: Some("soon".into()), ..wish("a") }, ""),
        refused(&with(RequestWish { headers: vec!["x".into()], ..RequestWish::default() }), ""),
        refused(&with(RequestWish { method: Some("get".into()), ..RequestWish::default() }), ""),
        refused(&wish("a"), "http-service"),
    ];
    insta::assert_snapshot!(messages.join("\n----\n"));
}
