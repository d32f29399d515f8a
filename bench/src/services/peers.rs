//! The services with other libraries.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderName;
use axum::routing::get;
use axum_gcra::RateLimitLayer;
use axum_gcra::gcra::Quota as GcraQuota;
use axum_gcra::real_ip::RealIp;
use axum_governor::extractor::{Header, PeerIp};
use axum_governor::{GovernorConfigBuilder as AxumGovernor, GovernorLayer as AxumGovernorLayer, Quota};
use nonzero_ext::nonzero;
use tokio::net::TcpListener;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

use super::handlers::hello;

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

pub(super) fn app(name: &str) -> Option<Router> {
    let app = Router::new().route("/", get(hello));
    let high = || Quota::requests_per_second(nonzero!(100_000_000_u32));
    Some(match name {
        "tower_governor-quiet" => {
            let config =
                GovernorConfigBuilder::default().per_nanosecond(1).burst_size(1_000_000_000).finish();
            app.layer(GovernorLayer::new(Arc::new(config?)))
        }
        "tower_governor-headers" => {
            let mut config = GovernorConfigBuilder::default();
            let config = config.per_nanosecond(1).burst_size(1_000_000_000).use_headers().finish();
            app.layer(GovernorLayer::new(Arc::new(config?)))
        }
        "tower_governor-denied" => {
            let hour = Duration::from_hours(1);
            let config = GovernorConfigBuilder::default().period(hour).burst_size(1).finish();
            app.layer(GovernorLayer::new(Arc::new(config?)))
        }
        "axum-governor-headers" => by_peer(app, high())?,
        "axum-governor-denied" => by_peer(app, Quota::requests_per_hour(nonzero!(1_u32)))?,
        "axum-governor-header-key" => {
            let key = Header(&API_KEY);
            let config = AxumGovernor::default().with_extractor(key).quota_default(high()).finish().ok()?;
            app.layer(AxumGovernorLayer::new(config))
        }
        _ => return None,
    })
}

fn by_peer(app: Router, quota: Quota) -> Option<Router> {
    let config = AxumGovernor::default().with_extractor(PeerIp::default()).expect_connect_info();
    Some(app.layer(AxumGovernorLayer::new(config.quota_default(quota).finish().ok()?)))
}

/// Serves with the version of axum that `axum_gcra` needs.
pub(super) async fn serve_older(name: &str, listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let app = axum_07::Router::new().route("/", axum_07::routing::get(hello));
    let limited = |interval| {
        let layer = RateLimitLayer::<RealIp>::builder().with_default_quota(GcraQuota::simple(interval));
        app.clone().layer(layer.default_handle_error())
    };
    let app = match name {
        "bare-axum-0.7" => app,
        "axum_gcra-quiet" => limited(Duration::from_nanos(1)),
        "axum_gcra-denied" => limited(Duration::from_hours(1)),
        _ => return Err("no such service".into()),
    };
    axum_07::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
