//! Throttled handlers in the routers of crates that read the signature of a handler: axum-extra and aide.

#[path = "../../tests/common/mod.rs"]
mod common;

use aide::axum::ApiRouter;
use aide::openapi::OpenApi;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Json, Router};
use axum_extra::routing::{RouterExt, TypedPath};
use common::{registry_at, send, service};
use throttle::{ManualClock, throttle};

/// `/items/{id}`, without the derive macro, which needs serde.
#[derive(Debug)]
struct ItemPath(String);

impl TypedPath for ItemPath {
    const PATH: &'static str = "/items/{id}";
}

impl std::fmt::Display for ItemPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/items/{}", self.0)
    }
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for ItemPath {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, StatusCode> {
        let id = parts.uri.path().strip_prefix("/items/").ok_or(StatusCode::NOT_FOUND)?;
        if id == "none" { Err(StatusCode::NOT_FOUND) } else { Ok(Self(id.to_owned())) }
    }
}

#[throttle(rate = "2/min", key = global)]
async fn item(ItemPath(id): ItemPath) -> String {
    id
}

#[tokio::test]
async fn f21_a_typed_route_has_the_path_of_the_first_argument() {
    let app = service(Router::new().typed_get(item), &registry_at(&ManualClock::new()).await);
    let status = async |path: &str| {
        send(&app, Request::get(path).body(Body::empty()).expect("a request")).await.status().as_u16()
    };
    assert_eq!([status("/items/1").await, status("/items/none").await], [200, 404]);
    assert_eq!(status("/items/none").await, 429, "the check comes before the handler's own extractors");
    assert_eq!(status("/other").await, 404);
}

#[throttle(rate = "1/min", key = global)]
async fn list(Json(_): Json<Vec<u8>>) -> Result<Json<Vec<String>>, StatusCode> {
    Ok(Json(vec!["a".to_owned()]))
}

#[tokio::test]
async fn f21_a_documented_route_keeps_the_documentation_of_its_types() {
    let mut api = OpenApi::default();
    aide::generate::infer_responses(true);
    let router = ApiRouter::new().api_route("/list", aide::axum::routing::post(list)).finish_api(&mut api);
    let document = serde_json::to_value(&api).expect("a document");
    let operation = &document["paths"]["/list"]["post"];
    let ok = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!((&ok["type"], &ok["items"]["type"]), (&"array".into(), &"string".into()), "{document}");
    assert_eq!(operation["responses"]["429"]["description"], "Too many requests", "{document}");
    assert!(operation["requestBody"].is_object(), "{document}");
    let app = service(router, &registry_at(&ManualClock::new()).await);
    let post = || Request::post("/list").header("content-type", "application/json").body(Body::from("[1]"));
    assert_eq!(send(&app, post().expect("a request")).await.status(), 200);
    assert_eq!(send(&app, post().expect("a request")).await.status(), 429);
}
