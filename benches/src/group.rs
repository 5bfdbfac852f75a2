//! The group that is measured.

/// Its first thread has started.
pub fn started(builder: aside::Builder) -> aside::Group {
    let group = builder.build().expect("a group");
    group.offload(|| ()).wait();
    group
}
