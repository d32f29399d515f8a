async fn items(
    mut __throttle: ::throttle::__private::OnlyAxumCallsThrottledHandlers<
        2401690692911315814u64,
        ::throttle::__private::WithoutState,
    >,
    Path(org): Path<String>,
    user: User,
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
                            >(::throttle::__private::rates("100/min"))
                        }),
                        ..::throttle::__private::Settings::NONE
                    },
                )
                .with_template(),
        ];
        ::throttle::__private::inventory::submit! {
            ::throttle::__private::LinkedSites(& __THROTTLE_SITES)
        }
        let __throttle_keys = [
            ::core::option::Option::Some(
                ::throttle::__private::Key::of_displayed(&[&org, &user.id]),
            ),
        ];
        __throttle.enter(&__THROTTLE_SITES, __throttle_keys)
    } {
        if let ::core::result::Result::Err(__throttle) = __throttle.await {
            return __throttle;
        }
    }
    let mut __throttle_response = <() as ::throttle::__private::IntoResponse>::into_response(
        async move {
            #[allow(unreachable_code)]
            if false {
                let __throttle: () = loop {};
                return __throttle;
            }
            drop((org, user))
        }
            .await,
    );
    __throttle.respond(&mut __throttle_response);
    __throttle_response
}
