//! Tests of the generated tokens in `expanded/*.rs`. `UPDATE_EXPECT=1 cargo test -p throttle-macros` rewrites
//! these files.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::TokenStream;

use crate::args::Args;
use crate::expand::{Here, attribute};
use crate::item::Kind;

fn here() -> Here {
    Here { place: "here".to_owned(), ..Here::default() }
}

#[expect(clippy::needless_pass_by_value, reason = "a snapshot is named where it is used")]
fn check(kind: Kind, args: &str, item: &str, expected: ExpectFile) {
    let tokens = |text: &str| text.parse::<TokenStream>().expect("tokens");
    let expanded = attribute(kind, tokens(args), &tokens(item), &here()).to_string();
    let file = syn::parse_file(&expanded).expect("items");
    expected.assert_eq(&prettyplease::unparse(&file));
}

fn handler(args: &str, item: &str, expected: ExpectFile) {
    check(Kind::Handler, args, item, expected);
}

fn function(args: &str, item: &str, expected: ExpectFile) {
    check(Kind::Function, args, item, expected);
}

#[test]
fn a_handler_gets_a_guard_in_front() {
    handler(
        r#"rate = "100/min""#,
        r#"async fn items() -> &'static str { "ok" }"#,
        expect_file!["expanded/handler.rs"],
    );
}

#[test]
fn functions_see_the_state_of_the_handler() {
    handler(
        r#"uid = "items", rate = plan, key = tenant, cost = 2, on_error = "allow", handler = too_many, dry_run"#,
        "pub async fn items(State(app): State<App>) -> Result<String, AppError> { Ok(app.name()?) }",
        expect_file!["expanded/functions.rs"],
    );
}

#[test]
fn rules_are_one_or_several() {
    handler(
        r#"rate = "100/min", only = ["/api/**", Rule::any().method(Method::GET)], bypass = is_internal"#,
        r#"async fn items() -> &'static str { "ok" }"#,
        expect_file!["expanded/rules.rs"],
    );
}

#[test]
fn an_outcome_is_a_constant() {
    handler(
        r#"rate = "5/15min", charge_when = outcome::unauthorized"#,
        "async fn login() -> StatusCode { StatusCode::OK }",
        expect_file!["expanded/outcome.rs"],
    );
}

#[test]
fn a_template_is_read_from_the_arguments() {
    handler(
        r#"rate = "100/min", key = "{org}/{user.id}""#,
        "async fn items(Path(org): Path<String>, user: User) { drop((org, user)) }",
        expect_file!["expanded/template.rs"],
    );
}

#[test]
fn several_attributes_make_one_guard() {
    handler(
        r#"rate = "10/s""#,
        r#"
            /// Answers.
            #[throttle(rate = "500/hour", key = header("x-api-key"))]
            #[inline]
            async fn items() -> Response { respond() }
        "#,
        expect_file!["expanded/several.rs"],
    );
}

#[test]
fn opaque_types_have_no_name_in_expressions() {
    handler(
        r#"rate = "10/s""#,
        "async fn items() -> Result<impl IntoResponse + Fn(u8) -> Vec<u8>, (A, impl Into<B>)> { make() }",
        expect_file!["expanded/opaque.rs"],
    );
}

#[test]
fn a_function_keeps_its_signature() {
    function(
        r#"rate = "5/s", key = "{to}", crate = ::limiter"#,
        "async fn send<T: Body>(&self, to: &str, body: T) -> Result<(), JobError> { #![allow(a)] self.post(to, body).await }",
        expect_file!["expanded/function.rs"],
    );
}

#[test]
fn what_is_in_flight_is_limited_by_a_number_or_a_constant() {
    handler(
        "max_concurrent = 10",
        r#"
            #[throttle(rate = "5/s", max_concurrent = limits::EXPORTS)]
            async fn export() -> &'static str { "ok" }
        "#,
        expect_file!["expanded/concurrent.rs"],
    );
}

#[test]
fn a_mistake_leaves_the_function_as_it_was() {
    handler(
        r#"rate = "5/s", cost = 0"#,
        "#[throttle(rate = \"1/s\")] #[inline] async fn items(id: u64) -> String { id.to_string() }",
        expect_file!["expanded/mistake.rs"],
    );
}

