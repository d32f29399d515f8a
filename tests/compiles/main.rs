//! Code that compiles. Each module is a program as users write it, with the lints that they turn on.
//!
//! The modules are one program, because each program of its own takes ten seconds to link.

#![deny(future_incompatible, rust_2024_compatibility)]
#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::missing_const_for_fn,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "users do not turn on the lints of this repository"
)]

mod associated_fns;
mod body_extractor_last;
mod body_shadows_names;
mod charged_by_outcome;
mod classes;
mod closures_as_plugins;
mod concurrent;
mod constants_as_arguments;
mod crate_path;
mod debug_handler_below;
mod degrade;
mod f20_impl_trait_in_return_types;
mod f22_async_trait;
mod fifteen_extractors;
mod fn_errors;
mod fn_in_trait_impl;
mod fn_methods;
mod generics;
mod import_for_return_type_only;
mod instrument_above_and_below;
mod keeps_the_body_as_it_is;
mod made_by_macro_rules;
mod message_functions;
mod message_split;
mod modules_of_the_same_names;
mod mounted_more_than_once;
mod no_prelude;
mod other_attributes;
mod plugins_by_path;
mod plugins_that_refuse;
mod plugins_with_state;
mod plugins_with_substate;
mod raw_identifiers;
mod returns;
mod rules;
mod same_name_in_modules;
mod several_attributes;
mod state_of_each_kind;
mod statics;
mod templates;
mod unsafe_forbidden;
mod unused_is_denied;

/// That each of them compiles has been shown before this runs.
#[test]
fn b114_everything_an_axum_handler_can_be_compiles() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/compiles");
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let name = entry.expect("a file").file_name().into_string().expect("a name");
        let module = name.trim_end_matches(".rs");
        let is_declared = include_str!("main.rs").lines().any(|line| line == format!("mod {module};"));
        assert!(module == "main" || is_declared, "`mod {module};` is missing in tests/compiles/main.rs");
    }
}
