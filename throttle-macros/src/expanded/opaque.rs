async fn items(
    mut __throttle: ::throttle::__private::OnlyAxumCallsThrottledHandlers<
        2401690692911315814u64,
        ::throttle::__private::WithoutState,
    >,
) -> ::throttle::__private::Response {
    if let ::core::option::Option::Some(__throttle) = {
        static __THROTTLE_SITES: [::throttle::__private::Site; 1usize] = [
            ::throttle::__private::Site::new(
                ::core::concat!(::core::module_path!(), "::", "items"),
                2401690692911315814u64,
                ::throttle::__private::Settings {
                    rate: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::rate,
                            _,
                            _,
                            ::throttle::__private::WithoutState,
                        >(::throttle::__private::rates("10/s"))
                    }),
                    ..::throttle::__private::Settings::NONE
                },
            ),
        ];
        ::throttle::__private::inventory::submit! {
            ::throttle::__private::LinkedSites(& __THROTTLE_SITES)
        }
        let __throttle_keys = [::core::option::Option::None];
        __throttle.enter(&__THROTTLE_SITES, __throttle_keys)
    } {
        if let ::core::result::Result::Err(__throttle) = __throttle.await {
            return __throttle;
        }
    }
    let mut __throttle_response = <Result<
        _,
        (A, _),
    > as ::throttle::__private::IntoResponse>::into_response(
        async move {
            #[allow(unreachable_code)]
            if false {
                fn __throttle_returns<
                    __ThrottleNamed0,
                    __ThrottleNamed1,
                    __ThrottleReturned2: IntoResponse
                        + Fn(__ThrottleNamed0) -> __ThrottleNamed1,
                    __ThrottleNamed3,
                    __ThrottleNamed4,
                    __ThrottleReturned5: Into<__ThrottleNamed4>,
                >(
                    _: &Result<
                        __ThrottleReturned2,
                        (__ThrottleNamed3, __ThrottleReturned5),
                    >,
                ) {}
                let __throttle: Result<_, (A, _)> = loop {};
                __throttle_returns::<u8, Vec<u8>, _, A, B, _>(&__throttle);
                return __throttle;
            }
            make()
        }
            .await,
    );
    __throttle.respond(&mut __throttle_response);
    __throttle_response
}