#[test]
fn what_is_no_function_stays() {
    handler(r#"rate = "5/s""#, "struct Items;", expect_file!["expanded/no_function.rs"]);
}

#[test]
fn a_static_gets_its_value() {
    handler(
        r#"rate = "10/hour", cost = 2"#,
        "/// Documented.\n#[cfg(unix)] pub(crate) static EXPORTS: StaticThrottle;",
        expect_file!["expanded/static.rs"],
    );
}

#[test]
fn a_handler_shares_the_throttle_of_a_static() {
    handler(
        "limits::EXPORTS",
        r#"async fn export() -> &'static str { "ok" }"#,
        expect_file!["expanded/shared.rs"],
    );
}

/// The cases in `tests/ui` check the token at which an error is reported.
#[test]
fn b115_a_mistake_is_one_error_that_says_what_to_write() {
    let rate = r#"rate = "5/s""#;
    for (args, item, message) in [
        (rate.to_owned(), "fn items() {}", "`#[throttle]` needs an `async fn`"),
        (String::new(), "async fn items() {}", "`rate` is missing: write `rate = \\\"100/min\\\"`"),
        (
            format!("{rate}, burst = 5"),
            "async fn items() {}",
            "unknown argument `burst`: a burst belongs to a strategy",
        ),
        (format!("{rate}, {rate}"), "async fn items() {}", "`rate` is set twice: remove one"),
        (format!("{rate}, dry_run, dry_run"), "async fn items() {}", "`dry_run` is set twice: remove one"),
        (rate.to_owned(), "static mut ITEMS: StaticThrottle;", "remove `mut`"),
        (format!("{rate}, key = \"{{id}}\""), "static ITEMS: StaticThrottle;", "a static has none"),
    ] {
        let tokens = |text: &str| text.parse::<TokenStream>().expect("tokens");
        let expanded = attribute(Kind::Handler, tokens(&args), &tokens(item), &here()).to_string();
        assert_eq!(expanded.matches("compile_error").count(), 1, "{expanded}");
        assert!(expanded.contains(message), "{message} is not in {expanded}");
        assert!(expanded.contains("fn items") || expanded.contains("static ITEMS"), "{expanded}");
    }
}

#[test]
fn a_message_is_decided_in_front_of_the_body() {
    check(
        Kind::Message,
        r#"rate = "60/min", key = user, handler = strict"#,
        r#"
            #[throttle_message(rate = "5/s", key = "{room}")]
            async fn on_message(socket: &mut ws::Socket<App>, room: u64) -> Result<(), ChatError> { say(socket, room).await }
        "#,
        expect_file!["expanded/message.rs"],
    );
}

/// Returns the rows of the table of arguments below a heading: the names in the first cell, and the rest of
/// the row.
fn rows(text: &str, heading: &str) -> Vec<(Vec<String>, String)> {
    let (_, section) = text.split_once(heading).expect("the heading");
    let lines = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let (names, rest) = row[1..].split_once('|').expect("two cells");
        (names.split('`').skip(1).step_by(2).map(str::to_owned).collect(), rest.to_owned())
    })
    .collect()
}

/// Returns whether an argument is rejected because of the kind of function below the attribute.
fn is_refused(kind: Kind, name: &str) -> bool {
    let value = match name {
        "rate" => "\"100/min\"",
        "uid" | "backend" | "class" => "\"name\"",
        "on_error" => "\"allow\"",
        "allow" | "deny" => "\"10.0.0.0/8\"",
        "only" | "bypass" => "\"/api\"",
        "max_concurrent" | "cost" => "1",
        "dry_run" | "degrade" | "once_per_request" => "true",
        "crate" => "::throttle",
        "key" => "global",
        "headers" => "\"off\"",
        // `state` requires a function that receives it.
        "state" => "App, exempt = path",
        _ => "path",
    };
    let rate = if name == "rate" { "" } else { "rate = \"100/min\", " };
    let args = format!("{rate}{name} = {value}").parse().expect("tokens");
    let item = "async fn items(socket: &mut Socket) -> Result<(), Error> { Ok(()) }".parse().expect("tokens");
    attribute(kind, args, &item, &here()).to_string().contains("compile_error")
}

