async fn on_message(socket: &mut ws::Socket<App>, room: u64) -> Result<(), ChatError> {
    {
        let __throttle_socket = ::throttle::__private::ws::same::<App>(socket);
        if let ::core::result::Result::Err(__throttle) = {
            static __THROTTLE_SITES: [::throttle::__private::Site; 2usize] = [
                ::throttle::__private::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "on_message"),
                    5353904916993430185u64,
                    ::throttle::__private::Settings {
                        rate: ::core::option::Option::Some(const {
                            &::throttle::__private::role::setting::<
                                ::throttle::__private::role::rate,
                                _,
                                _,
                                ::throttle::__private::WithState<App>,
                            >(::throttle::__private::rates("60/min"))
                        }),
                        key: ::core::option::Option::Some(const {
                            &::throttle::__private::role::setting::<
                                ::throttle::__private::role::key,
                                _,
                                _,
                                ::throttle::__private::WithState<App>,
                            >(user)
                        }),
                        ..::throttle::__private::Settings::NONE
                    },
                ),
                ::throttle::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::", "on_message#2"),
                        5353904916993430185u64,
                        ::throttle::__private::Settings {
                            rate: ::core::option::Option::Some(const {
                                &::throttle::__private::role::setting::<
                                    ::throttle::__private::role::rate,
                                    _,
                                    _,
                                    ::throttle::__private::WithState<App>,
                                >(::throttle::__private::rates("5/s"))
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
                ::core::option::Option::None,
                ::core::option::Option::Some(
                    ::throttle::__private::Key::of_displayed(&[&room]),
                ),
            ];
            ::throttle::__private::ws::decide(
                __throttle_socket,
                &__THROTTLE_SITES,
                __throttle_keys,
            )
        }
            .await
        {
            return match __throttle {
                ::throttle::__private::ws::Denial::Throttled(__throttle, 0usize) => {
                    let __throttle = strict(__throttle, __throttle_socket).await;
                    ::throttle::__private::ws::handled(__throttle_socket, __throttle)
                        .await
                }
                __throttle => __throttle.finish(__throttle_socket).await,
            };
        }
    }
    say(socket, room).await
}
