//! Changes to a limiter emit events.

use throttle::rule::Rules;
use throttle::{
    Audit, CircuitBreaker, Registry, Rule, Settings, Throttle, backend::Memory, failover, registry,
};

use crate::common::events;

async fn declared() -> (Registry, Throttle) {
    const BREAKER: CircuitBreaker = CircuitBreaker::new().named("main");
    let registry = registry().backend("main", Memory::new()).build().await.expect("a registry");
    let settings = Settings::new().rate("10/min").backend("main").on_error(failover("memory", BREAKER));
    let throttle = registry.create("search", settings).expect("a throttle");
    let _ = throttle.hit("alice@example.org").await.expect("a decision");
    (registry, throttle)
}

/// Returns the events of the work, one line each.
async fn left(work: impl AsyncFnOnce()) -> Vec<String> {
    events::listen();
    work().await;
    events::all().into_iter().map(|(level, line)| format!("{level} {line}")).collect()
}

fn first(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().take(1).collect()
}

/// Makes every kind of change to a limiter, and checks its events.
async fn each(check: impl Fn(&str, Vec<String>, &[&str])) {
    let (registry, throttle) = declared().await;
    let breaker = throttle.breaker().expect("a breaker");
    let rules = || Rules::new().only(Rule::path("/api/**"));
    let key = "alice@example.org";
    check("disable", left(async || assert!(registry.disable("search"))).await, &["search", "disabled"]);
    check("enable", left(async || assert!(registry.enable("search"))).await, &["search", "enabled"]);
    check("disable_all", left(async || registry.disable_all()).await, &["all throttles", "disabled"]);
    check("enable_all", left(async || registry.enable_all()).await, &["all throttles", "enabled"]);
    check("dry", left(async || registry.set_dry_run(true)).await, &["dry", "true"]);
    check("not dry", left(async || registry.set_dry_run(false)).await, &["dry", "false"]);
    let add = async || registry.add_rules("search", rules()).expect("room");
    check("add_rules", left(add).await, &["search", "/api/**", "rules were added"]);
    let update = async || registry.update("search", Settings::new().rate("20/min")).expect("it works");
    check("update", left(update).await, &["search", "10/min -> 20/min", "updated"]);
    let reset = async || throttle.reset(key).await.expect("it works");
    check("reset of one", left(reset).await, &["search", "one identity", "reset"]);
    let reset = async || registry.reset().await.expect("it works");
    check("reset", left(reset).await, &["usage", "all backends", "reset"]);
    // The second event is about the state that follows.
    check("open", first(left(async || breaker.force_open()).await), &["main", "forced", "open"]);
    check("close", first(left(async || breaker.force_close()).await), &["main", "forced", "closed"]);
    check("remove", left(async || assert!(registry.remove("search"))).await, &["search", "removed"]);
}

#[tokio::test]
async fn f51_every_change_leaves_one_event() {
    each(|change, lines, words| {
        let [line] = &lines[..] else { panic!("{change}: {lines:?}") };
        assert!(line.starts_with("INFO") || line.starts_with("WARN"), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "{change}: {line}");
        assert!(!line.contains("alice"), "no keys: {line}");
        assert!(!line.contains("by=") && !line.contains("why="), "nobody said so: {line}");
    })
    .await;
}

#[tokio::test]
async fn f51_events_say_who_and_why_where_given() {
    let audit = Audit::new().by("dora").because("incident 42");
    let check = |change: &str, lines: Vec<String>, _: &[&str]| {
        assert!(lines.iter().any(|line| says(line)), "{change}: {lines:?}");
    };
    audit.scope(each(check)).await;
    // Only in the scope.
    let (registry, _) = declared().await;
    let after = left(async || assert!(registry.disable("search"))).await;
    assert!(!after.iter().any(|line| says(line)), "{after:?}");
    let only_why = left(async || Audit::new().because("a test").run(|| registry.disable_all())).await;
    assert!(only_why[0].contains("why=\"a test\"") && !only_why[0].contains("by="), "{only_why:?}");
}

fn says(line: &str) -> bool {
    line.contains("by=\"dora\"") && line.contains("why=\"incident 42\"")
}

#[tokio::test]
async fn f51_what_changes_nothing_leaves_none() {
    let (registry, _) = declared().await;
    let lines = left(async || {
        assert!(!registry.disable("unknown") && !registry.enable("unknown") && !registry.remove("unknown"));
        assert!(registry.add_rules("unknown", Rules::new()).is_err());
        assert!(registry.update("unknown", Settings::new().rate("1/min")).is_err());
    });
    let lines = lines.await;
    assert!(lines.is_empty(), "{lines:?}");
}