#[test]
fn f26_every_table_of_arguments_has_exactly_those_of_the_attribute() {
    let handler: Vec<_> =
        Args::NAMES.iter().copied().filter(|name| !is_refused(Kind::Handler, name)).collect();
    for (text, heading) in [
        (include_str!("../docs/throttle.md"), "# Arguments"),
        (include_str!("../../README.md"), "## The attribute"),
    ] {
        let rows: Vec<_> = rows(text, heading).into_iter().map(|(names, _)| names.join(", ")).collect();
        assert_eq!(rows, handler, "under {heading}");
    }
}

#[test]
fn f26_the_pages_name_the_arguments_that_are_refused_elsewhere() {
    let message = include_str!("../docs/throttle_message.md");
    for (kind, text) in [(Kind::Function, include_str!("../docs/throttle_fn.md")), (Kind::Message, message)] {
        let refused =
            Args::NAMES.iter().filter(|name| is_refused(kind, name) && !is_refused(Kind::Handler, name));
        let rows = rows(text, "# Arguments");
        let errors = rows.iter().filter(|(_, here)| here.contains("compile error"));
        let mut named: Vec<_> = errors.flat_map(|(names, _)| names.clone()).collect();
        named.sort_unstable();
        let mut refused: Vec<_> = refused.map(|name| (*name).to_owned()).collect();
        refused.sort_unstable();
        assert_eq!(named, refused, "{}", kind.name());
    }
}

#[test]
fn f26_the_guide_names_the_same_arguments_as_the_page_of_functions() {
    let guide = include_str!("../../src/guide/functions.md");
    let line = guide.lines().find(|line| line.ends_with("are compile errors.")).expect("the line");
    let mut named: Vec<_> = line.split('`').skip(1).step_by(2).collect();
    named.sort_unstable();
    let mut refused: Vec<_> =
        Args::NAMES.iter().copied().filter(|name| is_refused(Kind::Function, name)).collect();
    refused.sort_unstable();
    assert_eq!(named, refused);
}

/// The macros' parser and the runtime's parser accept the same rates.
#[test]
fn f27_rates_have_the_messages_of_the_runtime() {
    let texts = [
        "100/min",
        "10/s, 500/hour",
        " 10 per 30s ; 7 PER Day",
        "unlimited",
        "1/w",
        "100/ mins",
        "5/1500ms",
        "5/ 2 hrs",
        "",
        "/min",
        "0/min",
        "100 min",
        "100/",
        "100/ ,1/s",
        "100/mn",
        "100/mil",
        "100/msx",
        "100/sx",
        "100/hx",
        "100/dx",
        "100/wx",
        "100/month",
        "100/year",
        "100/z",
        "100/0s",
        "1.5/s",
        "100/1.5s",
        "-1/s",
        "100/s x",
        "100/s 5/m",
        "99999999999999999999/s",
        "1/99999999999999999999w",
        "1/99999999999999w",
        "unlimited x",
        "1/s,2/s,3/s,4/s,5/s,6/s,7/s,8/s,9/s",
    ];
    for text in texts {
        let theirs =
            text.parse::<throttle::Rates>().map(|rates| rates.iter().map(throttle::Rate::limit).min());
        match (crate::rate::least(text), theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(Some(ours), theirs, "{text}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text}: {ours:?}, and the runtime: {theirs:?}"),
        }
    }
}

#[test]
fn f21_the_hidden_parameter_names_the_signature_where_crates_read_it() {
    let here = Here { with_signature: true, ..here() };
    let expanded = |item: &str| {
        let item = item.parse::<TokenStream>().expect("tokens");
        let args = "rate = \"1/s\"".parse().expect("tokens");
        attribute(Kind::Handler, args, &item, &here).to_string().replace(' ', "")
    };
    for (item, handles) in [
        ("async fn item(path: ItemPath) -> Json<Item> { make() }", "HandlerSignature<ItemPath,Json<Item>>"),
        ("async fn item(path: Option<ItemPath>) { make() }", "HandlerSignature<ItemPath,()>"),
        ("async fn item(#[cfg(any())] path: ItemPath) { make() }", "HandlerSignature<(),()>"),
        ("async fn item() -> &'static str { make() }", "HandlerSignature<(),&'staticstr>"),
        ("async fn item(_: impl FromRequest<()>) -> impl IntoResponse { make() }", "HandlerSignature<(),()>"),
    ] {
        let expanded = expanded(item);
        assert!(expanded.contains(handles), "{handles} is not in {expanded}");
    }
}
