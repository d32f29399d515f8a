/// Documented.
#[cfg(unix)]
pub(crate) static EXPORTS: StaticThrottle = ::throttle::__private::StaticThrottle::new(
    ::throttle::__private::Site::new(
        ::core::concat!(::core::module_path!(), "::", "EXPORTS"),
        5635154967459986037u64,
        ::throttle::__private::Settings {
            rate: ::core::option::Option::Some(const {
                &::throttle::__private::role::setting::<
                    ::throttle::__private::role::rate,
                    _,
                    _,
                    ::throttle::__private::Web<()>,
                >(::throttle::__private::rates("10/hour"))
            }),
            cost: ::core::option::Option::Some(const {
                &::throttle::__private::role::setting::<
                    ::throttle::__private::role::cost,
                    _,
                    _,
                    ::throttle::__private::Web<()>,
                >(::throttle::__private::cost(2u64, "10/hour"))
            }),
            ..::throttle::__private::Settings::NONE
        },
    ),
);
#[cfg(unix)]
const _: () = {
    ::throttle::__private::inventory::submit! {
        ::throttle::__private::LinkedSites::of(& EXPORTS)
    }
};
