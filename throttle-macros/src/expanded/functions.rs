pub async fn items(
    mut __throttle: ::throttle::__private::OnlyAxumCallsThrottledHandlers<
        2401690692911315814u64,
        ::throttle::__private::WithState<App>,
    >,
    State(app): State<App>,
) -> ::throttle::__private::Response {
    if let ::core::option::Option::Some(__throttle) = {
        static __THROTTLE_SITES: [::throttle::__private::Site; 1usize] = [
            ::throttle::__private::Site::named(
                "items",
                2401690692911315814u64,
                ::throttle::__private::Settings {
                    rate: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::rate,
                            _,
                            _,
                            ::throttle::__private::WithState<App>,
                        >(plan)
                    }),
                    key: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::key,
                            _,
                            _,
                            ::throttle::__private::WithState<App>,
                        >(tenant)
                    }),
                    cost: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::cost,
                            _,
                            _,
                            ::throttle::__private::WithState<App>,
                        >(2u64)
                    }),
                    on_error: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::on_error,
                            _,
                            _,
                            ::throttle::__private::WithState<App>,
                        >(::throttle::__private::on_error("allow"))
                    }),
                    handler: ::core::option::Option::Some(const {
                        &::throttle::__private::role::setting::<
                            ::throttle::__private::role::handler,
                            _,
                            _,
                            ::throttle::__private::WithState<App>,
                        >(too_many)
                    }),
                    dry_run: ::core::option::Option::Some(true),
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
        String,
        AppError,
    > as ::throttle::__private::IntoResponse>::into_response(
        async move {
            #[allow(unreachable_code)]
            if false {
                let __throttle: Result<String, AppError> = loop {};
                return __throttle;
            }
            Ok(app.name()?)
        }
            .await,
    );
    __throttle.respond(&mut __throttle_response);
    __throttle_response
}
