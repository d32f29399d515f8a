async fn export(
    __throttle: ::throttle::__private::OnlyAxumCallsThrottledHandlers<
        3125060692248968574u64,
        ::throttle::__private::WithoutState,
    >,
) -> ::throttle::__private::Response {
    match {
        static __THROTTLE_SITES: [::throttle::__private::Site; 1usize] = [
            ::throttle::__private::Site::shared(&limits::EXPORTS, 3125060692248968574u64),
        ];
        ::throttle::__private::inventory::submit! {
            ::throttle::__private::LinkedSites(& __THROTTLE_SITES)
        }
        let __throttle_keys = [::core::option::Option::None];
        __throttle.enter(&__THROTTLE_SITES, __throttle_keys)
    }
        .await
    {
        ::core::result::Result::Ok(__throttle) => {
            __throttle
                .respond(
                    <&'static str as ::throttle::__private::IntoResponse>::into_response(
                        async move {
                            #[allow(unreachable_code)]
                            if false {
                                let __throttle: &'static str = loop {};
                                return __throttle;
                            }
                            "ok"
                        }
                            .await,
                    ),
                )
        }
        ::core::result::Result::Err(__throttle) => __throttle,
    }
}
