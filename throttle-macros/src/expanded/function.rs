async fn send<T: Body>(&self, to: &str, body: T) -> Result<(), JobError> {
    #![allow(a)]
    let __throttle = match {
        static __THROTTLE_SITES: [::limiter::__private::Site; 1usize] = [
            ::limiter::__private::Site::new(
                    ::core::concat!(::core::module_path!(), "::", "send"),
                    7799195121083008902u64,
                    ::limiter::__private::Settings {
                        rate: ::core::option::Option::Some(const {
                            &::limiter::__private::role::setting::<
                                ::limiter::__private::role::rate,
                                _,
                                _,
                                ::limiter::__private::Call,
                            >(::limiter::__private::rates("5/s"))
                        }),
                        ..::limiter::__private::Settings::NONE
                    },
                )
                .with_template(),
        ];
        ::limiter::__private::inventory::submit! {
            ::limiter::__private::LinkedSites(& __THROTTLE_SITES)
        }
        let __throttle_keys = [
            ::core::option::Option::Some(::limiter::__private::Key::of_displayed(&[&to])),
        ];
        ::limiter::__private::enter(&__THROTTLE_SITES, __throttle_keys)
    }
        .await
    {
        ::core::result::Result::Ok(__throttle) => __throttle,
        ::core::result::Result::Err(__throttle) => {
            return <Result<
                (),
                JobError,
            > as ::limiter::__private::Outcome>::refused(__throttle);
        }
    };
    self.post(to, body).await
}
