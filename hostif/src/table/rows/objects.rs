//! Object calls, with the names of the original's calls on S3; a bucket is a folder of the tenant's shared files.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm::{self, objects};
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, Touches};

functions!(OBJECT_FUNCTIONS, FAASM, faasm::answer, {
    /// How many buckets there are: folders of the tenant's shared files.
    "__faasm_s3_get_num_buckets" = objects::num_buckets():
        () -> u32, Objects;
    /// Their names, in memory from the guest's `malloc`: those that were counted last.
    "__faasm_s3_list_buckets" = objects::list_buckets(names, lens):
        (names: u32, lens: u32) -> (), Objects;
    /// How many keys a bucket has: files below its folder.
    "__faasm_s3_get_num_keys" = objects::num_keys(bucket):
        (bucket: u32) -> u32, Objects;
    /// How many of them begin with a prefix.
    "__faasm_s3_get_num_keys_with_prefix" = objects::num_keys_with_prefix(bucket, prefix):
        (bucket: u32, prefix: u32) -> u32, Objects;
    /// The keys of a bucket, in memory from the guest's `malloc`: those that were counted last.
    "__faasm_s3_list_keys" = objects::list_keys(bucket, names, lens):
        (bucket: u32, names: u32, lens: u32) -> (), Objects;
    /// Those of them that begin with a prefix, and were counted last.
    "__faasm_s3_list_keys_with_prefix" = objects::list_keys_with_prefix(bucket, prefix, names, lens):
        (bucket: u32, prefix: u32, names: u32, lens: u32) -> (), Objects;
    /// Puts bytes under a key; 1 if there are some and they may not be replaced, else 0.
    "__faasm_s3_add_key_bytes" = objects::add_key_bytes((bucket, key), Slice::new(bytes, len), overwrite):
        (bucket: u32, key: u32, bytes: u32, len: u32, overwrite: u32) -> u32, Objects;
    /// The bytes of a key, in memory from the guest's `malloc`; 1 if there are none and that is tolerated, else 0.
    "__faasm_s3_get_key_bytes" = objects::get_key_bytes((bucket, key), bytes, len, tolerate_missing):
        (bucket: u32, key: u32, bytes: u32, len: u32, tolerate_missing: u32) -> u32, Objects;
});
