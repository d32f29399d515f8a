async fn export(
    mut __throttle: ::throttle::__private::OnlyAxumCallsThrottledHandlers<
        3125060692248968574u64,
        ::throttle::__private::WithoutState,
    >,
) -> ::throttle::__private::Response {
    if let ::core::option::Option::Some(__throttle) = {
        static __THROTTLE_SITES: [::throttle::__private::Site; 2usize] = [
            ::throttle::__private::Site::new(
                ::core::concat!(::core::module_path!(), "::", "export"),
                3125060692248968574u64,
                ::throttle::__private::Settings {
                    max_concurrent: ::core::option::Option::Some(10u32),
                    ..::throttle::__private::Settings::NONE
                },
            ),
            ::throttle::__private::Site::new(
                ::core::concat!(::core::module_path!(), "::", "export#2"),
                3125060692248968574u64,
                ::throttle::__private::Settings {
                    rate: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::rate,
                            _,
                            _,
                            ::throttle::__private::WithoutState,
                        >(::throttle::__private::rates("5/s"))
                    }),
                    max_concurrent: ::core::option::Option::Some(const {
                        const __THROTTLE_LIMIT: u32 = limits::EXPORTS;
                        ::throttle::__private::max_concurrent::<
                            { __THROTTLE_LIMIT > 0 },
                        >(__THROTTLE_LIMIT)
                    }),
                    ..::throttle::__private::Settings::NONE
                },
            ),
        ];
        ::throttle::__private::inventory::submit! {
            ::throttle::__private::LinkedSites(& __THROTTLE_SITES)
        }
        let __throttle_keys = [
            ::core::option::Option::None,
            ::core::option::Option::None,
        ];
        __throttle.enter(&__THROTTLE_SITES, __throttle_keys)
    } {
        if let ::core::result::Result::Err(__throttle) = __throttle.await {
            return __throttle;
        }
    }
    let mut __throttle_response = <&'static str as ::throttle::__private::IntoResponse>::into_response(
        async move {
            #[allow(unreachable_code)]
            if false {
                let __throttle: &'static str = loop {};
                return __throttle;
            }
            "ok"
        }
            .await,
    );
    __throttle.respond(&mut __throttle_response);
    __throttle_response
}
