//! Storage pools.

use super::{NEED_RESULTS, calls};
use crate::types::{StoragePool, StoragePoolInfo, StorageVol, Uuid};

calls! {
    /// Pools by [`list_pools`](crate::flags::list_pools) flags; all for 0.
    fn list_all_storage_pools(flags: u32) -> [StoragePool]
        = CONNECT_LIST_ALL_STORAGE_POOLS(NEED_RESULTS, flags);
    /// Finds a pool; `NO_STORAGE_POOL` if there is none.
    fn storage_pool_lookup_by_name(name: &str) -> StoragePool = STORAGE_POOL_LOOKUP_BY_NAME(name);
    /// Finds a pool; `NO_STORAGE_POOL` if there is none.
    fn storage_pool_lookup_by_uuid(uuid: Uuid) -> StoragePool = STORAGE_POOL_LOOKUP_BY_UUID(uuid);
    /// The pool a volume is in.
    fn storage_pool_lookup_by_volume(volume: &StorageVol) -> StoragePool
        = STORAGE_POOL_LOOKUP_BY_VOLUME(volume);
    /// The pool at a path of the host.
    fn storage_pool_lookup_by_target_path(path: &str) -> StoragePool
        = STORAGE_POOL_LOOKUP_BY_TARGET_PATH(path);
    /// Defines a pool, or changes one that has the same name and UUID.
    fn storage_pool_define_xml(xml: &str, flags: u32) -> StoragePool
        = STORAGE_POOL_DEFINE_XML(xml, flags);
    /// Starts a transient pool.
    fn storage_pool_create_xml(xml: &str, flags: u32) -> StoragePool
        = STORAGE_POOL_CREATE_XML(xml, flags);
    /// Makes what the pool stands on, such as its directory.
    fn storage_pool_build(pool: &StoragePool, flags: u32) -> () = STORAGE_POOL_BUILD(pool, flags);
    /// Starts a pool.
    fn storage_pool_create(pool: &StoragePool, flags: u32) -> () = STORAGE_POOL_CREATE(pool, flags);
    /// Stops a pool; its data stay.
    fn storage_pool_destroy(pool: &StoragePool) -> () = STORAGE_POOL_DESTROY(pool);
    /// Removes a pool's definition; its data stay.
    fn storage_pool_undefine(pool: &StoragePool) -> () = STORAGE_POOL_UNDEFINE(pool);
    /// Deletes what an inactive pool stands on.
    fn storage_pool_delete(pool: &StoragePool, flags: u32) -> () = STORAGE_POOL_DELETE(pool, flags);
    /// Reads the pool's volumes anew. Takes as long as its storage does.
    fn storage_pool_refresh(pool: &StoragePool, flags: u32) -> ()
        = STORAGE_POOL_REFRESH(pool, flags);
    /// A pool's description.
    fn storage_pool_xml(pool: &StoragePool, flags: u32) -> String
        = STORAGE_POOL_GET_XML_DESC(pool, flags);
    /// A pool's state and size.
    fn storage_pool_info(pool: &StoragePool) -> StoragePoolInfo = STORAGE_POOL_GET_INFO(pool);
    /// Whether it starts with the daemon.
    fn storage_pool_autostart(pool: &StoragePool) -> bool = STORAGE_POOL_GET_AUTOSTART(pool);
    /// Lets it start with the daemon, or not.
    fn storage_pool_set_autostart(pool: &StoragePool, autostart: bool) -> ()
        = STORAGE_POOL_SET_AUTOSTART(pool, autostart);
    /// Whether it runs.
    fn storage_pool_is_active(pool: &StoragePool) -> bool = STORAGE_POOL_IS_ACTIVE(pool);
    /// Whether it stays defined when it stops.
    fn storage_pool_is_persistent(pool: &StoragePool) -> bool = STORAGE_POOL_IS_PERSISTENT(pool);
    /// Its volumes.
    fn storage_pool_volumes(pool: &StoragePool, flags: u32) -> [StorageVol]
        = STORAGE_POOL_LIST_ALL_VOLUMES(pool, NEED_RESULTS, flags);
}
